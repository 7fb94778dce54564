import { CustomVariableBuilder, type DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { Infinity, number, word } from './infinity';
import { dashboard, figures, gauges, heading, lines, now, rows, series, text } from './parts';

/** Subjects of one kind, the riskiest first. */
const worst = (kind: string, limit: number): Infinity =>
  new Infinity(`/v1/subjects?kind=${kind}&sort=-probability&limit=${limit}`, 'items', [
    word('name', '名称 name'),
    word('level_zh', '等级 level'),
    number('probability', '概率 probability'),
    number('interval.lower', '下限 lower'),
    number('interval.upper', '上限 upper'),
    number('own_results', '检验数 results'),
  ]);

const COUNTS = { '检验数 results': 'short' };

export function risk(): DashboardBuilder {
  return dashboard(
    'risk',
    text('风险', 'Risk'),
    text('哪里有风险、有多大、正在变好还是变坏。只有汇总，没有企业：企业的情况在控制台查看，控制台知道是谁在看。', 'Where the risk lies, how much, and which way it moves. Sums only, no enterprise: those are the console’s, which knows who is looking.'),
    'now-7d',
  )
    .withVariable(
      new CustomVariableBuilder('kind')
        .label('主体 subject')
        .values('企业 enterprise : enterprise,商位 site : site,产品 product : product,区域 zone : zone,行业 sector : sector,企业×产品 cell : cell')
        .current({ text: '企业 enterprise', value: 'enterprise' }),
    )
    .withRow(heading(text('现在', 'Now')))
    .withPanel(
      figures(
        { title: text('重大与高风险', 'Serious and high'), description: text('记录等级为重大或高的主体数，按种类。', 'Subjects whose recorded level is serious or high, by kind.'), unit: 'short', width: 9 },
        now('sum by (kind) (risk_engine_graded_subjects{level=~"serious|high"})', '{{kind}}'),
      ),
    )
    .withPanel(
      figures(
        { title: text('未结预警', 'Alerts not closed'), description: text('一级最高。', 'Level one is the highest.'), unit: 'short', width: 7 },
        now('sum by (level) (risk_engine_standing_alerts{state!="closed"})', '{{level}}'),
      ),
    )
    .withPanel(
      figures(
        { title: text('全市校正合格率', 'City pass rate, corrected'), description: text('最近 13 个已关闭的周，及 95% 区间。抽样向高风险倾斜不会使它失真。', 'The last 13 closed weeks with their 95 % interval. Targeted sampling does not distort it.'), unit: 'percentunit', decimals: 1, width: 8 },
        now('risk_engine_pass_rate{domain="city",figure="design"}', '{{bound}}'),
      ),
    )
    .withRow(heading(text('变化', 'What moves')))
    .withPanel(
      lines(
        { title: text('按等级的主体数', 'Subjects by level'), description: text('“未定”是没有自身证据，绝不等于“低”。', 'Undetermined means no evidence of its own; it is never counted as low.'), unit: 'short', width: 8 },
        series('sum by (level) (risk_engine_graded_subjects{kind="$kind"})', '{{level}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('每小时预警', 'Alerts raised an hour'), description: text('合并入已有预警的也计入。', 'Those merged into a standing alert are counted, too.'), unit: 'short', width: 8 },
        series('sum by (level) (increase(risk_engine_alerts_total[1h]))', '{{level}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('预警状态', 'Alerts by state'), description: text('未处理、已确认、调查中。', 'Open, acknowledged, under investigation.'), unit: 'short', width: 8 },
        series('sum by (state) (risk_engine_standing_alerts{state!="closed"})', '{{state}}'),
      ),
    )
    .withRow(heading(text('风险在哪里', 'Where the risk lies')))
    .withPanel(
      rows(
        { title: text('行业', 'Sectors'), description: text('随机抽取一批的不合格概率及 95% 区间，上次关闭时的记录。', 'The probability that a batch drawn at random fails, with its 95 % interval, as the last close recorded it.'), unit: 'percentunit', decimals: 1, width: 12, height: 10 },
        worst('sector', 50),
        COUNTS,
      ),
    )
    .withPanel(
      rows(
        { title: text('产品', 'Products'), description: text('概率最高的 30 种产品。', 'The 30 products most likely to fail.'), unit: 'percentunit', decimals: 1, width: 12, height: 10 },
        worst('product', 30),
        COUNTS,
      ),
    )
    .withPanel(
      rows(
        { title: text('区域', 'Zones'), description: text('概率最高的 30 个区域，到楼层和街道。', 'The 30 zones most likely to fail, down to floor and street.'), unit: 'percentunit', decimals: 1, width: 12, height: 10 },
        worst('zone', 30),
        COUNTS,
      ),
    )
    .withPanel(
      rows(
        { title: text('区域 × 行业', 'Zone by sector'), description: text('抽样框中各格按批量加权的平均不合格概率；批量是每年的批数。', 'The mean probability of each cell of the frame, by volume; volume is batches a year.'), unit: 'percentunit', decimals: 1, width: 12, height: 10 },
        new Infinity('/v1/heat', 'cells', [word('zone', '区域 zone'), word('sector', '行业 sector'), number('targets', '目标 targets'), number('volume', '批量 volume'), number('probability', '概率 probability')]),
        { '目标 targets': 'short', '批量 volume': 'short' },
      ),
    )
    .withPanel(
      gauges(
        { title: text('各行业校正合格率', 'Sectors, corrected pass rate'), description: text('最近 13 个已关闭的周；没有已知入样概率的抽样的行业不显示。', 'The last 13 closed weeks; a sector without draws of known probability is not shown.'), unit: 'percentunit', decimals: 1, min: 0, max: 1, width: 24 },
        now('sort(risk_engine_pass_rate{domain=~"sector:.+",figure="design",bound="value"})', '{{domain}}'),
      ),
    );
}
