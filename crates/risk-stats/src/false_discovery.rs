//! Many tests at once（多重检验）: which of them to believe, so that few of those believed are false.

/// Values or a level that no procedure takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// A p-value outside [0, 1].
    #[error("a p-value must lie between 0 and 1")]
    PValue,
    /// An e-value that is negative or no number.
    #[error("an e-value must be a number and not negative")]
    EValue,
    /// A level outside (0, 1).
    #[error("the level must lie between 0 and 1")]
    Level,
}

fn level_in_range(level: f64) -> Result<f64, DiscoveryError> {
    if level > 0.0 && level < 1.0 {
        Ok(level)
    } else {
        Err(DiscoveryError::Level)
    }
}

fn is_p_value(p: f64) -> bool {
    (0.0..=1.0).contains(&p)
}

/// Benjamini and Hochberg's adjusted p-values（伪发现率校正）, in the order given: a hypothesis is
/// rejected at level q where its adjusted p-value is q or less (JRSS B 57, 1995). The false
/// discovery rate is at most q for independent or positively dependent tests.
///
/// ```
/// use risk_stats::false_discovery::benjamini_hochberg;
/// let adjusted = benjamini_hochberg(&[0.01, 0.8, 0.03])?;
/// assert!((adjusted[0] - 0.03).abs() < 1e-15 && (adjusted[2] - 0.045).abs() < 1e-15);
/// # Ok::<(), risk_stats::false_discovery::DiscoveryError>(())
/// ```
#[doc(alias = "伪发现率")]
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, DiscoveryError> {
    if !p_values.iter().all(|p| is_p_value(*p)) {
        return Err(DiscoveryError::PValue);
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, at) in order.iter().enumerate().rev() {
        let spread = p_values[*at] * p_values.len() as f64 / (rank as f64 + 1.0);
        least = least.min(spread);
        adjusted[*at] = least;
    }
    Ok(adjusted)
}

/// The e-BH procedure（Wang and Ramdas, JRSS B 84, 2022）: which of these e-values are discoveries at
/// this level, whatever the dependence between them. The j largest are, for the largest j with
/// j · e_(j) / K ≥ 1/level.
///
/// ```
/// use risk_stats::false_discovery::e_benjamini_hochberg;
/// let found = e_benjamini_hochberg(&[0.3, 400.0, 1.0, 12.0], 0.1)?;
/// assert_eq!(found, [false, true, false, false]);
/// # Ok::<(), risk_stats::false_discovery::DiscoveryError>(())
/// ```
pub fn e_benjamini_hochberg(e_values: &[f64], level: f64) -> Result<Vec<bool>, DiscoveryError> {
    let level = level_in_range(level)?;
    if !e_values.iter().all(|e| *e >= 0.0) {
        return Err(DiscoveryError::EValue);
    }
    let mut order: Vec<usize> = (0..e_values.len()).collect();
    order.sort_by(|one, other| e_values[*other].total_cmp(&e_values[*one]));
    let passes = |rank: usize| {
        (rank as f64 + 1.0) * e_values[order[rank]] / e_values.len() as f64 >= 1.0 / level
    };
    let believed = (0..order.len()).rev().find(|rank| passes(*rank));
    let mut found = vec![false; e_values.len()];
    for at in order.iter().take(believed.map_or(0, |rank| rank + 1)) {
        found[*at] = true;
    }
    Ok(found)
}

/// What an online procedure said of one test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Level at which this test was made.
    pub level: f64,
    /// Whether it is a discovery: p ≤ level.
    pub discovery: bool,
}

/// LORD++（Ramdas, Yang, Wainwright and Jordan, NeurIPS 2017）: tests one after the other, each at a
/// level that follows from the discoveries so far; for independent p-values.
///
/// ```
/// use risk_stats::false_discovery::LordPlusPlus;
/// let mut lord = LordPlusPlus::new(0.1, 0.05)?;
/// assert!(lord.test(1e-6)?.discovery);
/// assert!(!lord.test(0.8)?.discovery);
/// # Ok::<(), risk_stats::false_discovery::DiscoveryError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LordPlusPlus {
    level: f64,
    wealth: f64,
    tested: usize,
    discovered: Vec<usize>,
}

impl LordPlusPlus {
    /// False discovery rate at most `level`, of which `wealth` is there at the start.
    pub fn new(level: f64, wealth: f64) -> Result<Self, DiscoveryError> {
        let level = level_in_range(level)?;
        if wealth <= 0.0 || wealth > level || wealth.is_nan() {
            return Err(DiscoveryError::Level);
        }
        Ok(Self {
            level,
            wealth,
            tested: 0,
            discovered: Vec::new(),
        })
    }

