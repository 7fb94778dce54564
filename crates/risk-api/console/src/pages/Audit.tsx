import { Link } from 'react-router';
import type { Schemas } from '../api';
import { codes } from '../codes';
import { moment } from '../format';
import { useSpeech } from '../language';
import { List } from '../parts/List';
import { plain } from '../parts/Table';
import { SubjectLink, Title } from '../parts/small';

type Row = Schemas['AuditDto'];

/** Who did what, out of the ledger. */
export default function Audit() {
  const { t, code, language } = useSpeech();
  const named = (kind: string) => {
    for (const scale of ['access', 'alertAct', 'caseAct', 'act'] as const) {
      if (kind in codes[scale]) return code(scale, kind);
    }
    return kind;
  };
  return (
    <>
      <Title title={t('nav.audit')} lead={t('audit.lead')} />
      <List<Row>
        label={t('nav.audit')}
        path="/v1/audit"
        most={200}
        file="audit"
        rowKey={(row) => `${row.entry}-${row.command_id ?? row.request_id ?? ''}`}
        filters={[
          { name: 'actor', label: t('audit.actor'), kind: 'text' },
          { name: 'subject', label: t('grade.subject'), kind: 'text' },
          { name: 'kind', label: t('audit.kind'), kind: 'text' },
          { name: 'since', label: t('alerts.since'), kind: 'day' },
          { name: 'until', label: t('audit.until'), kind: 'day' },
        ]}
        columns={[
          { key: 'at', title: t('alert.at'), show: (row) => moment(row.at, language), text: (row) => row.at, sort: (row) => row.at, short: true },
          plain('actor', t('audit.actor'), (row) => row.actor),
          { key: 'roles', title: t('audit.roles'), show: (row) => row.roles.map((role) => code('role', role)).join('、'), text: (row) => row.roles.join(' ') },
          { key: 'kind', title: t('audit.kind'), show: (row) => named(row.kind), text: (row) => row.kind, sort: (row) => row.kind },
          {
            key: 'on',
            title: t('audit.on'),
            show: (row) =>
              row.subject ? (
                <>
                  <SubjectLink subject={row.subject} /> {row.case_id && <Link to={`/cases/${row.case_id}`}>{t('case.case')}</Link>}
                  {row.alert_id && <Link to={`/alerts/${row.alert_id}`}>{t('nav.alerts')}</Link>}
                </>
              ) : (
                (row.count ?? '')
              ),
            text: (row) => row.subject ?? row.case_id ?? row.alert_id ?? row.count,
          },
          { key: 'why', title: t('audit.reason'), show: (row) => row.reason ?? '', text: (row) => row.reason },
          {
            key: 'changes',
            title: t('audit.changes'),
            show: (row) => row.changes.map((one) => <div key={one.field} className="mono">{`${one.field}: ${one.before ?? '∅'} → ${one.after ?? '∅'}`}</div>),
            text: (row) => row.changes.map((one) => `${one.field}: ${one.before ?? ''} > ${one.after ?? ''}`).join('; '),
          },
          { key: 'means', title: t('audit.means'), show: (row) => row.means ?? '–', text: (row) => row.means },
          plain('entry', t('evidence.entry'), (row) => row.entry, { number: true }),
        ]}
      />
    </>
  );
}
