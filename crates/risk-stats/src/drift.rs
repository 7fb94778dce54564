//! Drift（漂移）of a stream's mean: a running average and Page's test beside it.

/// A parameter outside its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DriftError {
    /// A smoothing share outside (0, 1].
    #[error("the share of the newest value must lie in (0, 1]")]
    Share,
    /// A tolerance or threshold that is negative or not finite, or a memory outside (0, 1].
    #[error("tolerance and threshold must be finite and not negative, the memory in (0, 1]")]
    Detector,
}

/// Exponentially weighted mean（指数加权平均）: the first value as it is, then
/// mean + share·(value − mean).
///
/// ```
/// use risk_stats::drift::WeightedMean;
/// let mut mean = WeightedMean::new(0.5)?;
/// mean.update(1.0);
/// assert_eq!(mean.update(0.0), 0.5);
/// # Ok::<(), risk_stats::drift::DriftError>(())
/// ```
#[doc(alias = "指数加权平均")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedMean {
    share: f64,
    mean: Option<f64>,
}

impl WeightedMean {
    /// The share of the newest value, in (0, 1].
    pub fn new(share: f64) -> Result<Self, DriftError> {
        if share > 0.0 && share <= 1.0 {
            Ok(Self { share, mean: None })
        } else {
            Err(DriftError::Share)
        }
    }

    /// The next value, and the mean after it.
    pub fn update(&mut self, value: f64) -> f64 {
        let mean = match self.mean {
            Some(mean) => mean + self.share * (value - mean),
            None => value,
        };
        self.mean = Some(mean);
        mean
    }

    /// The mean, if there was a value.
    pub fn mean(&self) -> Option<f64> {
        self.mean
    }
}

/// Settings of [`PageHinkley`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkleySettings {
    /// Values before the first alarm after a start.
    pub least_values: u32,
    /// Rise per value that is no drift; ≥ 0.
    pub tolerance: f64,
    /// Sum above its least that is drift; ≥ 0.
    pub threshold: f64,
    /// Share of the sum kept at each value, in (0, 1].
    pub memory: f64,
}

/// Page's test in Hinkley's form（Page, Biometrika 41, 1954）for a mean that rises: the sum of
/// deviations from the running mean stands a threshold above its least. It starts anew after an alarm.
///
/// ```
/// use risk_stats::drift::{PageHinkley, PageHinkleySettings};
/// let settings = PageHinkleySettings { least_values: 5, tolerance: 0.01, threshold: 2.0, memory: 1.0 };
/// let mut test = PageHinkley::new(settings)?;
/// let quiet = (0..50).any(|_| test.update(0.0));
/// assert!(!quiet);
/// assert!((0..5).any(|_| test.update(1.0)));
/// # Ok::<(), risk_stats::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    values: u32,
    mean: f64,
    sum: f64,
    least: f64,
}

impl PageHinkley {
    /// A test that has seen nothing.
    pub fn new(settings: PageHinkleySettings) -> Result<Self, DriftError> {
        let sound = |value: f64| value.is_finite() && value >= 0.0;
        let memory = settings.memory > 0.0 && settings.memory <= 1.0;
        if sound(settings.tolerance) && sound(settings.threshold) && memory {
            Ok(Self {
                settings,
                values: 0,
                mean: 0.0,
                sum: 0.0,
                least: 0.0,
            })
        } else {
            Err(DriftError::Detector)
        }
    }

    /// The next value; whether it gave the alarm.
    pub fn update(&mut self, value: f64) -> bool {
        self.values += 1;
        self.mean += (value - self.mean) / f64::from(self.values);
        let settings = self.settings;
        self.sum = settings.memory * self.sum + value - self.mean - settings.tolerance;
        self.least = self.least.min(self.sum);
        let risen = self.sum - self.least > settings.threshold;
        let alarm = risen && self.values >= settings.least_values;
        if alarm {
            (self.values, self.mean, self.sum, self.least) = (0, 0.0, 0.0, 0.0);
        }
        alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_outside_their_domain_are_refused() {
        assert_eq!(WeightedMean::new(0.0), Err(DriftError::Share));
        let settings = PageHinkleySettings {
            least_values: 1,
            tolerance: -0.1,
            threshold: 1.0,
            memory: 1.0,
        };
        assert_eq!(PageHinkley::new(settings), Err(DriftError::Detector));
    }

    proptest! {
        #[test]
        fn the_mean_stays_within_the_values(values in prop::collection::vec(-3.0f64..3.0, 1..50), share in 0.01f64..1.0) {
            let mut mean = WeightedMean::new(share).unwrap();
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for value in values {
                (low, high) = (low.min(value), high.max(value));
                let now = mean.update(value);
                prop_assert!(low - 1e-12 <= now && now <= high + 1e-12);
            }
        }
    }
}
