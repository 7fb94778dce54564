//! Variances of two nested levels（嵌套方差分量）, such as cells within enterprises, by quadrature.
//!
//! Where most groups have a handful of results, moments and approximations at the mode find a
//! variance of nothing. The marginal likelihood, integrated exactly enough, does not. Rows enter
//! without decay: a likelihood raised to decayed powers is drawn to zero too.

use risk_stats::quadrature::GaussHermite;

use super::link::TestLink;

/// Points of the outer and of the inner integral.
const POINTS: (usize, usize) = (15, 9);

/// Evaluations of one search.
const MOST_EVALUATIONS: usize = 90;

/// Results of an inner group, with all else that acts on them.
#[derive(Debug, Clone, Copy)]
pub struct NestedRow {
    /// Outer group.
    pub outer: u32,
    /// Inner group; groups of two outer ones are two even if their numbers agree.
    pub inner: u32,
    /// Log-odds without the effects of the two levels.
    pub offset: f64,
    /// Results.
    pub tested: f64,
    /// Failures.
    pub failed: f64,
    link: TestLink,
}

impl NestedRow {
    /// Laboratory results.
    pub fn new(groups: (u32, u32), offset: f64, tested: f64, failed: f64) -> Self {
        Self {
            outer: groups.0,
            inner: groups.1,
            offset,
            tested,
            failed,
            link: TestLink::LABORATORY,
        }
    }

    /// The same by a fast test of this sensitivity and specificity.
    #[must_use]
    pub fn by_fast_test(self, sensitivity: f64, specificity: f64) -> Self {
        self.through(TestLink::new(sensitivity, specificity))
    }

    pub(crate) fn through(self, link: TestLink) -> Self {
        Self { link, ..self }
    }

    fn log_likelihood(&self, effects: f64) -> f64 {
        let p = self.link.positive(self.offset + effects);
        let p = p.clamp(1e-12, 1.0 - 1e-12);
        let mut sum = 0.0;
        if self.failed > 0.0 {
            sum += self.failed * libm::log(p);
        }
        if self.tested > self.failed {
            sum += (self.tested - self.failed) * libm::log1p(-p);
        }
        sum
    }
}

/// Prior variances of the two levels, and what is added to all log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedVariances {
    /// Of the outer level.
    pub outer: f64,
    /// Of the inner level, within outer groups.
    pub inner: f64,
    /// Shift of all log-odds.
    pub shift: f64,
}

/// Posterior means of an inner group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedMeans {
    /// Outer group.
    pub outer: u32,
    /// Inner group.
    pub inner: u32,
    /// Effect of the outer group.
    pub of_outer: f64,
    /// Effect of the inner group, beyond the outer one's.
    pub of_inner: f64,
}

/// Rows grouped twice, and the rules of the two integrals.
#[derive(Debug, Clone)]
pub struct Nested {
    rows: Vec<NestedRow>,
    /// Ends of the inner groups in the rows, outer group by outer group.
    groups: Vec<Vec<(usize, usize)>>,
    outer_rule: GaussHermite,
    inner_rule: GaussHermite,
}

/// An inner group at every point of the outer integral: log marginal and mean of its effect.
struct InnerIntegral {
    log_marginal: Vec<f64>,
    mean: Vec<f64>,
}

impl Nested {
    /// Groups rows; their order does not matter. None if there is no row.
    pub fn new(mut rows: Vec<NestedRow>) -> Option<Self> {
        rows.sort_by(|a, b| {
            (a.outer, a.inner)
                .cmp(&(b.outer, b.inner))
                .then(a.offset.total_cmp(&b.offset))
                .then(a.tested.total_cmp(&b.tested))
                .then(a.failed.total_cmp(&b.failed))
        });
        let mut groups: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut before: Option<&NestedRow> = None;
        for (at, row) in rows.iter().enumerate() {
            let same_outer = before.is_some_and(|before| before.outer == row.outer);
            let same_inner = same_outer && before.is_some_and(|before| before.inner == row.inner);
            if !same_outer {
                groups.push(Vec::new());
            }
            if let Some(group) = groups.last_mut() {
                match group.last_mut() {
                    Some(inner) if same_inner => inner.1 = at + 1,
                    Some(_) | None => group.push((at, at + 1)),
                }
            }
            before = Some(row);
        }
        if rows.is_empty() {
            return None;
        }
        Some(Self {
            rows,
            groups,
            outer_rule: GaussHermite::new(POINTS.0).ok()?,
            inner_rule: GaussHermite::new(POINTS.1).ok()?,
        })
    }

    /// Logarithm of the probability of all results, both levels integrated out.
    pub fn log_marginal(&self, at: NestedVariances) -> f64 {
        let mut sum = 0.0;
        for group in &self.groups {
            let mut nodes = vec![0.0; self.outer_rule.nodes().len()];
            for inner in group {
                let integral = self.integrate(*inner, at);
                for (node, value) in nodes.iter_mut().zip(&integral.log_marginal) {
                    *node += value;
                }
            }
            sum += log_mean(&nodes, self.outer_rule.weights()).0;
        }
        sum
    }

