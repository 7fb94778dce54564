//! What all targets share（固定效应）: the common log-odds, the modes' shifts, the coefficients of
//! the covariates; and the seasons, a small block of their own for each group.

use super::settings::{NormalPrior, Season};
use super::solve::Symmetric;
use super::work::Work;

/// Number of covariates: informative selections of the enterprise, of the cell, and remedies.
pub(crate) const COVARIATES: usize = 3;

/// A flat prior's stand-in, which only keeps the system solvable when there is no row at all.
const FLAT: f64 = 1e-6;

/// Common log-odds, shifts and coefficients while they are fitted.
#[derive(Debug, Clone)]
pub(crate) struct FixedEffects {
    pub(crate) intercept: f64,
    pub(crate) modes: Vec<f64>,
    pub(crate) coefficients: [f64; COVARIATES],
    prior: NormalPrior,
    /// Prior precision of each parameter of the system.
    precisions: Vec<f64>,
    mode_slots: Vec<Option<usize>>,
    covariate_slots: [Option<usize>; COVARIATES],
}

/// Values of the covariates, row by row; none for one that is switched off.
pub(crate) type CovariateColumns = [Option<Vec<f32>>; COVARIATES];

impl FixedEffects {
    /// All at their start; `modes` are prior variances, none for the reference.
    pub(crate) fn new(
        prior: NormalPrior,
        modes: &[Option<f64>],
        used: [bool; COVARIATES],
        coefficient_variance: f64,
    ) -> Self {
        let mut precisions = vec![prior.variance.map_or(FLAT, |variance| 1.0 / variance)];
        let mut slot = |precision: f64| {
            precisions.push(precision);
            precisions.len() - 1
        };
        let mode_slots = modes.iter().map(|v| v.map(|v| slot(1.0 / v))).collect();
        let covariate_slots = used.map(|used| used.then(|| slot(1.0 / coefficient_variance)));
        Self {
            intercept: prior.mean,
            modes: vec![0.0; modes.len()],
            coefficients: [0.0; COVARIATES],
            prior,
            precisions,
            mode_slots,
            covariate_slots,
        }
    }

    /// Adds all to the log-odds of the rows.
    pub(crate) fn apply(&self, work: &mut Work<'_>, covariates: &CovariateColumns) {
        add_to(
            work,
            covariates,
            self.intercept,
            &self.modes,
            self.coefficients,
        );
    }

    /// The penalised information matrix and the slope at the present log-odds.
    fn system(&self, work: &Work<'_>, covariates: &CovariateColumns) -> (Symmetric, Vec<f64>) {
        let size = self.precisions.len();
        let mut matrix = Symmetric::new(size);
        let mut slope = vec![0.0; size];
        let slots = self.mode_slots.len();
        let (mut mode_score, mut mode_information) = (vec![0.0; slots], vec![0.0; slots]);
        // Mode by covariate, covariate by covariate.
        let mut crossed = vec![[0.0; COVARIATES]; slots];
        let mut squares = [[0.0; COVARIATES]; COVARIATES];
        let mut covariate_score = [0.0; COVARIATES];
        let told = |k: usize, at: usize| {
            let value = covariates[k].as_ref().map_or(0.0, |column| column[at]);
            f64::from(value)
        };
        for (at, (row, (s, v))) in work.rows().iter().zip(work.lines()).enumerate() {
            let mode = usize::from(row.mode);
            mode_score[mode] += s;
            mode_information[mode] += v;
            for k in 0..COVARIATES {
                let x = told(k, at);
                if x == 0.0 {
                    continue;
                }
                covariate_score[k] += s * x;
                crossed[mode][k] += v * x;
                for (j, square) in squares[k].iter_mut().enumerate().take(k + 1) {
                    *square += v * x * told(j, at);
                }
            }
        }
        for (mode, slot) in self.mode_slots.iter().enumerate() {
            matrix.add(0, 0, mode_information[mode]);
            slope[0] += mode_score[mode];
            if let Some(slot) = *slot {
                matrix.add(slot, slot, mode_information[mode]);
                matrix.add(slot, 0, mode_information[mode]);
                slope[slot] += mode_score[mode];
            }
            for (k, covariate) in self.covariate_slots.iter().enumerate() {
                let Some(covariate) = *covariate else {
                    continue;
                };
                matrix.add(covariate, 0, crossed[mode][k]);
                if let Some(slot) = *slot {
                    matrix.add(covariate, slot, crossed[mode][k]);
                }
            }
        }
        for (k, covariate) in self.covariate_slots.iter().enumerate() {
            let Some(covariate) = *covariate else {
                continue;
            };
            slope[covariate] += covariate_score[k];
            for (j, other) in self.covariate_slots.iter().enumerate().take(k + 1) {
                if let Some(other) = *other {
                    matrix.add(covariate, other, squares[k][j]);
                }
            }
        }
        for (at, precision) in self.precisions.iter().enumerate() {
            matrix.add(at, at, *precision);
        }
        (matrix, slope)
    }

