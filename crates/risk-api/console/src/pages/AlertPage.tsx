import { useQuery } from '@tanstack/react-query';
import { Button, Card, Descriptions, Space, Spin } from 'antd';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { codes } from '../codes';
import { moment } from '../format';
import { useSpeech } from '../language';
import { ActDialogue, type ActForm } from '../parts/Act';
import { Failure } from '../parts/Failure';
import { FileButton } from '../parts/FileButton';
import { AlertLevel, SubjectLink, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';
import { DECIDERS, STAFF, useSession } from '../session';

type Alert = Schemas['AlertDto'];

/** Acts that the alert's state allows (docs/alerts.md); the server judges each again. */
function actsOf(alert: Alert): string[] {
  if (alert.state === 'closed') return ['reopen'];
  const acts: string[] = [];
  if (alert.state === 'open') acts.push('acknowledge');
  if (alert.state !== 'investigating') acts.push('investigate');
  acts.push(alert.closing ? 'approve' : 'close');
  if (alert.snooze) acts.push('wake');
  else if (alert.level !== 'one') acts.push('snooze');
  if (alert.level !== 'one') acts.push('escalate');
  acts.push('note');
  return acts;
}

function useForms(alert: Alert | undefined): (kind: string) => ActForm {
  const { t, code } = useSpeech();
  return (kind) => {
    const title = code('alertAct', kind);
    const choices = (scale: 'disposition' | 'alertLevel', keep: (value: string) => boolean) =>
      Object.keys(codes[scale])
        .filter(keep)
        .map((value) => ({ value, label: code(scale, value) }));
    switch (kind) {
      case 'snooze':
        return { kind, title, fields: [{ name: 'until', label: t('alert.until'), kind: 'day' }] };
      case 'escalate': {
        const grave = ['one', 'two', 'three', 'four'];
        const now = grave.indexOf(alert?.level ?? 'four');
        return {
          kind,
          title,
          fields: [
            { name: 'alert_level', label: t('alerts.level'), kind: 'choice', choices: choices('alertLevel', (one) => grave.indexOf(one) < now) },
          ],
        };
      }
      case 'close':
        return {
          kind,
          title,
          note: t('alert.close.note'),
          fields: [
            { name: 'disposition', label: t('alert.disposition'), kind: 'choice', choices: choices('disposition', () => true) },
            { name: 'duplicate_of', label: t('alert.duplicate'), kind: 'text', optional: true },
          ],
        };
      case 'approve':
        return { kind, title, note: t('alert.approve.note'), fields: [], build: () => ({ of: alert?.closing?.command_id }) };
      default:
        return { kind, title, fields: [] };
    }
  };
}

export default function AlertPage() {
  const { id = '' } = useParams();
  const { t, of, code, language } = useSpeech();
  const { zone, hazard } = useNames();
  const { may } = useSession();
  const [acting, setActing] = useState<string | null>(null);
  const asked = useQuery({
    queryKey: ['/v1/alerts', id],
    queryFn: () => told(client.GET('/v1/alerts/{id}', { params: { path: { id } } })),
  });
  const alert = asked.data?.alert;
  const forms = useForms(alert);
  if (asked.error) return <Failure error={asked.error} />;
  if (!asked.data || !alert) return <Spin aria-label={t('loading')} />;
  const cells = alert.subject.startsWith('cell:');
  return (
    <>
      <Title title={of(alert.reason_zh, alert.reason_en)}>
        {may(...STAFF) && (
          <>
            <FileButton path={`/v1/alerts/${encodeURIComponent(alert.id)}/pack`} name="evidence.zip">
              {t('pack')}
            </FileButton>
            <FileButton path={`/v1/alerts/${encodeURIComponent(alert.id)}/pack?format=pdf`} name="evidence.pdf">
              {t('pack.pdf')}
            </FileButton>
          </>
        )}
        {may(...DECIDERS) && (
          <Space wrap>
            {actsOf(alert).map((kind, place) => (
              <Button key={kind} type={place === 0 ? 'primary' : 'default'} onClick={() => setActing(kind)}>
                {code('alertAct', kind)}
              </Button>
            ))}
          </Space>
        )}
      </Title>
      {acting && <ActDialogue form={forms(acting)} target={{ alert_id: alert.id }} done={() => setActing(null)} />}
      <Card size="small">
        <Descriptions
          size="small"
          column={{ xs: 1, sm: 2, lg: 3 }}
          items={[
            { key: 'level', label: t('alerts.level'), children: <AlertLevel level={alert.level} /> },
            { key: 'state', label: t('alerts.state'), children: <strong>{code('alertState', alert.state)}</strong> },
            {
              key: 'subject',
              label: t('grade.subject'),
              children: <SubjectLink subject={alert.subject} name={of(alert.subject_name, alert.subject_name_en)} />,
            },
            { key: 'hazard', label: t('alerts.hazard'), children: hazard(alert.hazard) || '–' },
            { key: 'rules', label: t('alerts.rule'), children: alert.rules.map((rule) => code('rule', rule)).join('、') },
            { key: 'zones', label: t('grade.zone'), children: alert.zones.map(zone).join('、') || '–' },
            { key: 'first', label: t('alert.first'), children: moment(alert.raised_at, language) },
            { key: 'last', label: t('alerts.last'), children: moment(alert.last_raised_at, language) },
            { key: 'raises', label: t('alerts.raises'), children: alert.raises },
            ...(alert.snooze
              ? [{ key: 'snooze', label: code('alertAct', 'snooze'), children: `${alert.snooze.until} · ${alert.snooze.reason}` }]
              : []),
            ...(alert.closing
              ? [
                  {
                    key: 'closing',
                    label: t(alert.state === 'closed' ? 'alert.closed' : 'alert.closing'),
                    children: `${code('disposition', alert.closing.disposition)} · ${alert.closing.reason} · ${alert.closing.actor}`,
                  },
                ]
              : []),
            ...(cells
              ? [
                  {
                    key: 'cases',
                    label: t('nav.cases'),
                    children: <Link to={`/cases?subject=${encodeURIComponent(alert.subject)}&open=*`}>{t('alert.cases')}</Link>,
                  },
                ]
              : []),
          ]}
        />
      </Card>
      <div className="grid gap">
        <Card className="half" size="small" title={t('alert.moves')}>
          <ol className="plain">
            {asked.data.moves.toReversed().map((move) => (
              <li key={`${move.entry}-${move.what}`}>
                <strong>{code('alertMove', move.what)}</strong> <AlertLevel level={move.level} />{' '}
                <span className="quiet">
                  {moment(move.at, language)} · {move.actor}
                </span>
                <br />
                {of(move.reason_zh, move.reason_en)}
              </li>
            ))}
          </ol>
        </Card>
        <Card className="half" size="small" title={t('alert.raises')}>
          <Table
            label={t('alert.raises')}
            rows={asked.data.raises}
            rowKey={(row) => row.id}
            columns={[
              { key: 'at', title: t('alert.at'), show: (row) => moment(row.raised_at, language), short: true },
              { key: 'rule', title: t('alerts.rule'), show: (row) => code('rule', row.rule) },
              { key: 'result', title: t('evidence.result'), show: (row) => row.inspection_id ?? '–' },
              { key: 'zone', title: t('grade.zone'), show: (row) => zone(row.zone) },
            ]}
          />
        </Card>
      </div>
    </>
  );
}
