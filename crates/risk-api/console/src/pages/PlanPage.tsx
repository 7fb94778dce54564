import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Descriptions, Input, Select, Slider, Space, Spin } from 'antd';
import { LineChart } from 'echarts/charts';
import { MarkLineComponent } from 'echarts/components';
import { useMemo, useState } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { client, download, told, type Schemas } from '../api';
import { codes } from '../codes';
import { freshId } from '../commands';
import { moment, percent, signed } from '../format';
import { useSpeech } from '../language';
import { Chart, draws, inks, type Option } from '../parts/Chart';
import { Failure } from '../parts/Failure';
import { FileButton } from '../parts/FileButton';
import { useZoneChoices } from '../parts/List';
import { PlanPlaces } from '../parts/PlanPlaces';
import { PlanResults } from '../parts/PlanResults';
import { Explained, SubjectLink, Title } from '../parts/small';
import { Table, type Order } from '../parts/Table';
import { useNames } from '../reference';
import { useLook } from '../theme';

draws([LineChart, MarkLineComponent]);

type Plan = Schemas['PlanDto'];
type Line = Schemas['PlanLineDto'];
type Listed = Schemas['PlanListDto'];

/** The list of a plan, which there is once it was drawn. */
const listOf = (plan: Plan): Listed | null => ('lines' in plan && Array.isArray(plan.lines) ? (plan as Plan & Listed) : null);

/** Expected finds under another budget, between the points of the curve. */
function between(curve: Listed['budget_curve'], share: number): number {
  const points = curve.toSorted((a, b) => a.share - b.share);
  const above = points.find((point) => point.share >= share) ?? points.at(-1);
  const below = points.findLast((point) => point.share <= share) ?? points[0];
  if (!above || !below) return 0;
  if (above.share === below.share) return above.finds;
  return below.finds + ((share - below.share) / (above.share - below.share)) * (above.finds - below.finds);
}

function Budget({ list }: { list: Listed }) {
  const { t, code } = useSpeech();
  const { zone, sector } = useNames();
  const { dark } = useLook();
  const ink = inks(dark);
  const [share, setShare] = useState(100);
  const curve = list.budget_curve;
  const now = between(curve, 1);
  const then = between(curve, share / 100);
  const tests = Object.values(list.budgets).reduce((sum: number, n) => sum + n, 0);
  const option = useMemo<Option>(
    () => ({
      grid: { left: 8, right: 16, top: 16, bottom: 8, containLabel: true },
      tooltip: { trigger: 'axis', valueFormatter: (value: number) => value.toFixed(1) },
      xAxis: { type: 'value', min: 80, max: 120, axisLabel: { color: ink.text, formatter: '{value}%' }, splitLine: { show: false } },
      yAxis: { type: 'value', scale: true, axisLabel: { color: ink.text }, splitLine: { lineStyle: { color: ink.line } } },
      series: [
        {
          name: t('plan.finds'),
          type: 'line',
          itemStyle: { color: ink.blue },
          data: curve.toSorted((a, b) => a.share - b.share).map((point) => [100 * point.share, point.finds]),
          markLine: { symbol: 'none', animation: false, label: { color: ink.text, formatter: '{c}%' }, lineStyle: { color: ink.red }, data: [{ xAxis: share }] },
        },
      ],
    }),
    [curve, share, t, dark],
  );
  const named = (constraint: string) =>
    constraint
      .split(/[\s.]+/)
      .map((word) => (word === 'budgets' ? t('plan.step.budget') : word in codes.mode ? code('mode', word) : zone(word) !== word ? zone(word) : sector(word)))
      .join(' ');
  return (
    <div className="grid">
      <Card className="half" size="small" title={<Explained word="plan.curve" topic="curve" />}>
        <Chart label={t('plan.curve')} option={option} height={210} />
        <label id="budget-share">{t('plan.drag')}</label>
        <Slider min={80} max={120} value={share} onChange={setShare} ariaLabelledByForHandle="budget-share" tooltip={{ formatter: (value) => `${value}%` }} />
        <p role="status">{t('plan.then', { share, tests: Math.round((tests * share) / 100), finds: then.toFixed(1), more: signed(then - now) })}</p>
      </Card>
      <Card className="half" size="small" title={<Explained word="plan.prices" topic="prices" />}>
        <p className="quiet">{t('plan.prices.note')}</p>
        <Table
          label={t('plan.prices')}
          rows={list.shadow_prices}
          rowKey={(row) => row.constraint}
          columns={[
            { key: 'what', title: t('plan.constraint'), show: (row) => named(row.constraint) },
            { key: 'finds', title: t('plan.price'), number: true, show: (row) => row.finds.toFixed(3) },
          ]}
        />
      </Card>
    </div>
  );
}

