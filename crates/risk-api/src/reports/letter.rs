//! An enterprise's letter, its numbers and its words（风险等级说明函）.

use super::labels;
use crate::document::{Block, Column, Document, Lang, Table, Value, interval, percent};
use crate::dto::{AssessmentDto, LetterDto, LetterResultDto, Names, ObjectionDto};
use risk_domain::ids::EnterpriseId;
use risk_domain::inspection::{InspectionResult, Outcome, TestItem};
use risk_domain::reference::Reference;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::case::{Span, Term, TermRule};
use risk_engine::{CaseKind, Engine, Epoch};
use risk_store::{Reader, ResultsOf, StoreError};
use std::collections::BTreeMap;

/// Failures that a letter lists.
const FAILURES: usize = 20;
/// Results that are read at a time.
const PAGE: usize = 1000;
/// Days ahead for which it says what would lower the level.
const AHEAD_DAYS: i32 = 90;

/// What the letter is made of: a store, what it was judged into, and names.
pub(super) struct Desk<'a> {
    pub(super) reader: &'a Reader,
    pub(super) engine: &'a Engine,
    pub(super) reference: &'a Reference,
}

impl Desk<'_> {
    /// The letter of an enterprise, where a grade of it was recorded. It explains that grade: nothing that
    /// came after its close stands in it.
    pub(super) fn letter(
        &self,
        enterprise: &EnterpriseId,
    ) -> Result<Option<LetterDto>, StoreError> {
        let subject = Subject::Enterprise(enterprise.clone());
        let engine = self.engine;
        let recorded = self.reader.subject(&subject)?;
        let (Some(grade), Some((_, now))) = (recorded, engine.last_closed()) else {
            return Ok(None);
        };
        let offset = engine.policy().time.offset;
        let failures = self.failures(enterprise, grade.epoch)?;
        let failures = failures.iter().map(|result| {
            let item = |item: &TestItem| match &item.clause {
                Some(clause) => format!("{}（{clause}）", item.name),
                None => item.name.to_string(),
            };
            LetterResultDto {
                inspection_id: result.inspection_id.to_string(),
                sampled_on: offset.day_of(result.sampled_at).to_string(),
                mode: result.mode.code().to_owned(),
                product: result.product.name.to_string(),
                outcome: result.outcome.code().to_owned(),
                items: result.failed_items().map(item).collect(),
            }
        });
        let by = offset.day_of(now).plus(AHEAD_DAYS);
        let names = Names::of(&subject, engine, self.reference);
        Ok(Some(LetterDto {
            enterprise_id: enterprise.to_string(),
            name: names.zh.clone(),
            ledger_entries: self.reader.ledger().entry_count(),
            failures: failures.collect(),
            counterfactual: engine.counterfactual(&subject, now, by).map(Into::into),
            objection: objection(engine),
            grade: AssessmentDto::new(&grade, names, engine.end_of(grade.epoch), false),
        }))
    }

    /// Failures and refusals that the close of an epoch counted, the newest first. What a correction
    /// replaced by then is left out.
    fn failures(
        &self,
        enterprise: &EnterpriseId,
        counted: Epoch,
    ) -> Result<Vec<InspectionResult>, StoreError> {
        let of = ResultsOf::Enterprises(vec![enterprise.clone()]);
        let speaks = |result: &InspectionResult| {
            result.site.enterprise_id == *enterprise
                && matches!(result.outcome, Outcome::Nonconforming | Outcome::Refused)
        };
        let matters = |result: &InspectionResult| result.supersedes.is_some() || speaks(result);
        let (mut found, mut below) = (Vec::new(), None);
        loop {
            let page = self.reader.results(&of, &matters, PAGE, below)?;
            let results = page.items.into_iter().map(|(_, record)| record);
            let counts = results.filter(|record| record.epoch <= counted);
            found.extend(counts.map(|record| record.result));
            below = page.next.and_then(|next| next.parse().ok());
            if below.is_none() {
                break;
            }
        }
        // Of several corrections of one result, the one reported last stands.
        let mut corrections = BTreeMap::new();
        for result in &found {
            if let Some(replaced) = &result.supersedes {
                let own = (result.observed_at, result.inspection_id.clone());
                let held = corrections.entry(replaced.clone()).or_insert(own.clone());
                if *held < own {
                    *held = own;
                }
            }
        }
        let stands = |result: &InspectionResult| {
            let replaced = result.supersedes.as_ref();
            let last = replaced.and_then(|replaced| corrections.get(replaced));
            !corrections.contains_key(&result.inspection_id)
                && last.is_none_or(|(_, id)| *id == result.inspection_id)
        };
        found.retain(|result| speaks(result) && stands(result));
        found.truncate(FAILURES);
        Ok(found)
    }
}

