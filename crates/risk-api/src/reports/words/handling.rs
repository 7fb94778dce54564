//! Alerts, cases, lists, plans and data quality in words.

use super::Words;
use crate::document::{Block, Column, Table, Value};
use crate::dto::{ReportAlertsDto, ReportCasesDto, ReportDto, ReportDueDto, ReportListsDto};
use crate::reports::labels;

impl Words {
    pub(super) fn alerts(&mut self, alerts: &ReportAlertsDto, rows: usize) {
        self.heading("预警", "Alerts");
        let columns = vec![
            Column::text(self.say("级别", "Level"), 3),
            Column::number(self.say("本期新增", "Opened"), 1),
            Column::number(self.say("期末未关闭", "Open at the end"), 1),
        ];
        let of_level = alerts.by_level.iter().map(|level| {
            let name = labels::alert_level(&level.level, self.lang);
            vec![name.into(), level.opened.into(), level.open.into()]
        });
        let table = Table {
            name: self.say("预警级别", "Alert levels"),
            columns,
            rows: of_level.collect(),
        };
        self.blocks.push(Block::Table(table));
        let rules: Vec<String> = alerts
            .by_rule
            .iter()
            .map(|(rule, count)| format!("{} {count}", labels::rule(rule, self.lang)))
            .collect();
        if !rules.is_empty() {
            let joined = rules.join(self.lang.of("、", ", "));
            let text = self.lang.of(
                format!("本期新增按规则：{joined}。"),
                format!("Opened by rule: {joined}."),
            );
            self.blocks.push(Block::Text(text));
        }
        if alerts.gravest.is_empty() {
            return;
        }
        let shown = alerts.gravest.iter().take(rows).map(|alert| {
            let name = self.name(alert.name.as_ref(), alert.name_en.as_ref(), &alert.subject);
            let day: String = alert.opened_at.chars().take(10).collect();
            let state = self.lang.of(&alert.state_zh, &alert.state);
            vec![
                labels::alert_level(&alert.level, self.lang).into(),
                name.into(),
                self.lang
                    .of(alert.reason_zh.as_str(), &alert.reason_en)
                    .into(),
                day.into(),
                state.as_str().into(),
            ]
        });
        let table = Table {
            name: self.say("未关闭预警", "Open alerts"),
            columns: vec![
                Column::text(self.say("级别", "Level"), 2),
                Column::text(self.say("对象", "About"), 4),
                Column::text(self.say("原因", "Why"), 7),
                Column::text(self.say("首次", "Opened"), 2),
                Column::text(self.say("状态", "State"), 2),
            ],
            rows: shown.collect(),
        };
        self.blocks.push(Block::Table(table));
    }

    pub(super) fn cases(&mut self, cases: &[ReportCasesDto], due: &[ReportDueDto], rows: usize) {
        self.heading("案件与期限", "Cases and terms");
        if cases.is_empty() {
            self.note("没有案件。", "There are no cases.");
            return;
        }
        let of_kind = cases.iter().map(|kind| {
            let name = self
                .lang
                .of(kind.kind_zh.clone(), kind.kind.replace('_', " "));
            vec![
                name.into(),
                kind.opened.into(),
                kind.closed.into(),
                kind.open.into(),
                kind.overdue.into(),
            ]
        });
        let table = Table {
            name: self.say("案件", "Cases"),
            columns: vec![
                Column::text(self.say("类型", "Kind"), 4),
                Column::number(self.say("本期立案", "Opened"), 2),
                Column::number(self.say("本期结案", "Closed"), 2),
                Column::number(self.say("期末在办", "Open at the end"), 2),
                Column::number(self.say("其中逾期", "Overdue"), 2),
            ],
            rows: of_kind.collect(),
        };
        self.blocks.push(Block::Table(table));
        if due.is_empty() {
            return;
        }
        let shown = due.iter().take(rows).map(|case| {
            let name = self.name(case.name.as_ref(), case.name_en.as_ref(), &case.subject);
            let kind = self
                .lang
                .of(case.kind_zh.clone(), case.kind.replace('_', " "));
            let overdue = if case.overdue {
                self.say("已逾期", "overdue")
            } else {
                self.say("将到期", "due soon")
            };
            vec![
                overdue.into(),
                case.last_day.as_str().into(),
                name.into(),
                kind.into(),
                labels::term(&case.term, self.lang).into(),
                case.basis.as_str().into(),
            ]
        });
        let table = Table {
            name: self.say("逾期与将到期", "Terms due"),
            columns: vec![
                Column::text(self.say("期限", "Term is"), 2),
                Column::text(self.say("最后一日", "Last day"), 2),
                Column::text(self.say("当事人与产品", "Party and product"), 5),
                Column::text(self.say("案件", "Case"), 3),
                Column::text(self.say("事项", "Of what"), 3),
                Column::text(self.say("依据", "Basis"), 5),
            ],
            rows: shown.collect(),
        };
        self.blocks.push(Block::Table(table));
    }

