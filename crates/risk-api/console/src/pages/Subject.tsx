import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Descriptions, Space, Spin, Tabs } from 'antd';
import { CustomChart, LineChart } from 'echarts/charts';
import { MarkLineComponent } from 'echarts/components';
import { useMemo, useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { client, page, told, type Schemas } from '../api';
import { codes } from '../codes';
import { day, moment, percent, range, signed, whole } from '../format';
import { useSpeech } from '../language';
import { ActDialogue } from '../parts/Act';
import { Chart, draws, inks, type Option } from '../parts/Chart';
import { Failure } from '../parts/Failure';
import { FileButton } from '../parts/FileButton';
import { List } from '../parts/List';
import { AlertLevel, Explained, Level, SubjectLink, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';
import { DECIDERS, STAFF, useSession } from '../session';
import { useLook } from '../theme';
import { Countdown, nextTerm, useNow } from './Cases';

draws([CustomChart, LineChart, MarkLineComponent]);

type Grade = Schemas['AssessmentDto'];
type Whole = Schemas['SubjectDto'];

/** How the points come about, part by part: they sum to the score. */
function Waterfall({ grade, behind }: { grade: Grade; behind: Whole['behind'] }) {
  const { t, of } = useSpeech();
  const { dark } = useLook();
  const ink = inks(dark);
  const parts = grade.contributions;
  const total = parts.reduce((sum, part) => sum + part.points, 0);
  const option = useMemo<Option>(() => {
    let run = 0;
    const steps = parts.map((part) => {
      const from = run;
      run += part.points;
      return { from, to: run, points: part.points };
    });
    const names = [...parts.map((part) => of(part.zh, part.en)), t('score')];
    const colour = (points: number) => (points > 0 ? ink.red : ink.green);
    return {
      grid: { left: 8, right: 48, top: 8, bottom: 8, containLabel: true },
      tooltip: { formatter: ({ name, data }: { name: string; data: { points: number } }) => `${name}\n${t('points', { n: signed(data.points) })}` },
      xAxis: { type: 'value', axisLabel: { color: ink.text }, splitLine: { lineStyle: { color: ink.line } } },
      yAxis: { type: 'category', inverse: true, data: names, axisLabel: { color: ink.text } },
      series: [
        {
          type: 'custom',
          encode: { x: [0, 1], y: 2 },
          data: [
            ...steps.map((step, place) => ({ value: [step.from, step.to, place], points: step.points, itemStyle: { color: place === 0 ? ink.grey : colour(step.points) } })),
            { value: [0, total, parts.length], points: total, itemStyle: { color: ink.blue } },
          ],
          renderItem: (
            _params: unknown,
            api: { value: (place: number) => number; coord: (at: number[]) => number[]; size: (of: number[]) => number[]; visual: (name: string) => string },
          ) => {
            const [from = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
            const [to = 0] = api.coord([api.value(1), api.value(2)]);
            const height = (api.size([0, 1])[1] ?? 20) * 0.62;
            const points = api.value(2) === parts.length ? total : api.value(1) - api.value(0);
            const right = Math.max(from, to);
            return {
              type: 'group',
              children: [
                { type: 'rect', shape: { x: Math.min(from, to), y: y - height / 2, width: Math.max(1, Math.abs(to - from)), height }, style: { fill: api.visual('color') } },
                { type: 'text', style: { x: right + 4, y, text: signed(points), fill: ink.text, fontSize: 12, textVerticalAlign: 'middle' } },
              ],
            };
          },
        },
      ],
    };
  }, [parts, total, of, t, dark]);
  const source = (part: string) => behind.find((one) => one.part === part)?.evidence ?? [];
  /** The page of a subject's evidence, of the path of the API that lists it. */
  const evidenceOf = (path: string) => {
    const found = path.match(/^\/v1\/subjects\/([^/]+)\/evidence(?:\?zone=(.*))?$/);
    return found ? `/subjects/${found[1]}?tab=evidence${found[2] ? `&zone=${found[2]}` : ''}` : null;
  };
  return (
    <Card size="small" title={<Explained word="subject.waterfall" topic="points" />}>
      <Chart label={t('subject.waterfall.label', { n: signed(total) })} option={option} height={60 + 26 * (parts.length + 1)} />
      <Table
        label={t('subject.waterfall')}
        rows={parts}
        rowKey={(row) => row.part}
        columns={[
          { key: 'part', title: t('subject.part'), show: (row) => of(row.zh, row.en), short: true },
          { key: 'points', title: t('subject.points'), number: true, show: (row) => signed(row.points) },
          { key: 'why', title: t('subject.why'), show: (row) => of(row.reason_zh, row.reason_en) },
          {
            key: 'behind',
            title: t('subject.behind'),
            show: (row) =>
              source(row.part).slice(0, 2).map((path) => {
                const to = evidenceOf(path);
                return to ? (
                  <div key={path}>
                    <Link to={to}>{t('subject.results')}</Link>
                  </div>
                ) : null;
              }),
          },
        ]}
      />
      <p className="quiet">{t('subject.sum', { n: signed(total) })}</p>
    </Card>
  );
}

/** The probability over time, with the days on which the policy changed. */
function History({ rows }: { rows: Grade[] }) {
  const { t, code } = useSpeech();
  const { dark } = useLook();
  const ink = inks(dark);
  const past = useMemo(() => rows.toReversed(), [rows]);
  const option = useMemo<Option>(() => {
    const at = past.map((row) => day(row.as_of));
    const changes = past.flatMap((row, place) => (place > 0 && row.policy_version !== past[place - 1]?.policy_version ? [{ xAxis: at[place], label: { formatter: row.policy_version } }] : []));
    const share = (value: number) => Number((100 * value).toFixed(2));
    return {
      grid: { left: 8, right: 24, top: 24, bottom: 8, containLabel: true },
      tooltip: { trigger: 'axis', valueFormatter: (value: number) => `${value}%` },
      xAxis: { type: 'category', data: at, boundaryGap: false, axisLabel: { color: ink.text } },
      yAxis: { type: 'value', axisLabel: { color: ink.text, formatter: '{value}%' }, splitLine: { lineStyle: { color: ink.line } } },
      series: [
        { name: t('band.lower'), type: 'line', stack: 'band', symbol: 'none', lineStyle: { opacity: 0 }, data: past.map((row) => share(row.interval.lower)), tooltip: { show: false } },
        {
          name: t('grade.interval'),
          type: 'line',
          stack: 'band',
          symbol: 'none',
          lineStyle: { opacity: 0 },
          areaStyle: { color: ink.blue, opacity: 0.18 },
          data: past.map((row) => share(row.interval.upper - row.interval.lower)),
          tooltip: { show: false },
        },
        {
          name: t('grade.probability'),
          type: 'line',
          step: 'end',
          itemStyle: { color: ink.blue },
          data: past.map((row) => share(row.probability)),
          ...(changes.length > 0
            ? { markLine: { symbol: 'none', lineStyle: { color: ink.grey, type: 'dashed' }, label: { color: ink.text }, data: changes } }
            : {}),
        },
      ],
    };
  }, [past, t, dark]);
  return (
    <Card size="small" title={<Explained word="subject.history" topic="history" />}>
      <Chart
        label={t('subject.history')}
        option={option}
        height={240}
        figures={
          <Table
            label={t('subject.history')}
            rows={rows}
            rowKey={(row) => row.as_of}
            columns={[
              { key: 'at', title: t('subject.as-of'), show: (row) => day(row.as_of) },
              { key: 'level', title: t('grade.level'), show: (row) => code('level', row.level) },
              { key: 'p', title: t('grade.probability'), number: true, show: (row) => percent(row.probability) },
              { key: 'i', title: t('grade.interval'), number: true, show: (row) => range(row.interval) },
              { key: 'policy', title: t('policy.version'), show: (row) => row.policy_version },
            ]}
          />
        }
      />
    </Card>
  );
}

function Comparables({ subject }: { subject: string }) {
  const { t, of } = useSpeech();
  const asked = useQuery({
    queryKey: ['/v1/subjects', subject, 'compare'],
    queryFn: () => told(client.GET('/v1/subjects/{id}/compare', { params: { path: { id: subject } } })),
  });
  if (asked.error) return <Failure error={asked.error} />;
  return (
    <Spin spinning={asked.isLoading}>
      <p className="quiet">{t('compare.lead')}</p>
      <Table
        label={t('subject.compare')}
        rows={asked.data?.others ?? []}
        rowKey={(row) => row.assessment.subject}
        columns={[
          { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={row.assessment.subject} name={of(row.assessment.name, row.assessment.name_en)} /> },
          { key: 'level', title: t('grade.level'), show: (row) => <Level level={row.assessment.level} />, short: true },
          { key: 'p', title: t('grade.probability'), number: true, show: (row) => percent(row.assessment.probability) },
          { key: 'own', title: t('grade.own'), number: true, show: (row) => row.assessment.own_results },
          {
            key: 'why',
            title: t('compare.differs'),
            show: (row) =>
              row.differences
                .slice(0, 4)
                .map((one) => `${of(one.zh, one.en)} ${signed(one.points)}`)
                .join('；'),
          },
        ]}
      />
    </Spin>
  );
}

function EvidenceList({ subject }: { subject: string }) {
  const { t, code, language } = useSpeech();
  const { zone, product } = useNames();
  return (
    <List<Schemas['EvidenceResultDto']>
      label={t('subject.evidence')}
      path={`/v1/subjects/${encodeURIComponent(subject)}/evidence`}
      most={500}
      file={`evidence-${subject.replaceAll(':', '-')}`}
      rowKey={(row) => `${row.entry}-${row.inspection_id}`}
      filters={[{ name: 'zone', label: t('grade.zone'), kind: 'zone' }]}
      columns={[
        { key: 'id', title: t('evidence.result'), show: (row) => <span className="mono">{row.inspection_id}</span>, text: (row) => row.inspection_id, sort: (row) => row.inspection_id },
        { key: 'at', title: t('evidence.sampled'), show: (row) => moment(row.sampled_at, language), text: (row) => row.sampled_at, sort: (row) => row.sampled_at, short: true },
        { key: 'mode', title: t('evidence.mode'), show: (row) => code('mode', row.mode), text: (row) => row.mode },
        { key: 'test', title: t('evidence.test'), show: (row) => code('testKind', row.test), text: (row) => row.test },
        {
          key: 'outcome',
          title: t('evidence.outcome'),
          show: (row) => <span className={`tag ${row.outcome === 'conforming' ? 'low' : row.outcome === 'nonconforming' ? 'serious' : ''}`}>{code('outcome', row.outcome)}</span>,
          text: (row) => row.outcome,
          sort: (row) => row.outcome,
        },
        { key: 'items', title: t('evidence.items'), show: (row) => row.failed_items.join('、'), text: (row) => row.failed_items.join(' ') },
        { key: 'product', title: code('subjectKind', 'product'), show: (row) => product(row.product), text: (row) => row.product },
        { key: 'zone', title: t('grade.zone'), show: (row) => zone(row.zone), text: (row) => row.zone },
        { key: 'entry', title: t('evidence.entry'), show: (row) => row.entry, text: (row) => row.entry, number: true },
      ]}
    />
  );
}

function SignalList({ subject }: { subject: string }) {
  const { t, code, language } = useSpeech();
  return (
    <List<Schemas['SignalDto']>
      label={t('subject.signals')}
      path={`/v1/subjects/${encodeURIComponent(subject)}/signals`}
      most={500}
      file={`signals-${subject.replaceAll(':', '-')}`}
      rowKey={(row) => row.signal_id}
      columns={[
        { key: 'at', title: t('signal.at'), show: (row) => moment(row.observed_at, language), text: (row) => row.observed_at, sort: (row) => row.observed_at, short: true },
        { key: 'kind', title: t('signal.kind'), show: (row) => code('signal', row.kind), text: (row) => row.kind },
        { key: 'what', title: t('signal.what'), show: (row) => row.summary ?? '', text: (row) => row.summary },
        { key: 'who', title: t('signal.source'), show: (row) => row.source, text: (row) => row.source },
      ]}
    />
  );
}

/** Cases and alerts that stand. */
function Standing({ subject }: { subject: string }) {
  const { t, of, code } = useSpeech();
  const now = useNow();
  const cell = subject.startsWith('cell:');
  const cases = useQuery({
    queryKey: ['/v1/cases', 'of', subject],
    queryFn: () => page<Schemas['CaseDto']>('/v1/cases', new URLSearchParams({ subject, open: 'true' })),
    enabled: cell,
  });
  const alerts = useQuery({
    queryKey: ['/v1/alerts', 'of', subject],
    queryFn: () => page<Schemas['AlertDto']>('/v1/alerts', new URLSearchParams({ subject, limit: '20' })),
  });
  const open = alerts.data?.items.filter((one) => one.state !== 'closed') ?? [];
  return (
    <Card size="small" title={t('subject.standing')}>
      <ul className="plain">
        {cases.data?.items.map((one) => (
          <li key={one.case_id}>
            <Link to={`/cases/${one.case_id}`}>
              {code('caseKind', one.kind)} · {code('state', one.state)}
            </Link>{' '}
            <Countdown deadline={nextTerm(one)} now={now} />
          </li>
        ))}
        {open.map((one) => (
          <li key={one.id}>
            <AlertLevel level={one.level} /> <Link to={`/alerts/${one.id}`}>{of(one.reason_zh, one.reason_en)}</Link>
          </li>
        ))}
        {open.length === 0 && !cases.data?.items.length && <li className="quiet">{t('subject.standing.none')}</li>}
      </ul>
    </Card>
  );
}

function BurdenCard({ id }: { id: string }) {
  const { t, language } = useSpeech();
  const asked = useQuery({
    queryKey: ['/v1/burden', id],
    queryFn: () => told(client.GET('/v1/burden/{id}', { params: { path: { id } } })),
    retry: false,
  });
  if (!asked.data) return null;
  const of = asked.data;
  return (
    <Card size="small" title={<Explained word="subject.burden" topic="burden" />}>
      <Descriptions
        size="small"
        column={1}
        items={[
          { key: 'visits', label: t('burden.visits'), children: `${of.visits} (${t('burden.recent', { n: of.recent_visits })})` },
          { key: 'tests', label: t('burden.tests'), children: whole(of.tests, language) },
          { key: 'cost', label: t('burden.cost'), children: (of.cost_fen / 100).toFixed(2) },
          { key: 'rest', label: t('burden.rest'), children: of.rests_until ?? t('burden.rest.none') },
        ]}
      />
    </Card>
  );
}

export default function Subject() {
  const { id = '' } = useParams();
  const { t, of, code, language } = useSpeech();
  const { sector, zone } = useNames();
  const { may } = useSession();
  const [address, setAddress] = useSearchParams();
  const [deciding, setDeciding] = useState<'override' | 'floor' | null>(null);
  const asked = useQuery({
    queryKey: ['/v1/subjects', id],
    queryFn: () => told(client.GET('/v1/subjects/{id}', { params: { path: { id } } })),
  });
  if (asked.error) return <Failure error={asked.error} />;
  if (!asked.data) return <Spin aria-label={t('loading')} />;
  const whole_ = asked.data;
  const grade = whole_.provisional ?? whole_.recorded;
  const recorded = whole_.recorded;
  const [kind = '', ...rest] = id.split(':');
  const name = of(whole_.name, whole_.name_en) || id;
  const staff = may(...STAFF);
  const counter = whole_.counterfactual;
  const levels = Object.keys(codes.level).filter((level) => level !== 'undetermined');
  const tabs = [
    {
      key: 'grade',
      label: t('subject.tab.grade'),
      children: grade ? (
        <div className="grid">
          <div className="two-thirds">
            <Waterfall grade={grade} behind={whole_.behind} />
          </div>
          <div className="third">
            <Space orientation="vertical" style={{ width: '100%' }} size="middle">
              {counter && (
                <Card size="small" title={<Explained word="subject.counterfactual" topic="counterfactual" />}>
                  <p style={{ margin: 0 }}>{of(counter.zh, counter.en)}</p>
                </Card>
              )}
              <Standing subject={id} />
              {kind === 'enterprise' && staff && <BurdenCard id={rest.join(':')} />}
              <Card size="small" title={<Explained word="subject.own" topic="evidence" />}>
                <Table
                  label={t('subject.own')}
                  rows={Object.entries(grade.evidence)}
                  rowKey={([of_]) => of_}
                  columns={[
                    { key: 'kind', title: t('evidence.kind'), show: ([of_]) => (of_ in codes.mode ? code('mode', of_) : code('evidence', of_)) },
                    { key: 'n', title: t('evidence.count'), number: true, show: ([, count]) => count.results },
                    { key: 'x', title: t('evidence.failed'), number: true, show: ([, count]) => count.nonconforming },
                  ]}
                />
              </Card>
            </Space>
          </div>
          <div>
            <History rows={whole_.history} />
          </div>
        </div>
      ) : (
        <Alert type="info" title={t('subject.no-grade')} />
      ),
    },
    { key: 'evidence', label: t('subject.evidence'), children: <EvidenceList subject={id} /> },
    ...(staff && ['enterprise', 'site', 'cell', 'product', 'zone', 'sector'].includes(kind)
      ? [{ key: 'compare', label: t('subject.compare'), children: <Comparables subject={id} /> }]
      : []),
    ...(['enterprise', 'site', 'cell'].includes(kind) ? [{ key: 'signals', label: t('subject.signals'), children: <SignalList subject={id} /> }] : []),
  ];
  const tab = tabs.some((one) => one.key === address.get('tab')) ? (address.get('tab') ?? 'grade') : 'grade';
  return (
    <>
      <Title title={name}>
        {may(...STAFF) && recorded && (
          <>
            <FileButton path={`/v1/subjects/${encodeURIComponent(id)}/pack`} name="evidence.zip">
              {t('pack')}
            </FileButton>
            <FileButton path={`/v1/subjects/${encodeURIComponent(id)}/pack?format=pdf`} name="evidence.pdf">
              {t('pack.pdf')}
            </FileButton>
            {kind === 'enterprise' && (
              <FileButton path={`/v1/subjects/${encodeURIComponent(id)}/letter?format=pdf&lang=${language}`} name="letter.pdf">
                {t('letter')}
              </FileButton>
            )}
          </>
        )}
        {may(...DECIDERS) && grade && (
          <>
            <Button onClick={() => setDeciding('override')}>{code('access', 'override')}</Button>
            <Button onClick={() => setDeciding('floor')}>{code('access', 'floor')}</Button>
          </>
        )}
      </Title>
      {deciding && (
        <ActDialogue
          target={{ subject: id }}
          done={() => setDeciding(null)}
          form={{
            kind: deciding,
            title: code('access', deciding),
            note: t(deciding === 'override' ? 'decide.override' : 'decide.floor'),
            fields: [
              { name: 'level', label: t('grade.level'), kind: 'choice', choices: levels.map((value) => ({ value, label: code('level', value) })) },
              { name: 'until', label: t('decide.until'), kind: 'day' },
            ],
          }}
        />
      )}
      {grade && (
        <Card size="small" style={{ marginBottom: 8 }}>
          <Descriptions
            size="small"
            column={{ xs: 1, sm: 2, lg: 4 }}
            items={[
              { key: 'level', label: t('grade.level'), children: <Level level={grade.level} watch={grade.watch} /> },
              { key: 'p', label: t('grade.probability'), children: `${percent(grade.probability)} (${range(grade.interval)})` },
              { key: 'kind', label: t('grade.kind'), children: `${code('subjectKind', kind)} · ${id}` },
              { key: 'at', label: t('subject.as-of'), children: `${moment(grade.as_of, language)}${grade.provisional ? ` · ${t('subject.provisional')}` : ''}` },
              ...(recorded && grade.provisional
                ? [{ key: 'recorded', label: t('subject.recorded'), children: <><Level level={recorded.level} /> {percent(recorded.probability)} · {day(recorded.as_of)}</> }]
                : []),
              { key: 'least', label: t('subject.at-least'), children: Object.entries(grade.at_least).filter(([, p]) => p > 0.0005).map(([level, p]) => `${code('level', level)} ${percent(p, 0)}`).join('、') || '–' },
              { key: 'sectors', label: t('grade.sector'), children: grade.sectors.map(sector).join('、') || '–' },
              { key: 'zones', label: t('grade.zone'), children: grade.zones.slice(0, 4).map(zone).join('、') || '–' },
              { key: 'policy', label: t('policy.version'), children: <Link to="/policy">{grade.policy_version}</Link> },
            ]}
          />
          {grade.decision && <Alert type="info" showIcon title={of(grade.decision.zh, grade.decision.en)} />}
          {grade.inherited && <Alert type="warning" showIcon title={t('subject.inherited')} />}
        </Card>
      )}
      <Tabs
        activeKey={tab}
        onChange={(key) => setAddress(key === 'grade' ? {} : { tab: key })}
        destroyOnHidden
        items={tabs}
      />
    </>
  );
}
