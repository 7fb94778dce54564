//! Gaussian quadrature（高斯求积）: nodes and weights found once, the same bits on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A number of points for which no rule is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuadratureError {
    /// None, or so many that the outer weights vanish.
    #[error("a quadrature rule has between 1 and 64 points, not {0}")]
    Points(usize),
}

const MOST_POINTS: usize = 64;

fn points_in_range(points: usize) -> Result<usize, QuadratureError> {
    if (1..=MOST_POINTS).contains(&points) {
        Ok(points)
    } else {
        Err(QuadratureError::Points(points))
    }
}

/// Gauss–Hermite rule for the standard normal law（高斯–埃尔米特求积）: the weights sum to 1, and
/// the expectation of every polynomial of degree 2n − 1 or less is exact.
///
/// The nodes are the roots of the probabilists' Hermite polynomial, found by halving between the
/// roots of the polynomial before it; the weights are 1 / Σ p_k(x)² over the orthonormal
/// polynomials (Golub and Welsch, Mathematics of Computation 23, 1969).
///
/// ```
/// use risk_stats::quadrature::GaussHermite;
/// let rule = GaussHermite::new(20)?;
/// // E[z⁴] = 3.
/// assert!((rule.expectation(0.0, 1.0, |z| z * z * z * z) - 3.0).abs() < 1e-12);
/// # Ok::<(), risk_stats::quadrature::QuadratureError>(())
/// ```
#[doc(alias = "高斯–埃尔米特求积")]
#[derive(Debug, Clone, PartialEq)]
pub struct GaussHermite {
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl GaussHermite {
    /// A rule of 1 to 64 points.
    pub fn new(points: usize) -> Result<Self, QuadratureError> {
        let points = points_in_range(points)?;
        let mut roots: Vec<f64> = vec![0.0];
        for degree in 2..=points {
            // All roots lie within 2√n, and one between each two of the polynomial before.
            let edge = 2.0 * libm::sqrt(degree as f64);
            let mut borders = vec![-edge];
            borders.append(&mut roots);
            borders.push(edge);
            let between = borders
                .windows(2)
                .map(|pair| root(degree, pair[0], pair[1]));
            roots = between.collect();
        }
        // The law is symmetric, and so is its rule to the last bit.
        for at in 0..points / 2 {
            roots[at] = -roots[points - 1 - at];
        }
        if points % 2 == 1 {
            roots[points / 2] = 0.0;
        }
        let weights: Vec<f64> = roots.iter().map(|x| weight(points, *x)).collect();
        let sum: f64 = weights.iter().sum();
        Ok(Self {
            nodes: roots,
            weights: weights.into_iter().map(|weight| weight / sum).collect(),
        })
    }

    /// Nodes in rising order, in standard deviations.
    pub fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// Weights of the nodes; they sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Expectation of `f` under N(mean, deviation²).
    pub fn expectation(&self, mean: f64, deviation: f64, f: impl Fn(f64) -> f64) -> f64 {
        let terms = self.nodes.iter().zip(&self.weights);
        terms.map(|(x, w)| w * f(mean + deviation * x)).sum()
    }
}

/// The orthonormal Hermite polynomial of a degree, p_{k+1} = (x p_k − √k p_{k−1}) / √(k+1), and the
/// sum of the squares of all before it.
fn hermite(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut now, mut squares) = (0.0, 1.0, 0.0);
    for k in 0..degree {
        squares += now * now;
        let next = (x * now - libm::sqrt(k as f64) * before) / libm::sqrt(k as f64 + 1.0);
        (before, now) = (now, next);
    }
    (now, squares)
}

fn weight(points: usize, x: f64) -> f64 {
    1.0 / hermite(points, x).1
}

fn root(degree: usize, low: f64, high: f64) -> f64 {
    halve(low, high, |x| hermite(degree, x).0)
}

/// Where `f` changes its sign between two bounds, to the last bit.
pub(crate) fn halve(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    let rising = f(low) <= 0.0;
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if (f(middle) <= 0.0) == rising {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Gauss–Legendre rule on an interval（高斯–勒让德求积）.
///
/// ```
/// use risk_stats::quadrature::GaussLegendre;
/// let rule = GaussLegendre::new(10, 0.0, 3.0)?;
/// let area: f64 = rule.nodes().iter().zip(rule.weights()).map(|(x, w)| w * x * x).sum();
/// assert!((area - 9.0).abs() < 1e-12);
/// # Ok::<(), risk_stats::quadrature::QuadratureError>(())
/// ```
#[doc(alias = "高斯–勒让德求积")]
#[derive(Debug, Clone, PartialEq)]
pub struct GaussLegendre {
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl GaussLegendre {
    /// A rule of 1 to 64 points on [low, high], both finite.
    pub fn new(points: usize, low: f64, high: f64) -> Result<Self, QuadratureError> {
        let points = points_in_range(points)?;
        let (middle, half) = (f64::midpoint(low, high), (high - low) / 2.0);
        let (mut nodes, mut weights) = (Vec::new(), Vec::new());
        for at in 0..points {
            let start = (at as f64 + 0.75) / (points as f64 + 0.5);
            let mut x = -libm::cos(PI * start);
            // Newton's method doubles the right digits at each step: six reach the last bit.
            for _ in 0..6 {
                let (value, slope) = legendre(points, x);
                x -= value / slope;
            }
            let slope = legendre(points, x).1;
            nodes.push(middle + half * x);
            weights.push(half * 2.0 / ((1.0 - x * x) * slope * slope));
        }
        Ok(Self { nodes, weights })
    }

    /// Nodes in rising order.
    pub fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// Weights of the nodes; they sum to the length of the interval.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// The Legendre polynomial of a degree and its derivative.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut now) = (0.0, 1.0);
    for k in 0..degree {
        let k = k as f64;
        let next = ((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0);
        (before, now) = (now, next);
    }
    (now, degree as f64 * (x * now - before) / (x * x - 1.0))
}

/// Density of the standard normal.
///
/// ```
/// assert!((risk_stats::quadrature::normal_density(0.0) - 0.398_942_280_401_432_7).abs() < 1e-15);
/// ```
pub fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) * FRAC_1_SQRT_2 / libm::sqrt(PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_points() {
        assert_eq!(GaussHermite::new(0), Err(QuadratureError::Points(0)));
        assert_eq!(GaussHermite::new(65), Err(QuadratureError::Points(65)));
    }

    #[test]
    fn every_moment_up_to_the_degree_is_exact() {
        for points in [1, 2, 3, 9, 15, 20, 32, 64] {
            let rule = GaussHermite::new(points).unwrap();
            let mut moment = 1.0;
            for half in 0..points.min(10) {
                let power = |z: f64| (0..2 * half).map(|_| z).product::<f64>();
                let found = rule.expectation(0.0, 1.0, power);
                assert!(
                    (found / moment - 1.0).abs() < 1e-11,
                    "{points} points, E[z^{}] is {found}, not {moment}",
                    2 * half
                );
                moment *= 2.0 * half as f64 + 1.0;
            }
            assert!(rule.nodes().is_sorted());
        }
    }

    #[test]
    fn known_nodes() {
        // Abramowitz and Stegun, table 25.10, n = 20: 0.245 340 708 300 9 · √2.
        let rule = GaussHermite::new(20).unwrap();
        assert!((rule.nodes()[10] - 0.245_340_708_300_9 * 2.0_f64.sqrt()).abs() < 1e-12);
        let weight = 0.462_243_669_600_6 / PI.sqrt();
        assert!((rule.weights()[10] - weight).abs() < 1e-12);
    }
}
