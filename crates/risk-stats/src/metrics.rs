//! How good predicted probabilities were（预测评估）: ranking, calibration, and what a bounded number
//! of inspections would have found.

/// Predictions that cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// None.
    #[error("there must be at least one prediction")]
    Empty,
    /// A probability outside [0, 1].
    #[error("a predicted probability must lie between 0 and 1")]
    Probability,
    /// No bins, or more than predictions.
    #[error("there must be at least one bin, and no more than predictions")]
    Bins,
    /// A list of none, or longer than the predictions.
    #[error("the list must hold at least one, and no more than there are")]
    List,
}

/// A predicted probability of failure, and what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Predicted probability of failure.
    pub probability: f64,
    /// Whether it failed.
    pub failed: bool,
}

/// One row of a reliability table（可靠性表）.
#[doc(alias = "可靠性表")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Predictions in the bin.
    pub count: usize,
    /// Mean predicted probability.
    pub predicted: f64,
    /// Share that failed.
    pub failed: f64,
}

/// Predictions, likeliest failure first. No figure depends on the order in which they were given.
///
/// ```
/// use risk_stats::metrics::{Prediction, Predictions};
/// let of = |probability, failed| Prediction { probability, failed };
/// let predictions = Predictions::new(vec![of(0.9, true), of(0.2, false), of(0.4, true)])?;
/// assert_eq!(predictions.auc(), Some(1.0));
/// assert_eq!(predictions.precision_at(1)?, 1.0);
/// # Ok::<(), risk_stats::metrics::MetricsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions(Vec<Prediction>);

impl Predictions {
    /// At least one, each with a probability.
    pub fn new(mut predictions: Vec<Prediction>) -> Result<Self, MetricsError> {
        if predictions.is_empty() {
            return Err(MetricsError::Empty);
        }
        let sound = |one: &Prediction| (0.0..=1.0).contains(&one.probability);
        if !predictions.iter().all(sound) {
            return Err(MetricsError::Probability);
        }
        predictions.sort_by(|one, other| other.probability.total_cmp(&one.probability));
        Ok(Self(predictions))
    }

    /// Share of all that failed.
    pub fn base_rate(&self) -> f64 {
        self.failures(self.0.len()) / self.0.len() as f64
    }

    /// Failures among the first of the list; of predictions as probable as the last of them, an equal
    /// share, so that the order given tells nothing.
    fn failures(&self, first: usize) -> f64 {
        let (mut left, mut found) = (first as f64, 0.0);
        for tied in self.0.chunk_by(equally_probable) {
            let taken = left.min(tied.len() as f64);
            let failed = tied.iter().filter(|one| one.failed).count() as f64;
            found += failed * taken / tied.len() as f64;
            left -= taken;
        }
        found
    }

    /// Area under the receiver operating characteristic: the chance that a failure ranks above a
    /// pass, half where equal (Mann–Whitney). `None` where all failed or none.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let of = |probability, failed| Prediction { probability, failed };
    /// let tied = Predictions::new(vec![of(0.3, true), of(0.3, false)])?;
    /// assert_eq!(tied.auc(), Some(0.5));
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    pub fn auc(&self) -> Option<f64> {
        let (mut above, mut won) = (0.0, 0.0);
        for tied in self.0.chunk_by(equally_probable) {
            let failed = tied.iter().filter(|one| one.failed).count() as f64;
            let passed = tied.len() as f64 - failed;
            won += passed * (above + failed / 2.0);
            above += failed;
        }
        let passed = self.0.len() as f64 - above;
        (above > 0.0 && passed > 0.0).then(|| won / (above * passed))
    }

    /// Mean squared error of the probabilities（布赖尔分数）.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let one = Prediction { probability: 0.5, failed: true };
    /// assert_eq!(Predictions::new(vec![one])?.brier(), 0.25);
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    #[doc(alias = "布赖尔分数")]
    pub fn brier(&self) -> f64 {
        let square = |one: &Prediction| {
            let error = one.probability - f64::from(u8::from(one.failed));
            error * error
        };
        self.0.iter().map(square).sum::<f64>() / self.0.len() as f64
    }

