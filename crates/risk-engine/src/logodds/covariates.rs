//! Decayed counts of what happened before a result: informative selections and remedied failures.

use super::fixed::{COVARIATES, CovariateColumns};
use super::rows::{Basis, Frame, NO_GROUP, Row};

/// Decayed counts of a kind of event in every group, at every week in which one happened.
#[derive(Debug, Clone)]
pub(crate) struct DecayedCounts {
    /// First event of each group; one more at the end.
    starts: Vec<u32>,
    weeks: Vec<u16>,
    /// Count at the end of that week.
    counts: Vec<f64>,
    half_life: f64,
}

impl DecayedCounts {
    /// Events as group, week and number, in any order.
    pub(crate) fn new(mut events: Vec<(u32, u16, u32)>, groups: usize, half_life: f64) -> Self {
        events.retain(|(group, _, number)| *group != NO_GROUP && *number > 0);
        events.sort_unstable();
        let mut counts = Self {
            starts: vec![0; groups + 1],
            weeks: Vec::new(),
            counts: Vec::new(),
            half_life,
        };
        let mut before: Option<(u32, u16)> = None;
        for (group, week, number) in events {
            let number = f64::from(number);
            let same_group = before.filter(|(other, _)| *other == group);
            let decayed = |count: f64, earlier: u16| count * counts.weight(week - earlier);
            let last = counts.counts.last().copied().unwrap_or(0.0);
            match same_group {
                Some((_, earlier)) if earlier == week => {
                    if let Some(count) = counts.counts.last_mut() {
                        *count += number;
                    }
                }
                Some((_, earlier)) => {
                    let carried = decayed(last, earlier);
                    counts.weeks.push(week);
                    counts.counts.push(carried + number);
                }
                None => {
                    counts.weeks.push(week);
                    counts.counts.push(number);
                }
            }
            if let Some(end) = counts.starts.get_mut(group as usize + 1) {
                *end = counts.weeks.len() as u32;
            }
            before = Some((group, week));
        }
        for at in 1..counts.starts.len() {
            counts.starts[at] = counts.starts[at].max(counts.starts[at - 1]);
        }
        counts
    }

    fn weight(&self, weeks: u16) -> f64 {
        libm::exp2(-f64::from(weeks) / self.half_life)
    }

    fn at(&self, group: u32, week: u16, inclusive: bool) -> f64 {
        let slice = self.starts.get(group as usize..group as usize + 2);
        let Some(&[start, end]) = slice else {
            return 0.0;
        };
        let (start, end) = (start as usize, end as usize);
        let events = &self.weeks[start..end];
        let known = events.partition_point(|event| *event < week || (inclusive && *event == week));
        if known == 0 {
            0.0
        } else {
            let event = start + known - 1;
            self.counts[event] * self.weight(week - self.weeks[event])
        }
    }

    /// Count at a week, that week's events included.
    pub(crate) fn through(&self, group: u32, week: u16) -> f64 {
        self.at(group, week, true)
    }

    /// Count at a week of the events of earlier weeks.
    pub(crate) fn before(&self, group: u32, week: u16) -> f64 {
        self.at(group, week, false)
    }

    /// Values of all groups at a week, as a covariate.
    fn dense(&self, week: u16, slope: f64) -> Vec<f64> {
        (0..self.starts.len().saturating_sub(1))
            .map(|group| libm::log1p(slope * self.through(group as u32, week)))
            .collect()
    }
}

/// A covariate that is switched on: the level that it counts by and how fast it forgets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    pub(crate) level: usize,
    pub(crate) half_life: f64,
}

/// Covariates of every row, and of every group at the week of the fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Covariates {
    pub(crate) rows: CovariateColumns,
    pub(crate) now: [Vec<f64>; COVARIATES],
}

/// log(1 + slope·count) is the shape of a posterior mean of a gamma law, so the coefficient is
/// nearly the same for few and for many.
const SLOPES: [f64; COVARIATES] = [2.0, 2.0, 1.0];

/// The third covariate counts confirmed failures, the others informative selections.
const REMEDIED: usize = 2;

/// Informative selections, each counted at the groups of a level.
pub(crate) fn selections(rows: &[Row], column: &[u32]) -> Vec<(u32, u16, u32)> {
    rows.iter()
        .filter(|row| row.basis == Basis::Informative)
        .map(|row| (column[row.target as usize], row.week, row.results))
        .collect()
}

fn confirmed(rows: &[Row], column: &[u32]) -> Vec<(u32, u16, u32)> {
    rows.iter()
        .filter(|row| row.by_laboratory() && row.nonconforming > 0)
        .map(|row| (column[row.target as usize], row.week, row.nonconforming))
        .collect()
}

impl Covariates {
    pub(crate) fn new(
        rows: &[Row],
        frame: &Frame,
        as_of: u16,
        switches: [Option<Switch>; COVARIATES],
    ) -> Self {
        let mut covariates = Self::default();
        for (k, switch) in switches.iter().enumerate() {
            let Some(switch) = switch else { continue };
            let column = frame.column(switch.level);
            let groups = column.iter().filter(|group| **group != NO_GROUP).max();
            let groups = groups.map_or(0, |most| *most as usize + 1);
            let events = if k == REMEDIED {
                confirmed(rows, column)
            } else {
                selections(rows, column)
            };
            let counts = DecayedCounts::new(events, groups, switch.half_life);
            // A selection comes before its result, so it counts for its own row; a failure does not.
            let value = |row: &Row| {
                let group = column[row.target as usize];
                let own = k != REMEDIED && row.basis == Basis::Informative;
                let count = if own {
                    counts.through(group, row.week)
                } else {
                    counts.before(group, row.week)
                };
                if count > 0.0 {
                    libm::log1p(SLOPES[k] * count)
                } else {
                    0.0
                }
            };
            covariates.rows[k] = Some(rows.iter().map(|row| value(row) as f32).collect());
            covariates.now[k] = counts.dense(as_of, SLOPES[k]);
        }
        covariates
    }
}
