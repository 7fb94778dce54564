//! Evidence: integer sums per subject, a commutative monoid.
//!
//! Every result becomes at most one row, held by its epoch until that closes, and is then added
//! to the sums of each subject it touches: cell, enterprise, site, product, sector, and every zone
//! above the booth. Sums decay in sampled time by integer weights, so neither the order of arrival
//! nor the partition can show in them, and a correction subtracts exactly what it replaces.

use crate::event_time::Epoch;
use crate::sampling::Sampling;
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_stats::decay::{ForwardDecay, Generation};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// A kind of evidence that is kept apart from every other（证据层）. The codes are frozen.
#[doc(alias = "证据层")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stratum {
    /// 风险评价.
    RiskEvaluation,
    /// 监督抽查.
    SupervisoryCheck,
    /// 专项抽查.
    SpecialCheck,
    /// 快检: a screen that no laboratory has confirmed.
    FastScreen,
    /// 快检, replaced by its laboratory confirmation.
    FastVerified,
    /// 执法抽检.
    EnforcementTest,
    /// 跟踪: follow-ups of an earlier failure, outside routine history.
    FollowUp,
    /// 拒检: refusals, which are no tests.
    Refusal,
    /// Failures whose worst item had this severity.
    Severity(Severity),
}

impl Stratum {
    /// Every stratum.
    pub const ALL: [Self; 12] = [
        Self::RiskEvaluation,
        Self::SupervisoryCheck,
        Self::SpecialCheck,
        Self::FastScreen,
        Self::FastVerified,
        Self::EnforcementTest,
        Self::FollowUp,
        Self::Refusal,
        Self::Severity(Severity::One),
        Self::Severity(Severity::Two),
        Self::Severity(Severity::Three),
        Self::Severity(Severity::Four),
    ];

    /// Whether it counts tests of routine history. Follow-ups stand outside of it, a refusal is no
    /// test, and the severities count failures that the modes have counted already.
    pub fn is_test(self) -> bool {
        match self {
            Self::RiskEvaluation
            | Self::SupervisoryCheck
            | Self::SpecialCheck
            | Self::FastScreen
            | Self::FastVerified
            | Self::EnforcementTest => true,
            Self::FollowUp | Self::Refusal | Self::Severity(_) => false,
        }
    }

    /// The stratum's frozen number: its place in [`Self::ALL`].
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::RiskEvaluation => 0,
            Self::SupervisoryCheck => 1,
            Self::SpecialCheck => 2,
            Self::FastScreen => 3,
            Self::FastVerified => 4,
            Self::EnforcementTest => 5,
            Self::FollowUp => 6,
            Self::Refusal => 7,
            Self::Severity(severity) => 7 + severity.get(),
        }
    }

    /// Name in records and messages.
    pub fn code(self) -> &'static str {
        match self {
            Self::RiskEvaluation => "risk_evaluation",
            Self::SupervisoryCheck => "supervisory_check",
            Self::SpecialCheck => "special_check",
            Self::FastScreen => "fast_screen",
            Self::FastVerified => "fast_verified",
            Self::EnforcementTest => "enforcement_test",
            Self::FollowUp => "follow_up",
            Self::Refusal => "refusal",
            Self::Severity(Severity::One) => "severity_1",
            Self::Severity(Severity::Two) => "severity_2",
            Self::Severity(Severity::Three) => "severity_3",
            Self::Severity(Severity::Four) => "severity_4",
        }
    }
}

/// What one result says, before it is known to whom: its stratum and verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) stratum: Stratum,
    pub(crate) nonconforming: bool,
    pub(crate) severity: Option<Severity>,
}

impl Verdict {
    /// What a result says as evidence; `None` for an event without a test or a refusal.
    pub(crate) fn of(result: &InspectionResult) -> Option<Self> {
        let nonconforming = match result.outcome {
            Outcome::Conforming => false,
            Outcome::Nonconforming => true,
            Outcome::Refused => {
                return Some(Self {
                    stratum: Stratum::Refusal,
                    nonconforming: false,
                    severity: None,
                });
            }
            Outcome::Terminated
            | Outcome::NotSampled
            | Outcome::RejectedByLab
            | Outcome::Untestable => return None,
        };
        let stratum = if result.follows_up() {
            Stratum::FollowUp
        } else {
            match (result.mode, result.test.kind) {
                (SelectionMode::FastTest, TestKind::Laboratory) => Stratum::FastVerified,
                (_, TestKind::Rapid) => Stratum::FastScreen,
                (SelectionMode::RiskEvaluation, TestKind::Laboratory) => Stratum::RiskEvaluation,
                (SelectionMode::SupervisoryCheck, TestKind::Laboratory) => {
                    Stratum::SupervisoryCheck
                }
                (SelectionMode::SpecialCheck, TestKind::Laboratory) => Stratum::SpecialCheck,
                (SelectionMode::EnforcementTest, TestKind::Laboratory) => Stratum::EnforcementTest,
            }
        };
        // A screen is no finding yet: it says nothing about how grave failures are.
        let tested = nonconforming && stratum != Stratum::FastScreen;
        let severity = result.worst_severity().filter(|_| tested);
        Some(Self {
            stratum,
            nonconforming,
            severity,
        })
    }
}