function Draw({ plan }: { plan: Plan }) {
  const { t } = useSpeech();
  const queries = useQueryClient();
  const [value, setValue] = useState('');
  const id = plan.plan_id;
  const refresh = () => void queries.invalidateQueries({ queryKey: ['/v1/plans'] });
  const params = { path: { id }, header: { 'Idempotency-Key': freshId('DRAW') } };
  const draw = useMutation({ mutationFn: () => told(client.POST('/v1/plans/{id}/draw', { params, body: { beacon_value: value.trim() } })), onSuccess: refresh });
  const reveal = useMutation({ mutationFn: () => told(client.POST('/v1/plans/{id}/reveal', { params })), onSuccess: refresh });
  return (
    <Card size="small" title={<Explained word="plan.draw" topic="draw" />}>
      <Descriptions
        size="small"
        column={1}
        items={[
          { key: 'pool', label: t('plan.pool-hash'), children: <span className="mono">{plan.commitment.pool_sha256}</span> },
          { key: 'secret', label: t('plan.secret-hash'), children: <span className="mono">{plan.commitment.secret_sha256}</span> },
          ...(plan.commitment.beacon ? [{ key: 'beacon', label: t('plan.beacon'), children: `${plan.commitment.beacon.source} · ${plan.commitment.beacon.round}` }] : []),
        ]}
      />
      {plan.state === 'committed' && (
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            draw.mutate();
          }}
        >
          <div className="field">
            <label htmlFor="beacon-value">{t('plan.beacon.value')}</label>
            <Input id="beacon-value" value={value} onChange={(event) => setValue(event.target.value)} style={{ width: 360 }} />
          </div>
          <Button type="primary" htmlType="submit" loading={draw.isPending} disabled={!value.trim()}>
            {t('plan.draw.do')}
          </Button>
        </form>
      )}
      {plan.state === 'drawn' && (
        <Space orientation="vertical">
          <p style={{ margin: 0 }}>{t('plan.reveal.note')}</p>
          <Button loading={reveal.isPending} onClick={() => reveal.mutate()}>
            {t('plan.reveal.do')}
          </Button>
        </Space>
      )}
      {plan.state === 'revealed' && (
        <Space wrap>
          <Button onClick={() => void download(`/v1/draws/${id}`, `${id}-record.json`)}>{t('plan.record')}</Button>
          <Button onClick={() => void download(`/v1/draws/${id}/pool`, `${id}-pool.txt`)}>{t('plan.pool')}</Button>
          <span className="quiet">{t('plan.verify')}</span>
        </Space>
      )}
      {(draw.error ?? reveal.error) && <Failure error={draw.error ?? reveal.error} />}
    </Card>
  );
}

function Lines({ list, results }: { list: Listed; results: Schemas['PlanResultDto'][] }) {
  const { t, of, code } = useSpeech();
  const { zone, tree } = useNames();
  const [address, setAddress] = useSearchParams();
  const mode = address.get('mode') ?? '';
  const within = address.get('zone') ?? '';
  const zones = useZoneChoices();
  const parents = new Map(tree.map((one) => [one.zone.id, one.zone.parent]));
  const lies = (id: string | null | undefined): boolean => !!id && (id === within || lies(parents.get(id)));
  const named = address.get('order') ?? '';
  const order: Order | null = named ? { key: named.replace(/^-/, ''), down: named.startsWith('-') } : null;
  const found = new Map(results.map((one) => [list.lines[one.number - 1], code('outcome', one.outcome)]));
  const rows = list.lines.filter((line) => (!mode || line.mode === mode) && (!within || lies(line.target.zone_id)));
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(address);
    if (value) next.set(name, value);
    else next.delete(name);
    setAddress(next);
  };
  return (
    <Card
      size="small"
      title={t('plan.lines', { n: rows.length })}
      extra={
        <Space>
          <Select
            aria-label={t('grade.zone')}
            value={within}
            style={{ width: 200 }}
            popupMatchSelectWidth={false}
            onChange={(value) => change('zone', value)}
            options={[{ value: '', label: t('list.all') }, ...zones]}
          />
          <Select
            aria-label={t('evidence.mode')}
            value={mode}
            style={{ width: 150 }}
            onChange={(value) => change('mode', value)}
            options={[{ value: '', label: t('list.all') }, ...Object.keys(codes.mode).map((value) => ({ value, label: code('mode', value) }))]}
          />
        </Space>
      }
    >
      <Table<Line>
        label={t('plan.lines', { n: rows.length })}
        rows={rows}
        rowKey={(row) => `${row.mode}-${row.rank}`}
        tall
        order={order}
        onOrder={({ key, down }) => change('order', `${down ? '-' : ''}${key}`)}
        columns={[
          { key: 'mode', title: t('evidence.mode'), show: (row) => `${code('mode', row.mode)} ${row.rank}`, sort: (row) => `${row.mode}${String(row.rank).padStart(6, '0')}`, short: true },
          { key: 'day', title: t('plan.team-day'), number: true, show: (row) => `${row.team_day}-${row.turn}`, sort: (row) => row.team_day * 1000 + row.turn },
          { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={`enterprise:${row.target.enterprise_id}`} name={row.target.name} /> },
          { key: 'what', title: code('subjectKind', 'product'), show: (row) => of(row.target.product_zh, row.target.product_en) },
          { key: 'where', title: t('grade.zone'), show: (row) => `${zone(row.target.zone_id)} ${row.target.booth ?? ''}`, sort: (row) => row.target.zone_id },
          { key: 'p', title: t('grade.probability'), number: true, show: (row) => percent(row.probability), sort: (row) => row.probability },
          { key: 'pi', title: t('plan.inclusion'), number: true, show: (row) => (row.selection.inclusion_probability ? percent(row.selection.inclusion_probability) : '–'), sort: (row) => row.selection.inclusion_probability ?? 0 },
          { key: 'finds', title: t('plan.finds'), number: true, show: (row) => row.expected_finds.toFixed(3), sort: (row) => row.expected_finds },
          { key: 'acceptance', title: t('plan.acceptance'), show: (row) => (row.acceptance ? `${row.acceptance.sample_size}, ${row.acceptance.acceptance_number}, ${row.acceptance.rejection_number}` : ''), short: true },
          { key: 'result', title: t('plan.result'), show: (row) => found.get(row) ?? '', sort: (row) => found.get(row) ?? '', short: true },
          { key: 'why', title: t('subject.why'), show: (row) => of(row.reason.zh, row.reason.en) },
          { key: 'law', title: t('plan.law'), show: (row) => of(row.legal_basis.zh, row.legal_basis.en) },
        ]}
      />
    </Card>
  );
}