    /// Mean of −ln of the probability given to what came（对数损失）, with probabilities kept 1e-15 away
    /// from 0 and 1.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let one = Prediction { probability: 0.5, failed: false };
    /// let loss = Predictions::new(vec![one])?.log_loss();
    /// assert!((loss - std::f64::consts::LN_2).abs() < 1e-15);
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    #[doc(alias = "对数损失")]
    pub fn log_loss(&self) -> f64 {
        let loss = |one: &Prediction| {
            let p = one.probability.clamp(1e-15, 1.0 - 1e-15);
            -if one.failed {
                libm::log(p)
            } else {
                libm::log1p(-p)
            }
        };
        self.0.iter().map(loss).sum::<f64>() / self.0.len() as f64
    }

    /// Bins between the quantiles of the predicted probabilities, least probable first: what was
    /// predicted and what came. Equal predictions share a bin, and empty bins are left out.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let of = |probability, failed| Prediction { probability, failed };
    /// let two = Predictions::new(vec![of(0.9, true), of(0.2, false)])?;
    /// assert_eq!(two.reliability(2)?[1].failed, 1.0);
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    pub fn reliability(&self, bins: usize) -> Result<Vec<ReliabilityBin>, MetricsError> {
        if bins == 0 || bins > self.0.len() {
            return Err(MetricsError::Bins);
        }
        let edges: Vec<f64> = (1..bins).map(|edge| self.quantile(edge, bins)).collect();
        let mut rows = vec![(0_usize, 0.0, 0_usize); bins];
        for one in self.0.iter().rev() {
            let bin = edges.partition_point(|edge| *edge <= one.probability);
            let (count, predicted, failed) = &mut rows[bin];
            *count += 1;
            *predicted += one.probability;
            *failed += usize::from(one.failed);
        }
        let filled = rows.into_iter().filter(|(count, _, _)| *count > 0);
        let bin = |(count, predicted, failed): (usize, f64, usize)| ReliabilityBin {
            count,
            predicted: predicted / count as f64,
            failed: failed as f64 / count as f64,
        };
        Ok(filled.map(bin).collect())
    }

    /// The value that a share edge/bins of the predicted probabilities lies below, interpolated
    /// between neighbours.
    fn quantile(&self, edge: usize, bins: usize) -> f64 {
        let last = self.0.len() - 1;
        let rising = |at: usize| self.0[last - at.min(last)].probability;
        let place = edge as f64 * (1.0 / bins as f64) * last as f64;
        let (below, part) = (libm::floor(place), place - libm::floor(place));
        let (low, high) = (rising(below as usize), rising(below as usize + 1));
        // From the nearer side, so that both ends are met exactly.
        if part < 0.5 {
            low + (high - low) * part
        } else {
            high - (high - low) * (1.0 - part)
        }
    }

    /// Expected calibration error（期望校准误差）over the bins of [`Self::reliability`]: the mean distance between
    /// what was predicted and what came.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let of = |probability, failed| Prediction { probability, failed };
    /// let two = Predictions::new(vec![of(0.5, true), of(0.5, false)])?;
    /// assert_eq!(two.calibration_error(1)?, 0.0);
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    #[doc(alias = "期望校准误差")]
    pub fn calibration_error(&self, bins: usize) -> Result<f64, MetricsError> {
        let table = self.reliability(bins)?;
        let apart = |bin: &ReliabilityBin| bin.count as f64 * (bin.predicted - bin.failed).abs();
        Ok(table.iter().map(apart).sum::<f64>() / self.0.len() as f64)
    }

