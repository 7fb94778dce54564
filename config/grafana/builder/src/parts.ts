// What the dashboards are put together from: texts in both languages, panels of one look, places on the page.
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BarGaugeDisplayMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizOrientation,
} from '@grafana/grafana-foundation-sdk/common';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
  type DynamicConfigValue,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

import { Infinity } from './infinity';
import { PROMETHEUS, SPOTCHECK } from './sources';

/** A text in both languages. */
export interface Text {
  zh: string;
  en: string;
}

export const text = (zh: string, en: string): Text => ({ zh, en });

/** What every panel tells of itself. */
export interface About {
  title: Text;
  /** What is shown, and how to read it. */
  description: Text;
  /** Grafana's name of the unit. */
  unit: string;
  width: number;
  height?: number;
  decimals?: number;
  min?: number;
  max?: number;
}

/** A PromQL expression over time, with the name of its series. */
export function series(expr: string, legend: string): Builder<Dataquery> {
  return new prometheus.DataqueryBuilder().datasource(PROMETHEUS).expr(expr).legendFormat(legend).range();
}

/** A PromQL expression now. */
export function now(expr: string, legend = ''): Builder<Dataquery> {
  return new prometheus.DataqueryBuilder().datasource(PROMETHEUS).expr(expr).legendFormat(legend).instant();
}

interface AnyPanel<T> extends Builder<Panel> {
  title(value: string): T;
  description(value: string): T;
  unit(value: string): T;
  span(value: number): T;
  height(value: number): T;
  decimals(value: number): T;
  min(value: number): T;
  max(value: number): T;
  datasource(value: { type: string; uid: string }): T;
  targets(value: Builder<Dataquery>[]): T;
}

const DEFAULT_HEIGHT = 8;

function told<T extends AnyPanel<T>>(panel: T, about: About, queries: Builder<Dataquery>[]): T {
  const api = queries.some((query) => query instanceof Infinity);
  if (api && !queries.every((query) => query instanceof Infinity)) {
    throw new Error(`${about.title.en}: a panel asks one data source`);
  }
  const named = queries.map((query, at) => (query as Builder<Dataquery> & { refId(id: string): Builder<Dataquery> }).refId(String.fromCharCode(65 + at)));
  panel
    .title(`${about.title.zh} ${about.title.en}`)
    .description(`${about.description.zh}\n\n${about.description.en}`)
    .unit(about.unit)
    .span(about.width)
    .height(about.height ?? DEFAULT_HEIGHT)
    .datasource(api ? SPOTCHECK : PROMETHEUS)
    .targets(named);
  if (about.decimals !== undefined) panel.decimals(about.decimals);
  if (about.min !== undefined) panel.min(about.min);
  if (about.max !== undefined) panel.max(about.max);
  return panel;
}

function legend(): common.VizLegendOptionsBuilder {
  return new common.VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).calcs([]);
}

/** Lines over time. */
export function lines(about: About, ...queries: Builder<Dataquery>[]): timeseries.PanelBuilder {
  return told(new timeseries.PanelBuilder(), about, queries)
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(2)
    .fillOpacity(0)
    .showPoints(VisibilityMode.Auto)
    .spanNulls(false)
    .legend(legend())
    .tooltip(new common.VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(common.SortOrder.Descending));
}

/** Bars over time, one upon the other. */
export function bars(about: About, ...queries: Builder<Dataquery>[]): timeseries.PanelBuilder {
  return lines(about, ...queries)
    .drawStyle(GraphDrawStyle.Bars)
    .lineWidth(0)
    .fillOpacity(70)
    .stacking(new common.StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
}

/** Numbers that stand now. */
export function figures(about: About, ...queries: Builder<Dataquery>[]): stat.PanelBuilder {
  return told(new stat.PanelBuilder(), { height: 4, ...about }, queries)
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

/** Numbers of several things beside each other. */
export function gauges(about: About, ...queries: Builder<Dataquery>[]): bargauge.PanelBuilder {
  return told(new bargauge.PanelBuilder(), about, queries)
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .showUnfilled(true)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

/** Rows of an answer; `units` are those of columns that have another unit than the panel. */
export function rows(about: About, query: Infinity, units: Record<string, string> = {}): table.PanelBuilder {
  const panel = told(new table.PanelBuilder(), about, [query]);
  for (const [column, unit] of Object.entries(units)) panel.overrideByName(column, [{ id: 'unit', value: unit }]);
  return panel;
}

/** Draws a bound of an interval thin, and the space between both filled. */
export function band(panel: timeseries.PanelBuilder, lower: string, upper: string): timeseries.PanelBuilder {
  const thin: DynamicConfigValue[] = [
    { id: 'custom.lineWidth', value: 0 },
    { id: 'custom.showPoints', value: 'never' },
  ];
  return panel
    .overrideByName(lower, thin)
    .overrideByName(upper, [...thin, { id: 'custom.fillBelowTo', value: lower }, { id: 'custom.fillOpacity', value: 15 }]);
}

/** A row's title. */
export const heading = (title: Text): RowBuilder => new RowBuilder(`${title.zh} ${title.en}`);

/** An empty dashboard; all of them link to each other by their tag. */
export function dashboard(uid: string, title: Text, description: Text, span: string): DashboardBuilder {
  const others = new DashboardLinkBuilder('Spotcheck').type(DashboardLinkType.Dashboards).tags(['spotcheck']).asDropdown(true).keepTime(false).includeVars(false);
  return new DashboardBuilder(`${title.zh} ${title.en}`)
    .uid(`spotcheck-${uid}`)
    .description(`${description.zh}\n\n${description.en}`)
    .tags(['spotcheck'])
    .timezone('Asia/Shanghai')
    .weekStart('monday')
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: span, to: 'now' })
    .refresh(span === 'now-2y' ? '15m' : '30s')
    .link(others);
}
