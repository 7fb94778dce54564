//! Exact posterior of two nested effects（嵌套效应）: an enterprise and its cells, by quadrature within
//! quadrature. For sparse 0/1 results, where modes and moments collapse.

use crate::quadrature::GaussHermite;
use crate::screening::Accuracy;
use crate::special::sigmoid;

/// Results or variances that have no posterior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NestedError {
    /// A variance that is negative or not finite.
    #[error("variances must be finite and not negative")]
    Variance,
    /// A weight that is negative, or log-odds that are no number.
    #[error("weights must be finite and not negative, log-odds finite")]
    Result,
    /// A result of a cell beyond the number of cells.
    #[error("a result names a cell that is not there")]
    Cell,
}

/// A result of one of an enterprise's cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedResult {
    /// Which cell, from 0.
    pub cell: usize,
    /// Log-odds of failure from everything but these two effects.
    pub log_odds: f64,
    /// Whether it failed.
    pub failed: bool,
    /// How much it counts, for instance its decay; ≥ 0.
    pub weight: f64,
    /// The fast test's accuracy, or `None` for a laboratory's result.
    pub fast_test: Option<Accuracy>,
}

/// Prior variances of both effects, logit².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedVariances {
    /// Of the enterprise's effect.
    pub enterprise: f64,
    /// Of a cell's effect within it.
    pub cell: f64,
}

/// Mean and variance of an effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

/// What one enterprise's results say of its effects.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedPosterior {
    /// Logarithm of the marginal likelihood of all results.
    pub ln_marginal: f64,
    /// The enterprise's effect.
    pub enterprise: Moments,
    /// Enterprise's effect plus cell's effect, for each cell.
    pub cells: Vec<Moments>,
}

/// One cell at one value of the enterprise's effect: log-likelihood, and mean and mean square of the
/// cell's own effect.
struct AtNode {
    ln_likelihood: f64,
    mean: f64,
    square: f64,
}

/// Posterior of two nested effects（嵌套效应）: an enterprise's u ~ N(0, enterprise) and its cells' f ~ N(0, cell), given
/// results with log-odds `log_odds` + u + f. `outer` is the rule over u, `inner` over f.
///
/// ```
/// use risk_stats::nested::{NestedResult, NestedVariances, nested_posterior};
/// use risk_stats::quadrature::GaussHermite;
/// let failed = NestedResult { cell: 0, log_odds: -2.0, failed: true, weight: 1.0, fast_test: None };
/// let variances = NestedVariances { enterprise: 0.5, cell: 0.2 };
/// let rule = GaussHermite::new(15).expect("15 points");
/// let posterior = nested_posterior(&[failed], 2, variances, (&rule, &rule))?;
/// // The failure counts against the enterprise, and more against the cell it came from.
/// assert!(posterior.enterprise.mean > 0.0);
/// assert!(posterior.cells[0].mean > posterior.cells[1].mean);
/// # Ok::<(), risk_stats::nested::NestedError>(())
/// ```
#[doc(alias = "嵌套效应")]
pub fn nested_posterior(
    results: &[NestedResult],
    cells: usize,
    variances: NestedVariances,
    (outer, inner): (&GaussHermite, &GaussHermite),
) -> Result<NestedPosterior, NestedError> {
    let sound = |variance: f64| variance.is_finite() && variance >= 0.0;
    if !sound(variances.enterprise) || !sound(variances.cell) {
        return Err(NestedError::Variance);
    }
    let mut of_cell: Vec<Vec<&NestedResult>> = vec![Vec::new(); cells];
    for result in results {
        if !sound(result.weight) || !result.log_odds.is_finite() {
            return Err(NestedError::Result);
        }
        let cell = of_cell.get_mut(result.cell).ok_or(NestedError::Cell)?;
        cell.push(result);
    }
    let of_enterprise = libm::sqrt(variances.enterprise);
    let deviation = libm::sqrt(variances.cell);
    let effects: Vec<f64> = outer.nodes().iter().map(|x| of_enterprise * x).collect();
    let at_effect = |effect: &f64| -> Vec<AtNode> {
        let cells = of_cell.iter();
        cells
            .map(|results| at_node(results, *effect, deviation, inner))
            .collect()
    };
    let nodes: Vec<Vec<AtNode>> = effects.iter().map(at_effect).collect();
    let likelihood = |cells: &Vec<AtNode>| cells.iter().map(|cell| cell.ln_likelihood).sum();
    let ln: Vec<f64> = nodes.iter().map(likelihood).collect();
    let most = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weigh = |(ln, weight): (&f64, &f64)| weight * libm::exp(ln - most);
    let weights: Vec<f64> = ln.iter().zip(outer.weights()).map(weigh).collect();
    let all: f64 = weights.iter().sum();
    let expect = |of: &dyn Fn(usize) -> f64| -> f64 {
        let terms = weights.iter().enumerate();
        terms.map(|(at, weight)| weight / all * of(at)).sum()
    };
    let moments = |mean: f64, square: f64| Moments {
        mean,
        variance: (square - mean * mean).max(0.0),
    };
    let cell = |cell: usize| {
        let mean = expect(&|at| effects[at] + nodes[at][cell].mean);
        let square = expect(&|at| {
            let (u, f) = (effects[at], &nodes[at][cell]);
            u * u + 2.0 * u * f.mean + f.square
        });
        moments(mean, square)
    };
    Ok(NestedPosterior {
        ln_marginal: most + libm::log(all),
        enterprise: moments(
            expect(&|at| effects[at]),
            expect(&|at| effects[at] * effects[at]),
        ),
        cells: (0..cells).map(cell).collect(),
    })
}

