//! Lines grouped into the days of teams（组日路线）, by place.
//!
//! A team walks: what lies in one zone belongs together, and within it booths follow one another by
//! floor, street and number. Zones are taken in the order of the tree, so that neighbours within a
//! market or a town follow one another; a day that is not full goes on in the next zone of the same
//! parent only.

use crate::plan::Line;
use risk_domain::ids::ZoneId;
use std::collections::BTreeMap;

/// A part of a booth's number: words sort as words, numbers as numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Word(String),
}

/// A booth or address as it is walked: `2F-9` before `2F-10`.
fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut number: Option<u64> = None;
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            if !word.is_empty() {
                found.push(Piece::Word(std::mem::take(&mut word)));
            }
            let so_far = number.unwrap_or(0);
            number = Some(so_far.saturating_mul(10).saturating_add(u64::from(digit)));
        } else {
            found.extend(number.take().map(Piece::Number));
            word.push(character);
        }
    }
    found.extend(number.map(Piece::Number));
    if !word.is_empty() {
        found.push(Piece::Word(word));
    }
    found
}

/// A day of a team（组日）: places of lines in the plan, in the order of the walk.
#[doc(alias = "组日")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamDay {
    /// The zone that it begins in.
    pub zone: ZoneId,
    /// Lines, by their place in the plan.
    pub lines: Vec<usize>,
}

/// Groups lines into days of at most so many visits; tests of one site are one visit. `parents` says in
/// which zone a zone lies.
pub fn team_days(
    lines: &[Line],
    visits_per_day: u32,
    parents: &BTreeMap<ZoneId, ZoneId>,
) -> Vec<TeamDay> {
    let above = |zone: &ZoneId| parents.get(zone).cloned();
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_cached_key(|at| {
        let line = &lines[*at];
        let booth = pieces(line.booth.as_deref().unwrap_or_default());
        (
            above(&line.zone),
            line.zone.clone(),
            booth,
            line.target.clone(),
            line.mode,
        )
    });
    let mut days: Vec<TeamDay> = Vec::new();
    let mut visits = 0;
    for at in order {
        let line = &lines[at];
        let last = days.last().and_then(|day| day.lines.last().copied());
        let same_site = last.is_some_and(|last| lines[last].target.site == line.target.site);
        let same_walk = last.is_some_and(|last| {
            let zone = &lines[last].zone;
            *zone == line.zone || (above(zone).is_some() && above(zone) == above(&line.zone))
        });
        let full = visits >= visits_per_day.max(1);
        match days.last_mut() {
            Some(day) if same_site || (same_walk && !full) => {
                visits += u32::from(!same_site);
                day.lines.push(at);
            }
            Some(_) | None => {
                visits = 1;
                days.push(TeamDay {
                    zone: line.zone.clone(),
                    lines: vec![at],
                });
            }
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booths_follow_one_another_as_they_are_walked() {
        let mut booths = ["2F-10", "2F-9", "1F-200", "A12", "A2", ""];
        booths.sort_by_key(|booth| pieces(booth));
        assert_eq!(booths, ["", "1F-200", "2F-9", "2F-10", "A2", "A12"]);
    }
}
