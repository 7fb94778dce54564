import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { bars, dashboard, figures, gauges, heading, lines, now, series, text } from './parts';

export function cases(): DashboardBuilder {
  return dashboard(
    'cases',
    text('案件与预警处置', 'Cases and dispositions'),
    text('开了多少案、多少逾期，预警怎样处置、多少是虚警。', 'How many cases stand and how many are overdue; what became of alerts, and how many were false.'),
    'now-7d',
  )
    .withRow(heading(text('现在', 'Now')))
    .withPanel(
      figures(
        { title: text('在办案件', 'Open cases'), description: text('按种类。', 'By kind.'), unit: 'short', width: 10 },
        now('risk_engine_open_cases', '{{kind}}'),
      ),
    )
    .withPanel(
      figures(
        { title: text('逾期案件', 'Overdue cases'), description: text('有期限已过而未完成的在办案件，按种类。', 'Open cases with a term that lapsed without being kept, by kind.'), unit: 'short', width: 10 },
        now('risk_engine_overdue_cases', '{{kind}}'),
      ),
    )
    .withPanel(
      figures(
        { title: text('逾期比例', 'Share overdue'), description: text('在办案件中逾期的比例。', 'Share of the open cases that is overdue.'), unit: 'percentunit', decimals: 1, width: 4 },
        now('spotcheck:overdue_case_ratio'),
      ),
    )
    .withRow(heading(text('案件', 'Cases')))
    .withPanel(
      bars(
        { title: text('每小时立案', 'Cases opened an hour'), description: text('按种类。', 'By kind.'), unit: 'short', min: 0, width: 8 },
        series('sum by (kind) (increase(risk_engine_cases_opened_total[1h]))', '{{kind}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('在办案件', 'Open cases'), description: text('按种类；只升不降说明办不过来。', 'By kind; what only rises is more than can be handled.'), unit: 'short', min: 0, width: 8 },
        series('risk_engine_open_cases', '{{kind}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('逾期案件', 'Overdue cases'), description: text('按种类。', 'By kind.'), unit: 'short', min: 0, width: 8 },
        series('risk_engine_overdue_cases', '{{kind}}'),
      ),
    )
    .withRow(heading(text('预警处置', 'What becomes of alerts')))
    .withPanel(
      lines(
        { title: text('预警（按状态和级别）', 'Alerts by state and level'), description: text('未关闭的预警；一级最高。', 'Alerts that are not closed; level one is the highest.'), unit: 'short', min: 0, width: 8 },
        series('sum by (state, level) (risk_engine_standing_alerts{state!="closed"})', '{{state}} {{level}}'),
      ),
    )
    .withPanel(
      bars(
        { title: text('每小时处置', 'Acts an hour'), description: text('预警的变化：新开、合并、升级、确认、调查、关闭等。', 'What changed of alerts: opened, merged, escalated, acknowledged, investigated, closed and so on.'), unit: 'short', min: 0, width: 8 },
        series('sum by (what) (increase(risk_engine_alert_moves_total[1h]))', '{{what}}'),
      ),
    )
    .withPanel(
      gauges(
        { title: text('关闭结论', 'What closed alerts were'), description: text('按规则和结论；虚警多的规则应当调整。', 'By rule and by what came of them; a rule with many false alarms wants another threshold.'), unit: 'short', min: 0, width: 8 },
        now('sum by (rule, disposition) (risk_engine_alert_dispositions)', '{{rule}} {{disposition}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('虚警比例', 'Share of false alarms'), description: text('已关闭且有结论的预警中虚警的比例，按规则。', 'Share of false alarms among the closed alerts that were confirmed or found false, by rule.'), unit: 'percentunit', decimals: 0, min: 0, max: 1, width: 24 },
        series('spotcheck:false_alarm_ratio', '{{rule}}'),
      ),
    );
}
