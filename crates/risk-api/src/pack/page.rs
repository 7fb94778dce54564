//! A pack for people, on a page or on paper: Chinese first, English beside it. It renders the pack's JSON
//! and knows nothing else.

use crate::document::{
    Block, Cell, Column, Document, Lang, Table, Value as Held, interval, percent,
};
use crate::dto::AssessmentDto;
use crate::dto::pack::{AboutDto, EntryDto, PackDto, Role, StatementDto};
use risk_domain::personal::ErasureRule;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use risk_store::ledger::Section;
use serde_json::Value;

/// In the place of what names others.
const WITHHELD: &str = "（隐去：涉及其他当事人 withheld: names other parties）";

pub(super) fn document(pack: &PackDto) -> Document {
    let about = match &pack.about {
        AboutDto::Assessment { subject, .. } => subject.clone(),
        AboutDto::Alert { alert, subject } => format!("{subject} · {alert}"),
        AboutDto::Case { case, subject } => format!("{subject} · {case}"),
        AboutDto::Draw { draw } => format!("抽样计划 {draw}"),
    };
    let version = if pack.redacted {
        "对外版本（凡涉及其他当事人的内容均已隐去） · for the party: what names others is withheld"
    } else {
        "完整版本 · full"
    };
    let mut blocks = vec![Block::Text(version.to_owned())];
    match &pack.statement {
        StatementDto::Assessment(assessment) => grade(&mut blocks, assessment),
        StatementDto::Alert(_) => {
            story(&mut blocks, "预警经过 What became of the alert", pack);
            raises(&mut blocks, pack);
        }
        StatementDto::Case(_) => story(&mut blocks, "案件经过 What became of the case", pack),
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

/// The day of the last conclusion.
fn day_of(pack: &PackDto) -> Day {
    if let StatementDto::Assessment(grade) = &pack.statement
        && let Ok(at) = Timestamp::parse(&grade.as_of)
    {
        return CivilOffset::CHINA.day_of(at);
    }
    let times = of_role(pack, Role::Conclusion).filter_map(|entry| {
        let said = |section: &str, path: &str| entry.shows.get(section)?.pointer(path)?.as_i64();
        said("decision", "/alert_moved/at")
            .or_else(|| said("decision", "/case_moved/case/entered_at"))
            .or_else(|| said("decision", "/case_inserted/moved/case/entered_at"))
            .or_else(|| said("facts", "/told/decided_at"))
    });
    let last = times.max().unwrap_or_default();
    CivilOffset::CHINA.day_of(Timestamp::from_millis(last))
}

fn of_role(pack: &PackDto, role: Role) -> impl Iterator<Item = &EntryDto> {
    pack.entries.iter().filter(move |entry| entry.role == role)
}

/// What somebody wrote, or a sentence that may name somebody: as it is recorded, or that it is withheld.
fn words(entry: &EntryDto, field: &str) -> String {
    if entry.withholds(Section::Party) {
        return WITHHELD.to_owned();
    }
    text(entry, "party", field)
}

/// A heading with a table under it, called after the Chinese half of its heading.
fn tabled(
    blocks: &mut Vec<Block>,
    heading: &str,
    columns: Vec<Column>,
    rows: impl IntoIterator<Item = Vec<Cell>>,
) {
    let name = heading.split(' ').next().unwrap_or_default();
    blocks.push(Block::Heading(heading.to_owned()));
    blocks.push(Block::Table(Table {
        name: name.to_owned(),
        columns,
        rows: rows.into_iter().collect(),
    }));
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
    let rows = grade.contributions.iter().map(|part| {
        vec![
            part.zh.as_str().into(),
            Held::Number(part.points).into(),
            format!("{} {}", part.reason_zh, part.reason_en).into(),
        ]
    });
    let columns = vec![
        Column::text("项目 Part", 3),
        Column::number("分 Points", 2),
        Column::text("说明 Why", 11),
    ];
    tabled(blocks, "分值构成 Parts of the score", columns, rows);
}

/// What changed, each with the words that go with it.
fn story(blocks: &mut Vec<Block>, title: &str, pack: &PackDto) {
    blocks.push(Block::Heading(title.to_owned()));
    for moved in of_role(pack, Role::Conclusion) {
        if moved.withholds(Section::Party) {
            blocks.push(Block::Text(format!("理由 Why {WITHHELD}")));
        }
        for section in ["party", "decision"] {
            if let Some(said) = moved.shows.get(section) {
                let said = serde_json::to_string_pretty(said).unwrap_or_default();
                blocks.push(Block::Code(said));
            }
        }
    }
}

/// What raised an alert, one row each.
fn raises(blocks: &mut Vec<Block>, pack: &PackDto) {
    let rows = of_role(pack, Role::Raise).filter_map(|entry| {
        let told = entry.shows.get("decision")?.as_object()?.values().next()?;
        let alert = told.get("alert").unwrap_or(told);
        let said = |field: &str| alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let why = match said("reason_zh") {
            "" if entry.withholds(Section::Party) => WITHHELD.to_owned(),
            "" => format!(
                "{} {}",
                words(entry, "reason_zh"),
                words(entry, "reason_en")
            ),
            reason => format!("{reason} {}", said("reason_en")),
        };
        let at = alert.get("raised_at").and_then(Value::as_i64);
        Some(vec![
            Timestamp::from_millis(at?).to_string().into(),
            said("rule").into(),
            why.into(),
            entry.index.into(),
        ])
    });
    let columns = vec![
        Column::text("时间 Time", 3),
        Column::text("规则 Rule", 3),
        Column::text("理由 Why", 9),
        Column::number("账本条目 Entry", 2),
    ];
    tabled(blocks, "预警触发 What raised it", columns, rows);
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
            subject.unwrap_or_else(|| WITHHELD.to_owned()).into(),
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
    let rows: Vec<_> = of_role(pack, about).map(step).collect();
    if rows.is_empty() {
        return;
    }
    let columns = vec![
        Column::text("计划 Plan", 3),
        Column::text("步骤 Step", 2),
        Column::text("时间 Time", 3),
        Column::text("经办 By", 2),
        Column::text("理由 Reason", 3),
        Column::text("文件摘要 Hashes", 6),
        Column::number("账本条目 Entry", 2),
    ];
    tabled(blocks, "随机抽取 Random draws", columns, rows);
    blocks.push(Block::Note(
        "公开后，抽取记录（record-….json）和抽样池（pool-….txt）附于完整版本内或可另行索取，其摘要须与上表一致；任何人可据此重新抽取。\
         Once revealed, record and pool, which lie in the full version or can be asked for, must have these hashes, and \
         anyone can draw again."
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
        words(entry, "reason").into(),
        hashes.into(),
        entry.index.into(),
    ]
}

/// Complaints and other signals, and what became of what was personal of them.
fn signals(blocks: &mut Vec<Block>, pack: &PackDto) {
    let rows: Vec<Vec<Cell>> = of_role(pack, Role::Signal)
        .map(|entry| {
            let said = |path: &str| match entry.shows.get("facts") {
                Some(facts) => {
                    let said = facts.pointer(path).and_then(Value::as_str);
                    said.unwrap_or("—").to_owned()
                }
                None if path == "/told/summary" => WITHHELD.to_owned(),
                None => "—".to_owned(),
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
    let columns = vec![
        Column::text("编号 Id", 3),
        Column::text("来源 Source", 2),
        Column::text("内容 Summary", 4),
        Column::text("个人信息 Personal data", 4),
        Column::number("账本条目 Entry", 2),
    ];
    tabled(blocks, "风险信号 Signals behind it", columns, rows);
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
    let is_shown = |entry: &&EntryDto| entry.shows.contains_key("facts");
    let listed = of_role(pack, Role::Result).filter(is_shown);
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
    let columns = vec![
        Column::text("编号 Id", 4),
        Column::text("日期 Sampled", 2),
        Column::text("结论 Outcome", 3),
        Column::text("被抽样单位 Site", 4),
        Column::number("账本条目 Entry", 2),
    ];
    tabled(blocks, "依据的检验结果 Results behind it", columns, rows);
    let all = of_role(pack, Role::Result).count();
    let withheld = all - of_role(pack, Role::Result).filter(is_shown).count();
    if withheld > 0 {
        blocks.push(Block::Note(format!(
            "另有 {withheld} 个结果{WITHHELD}，以承诺值证明。{withheld} more results are proved by their commitments."
        )));
    }
    if pack.more_results {
        let note = match pack.counted_results {
            Some(counted) => format!(
                "结论计入 {counted} 个结果，此处列出最近 {all} 个。The conclusion counts {counted} results; the newest \
                 {all} are listed."
            ),
            None => format!(
                "此处列出最近 {all} 个结果，未全部列出。The newest {all} are listed, and there are more."
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
