import { useQueries, useQuery } from '@tanstack/react-query';
import { Card, Segmented, Spin } from 'antd';
import { HeatmapChart, TreemapChart } from 'echarts/charts';
import { VisualMapContinuousComponent } from 'echarts/components';
import { useMemo } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { client, page, told, type Schemas } from '../api';
import { codes } from '../codes';
import { moment, percent, range, signed, whole } from '../format';
import { useSpeech } from '../language';
import { Chart, draws, inks, type Option } from '../parts/Chart';
import { Failure } from '../parts/Failure';
import { ratesQuery } from '../parts/rates';
import { AlertLevel, Explained, Level, subjectPath, SubjectLink, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames, type Zone } from '../reference';
import { useLook } from '../theme';
import { LiveFeed } from './Alerts';

draws([HeatmapChart, TreemapChart, VisualMapContinuousComponent]);

type Cell = Schemas['CellHeatDto'];

interface Mean {
  volume: number;
  targets: number;
  failing: number;
}

const NONE: Mean = { volume: 0, targets: 0, failing: 0 };
const plus = (a: Mean, cell: Cell): Mean => ({
  volume: a.volume + cell.volume,
  targets: a.targets + cell.targets,
  failing: a.failing + cell.volume * cell.probability,
});
const rate = (of: Mean) => (of.volume ? of.failing / of.volume : 0);

/** Means of zones with all that lies in them, by zone and by zone and sector. */
function useHeat(cells: Cell[] | undefined) {
  const { data } = useNames();
  return useMemo(() => {
    const parents = new Map((data?.zones ?? []).map((zone) => [zone.id, zone.parent ?? null]));
    const zones = new Map<string, Mean>();
    const pairs = new Map<string, Mean>();
    const sectors = new Map<string, Mean>();
    for (const cell of cells ?? []) {
      const sector = cell.sector ?? '';
      sectors.set(sector, plus(sectors.get(sector) ?? NONE, cell));
      for (let zone: string | null = cell.zone; zone; zone = parents.get(zone) ?? null) {
        zones.set(zone, plus(zones.get(zone) ?? NONE, cell));
        const pair = `${zone}\t${sector}`;
        pairs.set(pair, plus(pairs.get(pair) ?? NONE, cell));
      }
    }
    return { zones, pairs, sectors };
  }, [cells, data]);
}

