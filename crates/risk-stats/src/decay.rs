//! Forward decay（前向衰减）in integer fixed point: sums of weights that only ever add.
//!
//! A result of day d weighs `w(d) = TAB[d mod h] · 2^(d div h)` with `TAB[r] = round(2^32 · 2^(r/h))`
//! and h the half-life in days; a decayed count at day T is `Σ w(d) / w(T)`. Weights are integers,
//! so sums are exact in any order and partial sums merge by adding (Cormode et al., Forward Decay,
//! ICDE 2009). Weights start anew every 32 half-lives: a sum is kept per generation, and a read adds
//! the current generation and the one before; older ones weigh less than 2^-32.

/// Half-lives in one generation.
const GENERATION_HALF_LIVES: i32 = 32;
/// 2^32, the resolution of a weight.
const UNIT: f64 = 4_294_967_296.0;

/// A run of 32 half-lives; the first begins on 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i32);

/// A half-life of no days, or of more than a century.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a half-life must be between 1 and 36500 days")]
pub struct HalfLifeError;

/// Forward decay with one half-life（半衰期）.
///
/// ```
/// use risk_stats::decay::ForwardDecay;
/// let decay = ForwardDecay::new(28)?;
/// let (generation, weight) = decay.weight(20_000);
/// // After one half-life a result counts half.
/// assert!((decay.value(generation, weight as i128, 20_028) - 0.5).abs() < 1e-9);
/// assert!((decay.at(20_056).value(generation, weight as i128) - 0.25).abs() < 1e-9);
/// # Ok::<(), risk_stats::decay::HalfLifeError>(())
/// ```
#[doc(alias = "半衰期")]
#[derive(Debug, Clone)]
pub struct ForwardDecay {
    half_life: i32,
    table: Vec<u64>,
}

impl ForwardDecay {
    /// Decay by half every `half_life_days`, 1 to 36,500.
    pub fn new(half_life_days: u32) -> Result<Self, HalfLifeError> {
        if !(1..=36_500).contains(&half_life_days) {
            return Err(HalfLifeError);
        }
        let share = |day: u32| f64::from(day) / f64::from(half_life_days);
        let weight = |day| libm::round(UNIT * libm::exp2(share(day))) as u64;
        Ok(Self {
            half_life: half_life_days as i32,
            table: (0..half_life_days).map(weight).collect(),
        })
    }

    /// Weight of a result of `day` (days since 1970-01-01), within its generation; below 2^65.
    pub fn weight(&self, day: i32) -> (Generation, u128) {
        let length = self.half_life.saturating_mul(GENERATION_HALF_LIVES);
        let within = day.rem_euclid(length);
        let tabled = self
            .table
            .get((within % self.half_life) as usize)
            .copied()
            .unwrap_or(0);
        (
            Generation(day.div_euclid(length)),
            u128::from(tabled) << (within / self.half_life),
        )
    }

    /// Reads sums at a day: what a weight is worth then.
    pub fn at(&self, day: i32) -> DecayAt {
        let (generation, unit) = self.weight(day);
        DecayAt {
            generation,
            inverse: 1.0 / unit as f64,
        }
    }

    /// What a sum of weights of one generation counts at day `at`: [`DecayAt::value`].
    pub fn value(&self, generation: Generation, sum: i128, at: i32) -> f64 {
        self.at(at).value(generation, sum)
    }
}

/// A day at which sums are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecayAt {
    generation: Generation,
    /// One over the weight of a result of this day.
    inverse: f64,
}

impl DecayAt {
    /// What a sum of weights of one generation counts. A generation older than the one before this
    /// day's counts nothing; one that begins later counts more than its weights.
    pub fn value(&self, generation: Generation, sum: i128) -> f64 {
        let apart = self.generation.0.saturating_sub(generation.0);
        let counted = sum as f64 * self.inverse;
        if apart == 0 {
            counted
        } else if apart > 1 {
            0.0
        } else {
            libm::ldexp(counted, -GENERATION_HALF_LIVES * apart.max(-8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_half_life_of_nothing_is_refused() {
        assert_eq!(ForwardDecay::new(0).unwrap_err(), HalfLifeError);
        assert_eq!(ForwardDecay::new(36_501).unwrap_err(), HalfLifeError);
    }

    proptest! {
        #[test]
        fn a_decayed_count_is_the_sum_of_powers(days in prop::collection::vec(19_000i32..21_000, 1..40), half_life in 20u32..800) {
            let decay = ForwardDecay::new(half_life).unwrap();
            let at = 21_000;
            let counted: f64 = days.iter().map(|day| {
                let (generation, weight) = decay.weight(*day);
                decay.value(generation, weight as i128, at)
            }).sum();
            let expected: f64 = days.iter().map(|day| libm::exp2(-f64::from(at - day) / f64::from(half_life))).sum();
            prop_assert!((counted - expected).abs() < 1e-8 * days.len() as f64, "{} {}", counted, expected);
        }

        #[test]
        fn partial_sums_add_exactly(days in prop::collection::vec(19_000i32..21_000, 2..40), cut in any::<prop::sample::Index>()) {
            let decay = ForwardDecay::new(728).unwrap();
            let total = |days: &[i32]| days.iter().map(|day| decay.weight(*day).1).sum::<u128>();
            let (one, other) = days.split_at(cut.index(days.len()));
            prop_assert_eq!(total(one) + total(other), total(&days));
        }
    }
}
