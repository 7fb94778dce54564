//! Pass rates in words.

use super::Words;
use crate::document::chart::{Chart, Drawn, Line, Point, Role};
use crate::document::{Block, Column, Figure, Table, Value, percent};
use crate::dto::{PassRateDto, PeriodRatesDto, ReportDto, ReportPartDto};
use crate::reports::labels;

impl Words {
    pub(super) fn rates(&mut self, report: &ReportDto) {
        let rates = &report.rates;
        self.heading("合格率", "Pass rates");
        let mut figures = vec![
            self.figure(
                self.say("校正合格率（对外口径）", "Corrected (to publish)"),
                rates.design.as_ref(),
            ),
            self.figure(
                self.say("仅随机抽样", "Random draws alone"),
                rates.random.as_ref(),
            ),
            self.figure(
                self.say(
                    "原始合格率（受抽检对象影响）",
                    "Raw (depends on whom was tested)",
                ),
                report.raw.as_ref(),
            ),
        ];
        if let Some(target) = &rates.target {
            let met = target.probability_met.map_or_else(
                || {
                    self.say(
                        "未校正，无法判断是否达到",
                        "uncorrected: nobody can say whether it is met",
                    )
                },
                |met| {
                    self.lang.of(
                        format!("达到目标的概率 {}", percent(met)),
                        format!("met with probability {}", percent(met)),
                    )
                },
            );
            figures.push(Figure {
                label: self.say("目标", "Target"),
                value: Value::Share(target.pass_rate).into(),
                beside: met,
            });
        }
        self.blocks.push(Block::Figures(figures));
        self.note(
            "三个口径不能互换：原始合格率由抽检了谁决定，定向抽检越准，它越低；仅随机抽样只用已知入样概率的风险评价；校正合格率把模型预测用随机抽样校正到全部对象，是对外口径。",
            "The three must not be mixed up. The raw rate depends on whom was tested: the better targeted, the lower. Random draws alone use risk evaluations of known probability. The corrected rate extends to all targets and is the one to publish.",
        );
        if let Some(change) = &rates.change {
            let point = |of: f64| format!("{:+.2}", of * 100.0);
            let (all, goods, choice) = (
                point(change.change),
                point(change.quality),
                point(change.choice),
            );
            let text = self.lang.of(
                format!("与上期相比，原始不合格率变化 {all} 个百分点：其中 {goods} 来自货品质量，{choice} 来自抽检对象的变化（结构效应）。"),
                format!("Since the period before, the raw failure rate changed by {all} percentage points: {goods} of that comes from the goods, {choice} from testing others (mix shift)."),
            );
            self.blocks.push(Block::Text(text));
        }
        self.chart(report);
        self.by_mode(report);
    }

    fn chart(&mut self, report: &ReportDto) {
        let history = &report.history;
        let line = |name: String, role, pick: &dyn Fn(&PeriodRatesDto) -> Option<Point>| Line {
            name,
            role,
            points: history.iter().map(pick).collect(),
        };
        let lines = vec![
            line(self.say("校正", "corrected"), Role::Corrected, &|one| {
                one.design.as_ref().map(|rate| self.point(rate))
            }),
            line(self.say("仅随机", "random alone"), Role::Random, &|one| {
                one.random.as_ref().map(|rate| self.point(rate))
            }),
            line(self.say("原始", "raw"), Role::Raw, &|one| {
                self.raw_point(one)
            }),
        ];
        let target = report.rates.target.as_ref();
        let chart = Chart {
            title: self.say("合格率走势", "Pass rates over time"),
            muted_note: self.grey_note(),
            drawn: Drawn::Lines {
                periods: history
                    .iter()
                    .map(|one| one.from.chars().skip(2).collect())
                    .collect(),
                lines,
                target: target.map(|target| (self.say("目标", "target"), target.pass_rate)),
            },
        };
        self.blocks.push(Block::Chart(chart));
    }

    /// The raw rate of a period, all modes together; a chart shows it without an interval.
    fn raw_point(&self, period: &PeriodRatesDto) -> Option<Point> {
        let results: u64 = period.raw.values().map(|rate| rate.results).sum();
        let passed = period.raw.values();
        let passed: f64 = passed
            .map(|rate| rate.pass_rate * rate.results as f64)
            .sum();
        let value = passed / results as f64;
        (results > 0).then_some(Point {
            value,
            lower: value,
            upper: value,
            muted: (results as f64) < self.least,
        })
    }

    fn by_mode(&mut self, report: &ReportDto) {
        let columns = vec![
            Column::text(self.say("抽检方式（原始）", "Mode (raw)"), 3),
            Column::number(self.say("批次", "Results"), 1),
            Column::number(self.say("合格率", "Pass rate"), 2),
            Column::text(self.say("95% 区间", "95% interval"), 3),
        ];
        let row = |(mode, rate): (&String, &PassRateDto)| {
            let [share, reach, _] = self.rate_cells(Some(rate));
            vec![
                labels::mode(mode, self.lang).into(),
                rate.results.into(),
                share,
                reach,
            ]
        };
        let rows = report.rates.raw.iter().map(row).collect();
        let name = self.say("原始合格率", "Raw rates");
        self.blocks.push(Block::Table(Table {
            name,
            columns,
            rows,
        }));
    }

    pub(super) fn parts(&mut self, parts: &[ReportPartDto]) {
        if parts.is_empty() {
            return;
        }
        self.heading("分项合格率", "Rates of the parts");
        let name = |part: &ReportPartDto| self.lang.of(&part.name, &part.name_en).clone();
        let mut dots: Vec<(String, Point)> = parts
            .iter()
            .filter_map(|part| Some((name(part), self.point(part.rates.design.as_ref()?))))
            .collect();
        dots.sort_by(|one, other| one.1.value.total_cmp(&other.1.value));
        dots.truncate(20);
        let rows = parts.iter().map(|part| {
            let [corrected, reach, worth] = self.rate_cells(part.rates.design.as_ref());
            let [random, _, _] = self.rate_cells(part.rates.random.as_ref());
            let [raw, _, _] = self.rate_cells(part.raw.as_ref());
            let results = part.raw.as_ref().map_or(0, |rate| rate.results);
            vec![
                name(part).into(),
                corrected,
                reach,
                worth,
                random,
                raw,
                results.into(),
            ]
        });
        let table = Table {
            name: self.say("分项合格率", "Parts"),
            columns: vec![
                Column::text(self.say("名称", "Name"), 4),
                Column::number(self.say("校正", "Corrected"), 2),
                Column::text(self.say("95% 区间", "95% interval"), 4),
                Column::number(self.say("有效样本", "Effective n"), 2),
                Column::number(self.say("仅随机", "Random"), 2),
                Column::number(self.say("原始", "Raw"), 2),
                Column::number(self.say("批次", "Results"), 2),
            ],
            rows: rows.collect(),
        };
        if !dots.is_empty() {
            let chart = Chart {
                title: self.say(
                    "校正合格率及 95% 区间（低者在前）",
                    "Corrected, with 95% intervals, the lowest first",
                ),
                muted_note: self.grey_note(),
                drawn: Drawn::Dots(dots),
            };
            self.blocks.push(Block::Chart(chart));
        }
        self.blocks.push(Block::Table(table));
    }
}