function Places({ cells }: { cells: Cell[] }) {
  const { t, of, language } = useSpeech();
  const names = useNames();
  const { dark } = useLook();
  const go = useNavigate();
  const [address, setAddress] = useSearchParams();
  const tree = address.get('map') === 'tree';
  const root = names.tree[0]?.zone;
  const within = address.get('in') ?? root?.id ?? '';
  const heat = useHeat(cells);
  const ink = inks(dark);
  const rows = useMemo(() => (names.children.get(within) ?? []).filter((zone) => heat.zones.has(zone.id)), [names, within, heat]);
  const shown = rows.length > 0 ? rows : (names.data?.zones ?? []).filter((zone) => zone.id === within);
  const sectors = useMemo(
    () => [...heat.sectors].filter(([sector]) => sector).toSorted((a, b) => rate(b[1]) - rate(a[1])).map(([sector]) => sector),
    [heat],
  );
  const top = Math.max(0.05, ...[...heat.sectors.values()].map(rate)) * 1.6;
  const visual = { show: false, min: 0, max: top, inRange: { color: ink.heat } };
  const heatmap = useMemo<Option>(() => {
    const data = shown.flatMap((zone, y) =>
      sectors.flatMap((sector, x) => {
        const mean = heat.pairs.get(`${zone.id}\t${sector}`);
        return mean ? [{ value: [x, y, rate(mean)], zone: zone.id, sector, targets: mean.targets }] : [];
      }),
    );
    return {
      grid: { left: 8, right: 8, top: 8, bottom: 8, containLabel: true },
      xAxis: { type: 'category', data: sectors.map(names.sector), axisLabel: { rotate: 40, color: ink.text, interval: 0 } },
      yAxis: {
        type: 'category',
        inverse: true,
        data: shown.map((zone) => of(zone.zh, zone.en)),
        axisLabel: { color: ink.text, interval: 0, width: 150, overflow: 'truncate' },
      },
      visualMap: visual,
      tooltip: {
        formatter: ({ data: at }: { data: { value: [number, number, number]; zone: string; sector: string; targets: number } }) =>
          `${names.zone(at.zone)}\n${names.sector(at.sector)}\n${t('heat.mean', { rate: percent(at.value[2]) })}\n${t('heat.targets', { n: at.targets })}`,
      },
      series: [
        {
          type: 'heatmap',
          data,
          label: {
            show: true,
            fontSize: 11,
            color: dark ? '#ffffff' : '#1f2329',
            textBorderColor: dark ? '#14181d' : '#ffffff',
            textBorderWidth: 2,
            formatter: ({ data: at }: { data: { value: [number, number, number] } }) => (100 * at.value[2]).toFixed(0),
          },
          itemStyle: { borderColor: ink.surface, borderWidth: 1 },
        },
      ],
    };
    // The names change with the language, which `of` stands for.
  }, [shown, sectors, heat, names, of, t, dark]);
  const treemap = useMemo<Option>(() => {
    const node = (zone: Zone): object => {
      const below = (names.children.get(zone.id) ?? []).filter((child) => heat.zones.has(child.id));
      const mean = heat.zones.get(zone.id) ?? NONE;
      return {
        name: of(zone.zh, zone.en),
        value: [mean.targets, rate(mean)],
        zone: zone.id,
        children: below.map(node),
      };
    };
    const start = names.data?.zones.find((zone) => zone.id === within);
    return {
      tooltip: {
        formatter: ({ name, value }: { name: string; value: [number, number] }) =>
          `${name}\n${t('heat.mean', { rate: percent(value[1]) })}\n${t('heat.targets', { n: value[0] })}`,
      },
      visualMap: { ...visual, dimension: 1, seriesIndex: 0 },
      series: [
        {
          type: 'treemap',
          roam: false,
          nodeClick: false,
          breadcrumb: { show: false },
          left: 0,
          right: 0,
          top: 0,
          bottom: 0,
          visualDimension: 1,
          data: start ? (names.children.get(start.id) ?? []).filter((zone) => heat.zones.has(zone.id)).map(node) : [],
          label: {
            color: dark ? '#ffffff' : '#1f2329',
            textBorderColor: dark ? '#14181d' : '#ffffff',
            textBorderWidth: 2,
            formatter: ({ name, value }: { name: string; value: [number, number] }) => `${name} ${percent(value[1], 0)}`,
          },
          upperLabel: { show: true, height: 20, color: ink.text },
          levels: [
            { itemStyle: { borderColor: ink.line, gapWidth: 3 }, upperLabel: { show: false } },
            { itemStyle: { borderColor: ink.line, borderWidth: 3, gapWidth: 2 } },
            { itemStyle: { borderColor: ink.line, borderWidth: 2, gapWidth: 1 } },
          ],
        },
      ],
    };
  }, [names, heat, of, t, dark, within]);
  const enter = (zone: string) => {
    const next = new URLSearchParams(address);
    if (zone === root?.id) next.delete('in');
    else next.set('in', zone);
    setAddress(next);
  };
  const pick = (data: unknown) => {
    const at = data as { zone?: string; sector?: string };
    if (!at.zone) return;
    if ((names.children.get(at.zone) ?? []).some((child) => heat.zones.has(child.id)) && at.zone !== within) enter(at.zone);
    else if (at.sector) void go(`/subjects?kind=enterprise&zone=${at.zone}&sector=${at.sector}`);
    else void go(subjectPath(`zone:${at.zone}`));
  };
  const path: Zone[] = [];
  for (let zone = names.data?.zones.find((one) => one.id === within); zone; ) {
    path.unshift(zone);
    const parent: string | null = zone.parent ?? null;
    zone = names.data?.zones.find((one) => one.id === parent);
  }
  const figures = (
    <Table
      label={t('heat.title')}
      rows={shown}
      rowKey={(zone) => zone.id}
      columns={[
        { key: 'zone', title: t('grade.zone'), show: (zone) => <SubjectLink subject={`zone:${zone.id}`} name={of(zone.zh, zone.en)} /> },
        { key: 'targets', title: t('heat.count'), number: true, show: (zone) => whole(heat.zones.get(zone.id)?.targets ?? 0, language) },
        { key: 'all', title: t('heat.all'), number: true, show: (zone) => percent(rate(heat.zones.get(zone.id) ?? NONE)) },
        ...sectors.map((sector) => ({
          key: sector,
          title: names.sector(sector),
          number: true,
          show: (zone: Zone) => {
            const mean = heat.pairs.get(`${zone.id}\t${sector}`);
            return mean ? percent(rate(mean)) : '';
          },
        })),
      ]}
    />
  );
  return (
    <Card
      size="small"
      title={<Explained word="heat.title" topic="heat" />}
      extra={
        <Segmented
          size="small"
          aria-label={t('heat.view')}
          value={tree ? 'tree' : 'grid'}
          onChange={(value) => {
            const next = new URLSearchParams(address);
            if (value === 'tree') next.set('map', 'tree');
            else next.delete('map');
            setAddress(next);
          }}
          options={[
            { value: 'grid', label: t('heat.grid') },
            { value: 'tree', label: t('heat.tree') },
          ]}
        />
      }
    >
      <nav aria-label={t('heat.path')} className="row middle" style={{ marginBottom: 8 }}>
        {path.map((zone, place) => (
          <span key={zone.id}>
            {place > 0 && '› '}
            {zone.id === within ? (
              <strong>{of(zone.zh, zone.en)}</strong>
            ) : (
              <a
                href={`?in=${zone.id}`}
                onClick={(event) => {
                  event.preventDefault();
                  enter(zone.id);
                }}
              >
                {of(zone.zh, zone.en)}
              </a>
            )}
          </span>
        ))}
        <span className="quiet">{t('heat.note')}</span>
      </nav>
      <Chart
        label={t('heat.title')}
        option={tree ? treemap : heatmap}
        height={tree ? 420 : Math.max(200, 120 + 26 * shown.length)}
        onPick={pick}
        figures={figures}
      />
    </Card>
  );
}

