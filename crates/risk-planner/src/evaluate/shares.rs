//! How visits are shared out: against risk, and over time.

use risk_stats::special::normal_quantile;

/// A group in a fairness report.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBurden {
    /// Its name: a zone, a size class, a team of inspectors.
    pub name: String,
    /// Visits that it had.
    pub visits: f64,
    /// Its risk: the probabilities of a failure of its targets, summed up.
    pub risk: f64,
}

/// How visits of a group stand to its risk（公平性）.
#[doc(alias = "公平性")]
#[derive(Debug, Clone, PartialEq)]
pub struct Fairness {
    /// The group.
    pub name: String,
    /// Visits.
    pub visits: f64,
    /// Visits that it would have had if all had gone by risk.
    pub by_risk: f64,
    /// One over the other; 1 is even.
    pub ratio: f64,
    /// Whether the difference is more than chance would make it in 95 of 100 such reports.
    pub uneven: bool,
}

/// Visits against risk, group by group; a group without risk is left out.
pub fn fairness(groups: &[GroupBurden]) -> Vec<Fairness> {
    let visits: f64 = groups.iter().map(|group| group.visits).sum();
    let risk: f64 = groups.iter().map(|group| group.risk).sum();
    let reach = normal_quantile(1.0 - 0.025 / groups.len().max(1) as f64);
    let counted = groups.iter().filter(|group| group.risk > 0.0 && risk > 0.0);
    counted
        .map(|group| {
            let share = group.risk / risk;
            let by_risk = visits * share;
            let deviation = libm::sqrt(by_risk * (1.0 - share));
            Fairness {
                name: group.name.clone(),
                visits: group.visits,
                by_risk,
                ratio: group.visits / by_risk.max(1e-12),
                uneven: (group.visits - by_risk).abs() > reach * deviation,
            }
        })
        .collect()
}

/// How long targets have waited（覆盖）.
#[doc(alias = "覆盖")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Targets.
    pub targets: u32,
    /// Never visited.
    pub never: u32,
    /// Visited within so many weeks, by [`Coverage::WEEKS`].
    pub within: [u32; Coverage::WEEKS.len()],
}

impl Coverage {
    /// The weeks that are asked about: a quarter, half a year, a year, two.
    pub const WEEKS: [u32; 4] = [13, 26, 52, 104];

    /// Takes in a target by the whole weeks since its last visit; none where it was never visited.
    pub fn admit(&mut self, since: Option<u32>) {
        self.targets += 1;
        let Some(since) = since else {
            self.never += 1;
            return;
        };
        for (count, weeks) in self.within.iter_mut().zip(Self::WEEKS) {
            *count += u32::from(since < weeks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_holds_visits_against_risk() {
        let group = |name: &str, visits, risk| GroupBurden {
            name: name.to_owned(),
            visits,
            risk,
        };
        let found = fairness(&[
            group("A", 100.0, 10.0),
            group("B", 100.0, 10.0),
            group("C", 0.0, 0.0),
        ]);
        assert!(
            found
                .iter()
                .all(|of| !of.uneven && (of.ratio - 1.0).abs() < 1e-12)
        );
        let found = fairness(&[group("A", 180.0, 10.0), group("B", 20.0, 10.0)]);
        assert!(found.iter().all(|of| of.uneven), "{found:?}");
    }

    #[test]
    fn coverage_counts_weeks() {
        let mut found = Coverage::default();
        for since in [None, Some(0), Some(12), Some(13), Some(200)] {
            found.admit(since);
        }
        assert_eq!((found.targets, found.never), (5, 1));
        assert_eq!(found.within, [2, 3, 3, 3]);
    }
}
