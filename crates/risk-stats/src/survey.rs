//! Estimates from samples whose inclusion probabilities are known（抽样估计）. They are unbiased, or
//! nearly, whatever any model says; a model only makes them narrower.
//!
//! Formulas: Särndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992.

use crate::linear::solve;

/// A sample that gives no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// An inclusion probability outside (0, 1].
    #[error("an inclusion probability must lie in (0, 1]")]
    Probability,
    /// No draws.
    #[error("there must be at least one draw")]
    Empty,
    /// A stratum, or a whole sample, with too few draws for a standard error.
    #[error("a standard error needs at least two draws in every stratum")]
    LoneDraw,
    /// More draws than a stratum holds, or a population of none.
    #[error("a population must hold its draws, and not be empty")]
    Population,
    /// A value that is not finite.
    #[error("values must be finite")]
    Value,
    /// Auxiliary variables of different numbers, or a unit of a stratum that is not there.
    #[error("every unit needs the same auxiliary variables and a stratum that is there")]
    Shape,
    /// Auxiliary variables that do not tell the totals apart.
    #[error("the auxiliary variables are linearly dependent in the sample")]
    Dependent,
}

/// Probability in (0, 1] that the design draws a unit（入样概率）.
#[doc(alias = "入样概率")]
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct InclusionProbability(f64);

impl InclusionProbability {
    /// In (0, 1].
    pub fn new(probability: f64) -> Result<Self, SurveyError> {
        if probability > 0.0 && probability <= 1.0 {
            Ok(Self(probability))
        } else {
            Err(SurveyError::Probability)
        }
    }

    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A drawn unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// What was found, for instance 1 for a failure.
    pub value: f64,
    /// How likely the design was to draw it.
    pub probability: InclusionProbability,
}

/// An estimate and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

fn sound(draws: &[Draw]) -> Result<(), SurveyError> {
    if draws.is_empty() {
        Err(SurveyError::Empty)
    } else if draws.iter().all(|draw| draw.value.is_finite()) {
        Ok(())
    } else {
        Err(SurveyError::Value)
    }
}

/// Horvitz and Thompson's total（霍维茨–汤普森估计）Σ y/π (JASA 47, 1952), with the variance Σ (1 − π)·y²/π² of independent
/// draws: an upper bound, nearly, for a sample of fixed size.
///
/// ```
/// use risk_stats::survey::{Draw, InclusionProbability, horvitz_thompson_total};
/// let draw = |value, pi| Ok(Draw { value, probability: InclusionProbability::new(pi)? });
/// let total = horvitz_thompson_total(&[draw(1.0, 0.5)?, draw(0.0, 0.1)?])?;
/// assert_eq!(total.value, 2.0);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "霍维茨–汤普森估计")]
pub fn horvitz_thompson_total(draws: &[Draw]) -> Result<Estimate, SurveyError> {
    sound(draws)?;
    let value = draws.iter().map(|draw| draw.value / draw.probability.0);
    let variance = draws.iter().map(|draw| {
        let inflated = draw.value / draw.probability.0;
        (1.0 - draw.probability.0) * inflated * inflated
    });
    Ok(Estimate {
        value: value.sum(),
        standard_error: libm::sqrt(variance.sum()),
    })
}

/// Hájek's mean（哈耶克估计）Σ(y/π) / Σ(1/π), with the standard error of draws with replacement: at least two.
///
/// ```
/// use risk_stats::survey::{Draw, InclusionProbability, hajek_mean};
/// let draw = |value, pi| Ok(Draw { value, probability: InclusionProbability::new(pi)? });
/// let mean = hajek_mean(&[draw(1.0, 0.5)?, draw(0.0, 0.25)?])?;
/// assert!((mean.value - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "哈耶克估计")]
pub fn hajek_mean(draws: &[Draw]) -> Result<Estimate, SurveyError> {
    sound(draws)?;
    if draws.len() < 2 {
        return Err(SurveyError::LoneDraw);
    }
    let weights: f64 = draws.iter().map(|draw| 1.0 / draw.probability.0).sum();
    let total: f64 = draws
        .iter()
        .map(|draw| draw.value / draw.probability.0)
        .sum();
    let mean = total / weights;
    let deviation = |draw: &Draw| (draw.value - mean) / (draw.probability.0 * weights);
    let parts: Vec<f64> = draws.iter().map(deviation).collect();
    Ok(Estimate {
        value: mean,
        standard_error: libm::sqrt(parts.len() as f64 * spread(&parts)),
    })
}