/// How long an objection to a supervisory check may be raised.
fn objection(engine: &Engine) -> Option<ObjectionDto> {
    let TermRule {
        span, basis, mark, ..
    } = engine
        .policy()
        .cases
        .term(CaseKind::SpotCheck, Term::Objection)?;
    let (zh, en) = match span {
        Span::Hours(hours) => (format!("{hours}小时"), format!("{hours} hours")),
        Span::CalendarDays(days) => (format!("{}日", days.0), format!("{} days", days.0)),
        Span::WorkingDays(days) => (
            format!("{}个工作日", days.0),
            format!("{} working days", days.0),
        ),
        Span::Months(months) => (format!("{months}个月"), format!("{months} months")),
    };
    Some(ObjectionDto {
        term_zh: zh,
        term_en: en,
        basis: basis.clone(),
        mark: format!("{mark:?}"),
    })
}

/// The letter in words.
pub(super) fn words(letter: &LetterDto, lang: Lang) -> Document {
    let grade = &letter.grade;
    let say = |zh: &str, en: &str| lang.of(zh, en).to_owned();
    let name = letter.name.as_ref().unwrap_or(&letter.enterprise_id);
    let level = labels::risk_level(&grade.level, lang);
    let as_of: String = grade.as_of.chars().take(10).collect();
    let mut blocks = vec![
        Block::Text(lang.of(
            format!("{name}（编号 {}）：", letter.enterprise_id),
            format!("To {name} (number {}),", letter.enterprise_id),
        )),
        Block::Text(lang.of(
            format!("根据截至 {as_of} 的检验结果和风险政策 {}，你单位当前的产品质量风险等级为“{level}”。现将依据、降级条件和你单位的权利说明如下。", grade.policy_version),
            format!("by the inspection results up to {as_of} and risk policy {}, your present product quality risk level is “{level}”. Below are the reasons, what would lower it, and your rights.", grade.policy_version),
        )),
        Block::Facts(vec![
            (say("风险等级", "Risk level"), level),
            (
                say("随机一批不合格的概率", "Probability that a random batch fails"),
                format!(
                    "{}（95%：{}）",
                    percent(grade.probability),
                    interval(grade.interval.lower, grade.interval.upper)
                ),
            ),
            (say("计入的本单位检验批次", "Own results that count"), grade.own_results.to_string()),
        ]),
    ];
    if grade.inherited {
        blocks.push(Block::Warning(say(
            "你单位自身的检验结果很少，等级主要来自所售产品和所在区域的总体情况，只用于安排抽查。",
            "There are few results of your own: the level comes mostly from what you sell and where, and steers sampling only.",
        )));
    }
    if let Some(decided) = &grade.decision {
        blocks.push(Block::Text(lang.of(decided.zh.clone(), decided.en.clone())));
    }
    blocks.extend(reasons(letter, lang));
    blocks.extend(failures(letter, lang));
    blocks.push(Block::Heading(say("怎样降低等级", "What would lower it")));
    blocks.push(Block::Text(match &letter.counterfactual {
        Some(found) => lang.of(found.zh.clone(), found.en.clone()),
        None => say(
            "当前等级已是最低，或无需降低。继续做好进货查验和整改即可保持。",
            "The level is the lowest already, or need not fall. Keep checking what comes in, and it stays.",
        ),
    }));
    blocks.extend(rights(letter, lang));
    blocks.push(Block::Signature(vec![
        say("（印章）", "(seal)"),
        lang.of("年　　月　　日", "Date: ____________").to_owned(),
    ]));
    let hash: String = grade.policy_hash.chars().take(12).collect();
    Document {
        lang,
        title: say("产品质量风险等级说明函", "Explanation of your risk level"),
        subtitle: name.clone(),
        footer: lang.of(
            format!(
                "依据账本前 {} 条记录；风险政策 {}（{hash}）。",
                letter.ledger_entries, grade.policy_version
            ),
            format!(
                "Made of the ledger's first {} entries; risk policy {} ({hash}).",
                letter.ledger_entries, grade.policy_version
            ),
        ),
        day: as_of.parse().unwrap_or(Day::new(0)),
        landscape: false,
        one_page: false,
        blocks,
    }
}

