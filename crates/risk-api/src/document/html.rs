//! A document as a page: no script, nothing from elsewhere, legible on paper too.

use super::{Block, Cell, Document, Table, Value};
use crate::html::escaped;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Media type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

const STYLE: &str = "body{font:15px/1.65 'Noto Sans SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif;\
color:#1f2430;max-width:62em;margin:2em auto;padding:0 1.2em}h1{margin-bottom:0}h2{color:#1d4f91;\
font-size:1.15em;margin-top:1.8em}.about,.note,figcaption,dt,.figure span,footer{color:#6b7280}\
.note,footer{font-size:.86em}.warning{background:#fff6e5;border-left:4px solid #d98e04;padding:.5em .8em}\
.figures{display:flex;flex-wrap:wrap;gap:.8em}.figure{background:#f4f6f9;border-radius:6px;\
padding:.6em .9em;flex:1 1 11em}.figure b{display:block;font-size:1.5em}.figure span{display:block;\
font-size:.86em}dl{display:grid;grid-template-columns:max-content 1fr;gap:.3em 1.4em}dd{margin:0}\
table{border-collapse:collapse;width:100%;font-size:.93em}th,td{border-bottom:1px solid #d5d9e0;\
padding:.35em .6em;text-align:left;vertical-align:top}th{background:#f4f6f9}.number{text-align:right}\
.muted{color:#737985}figure{margin:1em 0}svg{width:100%;height:auto}pre{background:#f4f6f9;padding:.8em;\
overflow-wrap:anywhere;white-space:pre-wrap;font-size:12px}.signature{text-align:right;margin-top:3em}\
td{overflow-wrap:anywhere}@media print{body{margin:0;max-width:none}tr,figure{break-inside:avoid}}";

/// The content policy of such a page: its own style and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'none'"
    )
});

/// Has a browser apply the page's style, and nothing else.
pub(crate) fn confine(response: &mut Response) {
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// The page.
pub(crate) fn html(document: &Document) -> String {
    let mut page = String::new();
    let (title, subtitle) = (escaped(&document.title), escaped(&document.subtitle));
    // Writing to a text cannot fail.
    let _written = write!(
        page,
        "<!doctype html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} {subtitle}</title><style>{STYLE}</style></head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"about\">{subtitle}</p>\n",
        document.lang.of("zh-CN", "en"),
    );
    for block in &document.blocks {
        write_block(&mut page, block);
    }
    let _written = write!(
        page,
        "</main>\n<footer><p>{}</p></footer>\n</body>\n</html>\n",
        escaped(&document.footer)
    );
    page
}

fn write_block(page: &mut String, block: &Block) {
    let _written = match block {
        Block::Heading(text) => writeln!(page, "<h2>{}</h2>", escaped(text)),
        Block::Text(text) => writeln!(page, "<p>{}</p>", escaped(text)),
        Block::Note(text) => writeln!(page, "<p class=\"note\">{}</p>", escaped(text)),
        Block::Warning(text) => writeln!(page, "<p class=\"warning\">{}</p>", escaped(text)),
        Block::Code(text) => writeln!(page, "<pre>{}</pre>", escaped(text)),
        Block::Signature(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
            writeln!(page, "<p class=\"signature\">{}</p>", lines.join("<br>"))
        }
        Block::Figures(figures) => {
            page.push_str("<div class=\"figures\">");
            for figure in figures {
                let _written = write!(
                    page,
                    "<div class=\"figure\"><span>{}</span><b{}>{}</b><span>{}</span></div>",
                    escaped(&figure.label),
                    if figure.value.muted {
                        " class=\"muted\""
                    } else {
                        ""
                    },
                    escaped(&figure.value.shown()),
                    escaped(&figure.beside),
                );
            }
            writeln!(page, "</div>")
        }
        Block::Facts(facts) => {
            page.push_str("<dl>");
            for (label, said) in facts {
                let _written = write!(page, "<dt>{}<dd>{}", escaped(label), escaped(said));
            }
            writeln!(page, "</dl>")
        }
        Block::Table(table) => {
            write_table(page, table);
            Ok(())
        }
        Block::Chart(chart) => writeln!(
            page,
            "<figure role=\"img\" aria-label=\"{}\"><figcaption>{}</figcaption>{}</figure>",
            escaped(&chart.alt()),
            escaped(chart.title()),
            chart.svg(),
        ),
    };
}

fn write_table(page: &mut String, table: &Table) {
    page.push_str("<table><thead><tr>");
    for column in &table.columns {
        let class = if column.number {
            " class=\"number\""
        } else {
            ""
        };
        let _written = write!(page, "<th scope=\"col\"{class}>{}", escaped(&column.head));
    }
    page.push_str("</thead>\n<tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for cell in row {
            let _written = write!(page, "<td{}>{}", class_of(cell), escaped(&cell.shown()));
        }
        page.push('\n');
    }
    page.push_str("</tbody></table>\n");
}

fn class_of(cell: &Cell) -> &'static str {
    let number = !matches!(cell.value, Value::Text(_));
    match (number, cell.muted) {
        (true, true) => " class=\"number muted\"",
        (true, false) => " class=\"number\"",
        (false, true) => " class=\"muted\"",
        (false, false) => "",
    }
}
