//! Acceptance plans of lots and stocks（批和库存的抽样方案）: how many units a line takes, and how many may fail.

use crate::limits::FieldError;
use crate::pool::Candidate;
use crate::wire::request::AcceptanceRequest;
use risk_stats::acceptance::{
    AcceptanceError, Aql, CodeLetter, DeclaredPlan, DiscriminationLevel, InspectionLevel, Severity,
    SinglePlan,
};

/// The least lot that can be sampled.
const LEAST_LOT: u32 = 2;

/// What a sample is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// GB/T 2828.1: whether a lot is accepted; single sampling, normal inspection.
    Lot {
        /// Acceptance quality limit, percent nonconforming.
        aql: Aql,
        /// Inspection level.
        level: InspectionLevel,
    },
    /// GB/T 2828.4: whether what is declared of a stock is contradicted. Computed from the standard's principle, not
    /// read from its table.
    Declared {
        /// Declared quality level, percent nonconforming, in (0, 100).
        dql: f64,
        /// Discrimination level.
        level: DiscriminationLevel,
    },
}

/// The acceptance plan of a line（抽样方案）.
#[doc(alias = "抽样方案")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AcceptancePlan {
    /// What the sample is held against.
    pub criterion: Criterion,
    /// Units of the lot or stock（批量）.
    pub lot_size: u32,
    /// Code letter of the plan（样本量字码）, which GB/T 2828.1 alone has.
    pub letter: Option<CodeLetter>,
    /// Units to draw（样本量 n）; all of the lot where the plan would draw as many or more.
    pub sample: u32,
    /// Most nonconforming units with which the lot is accepted（接收数 Ac）, or the declaration not
    /// contradicted.
    pub acceptance_number: u32,
}

impl AcceptancePlan {
    /// Fewest nonconforming units with which the lot is rejected（拒收数 Re）, or the declaration contradicted.
    #[doc(alias = "拒收数")]
    pub fn rejection_number(&self) -> u32 {
        self.acceptance_number + 1
    }
}

/// The part of a campaign that makes acceptance plans, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweep {
    criterion: Criterion,
    lot_size: Option<u32>,
}

impl Sweep {
    /// Checks what is asked for in a field of the request.
    pub(crate) fn new(field: &str, asked: &AcceptanceRequest) -> Result<Self, FieldError> {
        let wrong = |of: &str, rule: &str| FieldError::new(format!("{field}.{of}"), rule);
        let (criterion, lot_size) = match asked {
            AcceptanceRequest::Lot {
                aql,
                level,
                lot_size,
            } => {
                let aql = Aql::new(*aql).ok().filter(|aql| aql.is_percentage());
                let aql = aql.ok_or_else(|| wrong("aql", &aql_rule()))?;
                let level = InspectionLevel::from_name(level.as_deref().unwrap_or("II"))
                    .ok_or_else(|| wrong("level", "must be S-1, S-2, S-3, S-4, I, II or III"))?;
                (Criterion::Lot { aql, level }, lot_size)
            }
            AcceptanceRequest::Declared {
                dql,
                level,
                lot_size,
            } => {
                let level = DiscriminationLevel::from_name(level.as_deref().unwrap_or("I"))
                    .ok_or_else(|| wrong("level", "must be 0, I, II or III"))?;
                // A lot of which no plan draws the whole asks all there is to ask of the percentage.
                DeclaredPlan::of_lot(u64::MAX, level, *dql)
                    .map_err(|error| wrong("dql", &dql_rule(error, level)))?;
                (Criterion::Declared { dql: *dql, level }, lot_size)
            }
        };
        if lot_size.is_some_and(|size| size < LEAST_LOT) {
            return Err(wrong("lot_size", "must be at least 2"));
        }
        Ok(Self {
            criterion,
            lot_size: *lot_size,
        })
    }

    /// Units of a target's lot or stock: as the request says, or the register. The least volume is that of a target
    /// of which the register says nothing.
    pub(crate) fn lot(&self, candidate: &Candidate) -> Option<u32> {
        let registered = candidate.volume.get();
        self.lot_size
            .or(Some(registered).filter(|volume| *volume >= LEAST_LOT))
    }

    /// The plan of a target; none where its lot is not known.
    pub(crate) fn plan(
        &self,
        candidate: &Candidate,
    ) -> Result<Option<AcceptancePlan>, AcceptanceError> {
        let Some(lot_size) = self.lot(candidate) else {
            return Ok(None);
        };
        let lot = u64::from(lot_size);
        let (letter, sample, acceptance_number) = match self.criterion {
            Criterion::Lot { aql, level } => {
                let plan = SinglePlan::of_lot(lot, level, aql, Severity::Normal)?;
                (Some(plan.letter), plan.sample, plan.acceptance_number)
            }
            Criterion::Declared { dql, level } => {
                let plan = DeclaredPlan::of_lot(lot, level, dql)?;
                (None, plan.sample, plan.acceptance_number)
            }
        };
        Ok(Some(AcceptancePlan {
            criterion: self.criterion,
            lot_size,
            letter,
            sample,
            acceptance_number,
        }))
    }
}

