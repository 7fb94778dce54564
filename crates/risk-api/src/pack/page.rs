//! A pack as a page for people: Chinese first, English beside it.

use crate::dto::AssessmentDto;
use crate::dto::pack::{AboutDto, EntryDto, PackDto, Role, StatementDto};
use crate::html::escaped;
use risk_domain::time::{CivilOffset, Timestamp};
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "body{font:15px/1.6 'Noto Sans SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif;\
max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;width:100%}\
td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left;vertical-align:top}\
.number{text-align:right}code,pre{font-size:12px;overflow-wrap:anywhere;white-space:pre-wrap}";

pub(super) fn html(pack: &PackDto) -> String {
    let mut page = String::new();
    let title = match &pack.about {
        AboutDto::Assessment { subject, .. } => subject.clone(),
        AboutDto::Alert { alert, subject } => format!("{subject} · {alert}"),
        AboutDto::Case { case, subject } => format!("{subject} · {case}"),
        AboutDto::Draw { draw } => format!("抽样计划 {draw}"),
    };
    let title = escaped(&title);
    let version = if pack.redacted {
        "对外版本（其他当事人名称已隐去） · for other parties, names withheld"
    } else {
        "完整版本 · full"
    };
    // Writing to a string cannot fail.
    let _written = write!(
        page,
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>证据包 {title}</title>\
         <style>{STYLE}</style><h1>证据包 Evidence pack</h1><p>{title}<br>{version}</p>"
    );
    match &pack.statement {
        StatementDto::Assessment(assessment) => grade(&mut page, assessment),
        StatementDto::Alert(moves) => story(&mut page, "预警经过 What became of the alert", moves),
        StatementDto::Case(moves) => story(&mut page, "案件经过 What became of the case", moves),
        StatementDto::Draw(_) => {}
    }
    compared(&mut page, pack);
    draws(&mut page, pack);
    results(&mut page, pack);
    let _written = write!(
        page,
        "<h2>如何核验 How to check</h2><p>账本前 {size} 条记录，根哈希 <code>{root}</code>。\
         <code>pack.json</code> 逐条载明每条记录的原始字节、盐值和包含证明；用公钥和 \
         <code>verify.py pack.json --key KEY</code> 即可独立核验，无需本系统。<br>\
         The first {size} entries of the ledger have this root. <code>pack.json</code> has the bytes, salts \
         and inclusion proof of every entry; <code>verify.py</code> checks them with the public key and \
         nothing else of this program.</p><pre>{checkpoint}</pre></html>",
        size = pack.ledger.size,
        root = pack.ledger.root,
        checkpoint = escaped(&pack.checkpoint),
    );
    page
}

fn grade(page: &mut String, grade: &AssessmentDto) {
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    let _written = write!(
        page,
        "<h2>结论 Conclusion</h2><table><tr><th>风险等级 Level<td>{} {}<tr><th>不合格概率 Probability of a failure\
         <td>{}（95 %：{} – {}）<tr><th>政策 Policy<td>{} <code>{}</code></table>\
         <h2>分值构成 Parts of the score</h2><table><tr><th>项目 Part<th class=number>分 Points<th>说明 Why",
        escaped(&grade.level_zh),
        escaped(&grade.level),
        percent(grade.probability),
        percent(grade.interval.lower),
        percent(grade.interval.upper),
        escaped(&grade.policy_version),
        escaped(&grade.policy_hash),
    );
    for part in &grade.contributions {
        let _written = write!(
            page,
            "<tr><td>{}<td class=number>{:+.1}<td>{}<br>{}",
            escaped(&part.zh),
            part.points,
            escaped(&part.reason_zh),
            escaped(&part.reason_en),
        );
    }
    page.push_str("</table>");
}

fn story(page: &mut String, title: &str, moves: &[Value]) {
    let _written = write!(page, "<h2>{title}</h2>");
    for moved in moves {
        let text = serde_json::to_string_pretty(moved).unwrap_or_default();
        let _written = write!(page, "<pre>{}</pre>", escaped(&text));
    }
}

