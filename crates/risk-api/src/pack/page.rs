//! A pack for people, on a page or on paper: Chinese first, English beside it. It renders the pack's JSON
//! and knows nothing else.

use crate::document::{Block, Column, Document, Lang, Table, Value as Held, interval, percent};
use crate::dto::AssessmentDto;
use crate::dto::pack::{AboutDto, EntryDto, PackDto, Role, StatementDto};
use risk_domain::time::{CivilOffset, Day, Timestamp};
use serde_json::Value;

pub(super) fn document(pack: &PackDto) -> Document {
    let about = match &pack.about {
        AboutDto::Assessment { subject, .. } => subject.clone(),
        AboutDto::Alert { alert, subject } => format!("{subject} · {alert}"),
        AboutDto::Case { case, subject } => format!("{subject} · {case}"),
    };
    let version = if pack.redacted {
        "对外版本（其他当事人名称已隐去） · for other parties, names withheld"
    } else {
        "完整版本 · full"
    };
    let mut blocks = vec![Block::Text(version.to_owned())];
    match &pack.statement {
        StatementDto::Assessment(assessment) => grade(&mut blocks, assessment),
        StatementDto::Alert(moves) => {
            story(&mut blocks, "预警经过 What became of the alert", moves)
        }
        StatementDto::Case(moves) => story(&mut blocks, "案件经过 What became of the case", moves),
    }
    results(&mut blocks, pack);
    blocks.push(Block::Heading("如何核验 How to check".to_owned()));
    let size = pack.ledger.size;
    blocks.extend([
        Block::Text(format!(
            "账本前 {size} 条记录的根哈希如下。pack.json 逐条载明每条记录的原始字节、盐值和包含证明；用公钥和 \
             verify.py pack.json --key KEY 即可独立核验，无需本系统。"
        )),
        Block::Text(format!(
            "The first {size} entries of the ledger have the root below. pack.json has the bytes, salts and \
             inclusion proof of every entry; verify.py checks them with the public key and nothing else of \
             this program. This page renders pack.json and proves nothing by itself."
        )),
        Block::Facts(vec![("根哈希 Root".to_owned(), pack.ledger.root.clone())]),
        Block::Code(pack.checkpoint.clone()),
    ]);
    Document {
        lang: Lang::Zh,
        title: "证据包 Evidence pack".to_owned(),
        subtitle: about,
        footer: format!("{} · {size} · {}", pack.ledger.origin, pack.ledger.root),
        day: day_of(pack),
        landscape: false,
        one_page: false,
        blocks,
    }
}

/// The day of the conclusion; of an alert, that of the last result behind it.
fn day_of(pack: &PackDto) -> Day {
    if let StatementDto::Assessment(grade) = &pack.statement
        && let Ok(at) = Timestamp::parse(&grade.as_of)
    {
        return CivilOffset::CHINA.day_of(at);
    }
    let days = pack.entries.iter().map(sampled);
    days.max().unwrap_or(Day::new(0))
}

fn grade(blocks: &mut Vec<Block>, grade: &AssessmentDto) {
    let (lower, upper) = (grade.interval.lower, grade.interval.upper);
    blocks.push(Block::Heading("结论 Conclusion".to_owned()));
    let facts = [
        (
            "风险等级 Level",
            format!("{} {}", grade.level_zh, grade.level),
        ),
        (
            "不合格概率 Probability of a failure",
            format!(
                "{}（95 %：{}）",
                percent(grade.probability),
                interval(lower, upper)
            ),
        ),
        (
            "政策 Policy",
            format!("{} {}", grade.policy_version, grade.policy_hash),
        ),
    ];
    let facts = facts.map(|(label, said)| (label.to_owned(), said));
    blocks.push(Block::Facts(facts.to_vec()));
    blocks.push(Block::Heading("分值构成 Parts of the score".to_owned()));
    let rows = grade.contributions.iter().map(|part| {
        vec![
            part.zh.as_str().into(),
            Held::Number(part.points).into(),
            format!("{} {}", part.reason_zh, part.reason_en).into(),
        ]
    });
    blocks.push(Block::Table(Table {
        name: "分值构成".to_owned(),
        columns: vec![
            Column::text("项目 Part", 3),
            Column::number("分 Points", 2),
            Column::text("说明 Why", 11),
        ],
        rows: rows.collect(),
    }));
}

fn story(blocks: &mut Vec<Block>, title: &str, moves: &[Value]) {
    blocks.push(Block::Heading(title.to_owned()));
    for moved in moves {
        let text = serde_json::to_string_pretty(moved).unwrap_or_default();
        blocks.push(Block::Code(text));
    }
}

fn results(blocks: &mut Vec<Block>, pack: &PackDto) {
    blocks.push(Block::Heading(
        "依据的检验结果 Results behind it".to_owned(),
    ));
    let listed = pack.entries.iter();
    let listed = listed.filter(|entry| entry.role == Role::Result);
    let rows = listed.map(|entry| {
        let fact = |field: &str| text(entry, "facts", field);
        let site = text(entry, "party", "site_name");
        let site = if site.is_empty() {
            fact("site_id")
        } else {
            site
        };
        vec![
            fact("inspection_id").into(),
            sampled(entry).to_string().into(),
            fact("outcome").into(),
            site.into(),
            entry.index.into(),
        ]
    });
    blocks.push(Block::Table(Table {
        name: "检验结果".to_owned(),
        columns: vec![
            Column::text("编号 Id", 4),
            Column::text("日期 Sampled", 2),
            Column::text("结论 Outcome", 3),
            Column::text("被抽样单位 Site", 4),
            Column::number("账本条目 Entry", 2),
        ],
        rows: rows.collect(),
    }));
    if pack.more_results {
        blocks.push(Block::Note(
            "未全部列出；结论中计入全部结果。Not all are listed; the conclusion counts all of them."
                .to_owned(),
        ));
    }
}

fn sampled(entry: &EntryDto) -> Day {
    let facts = entry.shows.get("facts");
    let sampled = facts.and_then(|facts| facts.get("sampled_at"));
    let sampled = sampled.and_then(Value::as_i64).unwrap_or_default();
    CivilOffset::CHINA.day_of(Timestamp::from_millis(sampled))
}

fn text(entry: &EntryDto, section: &str, field: &str) -> String {
    let value = entry.shows.get(section).and_then(|shown| shown.get(field));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
