//! A document as a workbook: what is read on the first sheet, then a sheet for each table and chart.
//!
//! Numbers are numbers. Texts are written as texts, so that a name that begins like a formula is none.

use super::chart::{Chart, Drawn, Point};
use super::{Block, Cell, Column, Document, Lang, Table, Value};
use rust_xlsxwriter::{
    Chart as Plot, ChartType, Color, DocProperties, ExcelDateTime, Format, FormatAlign,
    FormatBorder, Workbook, Worksheet, XlsxError,
};
use std::collections::BTreeSet;

/// Media type of a workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Signs that a sheet's name may have.
const NAME: usize = 31;
const GREY: Color = Color::RGB(0x0073_7985);

/// Names of sheets: each once, short enough, without the signs that a workbook forbids.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn take(&mut self, wanted: &str) -> String {
        let forbidden = ['[', ']', ':', '*', '?', '/', '\\', '\''];
        let clean: String = wanted
            .chars()
            .filter(|sign| !forbidden.contains(sign))
            .take(NAME - 3)
            .collect();
        let mut name = clean.clone();
        let mut number = 1;
        while !self.0.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{clean} {number}");
        }
        name
    }
}

/// The workbook.
pub(crate) fn xlsx(document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (year, month) = document.day.year_month();
    let made = ExcelDateTime::from_ymd(year.unsigned_abs(), month.unsigned_abs(), 1)?;
    book.set_properties(
        &DocProperties::new()
            .set_title(&document.title)
            .set_subject(&document.subtitle)
            .set_author("Spotcheck")
            .set_creation_datetime(&made),
    );
    let mut names = Names::default();
    let first = names.take(document.lang.of("概要", "Summary"));
    summary(book.add_worksheet().set_name(&first)?, document)?;
    for block in &document.blocks {
        match block {
            Block::Table(of) => {
                let name = names.take(&of.name);
                table(book.add_worksheet().set_name(&name)?, of)?;
            }
            Block::Chart(of) => {
                let name = names.take(&of.title);
                plot(
                    book.add_worksheet().set_name(&name)?,
                    &name,
                    of,
                    document.lang,
                )?;
            }
            Block::Heading(_)
            | Block::Text(_)
            | Block::Note(_)
            | Block::Warning(_)
            | Block::Figures(_)
            | Block::Facts(_)
            | Block::Code(_)
            | Block::Signature(_) => {}
        }
    }
    book.save_to_buffer()
}

fn format_of(cell: &Cell) -> Format {
    let format = match cell.value {
        Value::Share(_) => Format::new().set_num_format("0.00%"),
        Value::Number(_) => Format::new().set_num_format("0.0"),
        Value::Count(_) => Format::new().set_num_format("0"),
        Value::Text(_) | Value::Nothing => Format::new().set_text_wrap(),
    };
    let format = format.set_align(FormatAlign::Top);
    if cell.muted {
        format.set_font_color(GREY).set_italic()
    } else {
        format
    }
}

fn write(sheet: &mut Worksheet, (row, column): (u32, u16), cell: &Cell) -> Result<(), XlsxError> {
    let format = format_of(cell);
    match &cell.value {
        Value::Text(text) => sheet.write_string_with_format(row, column, text, &format)?,
        Value::Count(count) => {
            sheet.write_number_with_format(row, column, *count as f64, &format)?
        }
        Value::Share(number) | Value::Number(number) => {
            sheet.write_number_with_format(row, column, *number, &format)?
        }
        Value::Nothing => sheet.write_blank(row, column, &format)?,
    };
    Ok(())
}

fn summary(sheet: &mut Worksheet, document: &Document) -> Result<(), XlsxError> {
    let title = Format::new().set_bold().set_font_size(16);
    let heading = Format::new().set_bold().set_font_size(12);
    let note = Format::new().set_font_color(GREY).set_text_wrap();
    let plain = Format::new().set_text_wrap();
    sheet.set_column_width(0, 34)?;
    sheet.set_column_width(1, 22)?;
    sheet.set_column_width(2, 60)?;
    sheet.write_string_with_format(0, 0, &document.title, &title)?;
    sheet.write_string(1, 0, &document.subtitle)?;
    let mut row = 3;
    for block in &document.blocks {
        match block {
            Block::Heading(text) => {
                row += 1;
                sheet.write_string_with_format(row, 0, text, &heading)?;
                row += 1;
            }
            Block::Text(text) | Block::Code(text) => {
                sheet.merge_range(row, 0, row, 2, text, &plain)?;
                row += 1;
            }
            Block::Note(text) | Block::Warning(text) => {
                sheet.merge_range(row, 0, row, 2, text, &note)?;
                row += 1;
            }
            Block::Signature(lines) => {
                for line in lines {
                    sheet.write_string(row, 2, line)?;
                    row += 1;
                }
            }
            Block::Figures(figures) => {
                for figure in figures {
                    sheet.write_string(row, 0, &figure.label)?;
                    write(sheet, (row, 1), &figure.value)?;
                    sheet.write_string(row, 2, &figure.beside)?;
                    row += 1;
                }
            }
            Block::Facts(facts) => {
                for (label, said) in facts {
                    sheet.write_string(row, 0, label)?;
                    sheet.write_string(row, 1, said)?;
                    row += 1;
                }
            }
            Block::Table(_) | Block::Chart(_) => {}
        }
    }
    sheet.write_string_with_format(
        row + 1,
        0,
        &document.footer,
        &Format::new().set_font_color(GREY),
    )?;
    sheet.set_print_fit_to_pages(1, 0);
    Ok(())
}

