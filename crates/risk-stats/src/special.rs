//! Special functions that give the same bits on every machine (`libm`, no platform mathematics).

/// Log-odds of a probability（对数几率）. Domain: (0, 1); 0 and 1 give the infinities.
///
/// ```
/// assert_eq!(risk_stats::special::logit(0.5), 0.0);
/// ```
#[doc(alias = "对数几率")]
pub fn logit(probability: f64) -> f64 {
    libm::log(probability) - libm::log1p(-probability)
}

/// Probability of a log-odds: the inverse of [`logit`].
///
/// ```
/// assert_eq!(risk_stats::special::sigmoid(0.0), 0.5);
/// ```
pub fn sigmoid(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + libm::exp(-log_odds))
    } else {
        let odds = libm::exp(log_odds);
        odds / (1.0 + odds)
    }
}

/// Distribution function of the standard normal.
///
/// ```
/// assert!((risk_stats::special::normal_cdf(1.959963984540054) - 0.975).abs() < 1e-12);
/// ```
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Quantile of the standard normal: the inverse of [`normal_cdf`], to the last bit it can tell apart.
/// Domain: (0, 1); 0 and 1 give the infinities.
///
/// ```
/// assert!((risk_stats::special::normal_quantile(0.975) - 1.959963984540054).abs() < 1e-12);
/// ```
pub fn normal_quantile(probability: f64) -> f64 {
    if probability <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    let (mut below, mut reached) = (-40.0_f64, 40.0_f64);
    loop {
        let middle = f64::midpoint(below, reached);
        if middle <= below || middle >= reached {
            return reached;
        }
        if normal_cdf(middle) >= probability {
            reached = middle;
        } else {
            below = middle;
        }
    }
}

/// Logarithm of the beta function B(a, b). Domain: a, b > 0.
///
/// ```
/// assert!((risk_stats::special::ln_beta(2.0, 3.0) - (1.0f64 / 12.0).ln()).abs() < 1e-12);
/// ```
pub fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// Logarithm of the number of ways to choose k of n. Domain: k ≤ n; otherwise minus infinity.
///
/// ```
/// assert!((risk_stats::special::ln_choose(5, 2) - 10.0f64.ln()).abs() < 1e-13);
/// ```
pub fn ln_choose(n: u64, k: u64) -> f64 {
    let factorial = |count: u64| libm::lgamma(count as f64 + 1.0);
    match n.checked_sub(k) {
        Some(rest) => factorial(n) - factorial(k) - factorial(rest),
        None => f64::NEG_INFINITY,
    }
}

/// Digamma function ψ(x), the derivative of ln Γ. Domain: x > 0.
///
/// Recurrence ψ(x) = ψ(x+1) − 1/x up to x ≥ 8, then the asymptotic series (Abramowitz and Stegun
/// 6.3.18).
///
/// ```
/// // Minus the Euler–Mascheroni constant.
/// assert!((risk_stats::special::digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-13);
/// ```
pub fn digamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 8.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0
                - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * 691.0 / 32760.0)))));
    sum + libm::log(x) - 0.5 / x - series
}

/// Trigamma function ψ′(x), the second derivative of ln Γ. Domain: x > 0.
///
/// Recurrence ψ′(x) = ψ′(x+1) + 1/x² up to x ≥ 8, then the asymptotic series (Abramowitz and
/// Stegun 6.4.12).
///
/// ```
/// let expected = std::f64::consts::PI.powi(2) / 6.0;
/// assert!((risk_stats::special::trigamma(1.0) - expected).abs() < 1e-12);
/// ```
pub fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = 1.0 / 6.0
        + y * (-1.0 / 30.0
            + y * (1.0 / 42.0 + y * (-1.0 / 30.0 + y * (5.0 / 66.0 - y * 691.0 / 2730.0))));
    sum + 1.0 / x + y / 2.0 + y / x * series
}