/** Goals of the policy and how likely they are met: of the city and of sectors that have one. */
function Goals() {
  const { t } = useSpeech();
  const { data, sector } = useNames();
  const domains = ['city', ...(data?.sectors ?? []).map((one) => `sector:${one.code}`)];
  const all = useQueries({ queries: domains.map((domain) => ratesQuery(domain, 'quarter', 1)) });
  const rows = all.flatMap((asked, place) => {
    const latest = asked.data?.items[0];
    return latest?.target ? [{ domain: domains[place] ?? '', latest, target: latest.target }] : [];
  });
  const source = (above: string | null | undefined) => (above ? t('goal.above', { who: above === 'province' ? t('goal.province') : above }) : '');
  return (
    <Card size="small" title={<Explained word="goal.title" topic="goal" />}>
      <Table
        label={t('goal.title')}
        rows={rows}
        rowKey={(row) => row.domain}
        empty={t('goal.none')}
        columns={[
          {
            key: 'domain',
            title: t('goal.of'),
            show: (row) => (
              <Link to={`/rates?domain=${encodeURIComponent(row.domain)}`}>{row.domain === 'city' ? t('city') : sector(row.domain.slice(7))}</Link>
            ),
          },
          { key: 'rate', title: t('goal.rate'), number: true, show: (row) => percent((row.latest.design ?? row.latest.composite)?.pass_rate) },
          { key: 'interval', title: t('grade.interval'), number: true, show: (row) => range(row.latest.design ?? row.latest.composite) },
          { key: 'target', title: t('goal.target'), show: (row) => `${percent(row.target.pass_rate)} ${source(row.target.above)}` },
          {
            key: 'met',
            title: t('goal.met'),
            number: true,
            show: (row) => <strong>{percent(row.target.probability_met, 0)}</strong>,
          },
        ]}
      />
    </Card>
  );
}

