//! Reports in words: the blocks that page, PDF and workbook show.

mod handling;
mod rates;

use super::labels;
use crate::document::chart::Point;
use crate::document::{Block, Cell, Document, Figure, Lang, Value, interval, percent};
use crate::dto::{BasisDto, PassRateDto, ReportDto, ZoneSheetDto};
use risk_domain::time::{CivilOffset, Day, Timestamp};

/// Rows of a list on a sheet of one page.
const SHEET_ROWS: usize = 3;
/// Signs of a cell there: what officers and records write may be long.
const SHEET_SIGNS: usize = 80;

/// The first and the last day of a period.
fn span_of(basis: &BasisDto) -> String {
    let last = basis.until.parse::<Day>().map(|day| day.plus(-1));
    let last = last.map_or_else(|_| basis.until.clone(), |day| day.to_string());
    format!("{} – {last}", basis.from)
}

fn day_of(basis: &BasisDto) -> Day {
    let until = basis.until.parse::<Day>();
    until.map_or(Day::new(0), |day| day.plus(-1))
}

/// What everything in a report is made of, for its foot.
fn footer(basis: &BasisDto, lang: Lang) -> String {
    let hash: String = basis.policy_hash.chars().take(8).collect();
    let (entries, version) = (basis.ledger_entries, &basis.policy_version);
    // The end of a close is the first instant after it.
    let as_of = Timestamp::parse(&basis.as_of).ok();
    let as_of = as_of.map(|end| CivilOffset::CHINA.day_of(end.plus_millis(-1)).to_string());
    let as_of = as_of.unwrap_or_default();
    lang.of(
        format!("依据账本前 {entries} 条记录（结账至 {as_of}）及风险政策 {version}（{hash}）生成"),
        format!("Made of the ledger's first {entries} entries (closed up to {as_of}) under risk policy {version} ({hash})"),
    )
}

struct Words {
    lang: Lang,
    least: f64,
    blocks: Vec<Block>,
}

impl Words {
    fn say(&self, zh: &str, en: &str) -> String {
        self.lang.of(zh, en).to_owned()
    }

    fn heading(&mut self, zh: &str, en: &str) {
        let text = self.say(zh, en);
        self.blocks.push(Block::Heading(text));
    }

    fn note(&mut self, zh: &str, en: &str) {
        let text = self.say(zh, en);
        self.blocks.push(Block::Note(text));
    }

    fn name<'a>(
        &self,
        zh: Option<&'a String>,
        en: Option<&'a String>,
        code: &'a String,
    ) -> &'a str {
        let wanted = self.lang.of(zh, en.or(zh));
        wanted.unwrap_or(code)
    }

    fn is_weak(&self, rate: &PassRateDto) -> bool {
        rate.effective_results < self.least
    }

    /// A pass rate with its interval and what it is worth.
    fn rate_cells(&self, rate: Option<&PassRateDto>) -> [Cell; 3] {
        let Some(rate) = rate else {
            return [
                Value::Nothing.into(),
                Value::Nothing.into(),
                Value::Nothing.into(),
            ];
        };
        let weak = self.is_weak(rate);
        [
            Cell::from(Value::Share(rate.pass_rate)).muted(weak),
            Cell::from(interval(rate.lower, rate.upper)).muted(weak),
            Cell::from(Value::Number(rate.effective_results)).muted(weak),
        ]
    }

    fn figure(&self, label: String, rate: Option<&PassRateDto>) -> Figure {
        let nothing = self.say("本期无此类数据", "no such data in this period");
        let beside = rate.map_or(nothing, |rate| {
            let reach = interval(rate.lower, rate.upper);
            let results = rate.results;
            self.lang.of(
                format!("95% 区间 {reach}；{results} 批次"),
                format!("95% interval {reach}; {results} results"),
            )
        });
        let value = rate.map_or(Value::Nothing, |rate| Value::Share(rate.pass_rate));
        let weak = rate.is_some_and(|rate| self.is_weak(rate));
        Figure {
            label,
            value: Cell::from(value).muted(weak),
            beside,
        }
    }

    fn count(&self, (zh, en): (&str, &str), count: u64, beside: String) -> Figure {
        Figure {
            label: self.say(zh, en),
            value: count.into(),
            beside,
        }
    }

    fn point(&self, rate: &PassRateDto) -> Point {
        Point {
            value: rate.pass_rate,
            lower: rate.lower,
            upper: rate.upper,
            muted: self.is_weak(rate),
        }
    }

    fn grey_note(&self) -> String {
        let least = self.least;
        self.lang.of(
            format!("灰色：有效样本不足 {least:.0}"),
            format!("grey: effective n below {least:.0}"),
        )
    }

    /// Cuts long cells short.
    fn clip(&mut self) {
        let tables = self.blocks.iter_mut().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            Block::Heading(_)
            | Block::Text(_)
            | Block::Note(_)
            | Block::Warning(_)
            | Block::Figures(_)
            | Block::Facts(_)
            | Block::Chart(_)
            | Block::Code(_)
            | Block::Signature(_) => None,
        });
        for cell in tables.flat_map(|table| table.rows.iter_mut().flatten()) {
            if let Value::Text(text) = &mut cell.value
                && let Some((cut, _)) = text.char_indices().nth(SHEET_SIGNS)
            {
                text.truncate(cut);
                text.push('…');
            }
        }
    }

    fn document(self, (title, subtitle): (String, String), basis: &BasisDto) -> Document {
        Document {
            lang: self.lang,
            title,
            subtitle,
            footer: footer(basis, self.lang),
            day: day_of(basis),
            landscape: false,
            one_page: false,
            blocks: self.blocks,
        }
    }
}