fn heads(sheet: &mut Worksheet, columns: &[Column]) -> Result<(), XlsxError> {
    let format = Format::new()
        .set_bold()
        .set_text_wrap()
        .set_border_bottom(FormatBorder::Thin);
    for (at, column) in (0_u16..).zip(columns) {
        sheet.write_string_with_format(0, at, &column.head, &format)?;
        let width = if column.number {
            13.0
        } else {
            f64::from(column.width).mul_add(5.0, 8.0)
        };
        sheet.set_column_width(at, width.min(60.0))?;
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(0, 0)?;
    Ok(())
}

fn table(sheet: &mut Worksheet, table: &Table) -> Result<(), XlsxError> {
    heads(sheet, &table.columns)?;
    for (row, cells) in (1_u32..).zip(&table.rows) {
        for (column, cell) in (0_u16..).zip(cells) {
            write(sheet, (row, column), cell)?;
        }
    }
    if let (Some(last), false) = (table.columns.len().checked_sub(1), table.rows.is_empty()) {
        sheet.autofilter(0, 0, table.rows.len() as u32, last as u16)?;
    }
    Ok(())
}

/// A chart: its numbers, and a chart of the workbook's own over them.
fn plot(sheet: &mut Worksheet, name: &str, chart: &Chart, lang: Lang) -> Result<(), XlsxError> {
    let (names, series) = match &chart.drawn {
        Drawn::Lines { periods, lines, .. } => {
            let series = lines.iter();
            let series = series.map(|line| (line.name.clone(), line.points.clone()));
            (periods.clone(), series.collect::<Vec<_>>())
        }
        Drawn::Dots(dots) => {
            let points = dots.iter().map(|(_, point)| Some(*point)).collect();
            let names = dots.iter().map(|(name, _)| name.clone()).collect();
            (names, vec![(chart.title.clone(), points)])
        }
    };
    let mut columns = vec![Column::text(lang.of("期间或名称", "Period or name"), 3)];
    for (name, _) in &series {
        let ends = lang.of(["", " 下限", " 上限"], ["", " lower", " upper"]);
        columns.extend(ends.map(|end| Column::number(format!("{name}{end}"), 2)));
    }
    heads(sheet, &columns)?;
    for (row, name) in (1_u32..).zip(&names) {
        write(sheet, (row, 0), &name.as_str().into())?;
        for (at, (_, points)) in (0_u16..).zip(&series) {
            let point: Option<&Point> = points.get(row as usize - 1).and_then(Option::as_ref);
            let Some(point) = point else { continue };
            let values = [point.value, point.lower, point.upper];
            for (column, value) in (at * 3 + 1..).zip(values) {
                let cell = Cell::from(Value::Share(value)).muted(point.muted);
                write(sheet, (row, column), &cell)?;
            }
        }
    }
    let last = names.len() as u32;
    let (kind, places) = match chart.drawn {
        Drawn::Lines { .. } => (ChartType::Line, (last + 2, 0)),
        Drawn::Dots(_) => (ChartType::Bar, (0, columns.len() as u16 + 1)),
    };
    if last > 0 {
        let mut plot = Plot::new(kind);
        plot.title().set_name(&chart.title);
        for (at, _) in (0_u16..).zip(&series) {
            let column = at * 3 + 1;
            plot.add_series()
                .set_name((name, 0, column))
                .set_categories((name, 1, 0, last, 0))
                .set_values((name, 1, column, last, column));
        }
        plot.set_width(760).set_height(340);
        sheet.insert_chart(places.0, places.1, &plot)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_have_names_that_a_workbook_takes() {
        let mut names = Names::default();
        assert_eq!(names.take("合格率：[A/B]*?"), "合格率：AB");
        let long = "很长".repeat(30);
        let (one, other) = (names.take(&long), names.take(&long));
        assert_ne!(one, other);
        assert!(one.chars().count() <= NAME && other.chars().count() <= NAME);
    }
}
