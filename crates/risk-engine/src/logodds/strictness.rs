//! Whether a laboratory or an inspector group judges more strictly than others（严格度报告）.

use risk_stats::special::normal_cdf;

use super::snapshot::{Effect, ObserverEffects, Snapshot};

/// How an observer differs from the others, all that is known of the goods taken into account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strictness {
    /// Number of the observer.
    pub observer: u16,
    /// By what factor it multiplies the odds of a failure.
    pub odds_ratio: f64,
    /// Lower end of the interval of the snapshot's chance.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Probability that it is stricter than the others; near 0, that it is more lenient.
    pub stricter: f64,
}

impl Snapshot {
    /// The laboratories, by number; empty if their strictness is not modelled. An effect of theirs
    /// never enters a prediction.
    pub fn laboratory_strictness(&self) -> Vec<Strictness> {
        self.strictness_of(self.laboratories.as_ref())
    }

    /// The inspector groups, the same.
    pub fn inspector_strictness(&self) -> Vec<Strictness> {
        self.strictness_of(self.inspectors.as_ref())
    }

    fn strictness_of(&self, effects: Option<&ObserverEffects>) -> Vec<Strictness> {
        let effects = effects.map_or(&[][..], |effects| &effects.effects);
        let report = |(observer, effect): (usize, &Effect)| {
            let deviation = libm::sqrt(effect.variance);
            let reach = self.interval_deviations * deviation;
            Strictness {
                observer: observer as u16,
                odds_ratio: libm::exp(effect.mean),
                lower: libm::exp(effect.mean - reach),
                upper: libm::exp(effect.mean + reach),
                stricter: normal_cdf(effect.mean / deviation),
            }
        };
        effects.iter().enumerate().map(report).collect()
    }
}
