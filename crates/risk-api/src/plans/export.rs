//! The list of a plan for those who carry it: a table, a page to print.

use crate::dto::{AcceptancePlanDto, PlanLineDto, PlanListDto};
use crate::html::escaped;
use risk_domain::selection::SelectionMode;
use rust_xlsxwriter::{Format, FormatBorder, Workbook, Worksheet, XlsxError};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns of a printed list.
pub(super) const PRINTED: [usize; 11] = [0, 1, 2, 5, 6, 7, 10, 12, 13, 15, 19];
/// What a printed list leaves to be ticked.
pub(super) const TICKED: &str = "☐ 合格　☐ 不合格　☐ 未抽到　☐ 拒检";
/// Sheets for days of teams at most; what is beyond stands in the sheet of all.
const SHEETS: usize = 200;

/// Headings of a table.
pub(super) const HEADINGS: [&str; 21] = [
    "序号",
    "抽查方式",
    "企业名称",
    "企业编号",
    "场所编号",
    "区域",
    "商位",
    "产品",
    "产品代码",
    "执行标准",
    "检验重点",
    "快检方法",
    "检验样品",
    "备用样品",
    "单位",
    "抽样方案",
    "抽取依据",
    "抽取编号",
    "入样概率",
    "入选理由",
    "法律依据",
];

/// Headings of the columns that teams fill in.
pub(super) const FILLED: [&str; 8] = [
    "检验编号",
    "抽样日期",
    "报告日期",
    "抽样组",
    "检验机构",
    "环节",
    "结论",
    "不合格项目",
];

pub(super) fn cells(number: usize, line: &PlanLineDto) -> [String; 21] {
    let mode = SelectionMode::from_code(&line.mode);
    let items: Vec<&str> = line.items.iter().map(|item| item.zh.as_str()).collect();
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    let target = &line.target;
    [
        number.to_string(),
        mode.map_or_else(|| line.mode.clone(), |mode| mode.zh().to_owned()),
        known(&target.name),
        target.enterprise_id.clone(),
        target.site_id.clone(),
        target.zone_id.clone(),
        known(&target.booth),
        target.product_zh.clone(),
        target.product.clone(),
        known(&line.standard),
        items.join("、"),
        known(&line.method_id),
        line.samples.check.to_string(),
        line.samples.backup.to_string(),
        line.samples.unit.clone(),
        line.acceptance
            .as_ref()
            .map_or_else(String::new, AcceptancePlanDto::shown),
        line.selection.basis.clone(),
        known(&line.selection.draw_id),
        line.selection
            .inclusion_probability
            .map_or_else(String::new, |pi| format!("{pi:?}")),
        line.reason.zh.clone(),
        line.legal_basis.zh.clone(),
    ]
}

/// A cell of a table: quoted where it must be, and never read as a formula by a spreadsheet.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if safe.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

/// The table as CSV (RFC 4180), with a byte order mark so that spreadsheets see that it is UTF-8.
pub fn csv(list: &PlanListDto) -> String {
    let mut text = String::from('\u{feff}');
    text.push_str(&HEADINGS.join(","));
    text.push_str("\r\n");
    for (number, line) in (1..).zip(&list.lines) {
        let cells = cells(number, line).map(|cell| quoted(&cell));
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// The workbook: all tests, then a sheet for each day of a team, in the order of the walk.
pub fn workbook(list: &PlanListDto, visits_per_team_day: u32) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let all: Vec<(usize, &PlanLineDto)> = (1..).zip(&list.lines).collect();
    fill(book.add_worksheet().set_name("全部")?, &all)?;
    let mut days: BTreeMap<u32, Vec<(usize, &PlanLineDto)>> = BTreeMap::new();
    for (number, line) in all {
        days.entry(line.team_day).or_default().push((number, line));
    }
    for (day, mut lines) in days.into_iter().take(SHEETS) {
        lines.sort_by_key(|(_, line)| line.turn);
        let name = format!("组日{day}（至多{visits_per_team_day}处）");
        fill(book.add_worksheet().set_name(&name)?, &lines)?;
    }
    book.save_to_buffer()
}

fn fill(sheet: &mut Worksheet, lines: &[(usize, &PlanLineDto)]) -> Result<(), XlsxError> {
    let heading = Format::new().set_bold().set_border(FormatBorder::Thin);
    let plain = Format::new().set_border(FormatBorder::Thin).set_text_wrap();
    for (column, text) in (0..).zip(HEADINGS.iter().chain(&FILLED)) {
        sheet.write_with_format(0, column, *text, &heading)?;
    }
    for (row, (number, line)) in (1..).zip(lines) {
        let cells = cells(*number, line);
        for (column, text) in (0..).zip(&cells) {
            sheet.write_with_format(row, column, text.as_str(), &plain)?;
        }
        for column in 0..FILLED.len() as u16 {
            sheet.write_blank(row, cells.len() as u16 + column, &plain)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(0, 0)?;
    for (column, width) in [(2, 22.0), (10, 30.0), (15, 24.0), (19, 40.0), (20, 40.0)] {
        sheet.set_column_width(column, width)?;
    }
    Ok(())
}

/// The page: a row a test, with boxes to tick. It has no style of its own, so that it prints plainly
/// and needs nothing that the content policy forbids.
pub(super) fn html(title: &str, list: &PlanListDto) -> String {
    let title = escaped(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"zh\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n<table border=\"1\" cellpadding=\"4\">\n<thead><tr><th>完成</th>"
    );
    // Writing to a string cannot fail.
    for at in PRINTED {
        let _written: std::fmt::Result = write!(page, "<th>{}</th>", HEADINGS[at]);
    }
    page.push_str("<th>结论</th></tr></thead>\n<tbody>\n");
    for (number, line) in (1..).zip(&list.lines) {
        let cells = cells(number, line);
        page.push_str("<tr><td>☐</td>");
        for at in PRINTED {
            let _written: std::fmt::Result = write!(page, "<td>{}</td>", escaped(&cells[at]));
        }
        let _written: std::fmt::Result = writeln!(page, "<td>{TICKED}</td></tr>");
    }
    page.push_str(
        "</tbody>\n</table>\n<p>抽样人员：　　　　　　　　　　日期：</p>\n</body>\n</html>\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_stay_words() {
        assert_eq!(quoted("义乌"), "义乌");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(escaped("<b>&\""), "&lt;b&gt;&amp;&quot;");
    }
}