export default function PlanPage() {
  const { id = '' } = useParams();
  const { t, code, language } = useSpeech();
  const { zone, sector } = useNames();
  const asked = useQuery({
    queryKey: ['/v1/plans', id],
    queryFn: () => told(client.GET('/v1/plans/{id}', { params: { path: { id } } })),
  });
  const list = asked.data ? listOf(asked.data) : null;
  const results = useQuery({
    queryKey: ['/v1/plans', id, 'results'],
    queryFn: () => told(client.GET('/v1/plans/{id}/results', { params: { path: { id } } })),
    enabled: list !== null,
  });
  if (asked.error) return <Failure error={asked.error} />;
  if (!asked.data) return <Spin aria-label={t('loading')} />;
  const plan = asked.data;
  return (
    <>
      <Title title={`${t('plan.plan')} ${plan.plan_id}`} lead={`${plan.day} · ${code('planState', plan.state)} · ${moment(plan.created_at, language)}`}>
        {list && (
          <Space wrap>
            <FileButton type="primary" path={`/v1/plans/${id}/lines.xlsx`} name={`${id}.xlsx`}>
              XLSX
            </FileButton>
            <FileButton path={`/v1/plans/${id}/lines.pdf`} name={`${id}.pdf`}>
              PDF
            </FileButton>
            <FileButton path={`/v1/plans/${id}/lines.csv`} name={`${id}.csv`}>
              CSV
            </FileButton>
            <FileButton path={`/v1/plans/${id}/lines.html`} name={`${id}.html`}>
              {t('plan.print')}
            </FileButton>
          </Space>
        )}
      </Title>
      <div className="grid">
        <div>
          <Draw plan={plan} />
        </div>
        {list && (
          <>
            <Card className="third" size="small" title={<Explained word="plan.expected" topic="finds" />}>
              <div className="figure">{list.expected_finds.value.toFixed(1)}</div>
              <p className="quiet">{t('plan.expected.range', { lower: list.expected_finds.lower.toFixed(0), upper: list.expected_finds.upper.toFixed(0) })}</p>
              {list.shortfalls.map((one) => (
                <Alert key={one.mode} type="info" title={`${code('mode', one.mode)} ${one.planned} / ${one.asked}`} description={one.cause} style={{ marginTop: 8 }} />
              ))}
              {list.relaxed.map((one) => (
                <Alert key={one.limit} type="warning" title={`${one.limit} → ${one.nearest}`} style={{ marginTop: 8 }} />
              ))}
            </Card>
            <Card className="two-thirds" size="small" title={<Explained word="plan.precision" topic="precision" />}>
              <Table
                label={t('plan.precision')}
                rows={list.precision.filter((one) => one.kind !== 'zone').slice(0, 8)}
                rowKey={(row) => `${row.kind}-${row.id}`}
                columns={[
                  { key: 'of', title: t('goal.of'), show: (row) => (row.kind === 'city' ? t('city') : row.kind === 'sector' ? sector(row.id) : zone(row.id)) },
                  { key: 'targets', title: t('heat.count'), number: true, show: (row) => row.targets },
                  { key: 'rate', title: t('grade.probability'), number: true, show: (row) => percent(row.rate) },
                  { key: 'se', title: t('plan.se'), number: true, show: (row) => percent(row.standard_error, 2) },
                  { key: 'q', title: t('plan.se.quarter'), number: true, show: (row) => percent(row.quarterly_standard_error, 2) },
                ]}
              />
            </Card>
            <div>
              {results.data && <PlanResults results={results.data} />}
              {results.error && <Failure error={results.error} />}
            </div>
            <div>
              <Budget list={list} />
            </div>
            <div>
              <Lines list={list} results={results.data?.lines ?? []} />
            </div>
            <div>
              <PlanPlaces lines={list.lines} />
            </div>
          </>
        )}
      </div>
    </>
  );
}