/** What changed since the week before: what the goods did, and what the choice did. */
function Changed() {
  const { t } = useSpeech();
  const { dark } = useLook();
  const asked = useQuery(ratesQuery('city', 'week', 13));
  const ink = inks(dark);
  const weeks = useMemo(() => (asked.data?.items ?? []).filter((one) => one.change).toReversed(), [asked.data]);
  const option = useMemo<Option>(
    () => ({
      grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true },
      legend: { top: 0, textStyle: { color: ink.text } },
      tooltip: { trigger: 'axis', valueFormatter: (value: number) => t('points', { n: signed(value) }) },
      xAxis: { type: 'category', data: weeks.map((week) => week.from.slice(5)), axisLabel: { color: ink.text } },
      yAxis: { type: 'value', axisLabel: { color: ink.text }, splitLine: { lineStyle: { color: ink.line } } },
      series: [
        { name: t('change.quality'), type: 'bar', stack: 'change', itemStyle: { color: ink.blue }, data: weeks.map((week) => 100 * (week.change?.quality ?? 0)) },
        { name: t('change.choice'), type: 'bar', stack: 'change', itemStyle: { color: ink.grey }, data: weeks.map((week) => 100 * (week.change?.choice ?? 0)) },
      ],
    }),
    [weeks, t, dark],
  );
  const last = weeks.at(-1);
  return (
    <Card size="small" title={<Explained word="change.title" topic="change" />}>
      {last?.change && (
        <p style={{ marginTop: 0 }}>
          {t('change.sentence', {
            all: signed(100 * last.change.change),
            quality: signed(100 * last.change.quality),
            choice: signed(100 * last.change.choice),
          })}
        </p>
      )}
      <Chart
        label={t('change.title')}
        option={option}
        height={220}
        figures={
          <Table
            label={t('change.title')}
            rows={weeks}
            rowKey={(week) => week.from}
            columns={[
              { key: 'week', title: t('rates.from'), show: (week) => week.from },
              { key: 'all', title: t('change.all'), number: true, show: (week) => signed(100 * (week.change?.change ?? 0)) },
              { key: 'quality', title: t('change.quality'), number: true, show: (week) => signed(100 * (week.change?.quality ?? 0)) },
              { key: 'choice', title: t('change.choice'), number: true, show: (week) => signed(100 * (week.change?.choice ?? 0)) },
            ]}
          />
        }
      />
    </Card>
  );
}

