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
    }
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