/// One result as evidence, or its retraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// What is touched: an entry of [`Subjects::bases`].
    pub(crate) base: u32,
    pub(crate) sampled: Day,
    pub(crate) verdict: Verdict,
    pub(crate) sampling: Sampling,
    /// Link of the chain, by its place among all.
    pub(crate) channel: u8,
    pub(crate) retracts: bool,
}

impl Row {
    /// The row that undoes this one.
    pub(crate) fn retraction(self) -> Self {
        Self {
            retracts: !self.retracts,
            ..self
        }
    }
}

/// Sums of one stratum and one generation of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) stratum: Stratum,
    pub(crate) generation: Generation,
    /// Results and nonconforming results, not decayed.
    pub(crate) count: i32,
    pub(crate) nonconforming: i32,
    /// The same, by integer decay weights.
    pub(crate) weight: i128,
    pub(crate) nonconforming_weight: i128,
}

/// Sums of one subject, ordered by stratum and generation. Most subjects keep one for years, which
/// therefore has its place within.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tallies(SmallVec<[Tally; 1]>);

impl Tallies {
    /// No evidence.
    pub(crate) const NONE: Self = Self(SmallVec::new_const());

    /// Adds one row.
    pub(crate) fn add(&mut self, row: &Row, decay: &ForwardDecay) {
        let Verdict {
            stratum,
            nonconforming,
            severity,
        } = row.verdict;
        self.add_one(row, stratum, nonconforming, decay);
        if let Some(severity) = severity {
            self.add_one(row, Stratum::Severity(severity), true, decay);
        }
    }

    fn add_one(&mut self, row: &Row, stratum: Stratum, nonconforming: bool, decay: &ForwardDecay) {
        let (generation, weight) = decay.weight(row.sampled.get());
        let sign = if row.retracts { -1 } else { 1 };
        let weight = weight as i128 * i128::from(sign);
        let added = Tally {
            stratum,
            generation,
            count: sign,
            nonconforming: if nonconforming { sign } else { 0 },
            weight,
            nonconforming_weight: if nonconforming { weight } else { 0 },
        };
        self.merge_one(added);
    }

    fn merge_one(&mut self, added: Tally) {
        let key = (added.stratum, added.generation);
        match self
            .0
            .binary_search_by_key(&key, |tally| (tally.stratum, tally.generation))
        {
            Ok(at) => {
                if let Some(tally) = self.0.get_mut(at) {
                    tally.count += added.count;
                    tally.nonconforming += added.nonconforming;
                    tally.weight += added.weight;
                    tally.nonconforming_weight += added.nonconforming_weight;
                }
            }
            Err(at) => {
                // Room for four where two are needed would be memory lost.
                self.0.reserve_exact(1);
                self.0.insert(at, added);
            }
        }
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.0.spilled() {
            self.0.capacity() * size_of::<Tally>()
        } else {
            0
        }
    }

    /// Sums taken from a checkpoint, in order.
    pub(crate) fn from_sums(sums: Vec<Tally>) -> Self {
        Self(SmallVec::from_vec(sums))
    }

    /// Adds all sums of another: the monoid's operation.
    pub(crate) fn merge(&mut self, other: &Self) {
        for tally in &other.0 {
            self.merge_one(*tally);
        }
    }

    /// Whether a failure's severity counts. One that was taken back does not: a checkpoint would
    /// not have it.
    pub(crate) fn has_severity(&self) -> bool {
        let mut from_last = self
            .0
            .iter()
            .rev()
            .take_while(|tally| matches!(tally.stratum, Stratum::Severity(_)));
        from_last.any(|tally| tally.count != 0 || tally.weight != 0)
    }