/// A weekly or monthly report.
pub(super) fn report(report: &ReportDto, lang: Lang) -> Document {
    let basis = &report.basis;
    let mut words = Words {
        lang,
        least: report.least_effective,
        blocks: Vec::new(),
    };
    if !basis.complete {
        let text = words.say(
            "本期尚未全部结账，数字还会变化。",
            "Not all weeks of this period have closed: its numbers will change.",
        );
        words.blocks.push(Block::Warning(text));
    }
    let (alerts, cases) = (&report.alerts, &report.cases);
    let open: u64 = cases.iter().map(|kind| kind.open).sum();
    let overdue: u64 = cases.iter().map(|kind| kind.overdue).sum();
    let problems = &report.lists.problems;
    let late = problems.get("overdue").copied().unwrap_or(0);
    let (opened, closed) = (alerts.opened, alerts.closed);
    let figures = vec![
        words.count(
            ("期末未关闭预警", "Open alerts"),
            alerts.open,
            lang.of(
                format!("本期新增 {opened}，关闭 {closed}"),
                format!("opened {opened}, closed {closed}"),
            ),
        ),
        words.count(
            ("期末在办案件", "Open cases"),
            open,
            lang.of(format!("其中逾期 {overdue}"), format!("overdue {overdue}")),
        ),
        words.count(
            ("逾期未验收问题", "Overdue problems"),
            late,
            lang.of(
                format!("本期销号 {}", report.lists.verified),
                format!("verified {}", report.lists.verified),
            ),
        ),
        words.count(
            ("帮扶企业", "Assisted"),
            report.lists.assisted,
            words.say(
                "媒体曝光、不合格或投诉较多",
                "exposed, failing or complained of",
            ),
        ),
    ];
    words.blocks.push(Block::Figures(figures));
    words.rates(report);
    words.parts(&report.parts);
    words.alerts(alerts, usize::MAX);
    words.cases(cases, &report.due, usize::MAX);
    words.lists(&report.lists, usize::MAX);
    words.plans(report);
    words.quality(report);
    let name = lang.of(&report.name, &report.name_en);
    let kind = match (report.kind.as_str(), lang) {
        ("weekly", Lang::Zh) => "产品质量抽查周报",
        ("weekly", Lang::En) => "Weekly report",
        (_, Lang::Zh) => "产品质量抽查月调度报告",
        (_, Lang::En) => "Monthly dispatch report",
    };
    let title = lang.of(format!("{name}{kind}"), format!("{kind}: {name}"));
    words.document((title, span_of(basis)), basis)
}

/// A zone manager's sheet, which fits on one page.
pub(super) fn sheet(sheet: &ZoneSheetDto, lang: Lang) -> Document {
    let mut words = Words {
        lang,
        least: super::gather::LEAST_EFFECTIVE,
        blocks: Vec::new(),
    };
    let grade = sheet.grade.as_ref();
    let level = grade.map_or_else(
        || words.say("尚未定级", "not graded yet"),
        |grade| labels::risk_level(&grade.level, lang),
    );
    let beside = grade.map_or_else(String::new, |grade| {
        let reach = interval(grade.interval.lower, grade.interval.upper);
        let chance = percent(grade.probability);
        lang.of(
            format!("不合格概率 {chance}（{reach}）"),
            format!("a batch fails with {chance} ({reach})"),
        )
    });
    let open: u64 = sheet.cases.iter().map(|kind| kind.open).sum();
    let overdue: u64 = sheet.cases.iter().map(|kind| kind.overdue).sum();
    let problems = &sheet.lists.problems;
    let states = ["found", "listed", "planned", "overdue"];
    let unsolved: u64 = states.iter().filter_map(|state| problems.get(*state)).sum();
    let (opened, closed) = (sheet.alerts.opened, sheet.alerts.closed);
    let figures = vec![
        Figure {
            label: words.say("区域风险等级", "Level of the zone"),
            value: level.into(),
            beside,
        },
        words.count(
            ("未关闭预警", "Open alerts"),
            sheet.alerts.open,
            lang.of(
                format!("本周新增 {opened}，关闭 {closed}"),
                format!("opened {opened}, closed {closed}"),
            ),
        ),
        words.count(
            ("在办案件", "Open cases"),
            open,
            lang.of(format!("其中逾期 {overdue}"), format!("overdue {overdue}")),
        ),
        words.count(
            ("未销号问题", "Open problems"),
            unsolved,
            lang.of(
                format!("帮扶企业 {}", sheet.lists.assisted),
                format!("{} enterprises assisted", sheet.lists.assisted),
            ),
        ),
    ];
    words.blocks.push(Block::Figures(figures));
    words.alerts(&sheet.alerts, SHEET_ROWS);
    words.cases(&sheet.cases, &sheet.due, SHEET_ROWS);
    words.lists(&sheet.lists, SHEET_ROWS);
    words.note(
        "请督促场内经营者按期整改，协助执法人员核查；发现快检不合格的，立即停售并报告。本页不含抽检安排：抽检对象在抽样前不告知任何人。",
        "See that sellers rectify in time and assist officers; where a fast test fails, stop the sale and report at once. This sheet has nothing of coming tests: nobody is told before the sample is taken.",
    );
    words.clip();
    let name = lang.of(&sheet.name, &sheet.name_en);
    let title = lang.of(
        format!("{name}质量安全一页通"),
        format!("Quality sheet: {name}"),
    );
    Document {
        one_page: true,
        ..words.document((title, span_of(&sheet.basis)), &sheet.basis)
    }
}