function Now() {
  const { t, language } = useSpeech();
  const status = useQuery({ queryKey: ['/v1/status'], queryFn: () => told(client.GET('/v1/status')) });
  const city = useQuery(ratesQuery('city', 'quarter', 1));
  const latest = city.data?.items[0];
  const figure = latest?.design ?? latest?.composite ?? latest?.random;
  const sum = (counts: Iterable<number>) => [...counts].reduce((all, n) => all + n, 0);
  const alerts = status.data?.alerts ?? {};
  const ofLevel = (level: string) => sum(Object.values(alerts).map((levels) => levels[level] ?? 0));
  const cases = Object.values(status.data?.cases ?? {});
  const overdue = sum(cases.map((one) => one.overdue));
  const enterprises = status.data?.subjects.enterprise ?? {};
  return (
    <div className="grid">
      {status.error && <Failure error={status.error} />}
      <Card className="quarter" size="small" title={<Explained word="now.rate" topic="design" />} loading={city.isLoading}>
        <div className="figure">{percent(figure?.pass_rate)}</div>
        <div>
          {t('now.interval', { range: range(figure) })}
          <div className="quiet">{latest && t(latest.complete ? 'now.since' : 'now.until-now', { from: latest.from })}</div>
        </div>
      </Card>
      <Card className="quarter" size="small" title={t('now.alerts')} loading={status.isLoading} extra={<Link to="/alerts">{t('all')}</Link>}>
        <div className="figure">{whole(sum(Object.values(alerts).flatMap((levels) => Object.values(levels))), language)}</div>
        <div className="row">
          {Object.keys(codes.alertLevel).map((level) => {
            const n = ofLevel(level);
            return n > 0 ? (
              <Link key={level} to={`/alerts?level=${level}&state=*`}>
                <AlertLevel level={level} /> {whole(n, language)}
              </Link>
            ) : null;
          })}
        </div>
      </Card>
      <Card className="quarter" size="small" title={t('now.cases')} loading={status.isLoading} extra={<Link to="/cases?view=board">{t('case.board')}</Link>}>
        <div className="figure">{whole(sum(cases.map((one) => one.open)), language)}</div>
        <Link to="/cases?overdue=true">
          <span className={overdue ? 'tag overdue' : 'tag low'}>{t('now.overdue', { n: whole(overdue, language) })}</span>
        </Link>
      </Card>
      <Card className="quarter" size="small" title={<Explained word="now.enterprises" topic="level" />} loading={status.isLoading} extra={<Link to="/subjects">{t('all')}</Link>}>
        <div className="figure">{whole(Object.values(enterprises).reduce((sum, n) => sum + n, 0), language)}</div>
        <div className="row">
          {['serious', 'high', 'medium', 'low', 'undetermined'].map((level) =>
            enterprises[level] ? (
              <Link key={level} to={`/subjects?kind=enterprise&level=${level}`}>
                <Level level={level} /> {whole(enterprises[level], language)}
              </Link>
            ) : null,
          )}
        </div>
      </Card>
    </div>
  );
}

export default function Overview() {
  const { t, of, language } = useSpeech();
  const heat = useQuery({ queryKey: ['/v1/heat'], queryFn: () => told(client.GET('/v1/heat')), staleTime: 60_000 });
  const status = useQuery({ queryKey: ['/v1/status'], queryFn: () => told(client.GET('/v1/status')) });
  const worst = useQuery({
    queryKey: ['/v1/subjects', 'worst'],
    queryFn: () => page<Schemas['AssessmentDto']>('/v1/subjects', new URLSearchParams({ kind: 'enterprise', limit: '8' })),
  });
  return (
    <>
      <Title title={t('nav.overview')} lead={status.data?.closed_until ? t('overview.as-of', { at: moment(status.data.closed_until, language) }) : ''} />
      <Now />
      <div className="grid gap">
        <div className="two-thirds">{heat.data ? <Places cells={heat.data.cells} /> : heat.error ? <Failure error={heat.error} /> : <Spin aria-label={t('loading')} />}</div>
        <div className="third">
          <LiveFeed most={6} />
          <div className="gap" />
          <Card size="small" title={t('overview.worst')} extra={<Link to="/subjects">{t('all')}</Link>}>
            <ol className="plain">
              {worst.data?.items.map((row) => (
                <li key={row.subject}>
                  <SubjectLink subject={row.subject} name={of(row.name, row.name_en)} /> <Level level={row.level} />{' '}
                  <span className="quiet">{percent(row.probability)}</span>
                </li>
              ))}
            </ol>
          </Card>
        </div>
        <div className="half">
          <Goals />
        </div>
        <div className="half">
          <Changed />
        </div>
      </div>
    </>
  );
}
