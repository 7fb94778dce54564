import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { Infinity, number, word } from './infinity';
import { bars, dashboard, figures, gauges, heading, lines, now, rows, text } from './parts';
import { MODES, periods } from './rates';

const city = (columns: Parameters<typeof periods>[1]): Infinity => periods('city', columns, 'month');

export function planning(): DashboardBuilder {
  return dashboard(
    'planning',
    text('抽样计划', 'Planning'),
    text('检验力量用在了哪里、目标能否达到、哪里还没有证据。这里没有将要抽查的名单，谁也看不到。', 'Where the tests went, whether targets will be met, where there is no evidence yet. The coming list is not here, for nobody.'),
    'now-2y',
  )
    .withRow(heading(text('投入', 'What was tested')))
    .withPanel(
      bars(
        { title: text('每月结果数（五种方式）', 'Results a month, by mode'), description: text('五位一体各方式的结果数，按抽样日所在的周归月。', 'Results of the five modes, by the month in which the week of sampling began.'), unit: 'short', min: 0, width: 12 },
        city(MODES.map(([mode, name]) => number(`raw.${mode}.results`, name))),
      ),
    )
    .withPanel(
      lines(
        { title: text('等效随机结果数', 'Effective random results'), description: text('随机抽样的结果相当于多少个等权结果：校正合格率靠它们支撑。', 'What the random draws are worth in results of equal weight: the corrected rate rests on them.'), unit: 'short', min: 0, width: 6 },
        city([number('random.effective_results', '随机 random')]),
      ),
    )
    .withPanel(
      lines(
        { title: text('抽样框', 'The frame'), description: text('抽样框中的目标数（某商位上某企业的某产品），无论是否检过。', 'Targets in the frame (an enterprise with a product at a booth), tested or not.'), unit: 'short', min: 0, width: 6 },
        city([number('targets', '目标 targets')]),
      ),
    )
    .withRow(heading(text('目标', 'Targets')))
    .withPanel(
      lines(
        { title: text('目标与校正合格率', 'Target and corrected rate'), description: text('政策规定的目标，与校正合格率及其下限。', 'The policy’s target beside the corrected rate and its lower bound.'), unit: 'percentunit', decimals: 1, max: 1, width: 12 },
        city([number('target.pass_rate', '目标 target'), number('design.pass_rate', '校正 corrected'), number('design.lower', '下限 lower')]),
      ),
    )
    .withPanel(
      lines(
        { title: text('达到目标的概率', 'Probability that the target is met'), description: text('没有已知入样概率的随机抽样的月份没有此数。', 'A month without a random draw of known probability has none.'), unit: 'percentunit', decimals: 0, min: 0, max: 1, width: 12 },
        city([number('target.probability_met', '概率 probability')]),
      ),
    )
    .withRow(heading(text('哪里还不知道', 'Where little is known')))
    .withPanel(
      figures(
        { title: text('未定主体', 'Undetermined subjects'), description: text('没有自身证据的主体，按种类：下一次随机抽样首先缩小这里。', 'Subjects without evidence of their own, by kind: the next random draw narrows these first.'), unit: 'short', width: 8, height: 8 },
        now('sum by (kind) (risk_engine_graded_subjects{level="undetermined"})', '{{kind}}'),
      ),
    )
    .withPanel(
      gauges(
        { title: text('未定比例', 'Share undetermined'), description: text('各种主体中未定的比例。', 'Share of each kind that is undetermined.'), unit: 'percentunit', decimals: 1, min: 0, max: 1, width: 8 },
        now('sum by (kind) (risk_engine_graded_subjects{level="undetermined"}) / sum by (kind) (risk_engine_graded_subjects{kind=~"cell|enterprise|site"})', '{{kind}}'),
      ),
    )
    .withPanel(
      rows(
        { title: text('信用分类与抽查比例', 'Credit classes and how often they are visited'), description: text('各类企业一年内被检查的比例，与规定的幅度。', 'How many of each class were visited within a year, beside the band that the policy sets.'), unit: 'short', width: 8 },
        new Infinity('/v1/lists/credit', 'classes', [word('class', '类 class'), number('enterprises', '企业 enterprises'), number('inspected', '已查 inspected'), number('from', '下限 from'), number('to', '上限 to')]),
        { '下限 from': 'percentunit', '上限 to': 'percentunit' },
      ),
    )
    .withRow(heading(text('谁来检', 'Those who test')))
    .withPanel(
      rows(
        { title: text('实验室', 'Laboratories'), description: text('判不合格的几率与其他实验室之比，已扣除货品差异；漂移为最近 13 周与此前 91 周之比。', 'Odds of a failure against the other laboratories, the goods taken into account; drift holds the last 13 weeks against the 91 before.'), unit: 'short', decimals: 2, width: 8 },
        new Infinity('/v1/observers', 'laboratories', [word('id', '实验室 laboratory'), number('odds_ratio', '几率比 odds ratio'), number('lower', '下限 lower'), number('upper', '上限 upper'), number('drift.odds_ratio', '漂移 drift')]),
      ),
    )
    .withPanel(
      rows(
        { title: text('检查组', 'Inspector groups'), description: text('选样和抽样的严格程度，与其他组之比。', 'How strict each group is against the others.'), unit: 'short', decimals: 2, width: 8 },
        new Infinity('/v1/observers', 'inspectors', [word('id', '组 group'), number('odds_ratio', '几率比 odds ratio'), number('lower', '下限 lower'), number('upper', '上限 upper'), number('drift.odds_ratio', '漂移 drift')]),
      ),
    )
    .withPanel(
      rows(
        { title: text('快检方法', 'Fast-test methods'), description: text('由实验室复核得出的灵敏度和特异度。', 'Sensitivity and specificity, found from what laboratories confirmed.'), unit: 'percentunit', decimals: 1, width: 8 },
        new Infinity('/v1/observers', 'methods', [word('id', '方法 method'), number('sensitivity', '灵敏度 sensitivity'), number('specificity', '特异度 specificity')]),
      ),
    );
}