fn at_node(results: &[&NestedResult], effect: f64, deviation: f64, rule: &GaussHermite) -> AtNode {
    let likelihood = |x: &f64| -> f64 {
        let effects = effect + deviation * x;
        results
            .iter()
            .map(|result| ln_result(result, effects))
            .sum()
    };
    let ln: Vec<f64> = rule.nodes().iter().map(likelihood).collect();
    let most = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut all, mut mean, mut square) = (0.0, 0.0, 0.0);
    for (at, weight) in rule.weights().iter().enumerate() {
        let (weight, own) = (
            weight * libm::exp(ln[at] - most),
            deviation * rule.nodes()[at],
        );
        all += weight;
        mean += weight * own;
        square += weight * own * own;
    }
    AtNode {
        ln_likelihood: most + libm::log(all),
        mean: mean / all,
        square: square / all,
    }
}

/// Weighted log-likelihood of a result at these effects, through its test.
fn ln_result(result: &NestedResult, effects: f64) -> f64 {
    let rate = sigmoid(result.log_odds + effects);
    let positive = match result.fast_test {
        Some(accuracy) => accuracy.positive_rate(rate),
        None => rate,
    };
    let positive = positive.clamp(1e-12, 1.0 - 1e-12);
    let ln = if result.failed {
        libm::log(positive)
    } else {
        libm::log1p(-positive)
    };
    result.weight * ln
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_results_the_prior_stands() {
        let rule = GaussHermite::new(9).unwrap();
        let variances = NestedVariances {
            enterprise: 0.5,
            cell: 0.2,
        };
        let posterior = nested_posterior(&[], 1, variances, (&rule, &rule)).unwrap();
        assert!(posterior.ln_marginal.abs() < 1e-12);
        assert!((posterior.enterprise.variance - 0.5).abs() < 1e-12);
        assert!((posterior.cells[0].variance - 0.7).abs() < 1e-12);
    }

    #[test]
    fn results_that_have_no_posterior_are_refused() {
        let rule = GaussHermite::new(9).unwrap();
        let result = NestedResult {
            cell: 1,
            log_odds: 0.0,
            failed: true,
            weight: 1.0,
            fast_test: None,
        };
        let variances = NestedVariances {
            enterprise: 0.5,
            cell: 0.2,
        };
        let find = |result, variances| nested_posterior(&[result], 1, variances, (&rule, &rule));
        assert_eq!(find(result, variances), Err(NestedError::Cell));
        let unweighted = NestedResult {
            weight: f64::NAN,
            ..result
        };
        assert_eq!(find(unweighted, variances), Err(NestedError::Result));
        let negative = NestedVariances {
            enterprise: -1.0,
            cell: 0.2,
        };
        assert_eq!(find(result, negative), Err(NestedError::Variance));
    }
}