    pub(super) fn lists(&mut self, lists: &ReportListsDto, rows: usize) {
        self.heading("问题清单与帮扶清单", "Problems and assistance");
        let mut facts: Vec<(String, String)> = lists
            .problems
            .iter()
            .map(|(state, count)| (labels::problem(state, self.lang), count.to_string()))
            .collect();
        facts.push((
            self.say("本期验收销号", "verified in the period"),
            lists.verified.to_string(),
        ));
        facts.push((
            self.say("验收后复发", "came again after verification"),
            lists.recurring.to_string(),
        ));
        let reasons: Vec<String> = lists
            .assisted_by
            .iter()
            .map(|(reason, count)| format!("{} {count}", labels::reason(reason, self.lang)))
            .collect();
        let reasons = reasons.join(self.lang.of("、", ", "));
        let assisted = if reasons.is_empty() {
            lists.assisted.to_string()
        } else {
            format!("{}（{reasons}）", lists.assisted)
        };
        facts.push((self.say("帮扶企业", "enterprises assisted"), assisted));
        self.blocks.push(Block::Facts(facts));
        if lists.open.is_empty() {
            return;
        }
        let shown = lists.open.iter().take(rows).map(|problem| {
            vec![
                problem
                    .name
                    .as_ref()
                    .unwrap_or(&problem.enterprise_id)
                    .as_str()
                    .into(),
                problem.product.as_deref().unwrap_or("–").into(),
                problem.problem.as_str().into(),
                labels::problem(&problem.state, self.lang).into(),
                u64::from(problem.failures).into(),
                problem.due.as_deref().unwrap_or("–").into(),
            ]
        });
        let table = Table {
            name: self.say("未销号问题", "Open problems"),
            columns: vec![
                Column::text(self.say("企业", "Enterprise"), 4),
                Column::text(self.say("产品", "Product"), 3),
                Column::text(self.say("问题", "Problem"), 4),
                Column::text(self.say("进度", "State"), 3),
                Column::number(self.say("不合格批次", "Failures"), 2),
                Column::text(self.say("整改期限", "Due"), 2),
            ],
            rows: shown.collect(),
        };
        self.blocks.push(Block::Table(table));
    }

    pub(super) fn plans(&mut self, report: &ReportDto) {
        if report.plans.is_empty() {
            return;
        }
        self.heading("抽检计划执行", "What came of plans");
        let rows = report.plans.iter().map(|plan| {
            vec![
                plan.day.as_str().into(),
                plan.plan_id.as_str().into(),
                plan.tests.into(),
                plan.drawn.into(),
                plan.done.into(),
                plan.failures.into(),
                Value::Number(plan.expected).into(),
            ]
        });
        let table = Table {
            name: self.say("计划", "Plans"),
            columns: vec![
                Column::text(self.say("首日", "First day"), 2),
                Column::text(self.say("计划", "Plan"), 4),
                Column::number(self.say("计划批次", "Tests"), 2),
                Column::number(self.say("随机抽取", "Drawn"), 2),
                Column::number(self.say("已完成", "Done"), 2),
                Column::number(self.say("不合格", "Failures"), 2),
                Column::number(self.say("预期不合格", "Expected"), 2),
            ],
            rows: rows.collect(),
        };
        self.blocks.push(Block::Table(table));
    }

    pub(super) fn quality(&mut self, report: &ReportDto) {
        self.heading("数据质量", "Data quality");
        let quality = &report.quality;
        let mut facts = vec![
            (
                self.say("计入的检验结果", "results that count"),
                quality.results.to_string(),
            ),
            (
                self.say("其中应随机抽取", "of modes that draw at random"),
                quality.random.to_string(),
            ),
            (
                self.say("其中记录了入样概率", "of these, with a logged probability"),
                quality.with_probability.to_string(),
            ),
        ];
        if let Some(unregistered) = quality.unregistered {
            facts.push((
                self.say("未登记的已检对象", "tested and not registered"),
                unregistered.to_string(),
            ));
        }
        if let Some(letters) = &quality.dead_letters {
            let told: Vec<String> = letters
                .iter()
                .map(|(code, count)| format!("{code} {count}"))
                .collect();
            let told = if told.is_empty() {
                "0".to_owned()
            } else {
                told.join(self.lang.of("、", ", "))
            };
            facts.push((
                self.say(
                    "死信（累计，按原因）",
                    "dead letters of all time, by reason",
                ),
                told,
            ));
        }
        self.blocks.push(Block::Facts(facts));
        for notice in &report.notices {
            let text = self.lang.of(&notice.zh, &notice.en).clone();
            self.blocks.push(Block::Warning(text));
        }
    }
}