/// Sample variance, of at least two.
fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    squares.sum::<f64>() / (values.len() as f64 - 1.0)
}

/// A stratum（层）and the values of a simple random sample from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// Units in the population.
    pub size: u64,
    /// Values of those drawn, at least two; no more than there are.
    pub values: Vec<f64>,
}

/// Mean of a population from simple random samples of its strata（分层抽样均值）, with the finite
/// population correction.
///
/// ```
/// use risk_stats::survey::{Stratum, stratified_mean};
/// let small = Stratum { size: 10, values: vec![1.0, 1.0] };
/// let large = Stratum { size: 30, values: vec![0.0, 0.0] };
/// assert_eq!(stratified_mean(&[small, large])?.value, 0.25);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "分层抽样")]
pub fn stratified_mean(strata: &[Stratum]) -> Result<Estimate, SurveyError> {
    if strata.is_empty() {
        return Err(SurveyError::Empty);
    }
    let all: f64 = strata.iter().map(|stratum| stratum.size as f64).sum();
    let (mut value, mut variance) = (0.0, 0.0);
    for stratum in strata {
        let (size, drawn) = (stratum.size as f64, stratum.values.len() as f64);
        if drawn > size {
            return Err(SurveyError::Population);
        }
        if stratum.values.len() < 2 {
            return Err(SurveyError::LoneDraw);
        }
        if !stratum.values.iter().all(|value| value.is_finite()) {
            return Err(SurveyError::Value);
        }
        let share = size / all;
        value += share * stratum.values.iter().sum::<f64>() / drawn;
        variance += share * share * (1.0 - drawn / size) * spread(&stratum.values) / drawn;
    }
    Ok(Estimate {
        value,
        standard_error: libm::sqrt(variance),
    })
}

/// Calibration weights（校准权重）: design weights changed as little as can be, in the chi-square
/// distance, so that the sample's weighted totals of the auxiliary variables are the population's
/// (Deville and Särndal, JASA 87, 1992). A variable that is 1 throughout calibrates to the number of
/// units. A weight may come out below 0.
///
/// ```
/// use risk_stats::survey::calibration_weights;
/// let auxiliary = [vec![1.0, 0.2], vec![1.0, 0.6], vec![1.0, 0.4]];
/// let weights = calibration_weights(&[10.0; 3], &auxiliary, &[30.0, 13.5])?;
/// let total: f64 = weights.iter().zip(&auxiliary).map(|(w, x)| w * x[1]).sum();
/// assert!((total - 13.5).abs() < 1e-12);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "校准权重")]
pub fn calibration_weights(
    weights: &[f64],
    auxiliary: &[Vec<f64>],
    totals: &[f64],
) -> Result<Vec<f64>, SurveyError> {
    if weights.is_empty() {
        return Err(SurveyError::Empty);
    }
    let shaped = auxiliary.iter().all(|row| row.len() == totals.len());
    if weights.len() != auxiliary.len() || !shaped {
        return Err(SurveyError::Shape);
    }
    let (matrix, sampled) = moments(weights, auxiliary, totals.len());
    let short = totals.iter().zip(&sampled).map(|(all, found)| all - found);
    let lambda = solve(matrix, short.collect()).ok_or(SurveyError::Dependent)?;
    let grown = |(weight, row): (&f64, &Vec<f64>)| {
        let factor: f64 = row.iter().zip(&lambda).map(|(x, l)| x * l).sum();
        weight * (1.0 + factor)
    };
    Ok(weights.iter().zip(auxiliary).map(grown).collect())
}

/// Σ w·x·xᵀ and Σ w·x.
fn moments(weights: &[f64], rows: &[Vec<f64>], size: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut matrix = vec![vec![0.0; size]; size];
    let mut sums = vec![0.0; size];
    for (weight, row) in weights.iter().zip(rows) {
        for (at, x) in row.iter().enumerate() {
            sums[at] += weight * x;
            for (other, z) in row.iter().enumerate() {
                matrix[at][other] += weight * x * z;
            }
        }
    }
    (matrix, sums)
}

