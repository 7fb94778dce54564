//! How right the fast tests are, from those that a laboratory verified.

use risk_stats::screening::{AccuracyBelief, LEAST_YOUDEN_INDEX, VerifiedTable};
use risk_stats::shrink::BetaPosterior;
use serde::{Deserialize, Serialize};

use super::link::TestLink;
use super::rows::{Row, Verification};
use super::settings::{BetaPrior, FastTestMethod};
use super::work::decay;
use compact_str::CompactString;

/// Sensitivity and specificity（灵敏度与特异度） of a fast-test method at a fit.
#[doc(alias = "灵敏度与特异度")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodAccuracy {
    /// The method's name.
    pub name: CompactString,
    /// Probability that a failing lot tests positive.
    pub sensitivity: f64,
    /// Probability that a conforming lot tests negative.
    pub specificity: f64,
    /// Whether it tells too little (sensitivity + specificity − 1 below 0.2): its unverified results
    /// were left out of the fit.
    pub refused: bool,
}

impl MethodAccuracy {
    pub(crate) fn link(&self) -> TestLink {
        if self.refused {
            // A test whose outcome does not depend on the truth says nothing.
            TestLink::new(0.5, 0.5)
        } else {
            TestLink::new(self.sensitivity, self.specificity)
        }
    }
}

/// Links of the laboratory and of every method.
pub(crate) fn links(methods: &[MethodAccuracy]) -> Vec<TestLink> {
    std::iter::once(TestLink::LABORATORY)
        .chain(methods.iter().map(MethodAccuracy::link))
        .collect()
}

/// Accuracy of every method from the decayed counts of its results.
pub(crate) fn estimate(
    rows: &[Row],
    as_of: u16,
    half_life: f64,
    methods: &[FastTestMethod],
) -> Vec<MethodAccuracy> {
    let oldest = rows.iter().map(|row| as_of - row.week).max().unwrap_or(0);
    let weights = decay(half_life, oldest);
    let mut seen = vec![Seen::default(); methods.len()];
    for row in rows.iter().filter(|row| row.method > 0) {
        let weight = weights[usize::from(as_of - row.week)];
        seen[usize::from(row.method) - 1].add(row, weight);
    }
    methods
        .iter()
        .zip(&seen)
        .map(|(method, seen)| seen.accuracy(method))
        .collect()
}

/// Decayed counts of one method.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    positives: f64,
    negatives: f64,
    true_positives: f64,
    false_positives: f64,
    false_negatives: f64,
    true_negatives: f64,
}

impl Seen {
    fn add(&mut self, row: &Row, weight: f64) {
        let failed = weight * f64::from(row.nonconforming);
        let passed = weight * f64::from(row.results - row.nonconforming);
        match row.verification {
            Verification::None => {
                self.positives += failed;
                self.negatives += passed;
            }
            Verification::OfPositive => {
                self.positives += failed + passed;
                self.true_positives += failed;
                self.false_positives += passed;
            }
            Verification::OfNegative => {
                self.negatives += failed + passed;
                self.false_negatives += failed;
                self.true_negatives += passed;
            }
        }
    }

    fn accuracy(&self, method: &FastTestMethod) -> MethodAccuracy {
        let (mut sensitivity, mut specificity) =
            (method.sensitivity.mean(), method.specificity.mean());
        if method.estimated
            && self.positives + self.negatives > 0.0
            && let Some(belief) = self.belief(method)
        {
            let mean = |law: BetaPosterior| law.alpha() / (law.alpha() + law.beta());
            sensitivity = mean(belief.sensitivity);
            specificity = mean(belief.specificity);
        }
        MethodAccuracy {
            name: method.name.clone(),
            sensitivity,
            specificity,
            refused: sensitivity + specificity - 1.0 < LEAST_YOUDEN_INDEX - 1e-12,
        }
    }

    fn belief(&self, method: &FastTestMethod) -> Option<AccuracyBelief> {
        let law = |prior: BetaPrior| BetaPosterior::new(prior.alpha, prior.beta).ok();
        let prior = AccuracyBelief {
            sensitivity: law(method.sensitivity)?,
            specificity: law(method.specificity)?,
        };
        let table = VerifiedTable {
            true_positives: self.true_positives,
            false_positives: self.false_positives,
            false_negatives: self.false_negatives,
            true_negatives: self.true_negatives,
        };
        let seen = risk_stats::screening::Verification::new(self.positives, self.negatives, table);
        Some(seen.ok()?.belief(prior))
    }
}