fn aql_rule() -> String {
    let percentages = Aql::all().filter(|aql| aql.is_percentage());
    let all: Vec<String> = percentages.map(|aql| aql.value().to_string()).collect();
    format!("must be one of the percentages {}", all.join(", "))
}

fn dql_rule(error: AcceptanceError, level: DiscriminationLevel) -> String {
    if error == AcceptanceError::NoPlan {
        return format!(
            "is too much for level {}: whatever the sample, it would be contradicted too often where it is true; \
             take a higher level or a smaller percentage",
            level.name()
        );
    }
    "must be a percentage above 0 and below 100".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::tests::candidate;
    use risk_domain::registry::Volume;

    fn of_volume(volume: u32) -> Candidate {
        Candidate {
            volume: Volume::new(volume).unwrap(),
            ..candidate("E1", "P1", 0.1)
        }
    }

    fn asked(text: &str) -> Result<Sweep, FieldError> {
        Sweep::new("acceptance", &toml::from_str(text).unwrap())
    }

    /// Cells of tables 1 and 2-A, arrows followed.
    #[test]
    fn lots_are_sampled_by_the_tables_of_the_standard() {
        for (text, volume, plan) in [
            ("aql = 2.5", 500, ('H', 50, 3)),
            ("aql = 2.5\nlevel = 'II'", 280, ('G', 32, 2)),
            ("aql = 4.0\nlevel = 'I'", 1200, ('G', 32, 3)),
            ("aql = 1\nlevel = 'S-4'", 3200, ('H', 50, 1)),
            ("aql = 10\nlevel = 'III'", 500_001, ('K', 125, 21)),
            ("aql = 2.5\nlot_size = 500", 1, ('H', 50, 3)),
            ("aql = 2.5\nlot_size = 500", 9000, ('H', 50, 3)),
        ] {
            let sweep = asked(&format!("standard = '2828.1'\n{text}")).unwrap();
            let found = sweep.plan(&of_volume(volume)).unwrap().unwrap();
            let letter = found.letter.map(CodeLetter::get);
            let (letter, sample, most) = (letter.unwrap(), found.sample, found.acceptance_number);
            assert_eq!((letter, sample, most), plan, "{text} of {volume}");
            assert_eq!(found.rejection_number(), most + 1);
        }
    }

    #[test]
    fn a_lot_that_nobody_knows_has_no_plan() {
        let sweep = asked("standard = '2828.4'\ndql = 1.0").unwrap();
        assert_eq!(sweep.plan(&of_volume(1)), Ok(None));
        let plan = sweep.plan(&of_volume(2000)).unwrap().unwrap();
        let found = (plan.letter, plan.sample, plan.acceptance_number);
        assert_eq!(found, (None, 32, 1));
        let plan = sweep.plan(&of_volume(20)).unwrap().unwrap();
        assert_eq!((plan.sample, plan.acceptance_number), (20, 0));
    }

    #[test]
    fn what_cannot_be_sampled_by_names_its_field() {
        for (text, field) in [
            ("standard = '2828.1'\naql = 2.0", "aql"),
            // Nonconformities per hundred units, which nobody counts here.
            ("standard = '2828.1'\naql = 15", "aql"),
            ("standard = '2828.1'\naql = nan", "aql"),
            ("standard = '2828.1'\naql = 2.5\nlevel = '2'", "level"),
            ("standard = '2828.1'\naql = 2.5\nlot_size = 1", "lot_size"),
            ("standard = '2828.4'\ndql = 0", "dql"),
            ("standard = '2828.4'\ndql = 100", "dql"),
            ("standard = '2828.4'\ndql = nan", "dql"),
            ("standard = '2828.4'\ndql = 6.5\nlevel = '0'", "dql"),
            ("standard = '2828.4'\ndql = 1\nlevel = 'IV'", "level"),
            ("standard = '2828.4'\ndql = 1\nlot_size = 0", "lot_size"),
        ] {
            let error = asked(text).unwrap_err();
            assert_eq!(error.field, format!("acceptance.{field}"), "{text}");
            assert!(!error.rule.is_empty());
        }
        for text in ["standard = '2828.9'", "standard = '2828.1'\ndql = 1"] {
            toml::from_str::<AcceptanceRequest>(text).unwrap_err();
        }
    }
}
