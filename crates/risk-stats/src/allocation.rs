//! How many to draw where（样本分配）, and with which inclusion probability.

/// Sizes and rates that no sample can be shared out over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// No strata or units, or lists of different lengths.
    #[error("sizes and what belongs to them must be as many, and not none")]
    Lengths,
    /// A size or deviation that is negative or not finite, or all of them 0.
    #[error("sizes must be finite, not negative, and not all 0")]
    Size,
    /// More to draw than there is.
    #[error("the sample is larger than the population")]
    TooMany,
    /// A uniform number outside (0, 1), or an inclusion probability outside (0, 1].
    #[error("uniform numbers must lie in (0, 1) and inclusion probabilities in (0, 1]")]
    Probability,
}

fn check(sizes: &[f64]) -> Result<(), AllocationError> {
    let sound = |size: &f64| size.is_finite() && *size >= 0.0;
    if sizes.is_empty() {
        Err(AllocationError::Lengths)
    } else if sizes.iter().all(sound) && sizes.iter().any(|size| *size > 0.0) {
        Ok(())
    } else {
        Err(AllocationError::Size)
    }
}

/// Neyman's allocation（奈曼最优分配）of a sample over strata: in proportion to size times standard
/// deviation (JRSS 97, 1934). The shares are fractions that sum to `sample`; [`whole_shares`] rounds
/// them.
///
/// ```
/// use risk_stats::allocation::neyman;
/// let shares = neyman(&[900.0, 100.0], &[0.1, 0.3], 12.0)?;
/// assert!((shares[0] - 9.0).abs() < 1e-12);
/// # Ok::<(), risk_stats::allocation::AllocationError>(())
/// ```
#[doc(alias = "奈曼最优分配")]
pub fn neyman(sizes: &[f64], deviations: &[f64], sample: f64) -> Result<Vec<f64>, AllocationError> {
    if sizes.len() != deviations.len() {
        return Err(AllocationError::Lengths);
    }
    let spread: Vec<f64> = sizes.iter().zip(deviations).map(|(n, s)| n * s).collect();
    check(sizes)?;
    check(&spread)?;
    let all: f64 = spread.iter().sum();
    Ok(spread.into_iter().map(|part| sample * part / all).collect())
}

/// Whole numbers closest to shares that sum to a whole number: each share rounded down, and what is
/// left to the largest remainders（最大余数法）, earlier ones first where equal.
///
/// ```
/// use risk_stats::allocation::whole_shares;
/// assert_eq!(whole_shares(&[1.2, 2.7, 1.1]), [1, 3, 1]);
/// ```
#[doc(alias = "最大余数法")]
pub fn whole_shares(shares: &[f64]) -> Vec<u64> {
    let total = libm::round(shares.iter().sum::<f64>()) as u64;
    let mut whole: Vec<u64> = shares
        .iter()
        .map(|share| libm::floor(*share) as u64)
        .collect();
    let remainder = |at: usize| shares[at] - libm::floor(shares[at]);
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|one, other| remainder(*other).total_cmp(&remainder(*one)));
    let left = total.saturating_sub(whole.iter().sum()) as usize;
    for at in order.into_iter().take(left) {
        whole[at] += 1;
    }
    whole
}

/// Variance of the stratified mean of a rate: Σ (N_h/N)² · p_h(1 − p_h)/n_h, without the finite
/// population correction. A stratum without a draw makes it infinite.
///
/// ```
/// use risk_stats::allocation::stratified_variance;
/// let variance = stratified_variance(&[100.0, 100.0], &[0.1, 0.1], &[9.0, 9.0])?;
/// assert!((variance - 0.005).abs() < 1e-12);
/// # Ok::<(), risk_stats::allocation::AllocationError>(())
/// ```
pub fn stratified_variance(
    sizes: &[f64],
    rates: &[f64],
    draws: &[f64],
) -> Result<f64, AllocationError> {
    if sizes.len() != rates.len() || sizes.len() != draws.len() {
        return Err(AllocationError::Lengths);
    }
    check(sizes)?;
    let all: f64 = sizes.iter().sum();
    let strata = sizes.iter().zip(rates.iter().zip(draws));
    let part = |(size, (rate, draw)): (&f64, (&f64, &f64))| {
        let share = size / all;
        share * share * rate * (1.0 - rate) / draw
    };
    Ok(strata.map(part).sum())
}