    /// The next test.
    pub fn test(&mut self, p_value: f64) -> Result<Verdict, DiscoveryError> {
        if !is_p_value(p_value) {
            return Err(DiscoveryError::PValue);
        }
        self.tested += 1;
        let mut level = self.wealth * lord_share(self.tested);
        for (rank, at) in self.discovered.iter().enumerate() {
            let earned = self.level - if rank == 0 { self.wealth } else { 0.0 };
            level += earned * lord_share(self.tested - at);
        }
        let discovery = p_value <= level;
        if discovery {
            self.discovered.push(self.tested);
        }
        Ok(Verdict { level, discovery })
    }
}

/// Javanmard and Montanari's sequence, scaled to sum to 1.
fn lord_share(at: usize) -> f64 {
    let j = at as f64;
    let root = libm::sqrt(libm::log(j));
    0.07720838 * libm::log(j.max(2.0)) / (j * libm::exp(root))
}

/// SAFFRON（Ramdas, Zrnic, Wainwright and Jordan, ICML 2018）: as LORD++, spending only on tests whose
/// p-value lies above `candidate`; for independent p-values.
///
/// ```
/// use risk_stats::false_discovery::Saffron;
/// let mut saffron = Saffron::new(0.1, 0.05, 0.5)?;
/// assert!((saffron.test(1e-6)?.level - 0.010_937_254).abs() < 1e-9);
/// # Ok::<(), risk_stats::false_discovery::DiscoveryError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Saffron {
    level: f64,
    wealth: f64,
    candidate: f64,
    tested: usize,
    /// Candidates since the start, and for each discovery when it was and the candidates after it.
    candidates: usize,
    discovered: Vec<(usize, usize)>,
}

impl Saffron {
    /// False discovery rate at most `level`, of which `wealth` is there at the start; p-values of
    /// `candidate` or less may be discoveries.
    pub fn new(level: f64, wealth: f64, candidate: f64) -> Result<Self, DiscoveryError> {
        let level = level_in_range(level)?;
        let candidate = level_in_range(candidate)?;
        if wealth <= 0.0 || wealth > level || wealth.is_nan() {
            return Err(DiscoveryError::Level);
        }
        Ok(Self {
            level,
            wealth,
            candidate,
            tested: 0,
            candidates: 0,
            discovered: Vec::new(),
        })
    }

    /// The next test.
    pub fn test(&mut self, p_value: f64) -> Result<Verdict, DiscoveryError> {
        if !is_p_value(p_value) {
            return Err(DiscoveryError::PValue);
        }
        self.tested += 1;
        let mut sum = self.wealth * saffron_share(self.tested - self.candidates);
        for (rank, (at, candidates)) in self.discovered.iter().enumerate() {
            let earned = self.level - if rank == 0 { self.wealth } else { 0.0 };
            sum += earned * saffron_share(self.tested - at - candidates);
        }
        let level = ((1.0 - self.candidate) * sum).min(self.candidate);
        let discovery = p_value <= level;
        if p_value <= self.candidate {
            self.candidates += 1;
            for (_, candidates) in &mut self.discovered {
                *candidates += 1;
            }
        }
        if discovery {
            self.discovered.push((self.tested, 0));
        }
        Ok(Verdict { level, discovery })
    }
}

/// j^-1.6, scaled to sum to 1.
fn saffron_share(at: usize) -> f64 {
    0.4374901658 / libm::pow(at.max(1) as f64, 1.6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_value_is_refused() {
        assert_eq!(benjamini_hochberg(&[1.1]), Err(DiscoveryError::PValue));
        assert_eq!(
            e_benjamini_hochberg(&[f64::NAN], 0.1),
            Err(DiscoveryError::EValue)
        );
        assert_eq!(
            e_benjamini_hochberg(&[1.0], 0.0),
            Err(DiscoveryError::Level)
        );
        assert_eq!(benjamini_hochberg(&[]), Ok(Vec::new()));
        assert_eq!(LordPlusPlus::new(0.1, 0.2), Err(DiscoveryError::Level));
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in prop::collection::vec(0.0f64..=1.0, 1..60)) {
            let adjusted = benjamini_hochberg(&p).unwrap();
            for (one, p_one) in p.iter().enumerate() {
                // p·K/K may round to below p.
                prop_assert!(adjusted[one] >= *p_one - 1e-15 && adjusted[one] <= 1.0);
                for (other, p_other) in p.iter().enumerate() {
                    prop_assert!(p_one > p_other || adjusted[one] <= adjusted[other] + 1e-15);
                }
            }
        }

        #[test]
        fn more_evidence_never_takes_a_discovery_away(e in prop::collection::vec(0.0f64..200.0, 1..40), at in any::<prop::sample::Index>(), more in 0.0f64..500.0) {
            let before = e_benjamini_hochberg(&e, 0.1).unwrap();
            let mut raised = e.clone();
            raised[at.index(e.len())] += more;
            let after = e_benjamini_hochberg(&raised, 0.1).unwrap();
            for (was, is) in before.iter().zip(&after) {
                prop_assert!(!was || *is);
            }
        }
    }
}
