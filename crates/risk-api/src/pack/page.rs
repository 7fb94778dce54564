//! A pack for people, on a page or on paper: Chinese first, English beside it. It renders the pack's JSON
//! and knows nothing else.

use crate::document::{
    Block, Cell, Column, Document, Lang, Table, Value as Held, interval, percent,
};
use crate::dto::AssessmentDto;
use crate::dto::pack::{AboutDto, EntryDto, PackDto, Role, StatementDto};
use risk_domain::personal::ErasureRule;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use serde_json::Value;

pub(super) fn document(pack: &PackDto) -> Document {
    let about = match &pack.about {
        AboutDto::Assessment { subject, .. } => subject.clone(),
        AboutDto::Alert { alert, subject } => format!("{subject} · {alert}"),
        AboutDto::Case { case, subject } => format!("{subject} · {case}"),
        AboutDto::Draw { draw } => format!("抽样计划 {draw}"),
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
            story(&mut blocks, "预警经过 What became of the alert", moves);
            raises(&mut blocks, pack);
        }
        StatementDto::Case(moves) => story(&mut blocks, "案件经过 What became of the case", moves),
        StatementDto::Draw(_) => {}
    }
    carried(&mut blocks, pack);
    compared(&mut blocks, pack);
    draws(&mut blocks, pack);
    signals(&mut blocks, pack);
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

/// What raised an alert, one row each.
fn raises(blocks: &mut Vec<Block>, pack: &PackDto) {
    let raised = pack.entries.iter();
    let raised = raised.filter(|entry| entry.role == Role::Raise);
    let rows = raised.filter_map(|entry| {
        let told = entry.shows.get("decision")?.as_object()?.values().next()?;
        let alert = told.get("alert").unwrap_or(told);
        let said = |field: &str| alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let at = alert.get("raised_at").and_then(Value::as_i64);
        Some(vec![
            Timestamp::from_millis(at?).to_string().into(),
            format!("{} {}", said("reason_zh"), said("reason_en")).into(),
            entry.index.into(),
        ])
    });
    blocks.push(Block::Heading("预警触发 What raised it".to_owned()));
    blocks.push(Block::Table(Table {
        name: "预警触发".to_owned(),
        columns: vec![
            Column::text("时间 Time", 3),
            Column::text("理由 Why", 12),
            Column::number("账本条目 Entry", 2),
        ],
        rows: rows.collect(),
    }));
}

/// What would have made another grade.
fn carried(blocks: &mut Vec<Block>, pack: &PackDto) {
    let Some(margin) = &pack.counterfactual else {
        return;
    };
    blocks.push(Block::Heading("等级界限 What carries the level".to_owned()));
    blocks.push(Block::Text(margin.zh.clone()));
    blocks.push(Block::Text(margin.en.clone()));
    let rows = margin.without.iter().map(|without| {
        vec![
            format!("{} {}", without.zh, without.en).into(),
            Held::Share(without.at_least).into(),
        ]
    });
    blocks.push(Block::Table(Table {
        name: "等级界限".to_owned(),
        columns: vec![
            Column::text("如无此项 Without", 4),
            Column::number("该等级及以上的概率 Probability of at least the level", 4),
        ],
        rows: rows.collect(),
    }));
}

/// Who had another grade.
fn compared(blocks: &mut Vec<Block>, pack: &PackDto) {
    if pack.comparables.is_empty() {
        return;
    }
    blocks.push(Block::Heading("同类对象 Others of its kind".to_owned()));
    blocks.push(Block::Text(
        "作出结论前最近记载、分值最接近的同类对象。The nearest in score among those of its kind and sector that \
         were recorded shortly before."
            .to_owned(),
    ));
    let rows = pack.comparables.iter().map(|other| {
        let differences = other.differences.iter().take(3);
        let differences = differences.map(|of| format!("{} {:+.1}", of.zh, of.points));
        let subject = other.subject.clone();
        vec![
            subject
                .unwrap_or_else(|| "（隐去 withheld）".to_owned())
                .into(),
            format!("{} {}", other.level_zh, other.level).into(),
            Held::Share(other.probability).into(),
            differences.collect::<Vec<_>>().join("；").into(),
            other.entry.into(),
        ]
    });
    blocks.push(Block::Table(Table {
        name: "同类对象".to_owned(),
        columns: vec![
            Column::text("对象 Subject", 4),
            Column::text("风险等级 Level", 2),
            Column::number("不合格概率 Probability", 2),
            Column::text("主要差别（分） Main differences (points)", 5),
            Column::number("账本条目 Entry", 2),
        ],
        rows: rows.collect(),
    }));
}

