//! The tables of the standard, as text.

const TABLES: &str = include_str!("gbt2828_1.txt");

/// Rows below the line that begins with this word, with that line's other words first.
fn section(name: &str) -> Option<(&'static str, impl Iterator<Item = &'static str>)> {
    let mut lines = TABLES.lines();
    let head = lines.find_map(|line| line.strip_prefix(name))?;
    Some((head, lines))
}

/// Table 1. The last row is for all larger lots.
pub(super) fn letter(lot: u64, level: &str) -> Option<char> {
    let (head, mut rows) = section("letters ")?;
    let column = head.split_whitespace().position(|name| name == level)?;
    rows.find_map(|row| {
        let mut cells = row.split_whitespace();
        let most = cells.next()?;
        let holds = most == "more" || most.parse::<u64>().is_ok_and(|most| lot <= most);
        if !holds {
            return None;
        }
        cells.nth(column)?.chars().next()
    })
}

/// Tables 2-A, 2-B and 2-C: letter of the plan and acceptance number.
pub(super) fn cell(table: &str, letter: char, column: usize) -> Option<(char, u32)> {
    let (_, mut rows) = section(table)?;
    let row = rows.find_map(|row| row.strip_prefix(letter))?;
    let mut cell = row.split_whitespace().nth(column)?.chars();
    let to = cell.next()?;
    Some((to, cell.as_str().parse().ok()?))
}
