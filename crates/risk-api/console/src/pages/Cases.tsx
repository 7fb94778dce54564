import { useQuery } from '@tanstack/react-query';
import { Segmented, Select, Spin } from 'antd';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { page, type Schemas } from '../api';
import { codes } from '../codes';
import { day } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { List } from '../parts/List';
import { SubjectLink, Title } from '../parts/small';
import type { Column } from '../parts/Table';
import { useNames } from '../reference';

export type Case = Schemas['CaseDto'];
export type Deadline = Schemas['DeadlineDto'];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The time, told anew every half minute. */
export function useNow(): number {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), MINUTE / 2);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The term that lapses next; of lapsed ones, the one that lapsed last. */
export function nextTerm(of: Case): Deadline | undefined {
  const byEnd = (a: Deadline, b: Deadline) => a.lapses_at.localeCompare(b.lapses_at);
  const runs = of.deadlines.filter((one) => !one.lapsed).toSorted(byEnd);
  return runs[0] ?? of.deadlines.toSorted(byEnd).at(-1);
}

/** How long a term still runs, or since when it has lapsed. */
export function Countdown({ deadline, now }: { deadline: Deadline | undefined; now: number }) {
  const { t, code } = useSpeech();
  if (!deadline) return <span className="quiet">{t('case.no-term')}</span>;
  const left = Date.parse(deadline.lapses_at) - now;
  const apart = Math.abs(left);
  const length =
    apart >= 2 * DAY
      ? t('case.days', { n: Math.floor(apart / DAY) })
      : apart >= HOUR
        ? t('case.hours', { n: Math.floor(apart / HOUR) })
        : t('case.minutes', { n: Math.ceil(apart / MINUTE) });
  const text = deadline.stopped ? t('case.stopped') : left < 0 || deadline.lapsed ? t('case.over', { length }) : t('case.left', { length });
  const kind = deadline.stopped ? '' : left < 0 || deadline.lapsed ? 'overdue' : left < 2 * DAY ? 'high' : 'low';
  return (
    <span title={`${code('term', deadline.term)} · ${deadline.basis} · ${deadline.last_day}`}>
      {code('term', deadline.term)} <span className={`tag ${kind}`}>{text}</span>
    </span>
  );
}

function Ticket({ of, now }: { of: Case; now: number }) {
  const { code } = useSpeech();
  return (
    <article className="ticket">
      <Link to={`/cases/${of.case_id}`}>{of.subject_name ?? of.subject}</Link>
      <div className="quiet">
        {code('caseKind', of.kind)} · {code('state', of.state)}
      </div>
      <Countdown deadline={nextTerm(of)} now={now} />
    </article>
  );
}

/** Most cases that a board is made of. */
const BOARD = 1000;
/** Most tickets of a column; the list has all. */
const SHOWN = 30;

function Board() {
  const { t, code } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const now = useNow();
  const kind = address.get('kind') ?? '';
  const by = address.get('by') === 'state' ? 'state' : 'due';
  const query = new URLSearchParams({ open: 'true', limit: String(BOARD) });
  if (kind) query.set('kind', kind);
  const asked = useQuery({
    queryKey: ['/v1/cases', query.toString()],
    queryFn: ({ signal }) => page<Case>('/v1/cases', query, signal),
  });
  if (asked.error) return <Failure error={asked.error} />;
  const columnOf = (one: Case): string => {
    if (by === 'state') return one.state;
    const term = nextTerm(one);
    if (!term || term.stopped) return 'none';
    const left = Date.parse(term.lapses_at) - now;
    if (term.lapsed || left < 0) return 'overdue';
    return left < DAY ? 'today' : left < 7 * DAY ? 'week' : left < 30 * DAY ? 'month' : 'later';
  };
  const columns = new Map<string, Case[]>();
  if (by === 'due') for (const name of ['overdue', 'today', 'week', 'month', 'later', 'none']) columns.set(name, []);
  const ending = (one: Case) => nextTerm(one)?.lapses_at ?? '9';
  for (const one of (asked.data?.items ?? []).toSorted((a, b) => ending(a).localeCompare(ending(b)))) {
    const name = columnOf(one);
    columns.set(name, [...(columns.get(name) ?? []), one]);
  }
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(address);
    if (value) next.set(name, value);
    else next.delete(name);
    setAddress(next);
  };
  const titles: Record<string, string> = {
    overdue: t('board.overdue'),
    today: t('board.today'),
    week: t('board.week'),
    month: t('board.month'),
    later: t('board.later'),
    none: t('board.none'),
  };
  return (
    <>
      <div className="row" style={{ marginBottom: 12 }}>
        <div className="field">
          <span className="label" id="board-kind">
            {t('case.kind')}
          </span>
          <Select
            aria-labelledby="board-kind"
            value={kind}
            style={{ width: 180 }}
            onChange={(value) => change('kind', value)}
            options={[
              { value: '', label: t('list.all') },
              ...Object.keys(codes.caseKind).map((value) => ({ value, label: code('caseKind', value) })),
            ]}
          />
        </div>
        <Segmented
          aria-label={t('board.by')}
          value={by}
          onChange={(value) => change('by', value === 'due' ? '' : value)}
          options={[
            { value: 'due', label: t('board.by.due') },
            { value: 'state', label: t('board.by.state') },
          ]}
        />
        {asked.data?.next && <span className="quiet">{t('board.more', { n: BOARD })}</span>}
      </div>
      <Spin spinning={asked.isLoading}>
        <div className="board" tabIndex={0} role="region" aria-label={t('case.board')}>
          {[...columns].map(([name, cases]) => (
            <section key={name} aria-label={titles[name] ?? code('state', name)}>
              <h3>
                {titles[name] ?? code('state', name)} <span className="quiet">{cases.length}</span>
              </h3>
              {cases.slice(0, SHOWN).map((one) => (
                <Ticket key={one.case_id} of={one} now={now} />
              ))}
              {cases.length > SHOWN && <p className="quiet">{t('board.rest', { n: cases.length - SHOWN })}</p>}
            </section>
          ))}
        </div>
      </Spin>
    </>
  );
}

