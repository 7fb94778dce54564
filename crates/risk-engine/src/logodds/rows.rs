//! What a fit reads: the frame of targets and bins of results that share every covariate.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::error::FitError;
use super::settings::Settings;

/// No group of a level: the field was not told for this target, so the level says nothing of it.
pub const NO_GROUP: u32 = u32::MAX;

/// No laboratory or inspector group was named.
pub const NO_OBSERVER: u16 = u16::MAX;

/// Parts into which one result is cut, so that lots with several units count with a fraction of
/// their sample and sums stay integers.
pub const UNITS: u32 = 4096;

/// How the target of a result was chosen, as far as it matters to the model（抽样依据）.
#[doc(alias = "抽样依据")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Basis {
    /// By what is already in the model, such as class or history: choosing tells nothing more.
    Ignorable,
    /// At random from the frame: the only gold standard, so these rows calibrate.
    Random,
    /// On a tip or other private knowledge: being chosen is itself evidence.
    Informative,
}

/// Whether a laboratory result stands for a fast test that it verified（快检复核）.
#[doc(alias = "快检复核")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verification {
    /// It does not: a laboratory result of its own, or a fast test that nobody verified.
    None,
    /// The fast test had been positive.
    OfPositive,
    /// The fast test had been negative.
    OfNegative,
}

/// Results of one target, week, mode, method and observers（同协变量结果的归并行）.
///
/// Adding is commutative, so equal keys merge and the order of arrival does not show.
#[doc(alias = "同协变量结果的归并行")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    /// Target, by its place in the frame.
    pub target: u32,
    /// Week in which the samples were taken.
    pub week: u16,
    /// Mode, by its place in the settings.
    pub mode: u8,
    /// How the target was chosen.
    pub basis: Basis,
    /// 0 for a laboratory, else the fast-test method by its place in the settings plus one.
    /// A verified fast test keeps its method and is told apart by `verification`.
    pub method: u8,
    /// Whether the laboratory spoke on a fast test.
    pub verification: Verification,
    /// Laboratory, or [`NO_OBSERVER`].
    pub laboratory: u16,
    /// Inspector group, or [`NO_OBSERVER`].
    pub inspector: u16,
    /// Probability with which a random draw took it, in steps of its logarithm; 0 if not known. A fit
    /// does not look at it, pass rates do.
    pub drawn: u16,
    /// Results.
    pub results: u32,
    /// Results that failed.
    pub nonconforming: u32,
    /// Effective number of results, in [`UNITS`].
    pub tested: u32,
    /// Effective number of failures, in [`UNITS`].
    pub failed: u32,
}

pub(crate) type Key = (u32, u16, u8, Basis, u8, Verification, u16, u16, u16);

/// Steps of the logarithm by which inclusion probabilities are told apart.
const DRAWN_STEPS: f64 = 4000.0;

/// Number of an inclusion probability in (0, 1]; it keeps four digits of probabilities down to 10⁻⁷.
pub(crate) fn drawn_with(inclusion: f64) -> u16 {
    libm::round(-libm::log(inclusion) * DRAWN_STEPS).clamp(0.0, 65_534.0) as u16 + 1
}

impl Row {
    /// Probability with which a random draw took it, if that is known.
    pub fn inclusion(&self) -> Option<f64> {
        let steps = self.drawn.checked_sub(1)?;
        Some(libm::exp(-f64::from(steps) / DRAWN_STEPS))
    }

    /// Laboratory results of a target, a week and a mode.
    pub fn new(target: u32, week: u16, mode: u8, basis: Basis) -> Self {
        Self {
            target,
            week,
            mode,
            basis,
            method: 0,
            verification: Verification::None,
            laboratory: NO_OBSERVER,
            inspector: NO_OBSERVER,
            drawn: 0,
            results: 0,
            nonconforming: 0,
            tested: 0,
            failed: 0,
        }
    }

    /// The same, by a fast-test method (its place in the settings plus one).
    #[must_use]
    pub fn by_method(self, method: u8, verification: Verification) -> Self {
        Self {
            method,
            verification,
            ..self
        }
    }

    /// The same, with so many results, each a lot of its own of which one sample was taken.
    #[must_use]
    pub fn counting(self, results: u32, nonconforming: u32) -> Self {
        Self {
            results,
            nonconforming,
            tested: results.saturating_mul(UNITS),
            failed: nonconforming.saturating_mul(UNITS),
            ..self
        }
    }

    /// The same, with one lot of which `defective` of `tested` units failed. Units of one lot are
    /// alike, so they count as n/(1 + (n − 1)ρ) results, ρ being the correlation within lots.
    #[must_use]
    pub fn of_lot(self, tested: u32, defective: u32, correlation: f64) -> Self {
        let n = f64::from(tested.max(1));
        let worth = n / (1.0 + (n - 1.0) * correlation.clamp(0.0, 1.0));
        let share = f64::from(defective.min(tested)) / n;
        let units = |count: f64| libm::round(count * f64::from(UNITS)) as u32;
        Self {
            results: 1,
            nonconforming: u32::from(defective > 0),
            tested: units(worth),
            failed: units(worth * share).min(units(worth)),
            ..self
        }
    }

    /// Whether the laboratory spoke, on its own or on a fast test.
    pub fn by_laboratory(&self) -> bool {
        self.method == 0 || self.verification != Verification::None
    }

    /// Effective number of results, and of failures.
    pub(crate) fn effective(&self) -> (f64, f64) {
        let units = f64::from(UNITS);
        (
            f64::from(self.tested) / units,
            f64::from(self.failed) / units,
        )
    }

