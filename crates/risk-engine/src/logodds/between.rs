//! Between fits（拟合之间的在线更新）: what has come since a snapshot, as integer sums per group.
//!
//! Parameters stay frozen, so every result adds a score and an information that depend on the
//! snapshot and on it alone. Sums of integers commute, merge across shards, and a correction takes
//! away exactly what it replaces.

use serde::{Deserialize, Serialize};

use super::predict::Query;
use super::rows::{NO_GROUP, Row, UNITS};
use super::snapshot::Snapshot;

/// Binary places of a sum: a score of one result is at most 1, so that 2³¹ results fit.
const PLACES: f64 = 4_294_967_296.0;

/// What results of a group have said since the snapshot（得分与信息量之和）.
#[doc(alias = "得分")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScoreSum {
    /// Σ of the scores, in 2⁻³².
    pub score: i64,
    /// Σ of the informations, in 2⁻³².
    pub information: i64,
    /// Results, in parts of [`UNITS`].
    pub tested: i64,
}

impl ScoreSum {
    pub(crate) fn combine(&mut self, other: Self, sign: i64) {
        self.score = self.score.wrapping_add(sign.wrapping_mul(other.score));
        self.information = self
            .information
            .wrapping_add(sign.wrapping_mul(other.information));
        self.tested = self.tested.wrapping_add(sign.wrapping_mul(other.tested));
    }
}

/// Groups that stand together, so that walking over groups by their numbers walks over memory.
const PAGE: usize = 64;

/// Sums of the groups of one level, by number. Pages without a sum take no room.
#[derive(Debug, Clone, Default)]
struct Sums(Vec<Option<Box<[ScoreSum; PAGE]>>>);

impl Sums {
    fn get(&self, group: u32) -> ScoreSum {
        let page = self.0.get(group as usize / PAGE).and_then(Option::as_ref);
        page.map_or_else(ScoreSum::default, |page| page[group as usize % PAGE])
    }

    fn get_mut(&mut self, group: u32) -> &mut ScoreSum {
        let at = group as usize / PAGE;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        let page = self.0[at].get_or_insert_with(|| Box::new([ScoreSum::default(); PAGE]));
        &mut page[group as usize % PAGE]
    }

    /// The sums that are not zero, with their groups.
    fn iter(&self) -> impl Iterator<Item = (u32, ScoreSum)> {
        let pages = self.0.iter().enumerate();
        let pages = pages.filter_map(|(at, page)| Some((at * PAGE, page.as_ref()?)));
        let sums = pages.flat_map(|(from, page)| {
            let groups = from as u32..;
            groups.zip(page.iter().copied())
        });
        sums.filter(|(_, sum)| *sum != ScoreSum::default())
    }
}

/// What has been taken away again does not show.
impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Sums {}

/// Sums of every group of every level since a snapshot. They are of that snapshot alone: another
/// scores the same results differently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinceSnapshot {
    levels: Vec<Sums>,
}

impl SinceSnapshot {
    /// Nothing yet.
    pub fn new(snapshot: &Snapshot) -> Self {
        Self {
            levels: vec![Sums::default(); snapshot.levels.len()],
        }
    }

    /// Adds a row of a target of these groups.
    pub fn add(&mut self, snapshot: &Snapshot, row: &Row, groups: &[u32]) {
        self.combine(snapshot.surprise(row, groups), groups, 1);
    }

    /// Takes away a row that had been added.
    pub fn subtract(&mut self, snapshot: &Snapshot, row: &Row, groups: &[u32]) {
        self.combine(snapshot.surprise(row, groups), groups, -1);
    }

    /// Adds the sums of another shard.
    pub fn merge(&mut self, other: &Self) {
        for (at, level) in other.levels.iter().enumerate() {
            for (group, sum) in level.iter() {
                self.add_to(at, group, sum, 1);
            }
        }
    }

    /// Adds what a row has said to each of its groups, or takes it away with a sign of −1.
    pub(crate) fn combine(&mut self, sum: ScoreSum, groups: &[u32], sign: i64) {
        for (at, group) in groups.iter().enumerate() {
            if *group != NO_GROUP {
                self.add_to(at, *group, sum, sign);
            }
        }
    }

    fn add_to(&mut self, level: usize, group: u32, by: ScoreSum, sign: i64) {
        if let Some(level) = self.levels.get_mut(level) {
            level.get_mut(group).combine(by, sign);
        }
    }

    /// Sum of a group of a level.
    pub fn sum(&self, level: usize, group: u32) -> ScoreSum {
        let level = self.levels.get(level);
        level.map_or_else(ScoreSum::default, |level| level.get(group))
    }
}

impl Snapshot {
    /// Score and information of a row under the frozen parameters, at the snapshot's horizon and
    /// with the row's mode, test and observers.
    pub fn surprise(&self, row: &Row, groups: &[u32]) -> ScoreSum {
        self.surprise_at(row, self.in_mode(row.mode, groups))
    }

    /// Log-odds of a target in a mode, at the snapshot's horizon.
    pub(crate) fn in_mode(&self, mode: u8, groups: &[u32]) -> f64 {
        let query = Query {
            mode: Some(mode),
            ..Query::new(groups)
        };
        self.log_odds(&query).0
    }

    /// The same as [`Self::surprise`], given the log-odds of the target in the row's mode.
    pub(crate) fn surprise_at(&self, row: &Row, eta: f64) -> ScoreSum {
        let (tested, failed) = row.effective();
        let eta = eta + self.strictness(row);
        let (score, information) = self.link_of(row).score(eta, tested, failed);
        ScoreSum {
            score: libm::round(score * PLACES) as i64,
            information: libm::round(information * PLACES) as i64,
            tested: i64::from(row.tested),
        }
    }

    /// How much what has come since moves the log-odds of a target.
    pub fn moved(&self, since: &SinceSnapshot, groups: &[u32]) -> f64 {
        self.told(groups, self.waves(None), &[since]).moved()
    }
}

/// How much what has come since moves log-odds, level by level, given each level's doubt: it takes the
/// part that its doubt has in the whole doubt (for one result, an extended Kalman filter's gain).
pub(crate) fn moved(levels: impl Iterator<Item = (f64, ScoreSum)> + Clone) -> f64 {
    let whole: f64 = levels.clone().map(|(doubt, _)| doubt).sum();
    let mut moved = 0.0;
    for (doubt, sum) in levels {
        // Less than nothing has come where a correction took away what the snapshot had seen; that
        // shows at the next fit.
        if sum.tested <= 0 || sum.information <= 0 {
            continue;
        }
        let information = sum.information as f64 / PLACES;
        let each = information / (sum.tested as f64 / f64::from(UNITS));
        let step = doubt * sum.score as f64 / PLACES;
        moved += step / (1.0 + doubt * information + each * (whole - doubt));
    }
    moved
}