    /// One Newton step of all of them together; returns the longest.
    pub(crate) fn pass(&mut self, work: &mut Work<'_>, covariates: &CovariateColumns) -> f64 {
        let (matrix, mut slope) = self.system(work, covariates);
        if self.prior.variance.is_some() {
            slope[0] -= self.precisions[0] * (self.intercept - self.prior.mean);
        }
        for (mode, slot) in self.mode_slots.iter().enumerate() {
            if let Some(slot) = *slot {
                slope[slot] -= self.precisions[slot] * self.modes[mode];
            }
        }
        for (k, slot) in self.covariate_slots.iter().enumerate() {
            if let Some(slot) = *slot {
                slope[slot] -= self.precisions[slot] * self.coefficients[k];
            }
        }
        matrix.factor().solve(&mut slope);
        let step = |slot: Option<usize>| slot.map_or(0.0, |slot| slope[slot].clamp(-1.0, 1.0));
        let intercept = step(Some(0));
        let modes: Vec<f64> = self.mode_slots.iter().map(|slot| step(*slot)).collect();
        let coefficients = self.covariate_slots.map(step);
        self.intercept += intercept;
        for (mode, by) in self.modes.iter_mut().zip(&modes) {
            *mode += by;
        }
        for (coefficient, by) in self.coefficients.iter_mut().zip(coefficients) {
            *coefficient += by;
        }
        add_to(work, covariates, intercept, &modes, coefficients);
        let steps = modes.iter().chain(&coefficients).chain([&intercept]);
        steps.fold(0.0, |longest: f64, step| longest.max(step.abs()))
    }

    /// Posterior variances: of the common log-odds, of each mode's shift (0 for the reference), and
    /// of each coefficient (0 for one that is switched off).
    pub(crate) fn variances(
        &self,
        work: &Work<'_>,
        covariates: &CovariateColumns,
    ) -> (f64, Vec<f64>, [f64; COVARIATES]) {
        let size = self.precisions.len();
        let inverse = self.system(work, covariates).0.factor().inverse();
        let of = |slot: Option<usize>| slot.map_or(0.0, |slot| inverse[slot * size + slot]);
        (
            of(Some(0)),
            self.mode_slots.iter().map(|slot| of(*slot)).collect(),
            self.covariate_slots.map(of),
        )
    }
}

fn add_to(
    work: &mut Work<'_>,
    covariates: &CovariateColumns,
    intercept: f64,
    modes: &[f64],
    coefficients: [f64; COVARIATES],
) {
    let columns = covariates.iter().zip(coefficients);
    let told: Vec<(&[f32], f64)> = columns
        .filter_map(|(column, by)| column.as_deref().map(|column| (column, by)))
        .filter(|(_, by)| *by != 0.0)
        .collect();
    work.raise(|at, row| {
        let columns = told.iter().map(|(column, by)| by * f64::from(column[at]));
        intercept + modes[usize::from(row.mode)] + columns.sum::<f64>()
    });
}

