import { useQuery } from '@tanstack/react-query';
import { Button, Card, Descriptions, Space, Spin } from 'antd';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { codes } from '../codes';
import { moment } from '../format';
import { useSpeech } from '../language';
import { ActDialogue, type ActForm } from '../parts/Act';
import { StateDiagram } from '../parts/Diagram';
import { Failure } from '../parts/Failure';
import { FileButton } from '../parts/FileButton';
import { SubjectLink, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';
import { DECIDERS, STAFF, useSession } from '../session';
import { Countdown, useNow } from './Cases';

type File = Schemas['CaseFileDto'];

function useForms(file: File | undefined): (kind: string) => ActForm {
  const { t, code } = useSpeech();
  return (kind) => {
    const choices = (scale: 'pause' | 'measure') => Object.keys(codes[scale]).map((value) => ({ value, label: code(scale, value) }));
    const proposals = file?.case.proposals ?? [];
    switch (kind) {
      case 'assign':
        return { kind, title: code('caseAct', kind), fields: [{ name: 'to', label: t('case.to'), kind: 'text' }] };
      case 'pause_clock':
        return { kind, title: code('caseAct', kind), fields: [{ name: 'ground', label: t('case.ground'), kind: 'choice', choices: choices('pause') }] };
      case 'approve':
        return {
          kind,
          title: code('caseAct', kind),
          fields: [
            {
              name: 'of',
              label: t('case.proposal'),
              kind: 'choice',
              preset: proposals[0]?.command_id ?? '',
              choices: proposals.map((one) => ({ value: one.command_id, label: `${code('act', one.act)} · ${one.by}` })),
            },
          ],
        };
      case 'note':
      case 'resume_clock':
        return { kind, title: code('caseAct', kind), fields: [] };
      default: {
        const step = file?.next.find((one) => one.act === kind);
        return {
          kind,
          title: code('act', kind),
          ...(step?.needs_approval ? { note: t('case.needs-approval') } : {}),
          fields: [
            { name: 'due', label: t('case.due-day'), kind: 'day', optional: true },
            { name: 'measure', label: t('case.measure'), kind: 'choice', choices: choices('measure'), optional: true },
            { name: 'quantity', label: t('case.quantity'), kind: 'number', optional: true },
            { name: 'unit', label: t('case.unit'), kind: 'text', optional: true },
          ],
          build: (values) => ({
            ...(values.due ? { due: values.due } : {}),
            ...(values.measure
              ? {
                  measures: [
                    {
                      kind: values.measure,
                      ...(values.quantity ? { quantity: Number(values.quantity) } : {}),
                      ...(values.unit ? { unit: values.unit } : {}),
                    },
                  ],
                }
              : {}),
          }),
        };
      }
    }
  };
}

export default function CasePage() {
  const { id = '' } = useParams();
  const { t, code, language } = useSpeech();
  const { zone, hazard } = useNames();
  const { may } = useSession();
  const now = useNow();
  const [acting, setActing] = useState<string | null>(null);
  const asked = useQuery({
    queryKey: ['/v1/cases', id],
    queryFn: () => told(client.GET('/v1/cases/{id}', { params: { path: { id } } })),
  });
  const kind = asked.data?.case.kind;
  const diagram = useQuery({
    queryKey: ['/v1/cases/diagram', kind],
    queryFn: () => told(client.GET('/v1/cases/diagram', { params: { query: { kind: kind ?? '' } } })),
    enabled: kind !== undefined,
    staleTime: Infinity,
  });
  const forms = useForms(asked.data);
  if (asked.error) return <Failure error={asked.error} />;
  if (!asked.data) return <Spin aria-label={t('loading')} />;
  const { case: one, events, evidence, next } = asked.data;
  const open = one.state !== 'closed';
  const officers = next.filter((step) => step.who === 'officer');
  const results = next.filter((step) => step.who === 'result');
  const decides = may(...DECIDERS);
  const general = [
    ...(one.proposals.length > 0 ? ['approve'] : []),
    'assign',
    one.paused_at ? 'resume_clock' : 'pause_clock',
    'note',
  ];
  return (
    <>
      <Title title={`${code('caseKind', one.kind)} · ${one.subject_name ?? one.subject}`}>
        {may(...STAFF) && (
          <>
            <FileButton path={`/v1/cases/${encodeURIComponent(one.case_id)}/pack`} name="evidence.zip">
              {t('pack')}
            </FileButton>
            <FileButton path={`/v1/cases/${encodeURIComponent(one.case_id)}/pack?format=pdf`} name="evidence.pdf">
              {t('pack.pdf')}
            </FileButton>
          </>
        )}
      </Title>
      {acting && <ActDialogue form={forms(acting)} target={{ case_id: one.case_id }} done={() => setActing(null)} />}
      <Card size="small">
        <Descriptions
          size="small"
          column={{ xs: 1, sm: 2, lg: 3 }}
          items={[
            {
              key: 'state',
              label: t('case.state'),
              children: (
                <strong>
                  {open ? code('state', one.state) : t('case.closed')}
                  {one.detail ? ` · ${open ? code('goods', one.detail) : code('ending', one.detail)}` : ''}
                </strong>
              ),
            },
            { key: 'since', label: t('case.since'), children: moment(one.entered_at, language) },
            { key: 'assigned', label: t('case.assigned'), children: one.assigned ?? '–' },
            { key: 'subject', label: t('grade.subject'), children: <SubjectLink subject={one.subject} name={one.subject_name} /> },
            { key: 'hazard', label: t('alerts.hazard'), children: hazard(one.hazard) || '–' },
            { key: 'zone', label: t('grade.zone'), children: zone(one.zone_id) },
            { key: 'opened', label: t('case.opened'), children: moment(one.opened_at, language) },
            { key: 'by', label: t('case.opened-by'), children: <span className="mono">{one.opened_by}</span> },
            ...(one.succeeds ? [{ key: 'succeeds', label: t('case.succeeds'), children: <Link to={`/cases/${one.succeeds}`}>{one.succeeds}</Link> }] : []),
            ...(one.paused_at ? [{ key: 'paused', label: t('case.stopped'), children: `${moment(one.paused_at, language)} · ${code('pause', one.pause_ground)}` }] : []),
          ]}
        />
      </Card>
      {diagram.data && (
        <Card className="gap" size="small" title={t('case.diagram')}>
          <StateDiagram diagram={diagram.data} here={open ? one.state : null} past={new Set(events.map((event) => event.state))} />
        </Card>
      )}
      <div className="grid gap">
        <Card className="half" size="small" title={t('case.next')}>
          {decides && open && (
            <Space wrap style={{ marginBottom: 12 }}>
              {officers.map((step) => (
                <Button key={step.act} type="primary" ghost={step.act === 'discontinue'} danger={step.act === 'discontinue'} onClick={() => setActing(step.act)}>
                  {code('act', step.act)}
                  {step.needs_approval ? ` (${t('case.two')})` : ''}
                </Button>
              ))}
              {general.map((act) => (
                <Button key={act} onClick={() => setActing(act)}>
                  {code('caseAct', act)}
                </Button>
              ))}
            </Space>
          )}
          {!decides && <p className="quiet">{t('case.officers-only')}</p>}
          {results.length > 0 && (
            <p className="quiet">
              {t('case.results')} {results.map((step) => code('found', step.act)).join('、')}
            </p>
          )}
          {!open && <p>{t('case.nothing-next')}</p>}
        </Card>
        <Card className="half" size="small" title={t('case.terms')}>
          <Table
            label={t('case.terms')}
            rows={one.deadlines}
            rowKey={(row) => `${row.term}-${row.started_at}`}
            empty={t('case.no-term')}
            columns={[
              { key: 'left', title: t('case.term'), show: (row) => <Countdown deadline={row} now={now} /> },
              { key: 'last', title: t('case.last-day'), show: (row) => row.last_day, short: true },
              {
                key: 'basis',
                title: t('case.basis'),
                show: (row) => (
                  <>
                    {row.basis} <span className="tag" title={t('mark')}>{row.mark}</span>
                    {!row.holidays_known && <span className="quiet"> {t('case.holidays')}</span>}
                  </>
                ),
              },
            ]}
          />
        </Card>
        <Card className="two-thirds" size="small" title={t('case.events')}>
          <ol className="plain">
            {events.toReversed().map((event, place) => (
              <li key={`${event.at}-${place}`}>
                <strong>{code('caseEvent', event.what)}</strong>{' '}
                {event.act && (event.act.startsWith('lapsed:') ? t('case.lapsed', { term: code('term', event.act.slice(7)) }) : codes.act[event.act as keyof typeof codes.act] ? code('act', event.act) : code('found', event.act))}{' '}
                → {event.state === 'closed' ? t('case.closed') : code('state', event.state)}
                <br />
                <span className="quiet">
                  {moment(event.at, language)} · {event.actor}
                  {event.inspection_id ? ` · ${event.inspection_id}` : ''}
                </span>
                {event.reason && <div>{event.reason}</div>}
                {event.measures.length > 0 && (
                  <div className="quiet">
                    {event.measures.map((one) => `${code('measure', one.kind)} ${one.quantity ?? ''}${one.unit ?? ''}`).join('、')}
                  </div>
                )}
              </li>
            ))}
          </ol>
        </Card>
        <Card className="third" size="small" title={t('case.evidence')}>
          <ul className="plain">
            {evidence.map((result) => (
              <li key={result} className="mono">
                {result}
              </li>
            ))}
          </ul>
          <Link to={`${'/subjects/'}${encodeURIComponent(one.subject)}`}>{t('case.evidence-of')}</Link>
        </Card>
      </div>
    </>
  );
}