/// What would have made another grade, and who had one.
fn compared(page: &mut String, pack: &PackDto) {
    if let Some(margin) = &pack.counterfactual {
        let _written = write!(
            page,
            "<h2>等级界限 What carries the level</h2><p>{}<br>{}<table><tr><th>如无此项 Without\
             <th class=number>该等级及以上的概率 Probability of at least the level",
            escaped(&margin.zh),
            escaped(&margin.en),
        );
        for without in &margin.without {
            let _written = write!(
                page,
                "<tr><td>{} {}<td class=number>{:.1} %",
                escaped(&without.zh),
                escaped(&without.en),
                without.at_least * 100.0
            );
        }
        page.push_str("</table>");
    }
    if pack.comparables.is_empty() {
        return;
    }
    page.push_str(
        "<h2>同类对象 Others of its kind</h2><p>作出结论前最近记载、分值最接近的同类对象。\
         The nearest in score among those of its kind and sector that were recorded shortly before.\
         <table><tr><th>对象 Subject<th>风险等级 Level<th class=number>不合格概率 Probability\
         <th>主要差别（分） Main differences (points)<th class=number>账本条目 Entry",
    );
    for other in &pack.comparables {
        let _written = write!(
            page,
            "<tr><td>{}<td>{} {}<td class=number>{:.1} %<td>",
            escaped(other.subject.as_deref().unwrap_or("（隐去 withheld）")),
            escaped(&other.level_zh),
            escaped(&other.level),
            other.probability * 100.0,
        );
        for difference in other.differences.iter().take(3) {
            let (zh, points) = (escaped(&difference.zh), difference.points);
            let _written = write!(page, "{zh} {points:+.1}<br>");
        }
        let _written = write!(page, "<td class=number>{}", other.entry);
    }
    page.push_str("</table>");
}

/// The steps of draws: of the one that the pack is about, or of those by which results were sampled.
fn draws(page: &mut String, pack: &PackDto) {
    let about = match &pack.about {
        AboutDto::Draw { .. } => Role::Conclusion,
        AboutDto::Assessment { .. } | AboutDto::Alert { .. } | AboutDto::Case { .. } => Role::Draw,
    };
    let mut steps = pack.entries.iter().filter(|entry| entry.role == about);
    let Some(first) = steps.next() else {
        return;
    };
    page.push_str(
        "<h2>随机抽取 Random draws</h2><table><tr><th>计划 Plan<th>步骤 Step<th>时间 Time<th>经办 By\
         <th>理由 Reason<th>文件摘要 Hashes<th class=number>账本条目 Entry",
    );
    for entry in std::iter::once(first).chain(steps) {
        let told = entry.shows.get("facts").and_then(|facts| facts.get("told"));
        let said = |path: &str| told.and_then(|told| told.pointer(path));
        let text = |path: &str| said(path).and_then(Value::as_str).unwrap_or_default();
        let at = said("/decided_at").and_then(Value::as_i64);
        let (step, hashes) = match said("/action") {
            Some(Value::Object(action)) if action.contains_key("commit") => (
                "承诺 commit",
                [
                    ("pool", text("/action/commit/pool_sha256")),
                    ("secret", text("/action/commit/secret_sha256")),
                ],
            ),
            Some(Value::Object(_)) => (
                "抽取 draw",
                [
                    ("list", text("/action/draw/list_sha256")),
                    ("record", text("/action/draw/record_sha256")),
                ],
            ),
            _other => ("公开 reveal", [("", ""), ("", "")]),
        };
        let _written = write!(
            page,
            "<tr><td>{}<td>{step}<td>{}<td>{}<td>{}<td>",
            escaped(text("/plan_id")),
            Timestamp::from_millis(at.unwrap_or_default()),
            escaped(text("/actor/id")),
            escaped(text("/reason")),
        );
        for (name, hash) in hashes {
            let _written = write!(page, "{name} <code>{}</code><br>", escaped(hash));
        }
        let _written = write!(page, "<td class=number>{}", entry.index);
    }
    page.push_str(
        "</table><p>公开后，抽取记录（<code>record-….json</code>）和抽样池（<code>pool-….txt</code>）附于包内或可另行索取，\
         其摘要须与上表一致；任何人可据此重新抽取。Once revealed, record and pool must have these hashes, and anyone can draw again.</p>",
    );
}

fn results(page: &mut String, pack: &PackDto) {
    page.push_str(
        "<h2>依据的检验结果 Results behind it</h2><table><tr><th>编号 Id<th>日期 Sampled<th>结论 Outcome\
         <th>被抽样单位 Site<th class=number>账本条目 Entry",
    );
    let listed = pack
        .entries
        .iter()
        .filter(|entry| entry.role == Role::Result);
    for entry in listed {
        let fact = |field: &str| text(entry, "facts", field);
        let sampled = entry
            .shows
            .get("facts")
            .and_then(|facts| facts.get("sampled_at"));
        let sampled = sampled.and_then(Value::as_i64).unwrap_or_default();
        let day = CivilOffset::CHINA.day_of(Timestamp::from_millis(sampled));
        let site = text(entry, "party", "site_name");
        let site = if site.is_empty() {
            fact("site_id")
        } else {
            site
        };
        let _written = write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td class=number>{}",
            escaped(&fact("inspection_id")),
            day,
            escaped(&fact("outcome")),
            escaped(&site),
            entry.index
        );
    }
    page.push_str("</table>");
    if pack.more_results {
        page.push_str(
            "<p>未全部列出；结论中计入全部结果。Not all are listed; the conclusion counts all of them.</p>",
        );
    }
}

fn text(entry: &EntryDto, section: &str, field: &str) -> String {
    let value = entry.shows.get(section).and_then(|shown| shown.get(field));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
