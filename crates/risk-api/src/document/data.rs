//! A document as the template of the typesetter reads it.

use super::{Block, Cell, Document, Lang};
use risk_domain::time::Day;
use serde_json::{Value, json};

/// A run of signs without a space that is longer may break after so many.
const RUN: usize = 12;

/// Lets long codes break: hashes and ids have no spaces of their own.
fn breakable(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut run = 0;
    for sign in text.chars() {
        run = if sign.is_ascii_graphic() { run + 1 } else { 0 };
        broken.push(sign);
        if run == RUN {
            broken.push('\u{200b}');
            run = 0;
        }
    }
    broken
}

fn cell(cell: &Cell) -> Value {
    json!({ "text": breakable(&cell.shown()), "muted": cell.muted })
}

fn block(block: &Block) -> Value {
    match block {
        Block::Heading(text) => json!({ "kind": "heading", "text": text }),
        Block::Text(text) => json!({ "kind": "text", "text": text }),
        Block::Note(text) => json!({ "kind": "note", "text": text }),
        Block::Warning(text) => json!({ "kind": "warning", "text": text }),
        Block::Code(text) => json!({ "kind": "code", "text": breakable(text) }),
        Block::Signature(lines) => json!({ "kind": "signature", "lines": lines }),
        Block::Figures(figures) => {
            let figures = figures.iter().map(|figure| {
                json!({
                    "label": figure.label,
                    "value": cell(&figure.value),
                    "beside": figure.beside,
                })
            });
            json!({ "kind": "figures", "figures": figures.collect::<Vec<_>>() })
        }
        Block::Facts(facts) => {
            let facts = facts.iter();
            let facts = facts.map(|(label, said)| json!([label, breakable(said)]));
            json!({ "kind": "facts", "facts": facts.collect::<Vec<_>>() })
        }
        Block::Table(table) => {
            let columns = table.columns.iter().map(|column| {
                json!({ "head": column.head, "width": column.width, "number": column.number })
            });
            let rows = table.rows.iter();
            let rows = rows.map(|row| row.iter().map(cell).collect::<Vec<_>>());
            json!({
                "kind": "table",
                "columns": columns.collect::<Vec<_>>(),
                "rows": rows.collect::<Vec<_>>(),
            })
        }
        Block::Chart(chart) => {
            json!({ "kind": "chart", "svg": chart.svg(), "title": chart.title(), "alt": chart.alt() })
        }
    }
}

impl Document {
    /// As the template reads it, everything so many times as large as it is by default.
    pub(crate) fn data(&self, scale: f64) -> Value {
        let (year, month) = self.day.year_month();
        let first = Day::from_ymd(year, month, 1).unwrap_or(self.day);
        let day = self.day.get() - first.get() + 1;
        json!({
            "lang": self.lang.code(),
            "region": match self.lang { Lang::Zh => "cn", Lang::En => "gb" },
            "title": self.title,
            "subtitle": self.subtitle,
            "footer": self.footer,
            "date": [year, month, day],
            "landscape": self.landscape,
            "scale": scale,
            "blocks": self.blocks.iter().map(block).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_may_break_and_words_stay_whole() {
        assert_eq!(breakable("合格率 97.3%"), "合格率 97.3%");
        let hash = "0123456789abcdef0123456789abcdef";
        let broken = breakable(hash);
        assert_eq!(broken.replace('\u{200b}', ""), hash);
        assert_eq!(broken.matches('\u{200b}').count(), 2);
    }
}