/// The waves of a season at a week: yearly and half-yearly, cosine and sine.
pub(crate) fn waves(week: f64, period: f64) -> [f64; 4] {
    let angle = std::f64::consts::TAU * week / period;
    [
        libm::cos(angle),
        libm::sin(angle),
        libm::cos(2.0 * angle),
        libm::sin(2.0 * angle),
    ]
}

/// Σ of the products of two four-vectors.
pub(crate) fn dot(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
}

/// Seasons while they are fitted.
#[derive(Debug, Clone)]
pub(crate) struct Seasons {
    pub(crate) amplitudes: Vec<[f64; 4]>,
    precisions: [f64; 4],
    /// Waves by week, up to that of the fit.
    waves: Vec<[f64; 4]>,
    /// Group by target; beyond the last for whoever has none.
    column: Vec<u32>,
}

impl Seasons {
    /// Seasons of 0, or those of an earlier fit.
    pub(crate) fn new(season: &Season, column: &[u32], as_of: u16, start: &[[f64; 4]]) -> Self {
        let named = column.iter().filter(|group| **group != u32::MAX).max();
        let groups = named.map_or(0, |most| *most as usize + 1).max(start.len());
        let mut amplitudes = start.to_vec();
        amplitudes.resize(groups + 1, [0.0; 4]);
        let (yearly, half_yearly) = (1.0 / season.yearly, 1.0 / season.half_yearly);
        Self {
            amplitudes,
            precisions: [yearly, yearly, half_yearly, half_yearly],
            waves: (0..=as_of)
                .map(|week| waves(f64::from(week), season.period))
                .collect(),
            column: column.iter().map(|g| (*g).min(groups as u32)).collect(),
        }
    }

    /// Season of a target in the week of the fit.
    pub(crate) fn latest(&self, target: usize) -> f64 {
        let own = &self.amplitudes[self.column[target] as usize];
        self.waves.last().map_or(0.0, |wave| dot(wave, own))
    }

    /// Adds the seasons to the log-odds of all rows.
    pub(crate) fn apply(&self, work: &mut Work<'_>) {
        self.raise(work, &self.amplitudes);
    }

    fn raise(&self, work: &mut Work<'_>, by: &[[f64; 4]]) {
        work.raise(|_, row| {
            let group = self.column[row.target as usize] as usize;
            dot(&self.waves[usize::from(row.week)], &by[group])
        });
    }

    /// One ridge step of every group's season; returns the longest.
    pub(crate) fn pass(&mut self, work: &mut Work<'_>) -> f64 {
        // The slope and the ten cells of the lower triangle.
        let mut sums = vec![[0.0; 14]; self.amplitudes.len()];
        for (row, (s, v)) in work.rows().iter().zip(work.lines()) {
            let sum = &mut sums[self.column[row.target as usize] as usize];
            let wave = &self.waves[usize::from(row.week)];
            let mut cell = 4;
            for i in 0..4 {
                sum[i] += s * wave[i];
                for other in &wave[..=i] {
                    sum[cell] += v * wave[i] * other;
                    cell += 1;
                }
            }
        }
        let last = self.amplitudes.len() - 1;
        let mut steps = vec![[0.0; 4]; last + 1];
        let mut longest: f64 = 0.0;
        for group in 0..last {
            let sum = &sums[group];
            let mut matrix = Symmetric::new(4);
            let mut slope = [0.0; 4];
            let mut cell = 4;
            for i in 0..4 {
                slope[i] = sum[i] - self.precisions[i] * self.amplitudes[group][i];
                matrix.add(i, i, self.precisions[i]);
                for j in 0..=i {
                    matrix.add(i, j, sum[cell]);
                    cell += 1;
                }
            }
            matrix.factor().solve(&mut slope);
            for i in 0..4 {
                steps[group][i] = slope[i].clamp(-0.5, 0.5);
                self.amplitudes[group][i] += steps[group][i];
                longest = longest.max(steps[group][i].abs());
            }
        }
        self.raise(work, &steps);
        longest
    }
}