    pub(crate) fn key(&self) -> Key {
        (
            self.target,
            self.week,
            self.mode,
            self.basis,
            self.method,
            self.verification,
            self.laboratory,
            self.inspector,
            self.drawn,
        )
    }

    /// Adds a row of the same key, if the counts can hold the sum.
    fn absorb(&mut self, other: &Self) -> bool {
        let sums = (
            self.results.checked_add(other.results),
            self.nonconforming.checked_add(other.nonconforming),
            self.tested.checked_add(other.tested),
            self.failed.checked_add(other.failed),
        );
        let (Some(results), Some(nonconforming), Some(tested), Some(failed)) = sums else {
            return false;
        };
        self.results = results;
        self.nonconforming = nonconforming;
        self.tested = tested;
        self.failed = failed;
        true
    }
}

/// Sorts rows by key and adds up those of equal keys.
pub fn merge(mut rows: Vec<Row>) -> Vec<Row> {
    // A stable sort merges runs that are in order already, which is how most rows come.
    rows.sort();
    rows.dedup_by(|next, kept| kept.key() == next.key() && kept.absorb(next));
    rows
}

/// The targets that results may be of, tested or not（抽样框）, column by column.
#[doc(alias = "抽样框")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    columns: Vec<Vec<u32>>,
    active: Vec<(u16, u16)>,
}

impl Frame {
    /// An empty frame whose targets are grouped by so many levels.
    pub fn new(levels: usize) -> Self {
        Self {
            columns: vec![Vec::new(); levels],
            active: Vec::new(),
        }
    }

    /// Adds a target that exists in the weeks [from, until) and returns its place. Groups come in the
    /// order of the settings' levels; missing ones are [`NO_GROUP`].
    pub fn push(&mut self, groups: &[u32], from: u16, until: u16) -> u32 {
        for (at, column) in self.columns.iter_mut().enumerate() {
            column.push(groups.get(at).copied().unwrap_or(NO_GROUP));
        }
        self.active.push((from, until));
        (self.active.len() - 1) as u32
    }

    /// Number of targets.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Number of levels.
    pub fn levels(&self) -> usize {
        self.columns.len()
    }

    /// Group of every target at a level.
    pub fn column(&self, level: usize) -> &[u32] {
        self.columns.get(level).map_or(&[], Vec::as_slice)
    }

    /// Groups of a target, level by level.
    pub fn groups(&self, target: u32) -> impl Iterator<Item = u32> + '_ {
        let group = move |column: &Vec<u32>| column.get(target as usize).copied();
        self.columns
            .iter()
            .map(move |column| group(column).unwrap_or(NO_GROUP))
    }

    /// Weeks [from, until) in which each target exists.
    pub fn active(&self) -> &[(u16, u16)] {
        &self.active
    }
}

/// All that a fit reads. Rows of weeks after `as_of` are not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Targets.
    pub frame: &'a Frame,
    /// Bins of results, in any order.
    pub rows: &'a [Row],
    /// The week at whose end the fit stands.
    pub as_of: u16,
    /// Those of the rows that were not yet known to the snapshot which the fit starts from, whatever
    /// week they are of: a laboratory may speak weeks after the sample was taken. The calibrator and
    /// the strength of selection learn from these alone. None where every row was known by the end
    /// of its own week.
    pub fresh: Option<&'a [Row]>,
}

impl<'a> Evidence<'a> {
    /// Evidence in which every row was known by the end of its own week.
    pub fn new(frame: &'a Frame, rows: &'a [Row], as_of: u16) -> Self {
        Self {
            frame,
            rows,
            as_of,
            fresh: None,
        }
    }

    /// Rows that a snapshot of week `after` had not seen, merged.
    pub(crate) fn unseen(&self, rows: &[Row], after: u16) -> Vec<Row> {
        match self.fresh {
            Some(fresh) => {
                let known = fresh.iter().filter(|row| row.week <= self.as_of);
                merge(known.copied().collect())
            }
            // Rows are merged already, so that a part of them is.
            None => rows
                .iter()
                .filter(|row| row.week > after)
                .copied()
                .collect(),
        }
    }

    /// Rows up to the week of the fit in the order of their keys, copied only if they must be.
    pub(crate) fn sorted(&self) -> Cow<'a, [Row]> {
        let known = self.rows.iter().all(|row| row.week <= self.as_of);
        let merged = self
            .rows
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a.key() < b.key()));
        if known && merged {
            return Cow::Borrowed(self.rows);
        }
        let rows = self.rows.iter().filter(|row| row.week <= self.as_of);
        Cow::Owned(merge(rows.copied().collect()))
    }

    /// Refuses rows that speak of what is not declared.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), FitError> {
        if self.frame.levels() != settings.levels.len() {
            return Err(FitError::Levels {
                frame: self.frame.levels(),
                settings: settings.levels.len(),
            });
        }
        for row in self.rows.iter().chain(self.fresh.unwrap_or_default()) {
            if row.target as usize >= self.frame.len() {
                return Err(FitError::Target {
                    target: row.target,
                    targets: self.frame.len(),
                });
            }
            if usize::from(row.mode) >= settings.modes.len() {
                return Err(FitError::Mode(row.mode));
            }
            if usize::from(row.method) > settings.methods.len() {
                return Err(FitError::UnknownMethod(row.method));
            }
            if row.failed > row.tested || row.nonconforming > row.results {
                return Err(FitError::Failures(row.target));
            }
        }
        Ok(())
    }
}