    /// Posterior means of all groups.
    pub fn means(&self, at: NestedVariances) -> Vec<NestedMeans> {
        let deviation = libm::sqrt(at.outer);
        let mut means = Vec::new();
        for group in &self.groups {
            let integrals: Vec<InnerIntegral> = group
                .iter()
                .map(|inner| self.integrate(*inner, at))
                .collect();
            let mut nodes = vec![0.0; self.outer_rule.nodes().len()];
            for integral in &integrals {
                for (node, value) in nodes.iter_mut().zip(&integral.log_marginal) {
                    *node += value;
                }
            }
            let weights = log_mean(&nodes, self.outer_rule.weights()).1;
            let expected = |values: &[f64]| -> f64 {
                weights.iter().zip(values).map(|(w, value)| w * value).sum()
            };
            let of_outer = deviation * expected(self.outer_rule.nodes());
            for ((start, _), integral) in group.iter().zip(&integrals) {
                means.push(NestedMeans {
                    outer: self.rows[*start].outer,
                    inner: self.rows[*start].inner,
                    of_outer,
                    of_inner: expected(&integral.mean),
                });
            }
        }
        means
    }

    fn integrate(&self, (start, end): (usize, usize), at: NestedVariances) -> InnerIntegral {
        let (outer, inner) = (libm::sqrt(at.outer), libm::sqrt(at.inner));
        let mut integral = InnerIntegral {
            log_marginal: Vec::with_capacity(POINTS.0),
            mean: Vec::with_capacity(POINTS.0),
        };
        let mut values = vec![0.0; self.inner_rule.nodes().len()];
        for u in self.outer_rule.nodes() {
            for (value, f) in values.iter_mut().zip(self.inner_rule.nodes()) {
                let effects = at.shift + outer * u + inner * f;
                let rows = &self.rows[start..end];
                *value = rows.iter().map(|row| row.log_likelihood(effects)).sum();
            }
            let (log_marginal, weights) = log_mean(&values, self.inner_rule.weights());
            let nodes = self.inner_rule.nodes().iter().zip(&weights);
            integral.log_marginal.push(log_marginal);
            integral
                .mean
                .push(inner * nodes.map(|(node, weight)| node * weight).sum::<f64>());
        }
        integral
    }

    /// The variances that the results make most likely, with a prior that keeps them off zero (the
    /// logarithms of both deviations are added), searched from a start.
    pub fn most_likely(&self, start: NestedVariances) -> NestedVariances {
        let at = |x: &[f64; 3]| NestedVariances {
            outer: libm::exp(2.0 * x[0].clamp(-4.0, 1.5)),
            inner: libm::exp(2.0 * x[1].clamp(-4.0, 1.5)),
            shift: x[2],
        };
        let cost = |x: &[f64; 3]| {
            let edge = |x: f64| x - x.clamp(-4.0, 1.5);
            let beyond = edge(x[0]) * edge(x[0]) + edge(x[1]) * edge(x[1]);
            100.0 * beyond - self.log_marginal(at(x)) - x[0] - x[1]
        };
        let log_deviation = |variance: f64| 0.5 * libm::log(variance.max(1e-3));
        let start = [
            log_deviation(start.outer),
            log_deviation(start.inner),
            start.shift,
        ];
        at(&simplex(start, cost))
    }
}

/// log Σ w e^x, and the weights w e^x made to sum to 1.
fn log_mean(values: &[f64], weights: &[f64]) -> (f64, Vec<f64>) {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let terms = values.iter().zip(weights);
    let mut terms: Vec<f64> = terms
        .map(|(value, weight)| weight * libm::exp(value - most))
        .collect();
    let sum: f64 = terms.iter().sum();
    for term in &mut terms {
        *term /= sum;
    }
    (most + libm::log(sum), terms)
}

/// Nelder and Mead's search (The Computer Journal 7, 1965) for the least of `cost`.
fn simplex(start: [f64; 3], cost: impl Fn(&[f64; 3]) -> f64) -> [f64; 3] {
    let mut corners: Vec<([f64; 3], f64)> = vec![(start, cost(&start))];
    for axis in 0..3 {
        let mut corner = start;
        corner[axis] += if axis == 2 { 0.1 } else { 0.3 };
        corners.push((corner, cost(&corner)));
    }
    let mut evaluations = corners.len();
    while evaluations < MOST_EVALUATIONS {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        if corners[3].1 - corners[0].1 < 1e-5 {
            break;
        }
        let centre =
            [0, 1, 2].map(|k: usize| (corners[0].0[k] + corners[1].0[k] + corners[2].0[k]) / 3.0);
        let away = |by: f64| {
            let corner = [0, 1, 2].map(|k: usize| centre[k] + by * (centre[k] - corners[3].0[k]));
            (corner, cost(&corner))
        };
        let reflected = away(1.0);
        evaluations += 1;
        let better = if reflected.1 < corners[0].1 {
            evaluations += 1;
            let expanded = away(2.0);
            Some(if expanded.1 < reflected.1 {
                expanded
            } else {
                reflected
            })
        } else if reflected.1 < corners[2].1 {
            Some(reflected)
        } else {
            evaluations += 1;
            let contracted = away(if reflected.1 < corners[3].1 {
                0.5
            } else {
                -0.5
            });
            Some(contracted).filter(|corner| corner.1 < corners[3].1.min(reflected.1))
        };
        if let Some(corner) = better {
            corners[3] = corner;
        } else {
            let best = corners[0].0;
            for corner in &mut corners[1..] {
                corner.0 = [0, 1, 2].map(|k: usize| f64::midpoint(best[k], corner.0[k]));
                corner.1 = cost(&corner.0);
                evaluations += 1;
            }
        }
    }
    corners.sort_by(|a, b| a.1.total_cmp(&b.1));
    corners[0].0
}