    /// Share of failures among the `list` likeliest（前k命中率）; of predictions tied at its end an equal
    /// share counts.
    #[doc(alias = "前k命中率")]
    pub fn precision_at(&self, list: usize) -> Result<f64, MetricsError> {
        if list == 0 || list > self.0.len() {
            return Err(MetricsError::List);
        }
        Ok(self.failures(list) / list as f64)
    }

    /// How many times the base rate the `list` likeliest fail（提升度）; `None` where nothing failed.
    ///
    /// ```
    /// use risk_stats::metrics::{Prediction, Predictions};
    /// let of = |probability, failed| Prediction { probability, failed };
    /// let two = Predictions::new(vec![of(0.9, true), of(0.2, false)])?;
    /// assert_eq!(two.lift_at(1)?, Some(2.0));
    /// # Ok::<(), risk_stats::metrics::MetricsError>(())
    /// ```
    #[doc(alias = "提升度")]
    pub fn lift_at(&self, list: usize) -> Result<Option<f64>, MetricsError> {
        let precision = self.precision_at(list)?;
        let base = self.base_rate();
        Ok((base > 0.0).then(|| precision / base))
    }
}

fn equally_probable(one: &Prediction, other: &Prediction) -> bool {
    one.probability.total_cmp(&other.probability).is_eq()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn predictions() -> impl Strategy<Value = Vec<Prediction>> {
        let one = (0.0f64..=1.0, any::<bool>());
        let one = one.prop_map(|(p, failed)| Prediction {
            probability: (p * 20.0).round() / 20.0,
            failed,
        });
        prop::collection::vec(one, 1..60)
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        assert_eq!(Predictions::new(Vec::new()), Err(MetricsError::Empty));
        let one = Prediction {
            probability: 1.5,
            failed: true,
        };
        assert_eq!(Predictions::new(vec![one]), Err(MetricsError::Probability));
        let one = Prediction {
            probability: 0.5,
            ..one
        };
        let one = Predictions::new(vec![one]).unwrap();
        assert_eq!(one.auc(), None);
        assert_eq!(one.precision_at(2), Err(MetricsError::List));
        assert_eq!(one.reliability(0), Err(MetricsError::Bins));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(rows in predictions()) {
            let found = Predictions::new(rows.clone()).unwrap().auc();
            let (mut won, mut pairs) = (0.0, 0.0);
            for failure in rows.iter().filter(|one| one.failed) {
                for pass in rows.iter().filter(|one| !one.failed) {
                    pairs += 1.0;
                    won += match failure.probability.total_cmp(&pass.probability) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            match found {
                Some(area) => prop_assert!((area - won / pairs).abs() < 1e-12),
                None => prop_assert!(pairs < 0.5),
            }
        }

        #[test]
        fn the_order_given_tells_nothing(rows in predictions(), list in any::<prop::sample::Index>()) {
            let list = list.index(rows.len()) + 1;
            let turned: Vec<Prediction> = rows.iter().rev().copied().collect();
            let (one, other) = (Predictions::new(rows).unwrap(), Predictions::new(turned).unwrap());
            let apart = one.precision_at(list).unwrap() - other.precision_at(list).unwrap();
            prop_assert!(apart.abs() < 1e-12);
            let bins = list.min(15);
            let apart = one.calibration_error(bins).unwrap() - other.calibration_error(bins).unwrap();
            prop_assert!(apart.abs() < 1e-12);
        }

        #[test]
        fn a_list_of_all_finds_the_base_rate(rows in predictions()) {
            let all = rows.len();
            let predictions = Predictions::new(rows).unwrap();
            prop_assert!((predictions.precision_at(all).unwrap() - predictions.base_rate()).abs() < 1e-15);
            let error = predictions.calibration_error(all.min(15)).unwrap();
            prop_assert!((0.0..=1.0).contains(&error));
            let counted: usize = predictions.reliability(all.min(15)).unwrap().iter().map(|bin| bin.count).sum();
            prop_assert_eq!(counted, all);
        }
    }
}
