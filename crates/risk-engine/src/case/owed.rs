//! Which cases wait for a sample that somebody must plan（待抽样案件）.

use super::{Case, CaseState, fast_test, spot_check};
use risk_domain::named_scale;
use risk_domain::time::Day;

named_scale! {
    /// What a case waits for（待抽样事项）.
    #[doc(alias = "待抽样事项")]
    OwedSample {
        /// 待快检核查: a complaint asks for a check.
        Check = "check",
        /// 待正式抽样.
        Sample = "sample",
        /// 待复查: what was put right is to be tested again.
        Recheck = "recheck",
    }
}

impl CaseState {
    /// What a case that stands so waits for. A retest is made of the backup sample, and who is stopped
    /// trades nothing that could be sampled: neither is owed.
    pub fn owed_sample(self) -> Option<OwedSample> {
        use fast_test::State as Fast;
        use spot_check::Stage;
        match self {
            Self::FastTest(Fast::CheckDue | Fast::CheckDueProduce) => Some(OwedSample::Check),
            Self::FastTest(Fast::SampleDue) => Some(OwedSample::Sample),
            Self::FastTest(Fast::Rectified) => Some(OwedSample::Recheck),
            Self::FastTest(
                Fast::Screened
                | Fast::ScreenedSevere
                | Fast::Inconclusive
                | Fast::Confirmed
                | Fast::Guided
                | Fast::GuidedExtended
                | Fast::AtLab,
            ) => None,
            Self::SpotCheck(state) => match state.stage {
                Stage::Uncorrected | Stage::Rectified | Stage::SecondRecheckDue => {
                    Some(OwedSample::Recheck)
                }
                Stage::Failed
                | Stage::Notified
                | Stage::Objected
                | Stage::ProcessReview
                | Stage::RetestGranted
                | Stage::FormalitiesCompleted
                | Stage::Retesting
                | Stage::FailureFinal
                | Stage::Ordered
                | Stage::RecheckFailed
                | Stage::Published
                | Stage::SecondRecheckFailed
                | Stage::Stopped
                | Stage::ThirdRecheckFailed => None,
            },
            Self::FoodCheck(_) | Self::FarmProduce(_) | Self::Enforcement(_) | Self::Closed(..) => {
                None
            }
        }
    }
}

impl Case {
    /// What it waits for, and the last day of the term that runs for it, lapsed or not. A case that
    /// stands still waits for nothing.
    pub fn owed(&self) -> Option<(OwedSample, Option<Day>)> {
        let owed = self.state.owed_sample()?;
        let running = self.deadlines.iter().filter(|one| one.stopped_at.is_none());
        let due = running.map(|one| one.set_to.unwrap_or(one.last_day)).min();
        self.pause.is_none().then_some((owed, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Switches;
    use crate::case::act::{Act, Found};

    const SWITCHES: Switches = Switches {
        order_waits_for_objection: true,
        inconclusive_closes: false,
        severe_goes_to_enforcement: false,
    };

    /// A sample that passes moves a case that waits for one: nothing is planned in vain.
    #[test]
    fn whatever_is_owed_is_a_sample_that_the_case_takes() {
        let owed: Vec<CaseState> = CaseState::all()
            .filter(|state| state.owed_sample().is_some())
            .collect();
        assert!(owed.len() >= 6, "{owed:?}");
        for state in owed {
            let steps = state.steps(SWITCHES);
            let tested = |act: &Act| matches!(act, Act::Found(Found::Passed(_)));
            assert!(steps.iter().any(tested), "{state:?} takes {steps:?}");
        }
    }
}
