//! Audits of a declared quality level（声称质量水平的核查）on the principle of GB/T 2828.4-2008: a declaration that is true
//! is contradicted in at most 5 of 100 audits.
//!
//! The plans are computed from that principle; they are not read from the table that the standard prints.

use super::{AcceptanceError, LotPlan};

/// Greatest probability of contradicting a declaration that is true.
const RISK: f64 = 0.05;

/// How well an audit tells a false declaration from a true one（判别水平）: the more nonconforming units it
/// bears, the larger its sample.
#[doc(alias = "判别水平")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiscriminationLevel {
    /// 0: bears no nonconforming unit.
    Zero,
    /// I: bears one; used where nothing else is said.
    One,
    /// II: bears two.
    Two,
    /// III: bears three.
    Three,
}

impl DiscriminationLevel {
    /// All levels, that of the smallest samples first.
    pub const ALL: [Self; 4] = [Self::Zero, Self::One, Self::Two, Self::Three];

    /// Its name: 0, I, II or III.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zero => "0",
            Self::One => "I",
            Self::Two => "II",
            Self::Three => "III",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    fn borne(self) -> u32 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

/// An audit of what is declared of one lot or stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredPlan {
    /// Units to draw; all of the lot where the plan would draw as many or more.
    pub sample: u32,
    /// Most nonconforming units that do not contradict the declaration（不合格品限定数）.
    pub acceptance_number: u32,
    /// Whether the whole lot is inspected, so that what is declared is counted itself.
    pub whole_lot: bool,
}

impl DeclaredPlan {
    /// The largest sample of the preferred numbers with which a true declaration of so many percent
    /// nonconforming is contradicted with a probability of at most 5 % (binomial, which is no less than that of a lot of
    /// any size).
    ///
    /// ```
    /// use risk_stats::acceptance::{DeclaredPlan, DiscriminationLevel};
    /// let plan = DeclaredPlan::of_lot(2000, DiscriminationLevel::One, 1.0)?;
    /// assert_eq!((plan.sample, plan.acceptance_number), (32, 1));
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn of_lot(
        lot: u64,
        level: DiscriminationLevel,
        declared_percent: f64,
    ) -> Result<Self, AcceptanceError> {
        if lot < 2 {
            return Err(AcceptanceError::LotSize);
        }
        let plan = plan(level, declared_percent)?;
        Ok(if u64::from(plan.sample()) < lot {
            Self {
                sample: plan.sample(),
                acceptance_number: plan.acceptance_number(),
                whole_lot: false,
            }
        } else {
            let declared = lot as f64 * declared_percent / 100.0;
            Self {
                sample: lot as u32,
                acceptance_number: libm::floor(declared + 1e-9) as u32,
                whole_lot: true,
            }
        })
    }
}

/// The plan for lots that are larger than its sample.
fn plan(level: DiscriminationLevel, declared_percent: f64) -> Result<LotPlan, AcceptanceError> {
    if !(declared_percent > 0.0 && declared_percent < 100.0) {
        return Err(AcceptanceError::Quality);
    }
    let borne = level.borne();
    for sample in preferred_downwards().take_while(|sample| *sample > borne) {
        let plan = LotPlan::new(sample, borne)?;
        if 1.0 - plan.accepts_rate(declared_percent / 100.0)? <= RISK + 1e-12 {
            return Ok(plan);
        }
    }
    Err(AcceptanceError::NoPlan)
}

/// Preferred numbers (R5, ISO 3) as sample sizes: … 125, 80, 50, 32, 20, 13, 8, 5, 3, 2, 1.
fn preferred_downwards() -> impl Iterator<Item = u32> {
    const MOST_POWER: u32 = 7;
    let hundredfold = [800, 500, 315, 200, 125_u64];
    let powers = (0..=MOST_POWER).rev().map(|power| 10_u64.pow(power));
    powers.flat_map(move |power| hundredfold.map(|of| ((of * power + 50) / 100) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acceptance::SAMPLES;
    use proptest::prelude::*;

    #[test]
    fn the_preferred_numbers_are_those_of_the_code_letters() {
        let mut sizes: Vec<u32> = preferred_downwards().collect();
        sizes.reverse();
        assert_eq!(sizes[0], 1);
        assert_eq!(sizes[1..=SAMPLES.len()], SAMPLES);
    }

    #[test]
    fn what_cannot_be_declared_or_audited_is_refused() {
        let of = |lot, percent| DeclaredPlan::of_lot(lot, DiscriminationLevel::Zero, percent);
        assert_eq!(of(1, 1.0), Err(AcceptanceError::LotSize));
        for percent in [0.0, -1.0, 100.0, f64::NAN, f64::INFINITY] {
            assert_eq!(of(500, percent), Err(AcceptanceError::Quality));
        }
        // Even one unit would contradict it more often than in 5 of 100 audits.
        assert_eq!(of(500, 5.1), Err(AcceptanceError::NoPlan));
        assert_eq!(of(500, 5.0).unwrap().sample, 1);
    }

    #[test]
    fn of_a_whole_lot_what_is_declared_is_counted() {
        let plan = DeclaredPlan::of_lot(100, DiscriminationLevel::Three, 2.9).unwrap();
        assert!(!plan.whole_lot);
        let plan = DeclaredPlan::of_lot(30, DiscriminationLevel::Three, 2.9).unwrap();
        assert_eq!(
            (plan.sample, plan.acceptance_number, plan.whole_lot),
            (30, 0, true)
        );
    }

    proptest! {
        #[test]
        fn a_true_declaration_is_contradicted_in_at_most_5_of_100_audits_and_in_more_with_one_unit_less(
            at in 0usize..4, percent in 0.01f64..25.0, lot in 2u64..100_000
        ) {
            let level = DiscriminationLevel::ALL[at];
            let Ok(plan) = DeclaredPlan::of_lot(lot, level, percent) else {
                return Ok(());
            };
            let true_at_most = libm::floor(lot as f64 * percent / 100.0 + 1e-9) as u64;
            prop_assert!(u64::from(plan.sample) <= lot);
            let contradicted = |most: u32| {
                let plan = LotPlan::new(plan.sample, most).unwrap();
                let of_lot = 1.0 - plan.accepts_lot(lot, true_at_most).unwrap();
                (of_lot, 1.0 - plan.accepts_rate(percent / 100.0).unwrap())
            };
            let most = plan.acceptance_number;
            if plan.whole_lot {
                // Nothing is left to chance: as many as are declared, and not one more.
                prop_assert_eq!(u64::from(most), true_at_most);
                return Ok(());
            }
            let (of_lot, of_series) = contradicted(most);
            prop_assert!(of_lot <= RISK + 1e-9 && of_series <= RISK + 1e-9, "{of_lot} {of_series}");
            if most > 0 {
                prop_assert!(contradicted(most - 1).1 > RISK);
            }
        }
    }
}