/// A unit drawn at random from a stratum, with what is known of every unit of the population.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistedDraw {
    /// Which stratum, by its place in the list of sizes.
    pub stratum: usize,
    /// What was found.
    pub value: f64,
    /// Auxiliary variables, the first usually 1 and another the model's prediction.
    pub auxiliary: Vec<f64>,
}

/// Generalised regression estimate（广义回归估计）of a population's mean from a stratified random sample:
/// calibrated weights, and the standard error of the residuals under them.
///
/// ```
/// use risk_stats::survey::{AssistedDraw, regression_mean};
/// let draw = |value, x| AssistedDraw { stratum: 0, value, auxiliary: vec![1.0, x] };
/// // The value is a line of x, so that the mean follows from the frame's mean of x, 0.3.
/// let sample = [draw(1.0, 0.0), draw(3.0, 1.0), draw(2.0, 0.5)];
/// let mean = regression_mean(&sample, &[100], &[100.0, 30.0])?;
/// assert!((mean.value - 1.6).abs() < 1e-12 && mean.standard_error < 1e-9);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "广义回归估计")]
#[doc(alias = "GREG")]
pub fn regression_mean(
    sample: &[AssistedDraw],
    sizes: &[u64],
    totals: &[f64],
) -> Result<Estimate, SurveyError> {
    let mut drawn = vec![0_u64; sizes.len()];
    for unit in sample {
        let count = drawn.get_mut(unit.stratum).ok_or(SurveyError::Shape)?;
        *count += 1;
        if !unit.value.is_finite() {
            return Err(SurveyError::Value);
        }
    }
    if drawn.iter().zip(sizes).any(|(drawn, size)| drawn > size) {
        return Err(SurveyError::Population);
    }
    if drawn.iter().any(|drawn| *drawn < 2) {
        return Err(SurveyError::LoneDraw);
    }
    let weight = |unit: &AssistedDraw| sizes[unit.stratum] as f64 / drawn[unit.stratum] as f64;
    let weights: Vec<f64> = sample.iter().map(weight).collect();
    let rows: Vec<Vec<f64>> = sample.iter().map(|unit| unit.auxiliary.clone()).collect();
    let calibrated = calibration_weights(&weights, &rows, totals)?;
    let (matrix, _) = moments(&weights, &rows, totals.len());
    let mut right = vec![0.0; totals.len()];
    for (unit, weight) in sample.iter().zip(&weights) {
        for (sum, x) in right.iter_mut().zip(&unit.auxiliary) {
            *sum += weight * x * unit.value;
        }
    }
    let slope = solve(matrix, right).ok_or(SurveyError::Dependent)?;
    let mut residuals: Vec<Vec<f64>> = vec![Vec::new(); sizes.len()];
    let mut total = 0.0;
    for (unit, weight) in sample.iter().zip(&calibrated) {
        total += weight * unit.value;
        let fitted: f64 = unit.auxiliary.iter().zip(&slope).map(|(x, b)| x * b).sum();
        residuals[unit.stratum].push(weight * (unit.value - fitted));
    }
    let all: f64 = sizes.iter().map(|size| *size as f64).sum();
    let part = |(residuals, size): (&Vec<f64>, &u64)| {
        let count = residuals.len() as f64;
        (1.0 - count / *size as f64) * count * spread(residuals)
    };
    let variance: f64 = residuals.iter().zip(sizes).map(part).sum();
    Ok(Estimate {
        value: total / all,
        standard_error: libm::sqrt(variance) / all,
    })
}

/// A drawn unit and what a model predicted for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictedDraw {
    /// What was found.
    pub value: f64,
    /// What the model said before.
    pub predicted: f64,
    /// How likely the design was to draw it.
    pub probability: InclusionProbability,
}

