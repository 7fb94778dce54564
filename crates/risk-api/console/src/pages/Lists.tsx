import { useQuery } from '@tanstack/react-query';
import { Button, Segmented, Space, Tag } from 'antd';
import { useState, type ReactNode } from 'react';
import { Link, useSearchParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { codes, type Scale } from '../codes';
import type { Target } from '../commands';
import { day, percent } from '../format';
import { useSpeech } from '../language';
import { ActDialogue, type ActForm } from '../parts/Act';
import { Failure } from '../parts/Failure';
import { List, type Choice, type Filter } from '../parts/List';
import { SubjectLink, Title } from '../parts/small';
import { plain, Table, type Column } from '../parts/Table';
import { useNames } from '../reference';
import { DECIDERS, STAFF, useSession } from '../session';
import type { Word } from '../words';

type Problem = Schemas['ProblemRowDto'];

interface Named {
  enterprise: string;
  name?: string | null | undefined;
}

/** The enterprise of a row, which leads to its grade. */
function useWho<T extends Named>(): Column<T> {
  const { t } = useSpeech();
  return {
    key: 'who',
    title: t('lists.enterprise'),
    show: (row) => <SubjectLink subject={`enterprise:${row.enterprise}`} name={row.name} />,
    text: (row) => row.name ?? row.enterprise,
    sort: (row) => row.name ?? row.enterprise,
  };
}

/** The filters that most lists have. */
function useFilters(): { enterprise: Filter; zone: Filter; on: Filter; from: Filter; choices: (scale: Scale) => Choice[] } {
  const { t, code } = useSpeech();
  return {
    enterprise: { name: 'enterprise', label: t('lists.number'), kind: 'text' },
    zone: { name: 'zone', label: t('grade.zone'), kind: 'zone' },
    on: { name: 'on', label: t('lists.on'), kind: 'date' },
    from: { name: 'from', label: t('lists.from'), kind: 'date' },
    choices: (scale) => Object.keys(codes[scale]).map((value) => ({ value, label: code(scale, value) })),
  };
}

interface Acting {
  form: ActForm;
  target: Target;
}

/** What may be done about a problem, by whoever decides. */
function useSteps(begin: (acting: Acting) => void): (row: Problem) => ReactNode {
  const { t, code } = useSpeech();
  const { may, acting, known } = useSession();
  const me = acting?.id ?? known.actor;
  return (row) => {
    if (!may(...DECIDERS)) return null;
    const target = { enterprise_id: row.enterprise };
    const of = row.problem_id ?? '';
    const button = (kind: keyof (typeof codes)['problemAct'], fields: ActForm['fields'], more: Record<string, string> = {}, note?: string) => (
      <Button
        size="small"
        key={kind}
        onClick={() =>
          begin({
            target,
            form: { kind, title: code('problemAct', kind), fields, build: (values) => ({ ...more, ...values }), ...(note ? { note } : {}) },
          })
        }
      >
        {code('problemAct', kind)}
      </Button>
    );
    const text = (name: string, word: Word, preset = '', optional = false) => ({ name, label: t(word), kind: 'text' as const, preset, optional });
    const plan = () =>
      button(
        'plan',
        [
          text('cause', 'lists.cause', row.cause ?? ''),
          text('measure', 'lists.measure', row.measure ?? ''),
          text('owner', 'lists.owner', row.owner ?? ''),
          { name: 'due', label: t('lists.due'), kind: 'day', preset: row.due ?? '' },
        ],
        { of },
        t('lists.owner.note'),
      );
    const withdraw = () => button('withdraw', [], { of });
    switch (row.state) {
      case 'found':
        return button('list_problem', [text('problem', 'lists.problem', row.item_name ?? '')], {
          ...(row.clause ? { clause: row.clause } : {}),
          ...(row.product ? { product: row.product } : {}),
          ...(row.item ? { item: row.item } : {}),
        });
      case 'listed':
        return (
          <Space wrap>
            {plan()}
            {withdraw()}
          </Space>
        );
      case 'planned':
      case 'overdue':
        return (
          <Space wrap>
            {row.planned_by === me ? <span className="quiet nowrap">{t('lists.second')}</span> : button('verify', [], { of })}
            {plan()}
            {withdraw()}
          </Space>
        );
      default:
        return null;
    }
  };
}

function Problems() {
  const { t, code } = useSpeech();
  const names = useNames();
  const { may } = useSession();
  const filters = useFilters();
  const who = useWho<Problem>();
  const [acting, setActing] = useState<Acting | null>(null);
  const steps = useSteps(setActing);
  const optional = (name: string, word: Word) => ({ name, label: t(word), kind: 'text' as const, optional: true });
  const seen = (): Acting => ({
    target: { enterprise_id: '' },
    form: {
      kind: 'list_problem',
      title: t('lists.seen'),
      fields: [
        { name: 'enterprise_id', label: t('lists.number'), kind: 'text' },
        { name: 'problem', label: t('lists.problem'), kind: 'text' },
        optional('clause', 'lists.clause'),
        { name: 'product', label: t('lists.product'), kind: 'choice', optional: true, choices: (names.data?.products ?? []).map((one) => ({ value: one.code, label: names.product(one.code) })) },
        optional('item', 'lists.item'),
      ],
    },
  });
  return (
    <>
      <List<Problem>
        label={t('lists.problems')}
        path="/v1/lists/problems"
        most={500}
        file="problems"
        rowKey={(row) => `${row.enterprise}-${row.problem_id ?? `${row.product}-${row.item}-${row.first}`}`}
        filters={[filters.enterprise, filters.zone, { name: 'state', label: t('lists.state'), choices: filters.choices('problemState') }, { ...filters.on, preset: day(new Date().toISOString()) }]}
        greyed={(row) => row.state === 'verified' || row.state === 'withdrawn'}
        extra={may(...DECIDERS) && <Button onClick={() => setActing(seen())}>{t('lists.seen')}</Button>}
        columns={[
          who,
          { key: 'state', title: t('lists.state'), short: true, show: (row) => <span className={row.state === 'overdue' ? 'tag overdue' : 'tag'}>{code('problemState', row.state)}</span>, text: (row) => code('problemState', row.state), sort: (row) => row.state },
          {
            key: 'problem',
            title: t('lists.problem'),
            show: (row) => (
              <>
                {row.problem ?? row.item_name ?? row.item}
                {row.recurs && <Tag color="red">{t('lists.recurs')}</Tag>}
              </>
            ),
            text: (row) => row.problem ?? row.item_name ?? row.item,
            sort: (row) => row.problem ?? row.item_name ?? '',
          },
          plain('product', t('lists.product'), (row) => names.product(row.product)),
          { key: 'clause', title: t('lists.clause'), show: (row) => row.clause ?? '–', text: (row) => row.clause },
          { key: 'zones', title: t('grade.zone'), show: (row) => names.innermost(row.zones), text: (row) => row.zones.map(names.zone).join('、') },
          plain('failures', t('lists.failures'), (row) => row.failures, { number: true }),
          plain('last', t('lists.last'), (row) => row.last, { short: true }),
          {
            key: 'plan',
            title: t('lists.plan'),
            show: (row) =>
              row.measure ? (
                <>
                  {row.measure} <span className="quiet">{t('lists.plan.of', { owner: row.owner ?? '', due: row.due ?? '' })}</span>
                </>
              ) : (
                '–'
              ),
            text: (row) => [row.cause, row.measure, row.owner].filter(Boolean).join(' · '),
          },
          { key: 'due', title: t('lists.due'), short: true, show: (row) => row.due ?? '–', text: (row) => row.due, sort: (row) => row.due ?? '9999' },
          { key: 'next', title: t('lists.next'), show: steps },
        ]}
      />
      {acting && <ActDialogue form={acting.form} target={acting.target} done={() => setActing(null)} />}
    </>
  );
}

function Assistance() {
  const { t, code } = useSpeech();
  const filters = useFilters();
  const who = useWho<Schemas['AssistedDto']>();
  const reason = (one: Schemas['AssistedForDto']) => t('lists.reason', { reason: code('assist', one.reason), count: one.count, days: one.days, last: one.last });
  const counted = (row: Schemas['AssistedDto']) => Object.entries(row.problems).map(([state, count]) => `${code('problemState', state)} ${count}`);
  return (
    <List<Schemas['AssistedDto']>
      label={t('lists.assistance')}
      path="/v1/lists/assistance"
        most={500}
      file="assistance"
      rowKey={(row) => row.enterprise}
      filters={[filters.enterprise, filters.zone, { name: 'reason', label: t('lists.why'), choices: filters.choices('assist') }, filters.on]}
      columns={[
        who,
        { key: 'why', title: t('lists.why'), show: (row) => row.reasons.map((one) => <div key={one.reason}>{reason(one)}</div>), text: (row) => row.reasons.map(reason).join('; ') },
        plain('count', t('lists.count'), (row) => row.reasons.reduce((sum, one) => sum + one.count, 0), { number: true }),
        { key: 'behind', title: t('lists.behind'), show: (row) => <span className="quiet">{row.reasons.flatMap((one) => one.behind).join(' ')}</span>, text: (row) => row.reasons.flatMap((one) => one.behind).join(' ') },
        {
          key: 'plan',
          title: t('lists.one-plan'),
          show: (row) => <Link to={`/lists?view=problems&enterprise=${encodeURIComponent(row.enterprise)}`}>{counted(row).join(' · ') || t('lists.none')}</Link>,
          text: (row) => counted(row).join(' · '),
        },
      ]}
    />
  );
}

function Classes() {
  const { t, code } = useSpeech();
  const [address] = useSearchParams();
  const month = address.get('month');
  const asked = useQuery({
    queryKey: ['credit', month],
    queryFn: () => told(client.GET('/v1/lists/credit', { params: { query: { limit: 1, ...(month ? { month } : {}) } } })),
  });
  if (asked.error) return <Failure error={asked.error} />;
  const within = (row: Schemas['ClassDto']) => (row.within === null || row.within === undefined ? '–' : t(row.within ? 'lists.within' : 'lists.outside'));
  return (
    <section aria-label={t('lists.classes')} style={{ marginBottom: 16 }}>
      <h3>{t('lists.classes')}</h3>
      {asked.data && <p className="quiet">{t('lists.months', { from: asked.data.from, until: asked.data.until })}</p>}
      <Table
        label={t('lists.classes')}
        rows={asked.data?.classes ?? []}
        rowKey={(row) => row.class}
        columns={[
          { key: 'class', title: t('lists.class'), show: (row) => `${row.class} ${code('credit', row.class)}` },
          { key: 'enterprises', title: t('lists.enterprises'), number: true, show: (row) => row.enterprises },
          { key: 'inspected', title: t('lists.inspected'), number: true, show: (row) => row.inspected },
          { key: 'ratio', title: t('lists.ratio'), number: true, show: (row) => percent(row.ratio) },
          { key: 'band', title: t('lists.band'), number: true, show: (row) => <span title={t('mark')}>{`${percent(row.from, 0)} – ${percent(row.to, 0)} ${row.mark}`}</span> },
          { key: 'within', title: t('lists.kept'), show: within },
        ]}
      />
    </section>
  );
}

function Credit() {
  const { t, code } = useSpeech();
  const filters = useFilters();
  const who = useWho<Schemas['CreditRowDto']>();
  return (
    <>
      <Classes />
      <List<Schemas['CreditRowDto']>
        label={t('lists.credit')}
        path="/v1/lists/credit"
        most={500}
        file="credit"
        rowKey={(row) => row.enterprise}
        filters={[
          { name: 'month', label: t('lists.month'), kind: 'month' },
          { name: 'class', label: t('lists.class'), choices: filters.choices('credit') },
        ]}
        columns={[
          who,
          { key: 'class', title: t('lists.class'), short: true, show: (row) => `${row.class} ${code('credit', row.class)}`, text: (row) => row.class, sort: (row) => row.class },
          plain('since', t('lists.since'), (row) => row.since, { short: true }),
          plain('visits', t('burden.visits'), (row) => row.visits, { number: true }),
        ]}
      />
    </>
  );
}

function Serious() {
  const { t, code } = useSpeech();
  const filters = useFilters();
  const who = useWho<Schemas['CandidateDto']>();
  const met = (one: Schemas['MetDto']) => t('lists.met', { criterion: code('criterion', one.criterion), count: one.count, last: one.last });
  return (
    <List<Schemas['CandidateDto']>
      label={t('lists.serious')}
      path="/v1/lists/serious-violations"
        most={500}
      file="serious-violations"
      rowKey={(row) => row.enterprise}
      filters={[filters.on]}
      columns={[
        who,
        {
          key: 'met',
          title: t('lists.criteria'),
          show: (row) =>
            row.criteria.map((one) => (
              <div key={one.criterion}>
                {one.penalty ? <b>{met(one)}</b> : met(one)}{' '}
                <span className="quiet" title={t('mark')}>
                  {one.basis} {one.mark}
                </span>
              </div>
            )),
          text: (row) => row.criteria.map(met).join('; '),
        },
        { key: 'behind', title: t('lists.behind'), show: (row) => <span className="quiet">{row.criteria.flatMap((one) => one.behind).join(' ')}</span>, text: (row) => row.criteria.flatMap((one) => one.behind).join(' ') },
        {
          key: 'listed',
          title: t('lists.listed'),
          show: (row) => (row.listed.length ? row.listed.map((id) => <Link key={id} to={`/cases/${id}`}>{id.slice(0, 8)} </Link>) : t('no')),
          text: (row) => row.listed.join(' '),
        },
      ]}
    />
  );
}

function Duties() {
  const { t, code } = useSpeech();
  const filters = useFilters();
  const who = useWho<Schemas['DutyDto']>();
  return (
    <List<Schemas['DutyDto']>
      label={t('lists.duties')}
      path="/v1/lists/duties"
        most={500}
      file="duties"
      rowKey={(row) => `${row.enterprise}-${row.duty}`}
      filters={[
        filters.enterprise,
        filters.zone,
        { name: 'duty', label: t('lists.duty'), choices: filters.choices('duty') },
        { name: 'step', label: t('lists.step'), choices: filters.choices('dutyStep') },
        filters.from,
        filters.on,
      ]}
      columns={[
        who,
        { key: 'duty', title: t('lists.duty'), short: true, show: (row) => code('duty', row.duty), text: (row) => code('duty', row.duty), sort: (row) => row.duty },
        { key: 'step', title: t('lists.step'), short: true, show: (row) => <span className={row.step === 'order' ? 'tag overdue' : 'tag'}>{code('dutyStep', row.step)}</span>, text: (row) => code('dutyStep', row.step), sort: (row) => row.step },
        { key: 'missing', title: t('lists.missing'), number: true, show: (row) => <span title={row.missing_from.join(' ')}>{row.missing}</span>, text: (row) => row.missing, sort: (row) => row.missing },
        plain('recorded', t('lists.recorded'), (row) => row.recorded, { number: true }),
        plain('zero', t('lists.zero'), (row) => row.zero_risk, { number: true }),
        plain('since', t('lists.since'), (row) => row.since, { short: true }),
        plain('last', t('lists.last'), (row) => row.last, { short: true }),
      ]}
    />
  );
}

function Actions() {
  const { t, code } = useSpeech();
  const names = useNames();
  const filters = useFilters();
  const who = useWho<Schemas['CorrectiveActionDto']>();
  return (
    <List<Schemas['CorrectiveActionDto']>
      label={t('lists.actions')}
      path="/v1/lists/corrective-actions"
        most={500}
      file="corrective-actions"
      rowKey={(row) => `${row.case_id}-${row.day}-${row.kind}-${row.quantity ?? ''}`}
      filters={[filters.enterprise, filters.zone, { name: 'kind', label: t('case.measure'), choices: filters.choices('measure') }, filters.from, filters.on]}
      columns={[
        plain('day', t('lists.day'), (row) => row.day, { short: true }),
        who,
        { key: 'kind', title: t('case.measure'), show: (row) => code('measure', row.kind), text: (row) => code('measure', row.kind), sort: (row) => row.kind },
        { key: 'quantity', title: t('case.quantity'), number: true, show: (row) => (row.quantity === null || row.quantity === undefined ? '–' : `${row.quantity} ${row.unit ?? ''}`), text: (row) => row.quantity, sort: (row) => row.quantity ?? 0 },
        plain('product', t('lists.product'), (row) => names.product(row.product)),
        plain('zone', t('grade.zone'), (row) => names.zone(row.zone)),
        { key: 'case', title: t('nav.cases'), show: (row) => <Link to={`/cases/${row.case_id}`}>{row.case_id.slice(0, 8)}</Link>, text: (row) => row.case_id },
      ]}
    />
  );
}

interface View {
  key: string;
  word: Word;
  lead: Word;
  /** Not for those who see but their own zones. */
  staff?: boolean;
  list: () => ReactNode;
}

const VIEWS: View[] = [
  { key: 'problems', word: 'lists.problems', lead: 'lists.problems.lead', list: Problems },
  { key: 'assistance', word: 'lists.assistance', lead: 'lists.assistance.lead', list: Assistance },
  { key: 'credit', word: 'lists.credit', lead: 'lists.credit.lead', staff: true, list: Credit },
  { key: 'serious', word: 'lists.serious', lead: 'lists.serious.lead', staff: true, list: Serious },
  { key: 'duties', word: 'lists.duties', lead: 'lists.duties.lead', list: Duties },
  { key: 'actions', word: 'lists.actions', lead: 'lists.actions.lead', list: Actions },
];

/** What a supervision plan asks a bureau to keep of enterprises. */
export default function Lists() {
  const { t } = useSpeech();
  const { may } = useSession();
  const [address, setAddress] = useSearchParams();
  const views = VIEWS.filter((view) => !view.staff || may(...STAFF));
  const view = views.find((one) => one.key === address.get('view')) ?? views[0];
  if (!view) return null;
  const Shown = view.list;
  return (
    <>
      <Title title={t('nav.lists')} lead={t(view.lead)} />
      <div style={{ marginBottom: 12, overflowX: 'auto' }}>
        <Segmented
          aria-label={t('nav.lists')}
          value={view.key}
          onChange={(value) => setAddress({ view: value })}
          options={views.map((one) => ({ value: one.key, label: t(one.word) }))}
        />
      </div>
      <Shown key={view.key} />
    </>
  );
}