/// The steps of draws: of the one that the pack is about, or of those by which results were sampled.
fn draws(blocks: &mut Vec<Block>, pack: &PackDto) {
    let about = match &pack.about {
        AboutDto::Draw { .. } => Role::Conclusion,
        AboutDto::Assessment { .. } | AboutDto::Alert { .. } | AboutDto::Case { .. } => Role::Draw,
    };
    let steps = pack.entries.iter().filter(|entry| entry.role == about);
    let rows: Vec<_> = steps.map(step).collect();
    if rows.is_empty() {
        return;
    }
    blocks.push(Block::Heading("随机抽取 Random draws".to_owned()));
    blocks.push(Block::Table(Table {
        name: "随机抽取".to_owned(),
        columns: vec![
            Column::text("计划 Plan", 3),
            Column::text("步骤 Step", 2),
            Column::text("时间 Time", 3),
            Column::text("经办 By", 2),
            Column::text("理由 Reason", 3),
            Column::text("文件摘要 Hashes", 6),
            Column::number("账本条目 Entry", 2),
        ],
        rows,
    }));
    blocks.push(Block::Note(
        "公开后，抽取记录（record-….json）和抽样池（pool-….txt）附于包内或可另行索取，其摘要须与上表一致；任何人可据此重新抽取。\
         Once revealed, record and pool must have these hashes, and anyone can draw again."
            .to_owned(),
    ));
}

/// A step of a draw as a row.
fn step(entry: &EntryDto) -> Vec<Cell> {
    let told = entry.shows.get("facts").and_then(|facts| facts.get("told"));
    let said = |path: &str| told.and_then(|told| told.pointer(path));
    let text = |path: &str| said(path).and_then(Value::as_str).unwrap_or_default();
    let at = said("/decided_at").and_then(Value::as_i64);
    let (step, hashes) = match said("/action") {
        Some(Value::Object(action)) if action.contains_key("commit") => (
            "承诺 commit",
            format!(
                "pool {} secret {}",
                text("/action/commit/pool_sha256"),
                text("/action/commit/secret_sha256")
            ),
        ),
        Some(Value::Object(_)) => (
            "抽取 draw",
            format!(
                "list {} record {}",
                text("/action/draw/list_sha256"),
                text("/action/draw/record_sha256")
            ),
        ),
        _other => ("公开 reveal", String::new()),
    };
    vec![
        text("/plan_id").into(),
        step.into(),
        Timestamp::from_millis(at.unwrap_or_default())
            .to_string()
            .into(),
        text("/actor/id").into(),
        text("/reason").into(),
        hashes.into(),
        entry.index.into(),
    ]
}

/// Complaints and other signals, and what became of what was personal of them.
fn signals(blocks: &mut Vec<Block>, pack: &PackDto) {
    let heard = pack.entries.iter();
    let heard = heard.filter(|entry| entry.role == Role::Signal);
    let rows: Vec<Vec<Cell>> = heard
        .map(|entry| {
            let said = |path: &str| {
                let facts = entry.shows.get("facts");
                let said = facts.and_then(|facts| facts.pointer(path));
                said.and_then(Value::as_str).unwrap_or("—").to_owned()
            };
            vec![
                said("/told/signal_id").into(),
                said("/told/source").into(),
                said("/told/summary").into(),
                personal(entry, pack).into(),
                entry.index.into(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    blocks.push(Block::Heading("风险信号 Signals behind it".to_owned()));
    blocks.push(Block::Table(Table {
        name: "风险信号".to_owned(),
        columns: vec![
            Column::text("编号 Id", 3),
            Column::text("来源 Source", 2),
            Column::text("内容 Summary", 4),
            Column::text("个人信息 Personal data", 4),
            Column::number("账本条目 Entry", 2),
        ],
        rows,
    }));
}

/// What became of what was personal of a signal: it is withheld, or erased by a rule on a day.
fn personal(signal: &EntryDto, pack: &PackDto) -> String {
    let erasure = signal.erased.and_then(|erased| {
        let mut entries = pack.entries.iter();
        let entry = entries.find(|entry| entry.index == erased)?;
        entry.shows.get("facts")
    });
    let Some(erasure) = erasure else {
        return "不予提供 withheld".to_owned();
    };
    let rule = erasure.get("rule").and_then(Value::as_str);
    let rule = rule.and_then(ErasureRule::from_code);
    let at = erasure.get("at").and_then(Value::as_i64);
    let at = Timestamp::from_millis(at.unwrap_or_default());
    let day = CivilOffset::CHINA.day_of(at);
    let (zh, en) = rule.map_or(("", ""), |rule| (rule.zh(), rule.code()));
    format!("已于 {day} 删除（{zh}） erased by {en} on {day}")
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
        let shown = pack.entries.iter();
        let shown = shown.filter(|entry| entry.role == Role::Result).count();
        let note = match pack.counted_results {
            Some(all) => format!(
                "结论计入 {all} 个结果，此处列出最近 {shown} 个。The conclusion counts {all} results; the newest \
                 {shown} are listed."
            ),
            None => format!(
                "此处列出最近 {shown} 个结果，未全部列出。The newest {shown} are listed, and there are more."
            ),
        };
        blocks.push(Block::Note(note));
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
