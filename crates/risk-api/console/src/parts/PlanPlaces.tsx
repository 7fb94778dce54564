import { Card, Segmented } from 'antd';
import { TreemapChart } from 'echarts/charts';
import { VisualMapContinuousComponent } from 'echarts/components';
import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import type { Schemas } from '../api';
import { codes } from '../codes';
import { useSpeech } from '../language';
import { useNames, type Zone } from '../reference';
import { useLook } from '../theme';
import { Chart, draws, inks, type Option } from './Chart';
import { Table } from './Table';

draws([TreemapChart, VisualMapContinuousComponent]);

type Line = Schemas['PlanLineDto'];

/** What a zone with all that lies in it gets of a plan. */
interface Share {
  tests: number;
  finds: number;
  modes: Map<string, number>;
}

const NOTHING: Share = { tests: 0, finds: 0, modes: new Map() };

/** Shares of every zone that a line lies in, the outer ones included. */
function sharesOf(lines: Line[], parents: Map<string, string | null | undefined>): Map<string, Share> {
  const shares = new Map<string, Share>();
  for (const line of lines) {
    for (let zone: string | null | undefined = line.target.zone_id; zone; zone = parents.get(zone)) {
      const share = shares.get(zone) ?? { tests: 0, finds: 0, modes: new Map<string, number>() };
      share.tests += 1;
      share.finds += line.expected_finds;
      share.modes.set(line.mode, (share.modes.get(line.mode) ?? 0) + 1);
      shares.set(zone, share);
    }
  }
  return shares;
}

/** Where the teams go: zones within zones as large as their tests and as hot as what is expected of one, or tests by mode. */
export function PlanPlaces({ lines }: { lines: Line[] }) {
  const { t, of, code } = useSpeech();
  const names = useNames();
  const { dark } = useLook();
  const ink = inks(dark);
  const [address, setAddress] = useSearchParams();
  const bars = address.get('places') === 'bars';
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(address);
    if (value) next.set(name, value);
    else next.delete(name);
    setAddress(next);
  };
  const shares = useMemo(() => sharesOf(lines, new Map(names.tree.map(({ zone }) => [zone.id, zone.parent]))), [lines, names]);
  const innermost = useMemo(() => {
    const own = new Set(lines.map((line) => line.target.zone_id));
    return [...own].toSorted((a, b) => (shares.get(b)?.tests ?? 0) - (shares.get(a)?.tests ?? 0));
  }, [lines, shares]);
  const map = useMemo<Option>(() => {
    const node = (zone: Zone): object => {
      const share = shares.get(zone.id) ?? NOTHING;
      const below = (names.children.get(zone.id) ?? []).filter((child) => shares.has(child.id));
      return { name: of(zone.zh, zone.en), zone: zone.id, value: [share.tests, share.finds / share.tests], children: below.map(node) };
    };
    const roots = (names.children.get(null) ?? []).filter((zone) => shares.has(zone.id));
    const hottest = Math.max(...[...shares.values()].map((share) => share.finds / share.tests), 0.01);
    return {
      tooltip: {
        formatter: ({ name, value }: { name: string; value: [number, number] }) => `${name}\n${t('plan.places.tests', { n: value[0] })}\n${t('plan.places.each', { finds: value[1].toFixed(3) })}`,
      },
      visualMap: { show: false, min: 0, max: hottest, dimension: 1, seriesIndex: 0, inRange: { color: ink.heat } },
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
          data: roots.map(node),
          label: {
            color: dark ? '#ffffff' : '#1f2329',
            textBorderColor: dark ? '#14181d' : '#ffffff',
            textBorderWidth: 2,
            formatter: ({ name, value }: { name: string; value: [number, number] }) => `${name} ${value[0]}`,
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
  }, [shares, names, of, t, dark]);
  const chart = useMemo<Option>(() => {
    const colours = [ink.teal, ink.blue, ink.red, '#b58900', ink.grey];
    return {
      grid: { left: 8, right: 16, top: 32, bottom: 8, containLabel: true },
      legend: { top: 0, textStyle: { color: ink.text } },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'value', axisLabel: { color: ink.text }, splitLine: { lineStyle: { color: ink.line } } },
      yAxis: { type: 'category', inverse: true, data: innermost.map((id) => names.zone(id)), axisLabel: { color: ink.text, interval: 0, width: 220, overflow: 'truncate' } },
      series: Object.keys(codes.mode).map((mode, place) => ({
        name: code('mode', mode),
        type: 'bar',
        stack: 'all',
        itemStyle: { color: colours[place] },
        data: innermost.map((id) => shares.get(id)?.modes.get(mode) ?? 0),
      })),
    };
  }, [innermost, shares, names, code, dark]);
  return (
    <Card
      size="small"
      title={t('plan.places')}
      extra={
        <Segmented
          size="small"
          aria-label={t('plan.places.view')}
          value={bars ? 'bars' : 'map'}
          onChange={(value) => change('places', value === 'bars' ? 'bars' : '')}
          options={[
            { value: 'map', label: t('plan.places.map') },
            { value: 'bars', label: t('plan.places.bars') },
          ]}
        />
      }
    >
      <Chart
        label={t('plan.places')}
        option={bars ? chart : map}
        height={bars ? 60 + 20 * innermost.length : 320}
        onPick={(data) => change('zone', (data as { zone?: string }).zone ?? '')}
        figures={
          <Table
            label={t('plan.places')}
            rows={names.tree.filter(({ zone }) => shares.has(zone.id))}
            rowKey={({ zone }) => zone.id}
            columns={[
              { key: 'zone', title: t('grade.zone'), show: ({ zone, depth }) => `${'　'.repeat(depth)}${of(zone.zh, zone.en)}` },
              { key: 'tests', title: t('burden.tests'), number: true, show: ({ zone }) => shares.get(zone.id)?.tests ?? 0 },
              { key: 'finds', title: t('plan.finds'), number: true, show: ({ zone }) => (shares.get(zone.id)?.finds ?? 0).toFixed(2) },
            ]}
          />
        }
      />
    </Card>
  );
}
