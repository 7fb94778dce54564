//! Acceptance sampling of lots（批验收抽样）by GB/T 2828.1-2012, which is identical to ISO 2859-1:1999:
//! single sampling plans for an acceptance quality limit, with their operating characteristics and
//! the rules that switch between normal, tightened and reduced inspection. Beside it, audits of what is declared of
//! a lot or stock（声称质量水平核查）, on the principle of GB/T 2828.4.

mod declared;
mod operating;
mod switching;
mod tables;

pub use declared::{DeclaredPlan, DiscriminationLevel};
pub use operating::{LotPlan, QualityPoint, find_plan};
pub use switching::{Conditions, LotOutcome, Switching};

/// A lot or a quality limit for which the standard has no plan.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AcceptanceError {
    /// A lot of fewer than two units.
    #[error("a lot must have at least two units")]
    LotSize,
    /// None of the standard's 26 values.
    #[error("{0} is none of the 26 acceptance quality limits of the standard")]
    Aql(f64),
    /// A plan that draws nothing, or accepts whatever it finds.
    #[error("a plan must draw units, and reject where all of them fail")]
    Plan,
    /// A rate outside [0, 1], or nonconformities below 0.
    #[error("quality must be a rate in [0, 1], or nonconformities that are not negative")]
    Quality,
    /// More drawn, or more nonconforming, than the lot has.
    #[error("a lot has no fewer units than are drawn from it, or fail in it")]
    Lot,
    /// Two points of the operating characteristic that no plan of up to 100,000 units meets.
    #[error("no plan of up to 100000 units keeps both risks")]
    NoPlan,
    /// A cell that the table of the standard does not have.
    #[error("the table of the standard has no such cell")]
    Table,
}

/// Inspection level（检验水平）, which sets how the sample grows with the lot.
#[doc(alias = "检验水平")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InspectionLevel {
    /// S-1, the smallest samples.
    Special1,
    /// S-2.
    Special2,
    /// S-3.
    Special3,
    /// S-4.
    Special4,
    /// I.
    General1,
    /// II, used where nothing else is said.
    General2,
    /// III, the largest samples.
    General3,
}

impl InspectionLevel {
    /// All levels, that of the smallest samples first.
    pub const ALL: [Self; 7] = [
        Self::Special1,
        Self::Special2,
        Self::Special3,
        Self::Special4,
        Self::General1,
        Self::General2,
        Self::General3,
    ];

    /// The level of a name.
    ///
    /// ```
    /// use risk_stats::acceptance::InspectionLevel;
    /// assert_eq!(InspectionLevel::from_name("S-4"), Some(InspectionLevel::Special4));
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Its name: S-1 to S-4, I, II or III.
    pub fn name(self) -> &'static str {
        match self {
            Self::Special1 => "S-1",
            Self::Special2 => "S-2",
            Self::Special3 => "S-3",
            Self::Special4 => "S-4",
            Self::General1 => "I",
            Self::General2 => "II",
            Self::General3 => "III",
        }
    }
}

/// How severely lots are inspected（检验严格度）.
#[doc(alias = "检验严格度")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Normal（正常检验）, table 2-A.
    Normal,
    /// Tightened（加严检验）, table 2-B.
    Tightened,
    /// Reduced（放宽检验）, table 2-C.
    Reduced,
}

/// Acceptance quality limit（接收质量限）: one of the standard's 26 values. Those of 10 and less are percent
/// nonconforming or nonconformities per 100 units, larger ones the latter only.
///
/// ```
/// use risk_stats::acceptance::{AcceptanceError, Aql};
/// assert_eq!(Aql::new(2.5)?.tighter(), Some(Aql::new(1.5)?));
/// assert_eq!(Aql::new(2.0), Err(AcceptanceError::Aql(2.0)));
/// # Ok::<(), AcceptanceError>(())
/// ```
#[doc(alias = "接收质量限")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aql(usize);