/// What the score is made of.
fn reasons(letter: &LetterDto, lang: Lang) -> Vec<Block> {
    let say = |zh: &str, en: &str| lang.of(zh, en).to_owned();
    let mut blocks = Vec::new();
    blocks.push(Block::Heading(say("为什么是这个等级", "Why this level")));
    let rows = letter.grade.contributions.iter().map(|part| {
        vec![
            lang.of(part.zh.as_str(), &part.en).into(),
            Value::Number(part.points).into(),
            lang.of(part.reason_zh.as_str(), &part.reason_en).into(),
        ]
    });
    blocks.push(Block::Table(Table {
        name: say("分值构成", "Parts of the score"),
        columns: vec![
            Column::text(say("项目", "Part"), 3),
            Column::number(say("分值", "Points"), 2),
            Column::text(say("说明", "What it says"), 9),
        ],
        rows: rows.collect(),
    }));
    blocks.push(Block::Note(say(
        "分值相加得到总分；每增加 10 分，不合格的可能性（几率）加倍。",
        "The points add up; ten more double the odds of a failure.",
    )));
    blocks
}

/// What the enterprise may do.
fn rights(letter: &LetterDto, lang: Lang) -> Vec<Block> {
    let say = |zh: &str, en: &str| lang.of(zh, en).to_owned();
    let mut blocks = Vec::new();
    blocks.push(Block::Heading(say("你单位的权利", "Your rights")));
    blocks.push(Block::Text(say(
        "风险等级是安排抽查比例和频次的内部研判结果，不是行政处罚，也不改变任何一次检验的结论。",
        "The risk level steers how often sampling takes place. It is no penalty, and changes the outcome of no test.",
    )));
    if let Some(objection) = &letter.objection {
        let basis = &objection.basis;
        blocks.push(Block::Text(lang.of(
            format!("对监督抽查检验结果有异议的，可以自收到检验结果之日起 {} 内，以书面形式向组织抽查的部门或者其上级部门提出（依据：{basis}）。认为本函所列依据有误的，可以随时书面说明并附材料。", objection.term_zh),
            format!("Who objects to the result of a supervisory check may do so in writing within {} of receiving it, to the authority that organised it or the one above (basis: {basis}). Who holds a ground named here to be wrong may say so in writing at any time.", objection.term_en),
        )));
    }
    blocks
}

/// The results that speak against the enterprise.
fn failures(letter: &LetterDto, lang: Lang) -> Vec<Block> {
    let say = |zh: &str, en: &str| lang.of(zh, en).to_owned();
    let heading = Block::Heading(say(
        "本单位的不合格和拒检记录",
        "Your failures and refusals",
    ));
    if letter.failures.is_empty() {
        return vec![heading, Block::Text(say("没有记录。", "There are none."))];
    }
    let rows = letter.failures.iter().map(|result| {
        vec![
            result.sampled_on.as_str().into(),
            result.inspection_id.as_str().into(),
            labels::mode(&result.mode, lang).into(),
            result.product.as_str().into(),
            labels::outcome(&result.outcome, lang).into(),
            result.items.join(lang.of("、", ", ")).into(),
        ]
    });
    let table = Table {
        name: say("不合格记录", "Failures"),
        columns: vec![
            Column::text(say("抽样日期", "Sampled"), 3),
            Column::text(say("检验编号", "Result"), 4),
            Column::text(say("方式", "Mode"), 3),
            Column::text(say("产品", "Product"), 4),
            Column::text(say("结论", "Outcome"), 2),
            Column::text(say("不合格项目", "Items that failed"), 5),
        ],
        rows: rows.collect(),
    };
    vec![heading, Block::Table(table)]
}
