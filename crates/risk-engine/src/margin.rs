//! How far a recorded grade stands above the bound of its level（级差）, and without which part it would not:
//! from what was recorded alone, so that it says the same years later.

use crate::assessment::{Assessment, Part};
use risk_domain::scales::RiskLevel;
use risk_stats::special::{normal_cdf, normal_quantile, sigmoid};

/// Levels above low, in the order of [`Assessment::at_least`].
const LEVELS: [RiskLevel; 3] = [RiskLevel::Medium, RiskLevel::High, RiskLevel::Serious];
/// Probabilities nearer to 0 or 1 than this no longer tell where a bound lies.
const TELLING: f64 = 1e-9;

/// A score without one of its parts（去除某项后的分值）.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Without {
    /// The part that is taken away.
    pub part: Part,
    /// Probability, 0 to 1, of at least the level without it.
    pub at_least: f64,
}

/// How far a grade stands above the bound of its level（级差）.
#[doc(alias = "级差")]
#[derive(Debug, Clone, PartialEq)]
pub struct Margin {
    /// The level that was estimated, whatever was decided.
    pub level: RiskLevel,
    /// Probability of a failure, 0 to 1, above which at least this level is likelier than not.
    pub begins_at: f64,
    /// By how much the log-odds lie above that bound; below it where the level is kept as it stood.
    pub log_odds: f64,
    /// Probability, 0 to 1, of at least this level, as recorded.
    pub at_least: f64,
    /// The parts that raise the score, that of the city aside: without each alone, all else as it is. The one
    /// that tells most comes first; of equals, the one that is added first.
    pub without: Vec<Without>,
}

impl Assessment {
    /// How far the estimated level's bound is away, and which parts carry it above. The log-odds are normal, so
    /// the recorded probability of at least the level says by how many deviations they lie above the bound.
    /// None for the lowest level, for none, and where that probability is so near to 0 or 1 that it no longer
    /// tells.
    pub fn margin(&self) -> Option<Margin> {
        let level = self.estimated_level();
        let at = LEVELS.iter().position(|of| *of == level)?;
        let at_least = *self.at_least.get(at)?;
        let tells = at_least > TELLING && at_least < 1.0 - TELLING;
        let deviation = libm::sqrt(self.variance);
        if !tells || deviation <= 0.0 {
            return None;
        }
        let excess = normal_quantile(at_least);
        let raising = self.contributions.iter();
        let raising = raising.filter(|of| of.log_odds > 0.0 && of.part != Part::Base);
        let mut without: Vec<Without> = raising
            .map(|of| Without {
                part: of.part,
                at_least: normal_cdf(excess - of.log_odds / deviation),
            })
            .collect();
        without.sort_by(|one, other| one.at_least.total_cmp(&other.at_least));
        Some(Margin {
            level,
            begins_at: sigmoid(self.log_odds - excess * deviation),
            log_odds: excess * deviation,
            at_least,
            without,
        })
    }
}

#[cfg(test)]
mod tests;