const AQLS: [f64; 26] = [
    0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.15, 0.25, 0.4, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0,
    15.0, 25.0, 40.0, 65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0,
];

impl Aql {
    /// One of the 26 values.
    pub fn new(value: f64) -> Result<Self, AcceptanceError> {
        let same = |aql: &f64| (aql - value).abs() <= 1e-9 * aql;
        let found = AQLS.iter().position(same);
        found.map(Self).ok_or(AcceptanceError::Aql(value))
    }

    /// All of them, tightest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..AQLS.len()).map(Self)
    }

    /// The value.
    pub fn value(self) -> f64 {
        AQLS.get(self.0).copied().unwrap_or(f64::NAN)
    }

    /// Whether it may be read as percent nonconforming: 10 and less.
    pub fn is_percentage(self) -> bool {
        self.value() <= 10.0
    }

    /// The next tighter value; none below 0.010.
    pub fn tighter(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

/// Sample size code letter（样本量字码）, A to S without I and O.
#[doc(alias = "样本量字码")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeLetter(char);

const LETTERS: &str = "ABCDEFGHJKLMNPQRS";
const SAMPLES: [u32; 17] = [
    2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150,
];
const REDUCED_SAMPLES: [u32; 16] = [
    2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800,
];

impl CodeLetter {
    /// Table 1: the letter of a lot of at least two units at an inspection level.
    ///
    /// ```
    /// use risk_stats::acceptance::{CodeLetter, InspectionLevel};
    /// let letter = CodeLetter::of_lot(500, InspectionLevel::General2)?;
    /// assert_eq!(letter.get(), 'H');
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn of_lot(lot: u64, level: InspectionLevel) -> Result<Self, AcceptanceError> {
        if lot < 2 {
            return Err(AcceptanceError::LotSize);
        }
        let letter = tables::letter(lot, level.name());
        letter.map(Self).ok_or(AcceptanceError::Table)
    }

    /// The letter.
    pub fn get(self) -> char {
        self.0
    }

    /// Units drawn under this letter.
    pub fn sample(self, severity: Severity) -> Result<u32, AcceptanceError> {
        let at = LETTERS.chars().position(|letter| letter == self.0);
        let size = |at: usize| match severity {
            Severity::Normal | Severity::Tightened => SAMPLES.get(at),
            Severity::Reduced => REDUCED_SAMPLES.get(at),
        };
        at.and_then(size).copied().ok_or(AcceptanceError::Table)
    }
}

/// A plan of the standard for a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinglePlan {
    /// Code letter of table 1.
    pub initial_letter: CodeLetter,
    /// Code letter of the plan to use, where an arrow leads elsewhere.
    pub letter: CodeLetter,
    /// Units to draw; all of the lot where the plan would draw as many or more.
    pub sample: u32,
    /// Most nonconforming units or nonconformities with which the lot is accepted（接收数 Ac）; one
    /// more rejects it.
    pub acceptance_number: u32,
    /// Whether the whole lot is inspected.
    pub whole_lot: bool,
}

impl SinglePlan {
    /// Tables 1 and 2: the plan for a lot of at least two units, arrows followed.
    ///
    /// ```
    /// use risk_stats::acceptance::{Aql, InspectionLevel, Severity, SinglePlan};
    /// let plan = SinglePlan::of_lot(150, InspectionLevel::General2, Aql::new(1.5)?, Severity::Normal)?;
    /// // Letter F has an arrow down at 1.5, so that letter G is used.
    /// assert_eq!((plan.letter.get(), plan.sample, plan.acceptance_number), ('G', 32, 1));
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn of_lot(
        lot: u64,
        level: InspectionLevel,
        aql: Aql,
        severity: Severity,
    ) -> Result<Self, AcceptanceError> {
        let initial_letter = CodeLetter::of_lot(lot, level)?;
        let (letter, acceptance_number) = of_letter(initial_letter, aql, severity)?;
        let sample = letter.sample(severity)?;
        let whole_lot = u64::from(sample) >= lot;
        Ok(Self {
            initial_letter,
            letter,
            sample: if whole_lot { lot as u32 } else { sample },
            acceptance_number,
            whole_lot,
        })
    }