/// Difference estimate（差值估计）of a population's mean: the frame's mean prediction plus the residuals,
/// weighted up and shared over all `units`. The slope is 1 and not fitted, so that it is unbiased
/// however small the sample.
///
/// ```
/// use risk_stats::survey::{InclusionProbability, PredictedDraw, difference_mean};
/// let probability = InclusionProbability::new(0.1)?;
/// let draw = PredictedDraw { value: 1.0, predicted: 0.2, probability };
/// assert!((difference_mean(0.1, &[draw], 100)?.value - 0.18).abs() < 1e-15);
/// # Ok::<(), risk_stats::survey::SurveyError>(())
/// ```
#[doc(alias = "差值估计")]
pub fn difference_mean(
    frame_mean: f64,
    draws: &[PredictedDraw],
    units: u64,
) -> Result<Estimate, SurveyError> {
    if units == 0 || draws.len() as u64 > units {
        return Err(SurveyError::Population);
    }
    let residual = |draw: &PredictedDraw| Draw {
        value: draw.value - draw.predicted,
        probability: draw.probability,
    };
    let residuals: Vec<Draw> = draws.iter().map(residual).collect();
    let total = horvitz_thompson_total(&residuals)?;
    Ok(Estimate {
        value: frame_mean + total.value / units as f64,
        standard_error: total.standard_error / units as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draw(value: f64, probability: f64) -> Draw {
        let probability = InclusionProbability::new(probability).unwrap();
        Draw { value, probability }
    }

    #[test]
    fn samples_that_give_no_estimate_are_refused() {
        for probability in [0.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(
                InclusionProbability::new(probability),
                Err(SurveyError::Probability)
            );
        }
        assert_eq!(horvitz_thompson_total(&[]), Err(SurveyError::Empty));
        assert_eq!(hajek_mean(&[draw(1.0, 0.5)]), Err(SurveyError::LoneDraw));
        assert_eq!(
            hajek_mean(&[draw(f64::NAN, 0.5); 2]),
            Err(SurveyError::Value)
        );
        let crowded = Stratum {
            size: 1,
            values: vec![0.0, 1.0],
        };
        assert_eq!(stratified_mean(&[crowded]), Err(SurveyError::Population));
        let same = [vec![1.0, 2.0], vec![1.0, 2.0]];
        assert_eq!(
            calibration_weights(&[1.0; 2], &same, &[2.0, 5.0]),
            Err(SurveyError::Dependent)
        );
    }

    proptest! {
        #[test]
        fn calibrated_weights_meet_the_totals(rows in prop::collection::vec((0.0f64..1.0, -2.0f64..2.0, 1.0f64..20.0), 6..40), grown in 0.8f64..1.2) {
            let auxiliary: Vec<Vec<f64>> = rows.iter().map(|(x, z, _)| vec![1.0, *x, *z]).collect();
            let weights: Vec<f64> = rows.iter().map(|(_, _, w)| *w).collect();
            let totals: Vec<f64> = (0..3).map(|at| grown * weights.iter().zip(&auxiliary).map(|(w, x)| w * x[at]).sum::<f64>() + 0.1).collect();
            let Ok(found) = calibration_weights(&weights, &auxiliary, &totals) else {
                return Ok(());
            };
            for (at, total) in totals.iter().enumerate() {
                let reached: f64 = found.iter().zip(&auxiliary).map(|(w, x)| w * x[at]).sum();
                let scale: f64 = found.iter().zip(&auxiliary).map(|(w, x)| (w * x[at]).abs()).sum();
                prop_assert!((reached - total).abs() < 1e-8 * scale.max(1.0), "{} {}", reached, total);
            }
        }

        #[test]
        fn equal_probabilities_make_hajek_the_plain_mean(values in prop::collection::vec(-3.0f64..3.0, 2..30), pi in 0.01f64..1.0) {
            let draws: Vec<Draw> = values.iter().map(|value| draw(*value, pi)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!((hajek_mean(&draws).unwrap().value - mean).abs() < 1e-12);
        }

        #[test]
        fn a_census_has_no_error(values in prop::collection::vec(-3.0f64..3.0, 2..30)) {
            let size = values.len() as u64;
            let draws: Vec<Draw> = values.iter().map(|value| draw(*value, 1.0)).collect();
            prop_assert!(horvitz_thompson_total(&draws).unwrap().standard_error.abs() < 1e-15);
            let census = stratified_mean(&[Stratum { size, values }]).unwrap();
            prop_assert!(census.standard_error.abs() < 1e-15);
        }
    }
}
