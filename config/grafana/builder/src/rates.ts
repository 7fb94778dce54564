import { CustomVariableBuilder, QueryVariableBuilder, VariableRefresh, VariableSort, type DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { Infinity, number, time, word, type Column } from './infinity';
import { band, bars, dashboard, heading, lines, now, gauges, text, type About } from './parts';
import { SPOTCHECK } from './sources';

/** The modes in which goods are tested, in the words of the API. */
export const MODES = [
  ['risk_evaluation', '风险评价 evaluation'],
  ['supervisory_check', '监督抽查 supervisory'],
  ['special_check', '专项抽查 special'],
  ['fast_test', '快检 fast test'],
  ['enforcement_test', '执法抽检 enforcement'],
] as const;

/** Periods of a domain: as many as the API gives, so that history stands there on the first day. */
export const periods = (domain: string, columns: Column[], period = '${period}'): Infinity =>
  new Infinity(`/v1/rates?domain=${domain}&period=${period}&limit=520`, 'items', [time('from'), ...columns]);

const interval = (figure: string): Column[] => [
  number(`${figure}.pass_rate`, '合格率 rate'),
  number(`${figure}.lower`, '下限 lower'),
  number(`${figure}.upper`, '上限 upper'),
];

const CORRECTED = text(
  '模型在抽样框上的平均，由已知入样概率的抽样校正：这是对外公布的数。抽样向高风险倾斜不会使它失真。',
  'The model’s mean over the frame, corrected by draws of known probability: the figure to publish. Targeted sampling does not distort it.',
);
const RANDOM = text('只用记录了入样概率的风险评价。无偏，但结果少，区间宽。', 'Risk evaluations with logged inclusion probabilities alone: unbiased, but few, so the interval is wide.');
const RAW = text('各方式检出结果的合格比例。因选样对象不同而有偏：只能同一方式自比，不能说明全市。', 'Share of conforming results of each mode. Biased by whom the mode chose: compare a mode with itself only.');

const rate = (title: ReturnType<typeof text>, description: ReturnType<typeof text>, width: number): About => ({
  title,
  description,
  unit: 'percentunit',
  decimals: 1,
  max: 1,
  width,
  height: 9,
});

const raw = (of: 'pass_rate' | 'results'): Column[] => MODES.map(([mode, name]) => number(`raw.${mode}.${of}`, name));

/** The three figures of a domain, apart from each other. */
function three(to: DashboardBuilder, domain: string): DashboardBuilder {
  return to
    .withPanel(band(lines(rate(text('校正', 'Corrected'), CORRECTED, 8), periods(domain, interval('design'))), '下限 lower', '上限 upper'))
    .withPanel(band(lines(rate(text('仅随机', 'Random only'), RANDOM, 8), periods(domain, interval('random'))), '下限 lower', '上限 upper'))
    .withPanel(lines(rate(text('原始（按方式）', 'Raw, by mode'), RAW, 8), periods(domain, raw('pass_rate'))));
}

/** A variable with the names of subjects of a kind. */
const subjects = (name: string, label: string, kind: string): QueryVariableBuilder => {
  const query = new Infinity(`/v1/subjects?kind=${kind}&limit=1000`, 'items', [word('name', '__text'), word('subject', '__value')]).refId('variable').build();
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SPOTCHECK)
    .query({ queryType: 'infinity', refId: 'variable', infinityQuery: query })
    .refresh(VariableRefresh.OnDashboardLoad)
    .sort(VariableSort.AlphabeticalAsc);
};

export function rates(): DashboardBuilder {
  const to = dashboard(
    'rates',
    text('合格率', 'Pass rates'),
    text('历史来自 Spotcheck 的接口，第一天就有两年的趋势。原始、仅随机、校正三种分开，定向抽样不能扭曲趋势。', 'History comes from Spotcheck’s own API, so that two years of trends stand here on the first day. Raw, random only and corrected stand apart, so that targeted sampling cannot distort the trend.'),
    'now-2y',
  )
    .withVariable(
      new CustomVariableBuilder('period')
        .label('周期 period')
        .values('周 week : week,月 month : month,季 quarter : quarter')
        .current({ text: '月 month', value: 'month' }),
    )
    .withVariable(subjects('sector', '行业 sector', 'sector'))
    .withVariable(subjects('zone', '区域 zone', 'zone'))
    .withRow(heading(text('全市', 'The city')));
  three(to, 'city')
    .withPanel(
      lines(
        { title: text('等效随机结果数', 'Effective results'), description: text('各数相当于多少个等权随机结果；少于 30 时不宜下结论。', 'How many results of equal weight each figure is worth; below 30 it supports no conclusion.'), unit: 'short', width: 8, min: 0 },
        periods('city', [number('design.effective_results', '校正 corrected'), number('random.effective_results', '仅随机 random')]),
      ),
    )
    .withPanel(
      bars(
        { title: text('结果数（按方式）', 'Results, by mode'), description: text('合格率背后的结果数。', 'How many results stand behind the rates.'), unit: 'short', width: 8, min: 0 },
        periods('city', raw('results')),
      ),
    )
    .withPanel(
      bars(
        { title: text('不合格率变化的来源', 'Why the failure rate moved'), description: text('与上一周期相比，原始不合格率的变化拆为两部分：货品变了，还是抽的对象变了。', 'The change of the raw failure rate since the period before, split into what the goods did and what the choice of goods did.'), unit: 'percentunit', decimals: 1, width: 8 },
        periods('city', [number('change.quality', '货品 quality'), number('change.choice', '选择 choice')]),
      ),
    )
    .withRow(heading(text('行业：$sector', 'Sector: $sector')));
  three(to, '${sector}').withRow(heading(text('区域：$zone', 'Zone: $zone')));
  return three(to, '${zone}')
    .withRow(heading(text('最近 13 周', 'The last 13 weeks')))
    .withPanel(
      gauges(
        { title: text('行业，校正', 'Sectors, corrected'), description: CORRECTED, unit: 'percentunit', decimals: 1, min: 0, max: 1, width: 12, height: 10 },
        now('sort(risk_engine_pass_rate{domain=~"sector:.+",figure="design",bound="value"})', '{{domain}}'),
      ),
    )
    .withPanel(
      gauges(
        { title: text('全市，各种口径', 'The city, every figure'), description: text('同一时段，各种口径并列，可见选样使原始数偏离多少。', 'The same weeks by every figure: how far the choice of goods moves the raw ones.'), unit: 'percentunit', decimals: 1, min: 0, max: 1, width: 12, height: 10 },
        now('risk_engine_pass_rate{domain="city",bound="value"}', '{{figure}}'),
      ),
    );
}