/// Inclusion probabilities（入样概率）in proportion to size, for a sample of `sample` units. A unit so
/// large that it would exceed 1 is taken with certainty, and the others share what is left.
///
/// ```
/// use risk_stats::allocation::inclusion_probabilities;
/// let pi = inclusion_probabilities(&[1.0, 2.0, 3.0, 4.0, 5.0, 60.0], 3)?;
/// assert!((pi[0] - 2.0 / 15.0).abs() < 1e-12 && pi[5] == 1.0);
/// # Ok::<(), risk_stats::allocation::AllocationError>(())
/// ```
#[doc(alias = "入样概率")]
pub fn inclusion_probabilities(sizes: &[f64], sample: usize) -> Result<Vec<f64>, AllocationError> {
    check(sizes)?;
    let positive = sizes.iter().filter(|size| **size > 0.0).count();
    if sample > positive {
        return Err(AllocationError::TooMany);
    }
    let mut certain = vec![false; sizes.len()];
    loop {
        let taken = certain.iter().filter(|taken| **taken).count();
        let others = sizes.iter().zip(&certain).filter(|(_, taken)| !**taken);
        let all: f64 = others.map(|(size, _)| *size).sum();
        let left = (sample - taken.min(sample)) as f64;
        let share = |size: f64| if all > 0.0 { left * size / all } else { 0.0 };
        let mut grown = false;
        for (size, taken) in sizes.iter().zip(&mut certain) {
            if !*taken && share(*size) >= 1.0 {
                *taken = true;
                grown = true;
            }
        }
        if !grown {
            let one = |(size, taken): (&f64, &bool)| if *taken { 1.0 } else { share(*size) };
            return Ok(sizes.iter().zip(&certain).map(one).collect());
        }
    }
}

/// Ranking variables of Pareto sampling（帕累托抽样）: [u/(1−u)] / [π/(1−π)]. The units with the least
/// are drawn; π is the inclusion probability but for a small error (Rosén, Journal of Statistical
/// Planning and Inference 62, 1997). A certain unit ranks 0.
///
/// ```
/// use risk_stats::allocation::pareto_ranks;
/// let ranks = pareto_ranks(&[0.5, 0.5], &[0.2, 0.9])?;
/// assert!(ranks[0] < ranks[1]);
/// # Ok::<(), risk_stats::allocation::AllocationError>(())
/// ```
#[doc(alias = "帕累托抽样")]
pub fn pareto_ranks(probabilities: &[f64], uniforms: &[f64]) -> Result<Vec<f64>, AllocationError> {
    if probabilities.len() != uniforms.len() {
        return Err(AllocationError::Lengths);
    }
    let rank = |(pi, u): (&f64, &f64)| {
        if *pi > 0.0 && *pi <= 1.0 && *u > 0.0 && *u < 1.0 {
            Ok(u / (1.0 - u) * (1.0 - pi) / pi)
        } else {
            Err(AllocationError::Probability)
        }
    };
    probabilities.iter().zip(uniforms).map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_shared_out_is_refused() {
        assert_eq!(neyman(&[], &[], 3.0), Err(AllocationError::Lengths));
        assert_eq!(neyman(&[1.0], &[0.0], 3.0), Err(AllocationError::Size));
        assert_eq!(
            inclusion_probabilities(&[1.0, 0.0], 2),
            Err(AllocationError::TooMany)
        );
        assert_eq!(
            pareto_ranks(&[0.0], &[0.5]),
            Err(AllocationError::Probability)
        );
    }

    proptest! {
        #[test]
        fn whole_shares_keep_the_total(parts in prop::collection::vec(0.01f64..5.0, 1..30), sample in 1u32..500) {
            let deviations = vec![1.0; parts.len()];
            let shares = neyman(&parts, &deviations, f64::from(sample)).unwrap();
            let whole = whole_shares(&shares);
            prop_assert_eq!(whole.iter().sum::<u64>(), u64::from(sample));
            for (share, count) in shares.iter().zip(&whole) {
                prop_assert!((share - *count as f64).abs() < 1.0);
            }
        }

        #[test]
        fn inclusion_probabilities_sum_to_the_sample(sizes in prop::collection::vec(0.01f64..50.0, 1..40), part in 0.0f64..1.0) {
            let sample = (part * sizes.len() as f64) as usize;
            let pi = inclusion_probabilities(&sizes, sample).unwrap();
            prop_assert!((pi.iter().sum::<f64>() - sample as f64).abs() < 1e-9);
            for (one, size) in sizes.iter().enumerate() {
                prop_assert!((0.0..=1.0).contains(&pi[one]));
                for (other, larger) in sizes.iter().enumerate() {
                    prop_assert!(size > larger || pi[one] <= pi[other] + 1e-12);
                }
            }
        }

        #[test]
        fn neyman_is_at_least_as_good_as_proportional(rates in prop::collection::vec(0.01f64..0.6, 2..8), sample in 10.0f64..200.0) {
            let sizes: Vec<f64> = (0..rates.len()).map(|at| 50.0 + 100.0 * at as f64).collect();
            let deviations: Vec<f64> = rates.iter().map(|p| libm::sqrt(p * (1.0 - p))).collect();
            let all: f64 = sizes.iter().sum();
            let proportional: Vec<f64> = sizes.iter().map(|size| sample * size / all).collect();
            let best = stratified_variance(&sizes, &rates, &neyman(&sizes, &deviations, sample).unwrap()).unwrap();
            let plain = stratified_variance(&sizes, &rates, &proportional).unwrap();
            prop_assert!(best <= plain * (1.0 + 1e-12));
        }
    }
}