    /// The sums that are not zero, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tally> {
        let is_zero = |tally: &&Tally| {
            tally.count != 0
                || tally.nonconforming != 0
                || tally.weight != 0
                || tally.nonconforming_weight != 0
        };
        self.0.iter().filter(is_zero)
    }

    /// All sums, in order, those that are zero again among them.
    pub(crate) fn sums(&self) -> impl Iterator<Item = &Tally> {
        self.0.iter()
    }

    /// Whether no row was ever added.
    pub(crate) fn is_untouched(&self) -> bool {
        self.0.is_empty()
    }

    /// Plain counts of each stratum that was ever added to, in order: results and nonconforming results.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Stratum, i32, i32)> {
        let strata = self.0.chunk_by(|one, other| one.stratum == other.stratum);
        strata.filter_map(|of_stratum| {
            let sum = |count: fn(&Tally) -> i32| of_stratum.iter().map(count).sum();
            let results = sum(|tally| tally.count);
            let stratum = of_stratum.first()?.stratum;
            Some((stratum, results, sum(|tally| tally.nonconforming)))
        })
    }
}

/// Rows by the epoch that will close them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    rows: BTreeMap<Epoch, Vec<Row>>,
}

impl Pending {
    pub(crate) fn push(&mut self, epoch: Epoch, row: Row) {
        self.rows.entry(epoch).or_default().push(row);
    }

    /// Takes one row back that was pushed before its epoch closed.
    pub(crate) fn take_back(&mut self, epoch: Epoch, row: Row) -> bool {
        let Some(rows) = self.rows.get_mut(&epoch) else {
            return false;
        };
        let found = rows.iter().position(|other| *other == row);
        found.is_some_and(|at| {
            rows.swap_remove(at);
            true
        })
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows
            .values()
            .map(|rows| rows.capacity() * size_of::<Row>())
            .sum()
    }

    pub(crate) fn first(&self) -> Option<Epoch> {
        self.rows.keys().next().copied()
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.rows.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    pub(crate) fn remove(&mut self, epoch: Epoch) -> Vec<Row> {
        self.rows.remove(&epoch).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Epoch, &Row)> {
        self.rows
            .iter()
            .flat_map(|(epoch, rows)| rows.iter().map(|row| (*epoch, row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logodds::{Basis, NO_OBSERVER, Verification};
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = Row> {
        let verdict = (0usize..8, any::<bool>(), prop::option::of(1u8..=4));
        (18_000i32..21_000, verdict, any::<bool>()).prop_map(
            |(day, (stratum, nonconforming, severity), retracts)| Row {
                base: 0,
                sampled: Day::new(day),
                verdict: Verdict {
                    stratum: Stratum::ALL[stratum],
                    nonconforming,
                    severity: severity
                        .filter(|_| nonconforming)
                        .map(|severity| Severity::try_from(severity).unwrap()),
                },
                sampling: Sampling {
                    mode: 0,
                    basis: Basis::Random,
                    method: 0,
                    verification: Verification::None,
                    laboratory: NO_OBSERVER,
                    inspector: NO_OBSERVER,
                    drawn: 0,
                },
                channel: 0,
                retracts,
            },
        )
    }

    fn sums(rows: &[Row]) -> Tallies {
        let decay = ForwardDecay::new(60).unwrap();
        let mut sums = Tallies::NONE;
        for row in rows {
            sums.add(row, &decay);
        }
        sums
    }

    fn merged(one: &Tallies, other: &Tallies) -> Tallies {
        let mut both = one.clone();
        both.merge(other);
        both
    }

    proptest! {
        #[test]
        fn sums_are_a_commutative_monoid(
            one in prop::collection::vec(row(), 0..12),
            two in prop::collection::vec(row(), 0..12),
            three in prop::collection::vec(row(), 0..12),
        ) {
            let (a, b, c) = (sums(&one), sums(&two), sums(&three));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&a, &Tallies::NONE), a.clone());
            let all: Vec<Row> = one.iter().chain(&two).copied().collect();
            prop_assert_eq!(sums(&all), merged(&a, &b));
        }

        #[test]
        fn a_retraction_leaves_nothing(rows in prop::collection::vec(row(), 0..12)) {
            let undone: Vec<Row> = rows.iter().map(|row| row.retraction()).collect();
            let nothing = merged(&sums(&rows), &sums(&undone));
            prop_assert_eq!(nothing.iter().next(), None);
        }
    }
}