function Rows() {
  const { t, code } = useSpeech();
  const { zone, hazard } = useNames();
  const now = useNow();
  const columns: Column<Case>[] = [
    {
      key: 'case',
      title: t('case.case'),
      show: (row) => <Link to={`/cases/${row.case_id}`}>{code('caseKind', row.kind)}</Link>,
      text: (row) => row.case_id,
    },
    {
      key: 'subject',
      title: t('grade.subject'),
      show: (row) => <SubjectLink subject={row.subject} name={row.subject_name} />,
      text: (row) => row.subject_name ?? row.subject,
      sort: (row) => row.subject_name ?? row.subject,
    },
    {
      key: 'state',
      title: t('case.state'),
      show: (row) => (row.state === 'closed' ? `${t('case.closed')} · ${code('ending', row.detail)}` : code('state', row.state)),
      text: (row) => (row.state === 'closed' ? code('ending', row.detail) : code('state', row.state)),
      sort: (row) => row.state,
    },
    {
      key: 'due',
      title: t('case.due'),
      show: (row) => (row.state === 'closed' ? day(row.closed_at) : <Countdown deadline={nextTerm(row)} now={now} />),
      text: (row) => nextTerm(row)?.last_day,
      sort: (row) => nextTerm(row)?.lapses_at ?? '9',
    },
    { key: 'hazard', title: t('alerts.hazard'), show: (row) => hazard(row.hazard), text: (row) => row.hazard },
    { key: 'zone', title: t('grade.zone'), show: (row) => zone(row.zone_id), text: (row) => row.zone_id },
    { key: 'assigned', title: t('case.assigned'), show: (row) => row.assigned ?? '–', text: (row) => row.assigned, sort: (row) => row.assigned ?? '' },
    { key: 'opened', title: t('case.opened'), show: (row) => day(row.opened_at), text: (row) => row.opened_at, sort: (row) => row.opened_at, short: true },
  ];
  const truth = [
    { value: 'true', label: t('yes') },
    { value: 'false', label: t('no') },
  ];
  return (
    <List<Case>
      label={t('nav.cases')}
      path="/v1/cases"
      file="cases"
      rowKey={(row) => row.case_id}
      columns={columns}
      filters={[
        { name: 'kind', label: t('case.kind'), choices: Object.keys(codes.caseKind).map((value) => ({ value, label: code('caseKind', value) })) },
        {
          name: 'state',
          label: t('case.state'),
          choices: [
            ...Object.keys(codes.state).map((value) => ({ value, label: code('state', value) })),
            { value: 'closed', label: t('case.closed') },
          ],
        },
        { name: 'open', label: t('case.open'), choices: truth, preset: 'true' },
        { name: 'overdue', label: t('case.overdue'), choices: truth },
        { name: 'due_before', label: t('case.due-before'), kind: 'day' },
        { name: 'subject', label: t('grade.subject'), kind: 'text' },
      ]}
    />
  );
}

export default function Cases() {
  const { t } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const view = address.get('view') === 'board' ? 'board' : 'list';
  return (
    <>
      <Title title={t('nav.cases')} lead={t('cases.lead')}>
        <Segmented
          aria-label={t('case.view')}
          value={view}
          onChange={(value) => setAddress(value === 'board' ? { view: 'board' } : {})}
          options={[
            { value: 'list', label: t('case.list') },
            { value: 'board', label: t('case.board') },
          ]}
        />
      </Title>
      {view === 'board' ? <Board /> : <Rows />}
    </>
  );
}