    /// Whether a lot with so many found would have been accepted at the next tighter limit, which the
    /// switching score asks. `None` where there is no tighter limit, or its plan draws another
    /// number of units, so that the sample cannot tell.
    ///
    /// ```
    /// use risk_stats::acceptance::{Aql, InspectionLevel, Severity, SinglePlan};
    /// let aql = Aql::new(1.5)?;
    /// let plan = SinglePlan::of_lot(500, InspectionLevel::General2, aql, Severity::Normal)?;
    /// assert_eq!(plan.accepted_one_step_tighter(aql, 2)?, Some(false));
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn accepted_one_step_tighter(
        &self,
        aql: Aql,
        found: u32,
    ) -> Result<Option<bool>, AcceptanceError> {
        let Some(tighter) = aql.tighter() else {
            return Ok(None);
        };
        let (letter, most) = of_letter(self.initial_letter, tighter, Severity::Normal)?;
        let same = letter.sample(Severity::Normal)? == self.letter.sample(Severity::Normal)?;
        Ok(same.then_some(found <= most))
    }
}

/// Tables 2-A to 2-C: the letter whose plan is used, and its acceptance number.
fn of_letter(
    initial: CodeLetter,
    aql: Aql,
    severity: Severity,
) -> Result<(CodeLetter, u32), AcceptanceError> {
    let table = match severity {
        Severity::Normal => "normal",
        Severity::Tightened => "tightened",
        Severity::Reduced => "reduced",
    };
    let cell = tables::cell(table, initial.0, aql.0).ok_or(AcceptanceError::Table)?;
    Ok((CodeLetter(cell.0), cell.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lot_level_limit_and_severity_has_a_plan() {
        for lot in [2, 8, 9, 280, 281, 500_000, 500_001, u64::MAX] {
            for level in InspectionLevel::ALL {
                for aql in Aql::all() {
                    for severity in [Severity::Normal, Severity::Tightened, Severity::Reduced] {
                        let plan = SinglePlan::of_lot(lot, level, aql, severity).unwrap();
                        assert!(plan.sample >= 2 && u64::from(plan.sample) <= lot);
                    }
                }
            }
        }
        let level = InspectionLevel::General2;
        assert_eq!(CodeLetter::of_lot(1, level), Err(AcceptanceError::LotSize));
    }

    #[test]
    fn a_plan_whose_arrow_is_followed_has_no_arrow_of_its_own() {
        for severity in [Severity::Normal, Severity::Tightened, Severity::Reduced] {
            for letter in LETTERS.chars().filter(|letter| *letter != 'S') {
                for aql in Aql::all() {
                    let (to, number) = of_letter(CodeLetter(letter), aql, severity).unwrap();
                    if to.0 != 'S' {
                        assert_eq!(of_letter(to, aql, severity), Ok((to, number)));
                    }
                }
            }
        }
    }

    #[test]
    fn the_next_tighter_limit_is_asked_only_of_the_same_sample() {
        let aql = Aql::new(1.5).unwrap();
        let plan = SinglePlan::of_lot(500, InspectionLevel::General2, aql, Severity::Normal);
        let plan = plan.unwrap();
        // Letter H: 2 at 1.5, 1 at 1.0, both of 50 units.
        assert_eq!(plan.accepted_one_step_tighter(aql, 1), Ok(Some(true)));
        assert_eq!(plan.accepted_one_step_tighter(aql, 2), Ok(Some(false)));
        let least = Aql::new(0.01).unwrap();
        assert_eq!(plan.accepted_one_step_tighter(least, 0), Ok(None));
    }
}
