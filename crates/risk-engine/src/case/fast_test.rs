//! Fast test, fast handling（快检快处）of industrial goods: a positive is a lead, never evidence.
//!
//! ```text
//!  failed fast test             duplicate passed                    laboratory passed
//!  ──────────────► SCREENED ───────────────────► INCONCLUSIVE ─────────────────────► closed
//!                     │ duplicate failed               │ laboratory failed
//!                     ▼                                │
//!                 CONFIRMED ◄──────────────────────────┘
//!                     │ guide                       extend
//!                     ▼                 ┌──────────────────────┐
//!                  GUIDED ──────────────┘                      ▼
//!                     │ rectify                       GUIDED_EXTENDED
//!                     ├───────────────────────────────────┘ rectify
//!                     ▼             re-screen passed
//!                 RECTIFIED ───────────────────────► closed (corrected)
//!                     │ re-screen failed
//!                     ▼              sample          laboratory passed
//!             SAMPLE_DUE ◄──────── AT_LAB ────────────► closed (false positive)
//!                     └─────────────►  │ laboratory failed
//!                                      └──────────────► spot check
//! ```
//! A complaint may open the case before any test (`CHECK_DUE`): a result that names the case and failed leads
//! to `SCREENED`, or of a laboratory to `CONFIRMED`; one that passed ends it (checked clean), and so does an
//! officer who drops it. Of farm produce (`CHECK_DUE_PRODUCE`) a failed quick test leads to a farm-produce case.
//! Rectification that is not reported in time, and a second positive within the policy's half year,
//! lead to `SAMPLE_DUE`. A refusal, evident illegality, tampering, an officer's referral, and (by
//! policy) a failed duplicate of an item that may be fatal lead to an enforcement case. A sample that
//! was not found, that the laboratory refused or that could not be tested leads back to `SAMPLE_DUE`.
//! A laboratory that verifies the first fast test stands above a duplicate.

use super::CaseKind;
use super::act::{Act, Capacity, Found};
use super::machine::{Clock, Ending, NoSuchStep, Switches, Transition, no_step};
use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::named_scale;

named_scale! {
    /// Where a fast-test case stands（快检快处状态）.
    #[doc(alias = "快检快处状态")]
    State {
        /// 初筛不合格.
        Screened = "screened",
        /// 初筛可能致命项目不合格: as `Screened`, of an item of severity 4.
        ScreenedSevere = "screened_severe",
        /// 复测不一致.
        Inconclusive = "inconclusive",
        /// 复测不合格.
        Confirmed = "confirmed",
        /// 已现场指导, 整改中.
        Guided = "guided",
        /// 整改期限已延长.
        GuidedExtended = "guided_extended",
        /// 整改完成, 待回头看.
        Rectified = "rectified",
        /// 待正式抽样.
        SampleDue = "sample_due",
        /// 已送检.
        AtLab = "at_lab",
        /// 待快检核查: a complaint asks for a fast check.
        CheckDue = "check_due",
        /// 待农产品快检核查: as `CheckDue`, of farm produce.
        CheckDueProduce = "check_due_produce",
    }
}

impl State {
    /// Whether it waits for the first test of what was complained of.
    pub(super) fn asks_for_a_check(self) -> bool {
        matches!(self, Self::CheckDue | Self::CheckDueProduce)
    }
}

/// Where a failed fast test starts. `again` says that an earlier case of the same product ended
/// within the policy's time: there is no second guidance.
pub(super) fn opening(severe: bool, again: bool) -> State {
    match (again, severe) {
        (true, _) => State::SampleDue,
        (false, true) => State::ScreenedSevere,
        (false, false) => State::Screened,
    }
}

/// Where a complaint starts.
pub(super) fn complained(farm_produce: bool) -> State {
    if farm_produce {
        State::CheckDueProduce
    } else {
        State::CheckDue
    }
}

/// Where the failure that a laboratory found of a monitoring or fast-test sample starts.
pub(super) fn verified(again: bool) -> State {
    if again {
        State::SampleDue
    } else {
        State::Confirmed
    }
}

/// What an act makes of the case.
pub(super) fn next(
    state: State,
    act: Act,
    switches: Switches,
) -> Result<Transition<State>, NoSuchStep> {
    use CaseAct as Do;
    use State as S;
    use Transition::{End, PassOn, To};
    if state.asks_for_a_check()
        && let Some(transition) = from_check(state, act)
    {
        return Ok(transition);
    }
    if let Some(transition) = from_anywhere(act) {
        return Ok(transition);
    }
    Ok(match (state, act) {
        // Any test made on site while the first is in doubt is its duplicate.
        (S::ScreenedSevere, Act::Found(Found::Failed(Capacity::Screen)))
            if switches.severe_goes_to_enforcement =>
        {
            PassOn(CaseKind::Enforcement)
        }
        (
            S::Screened | S::ScreenedSevere | S::Inconclusive,
            Act::Found(Found::Failed(Capacity::Screen | Capacity::Verification)),
        ) => To(S::Confirmed),
        (S::Screened | S::ScreenedSevere, Act::Found(Found::Passed(Capacity::Screen))) => {
            if switches.inconclusive_closes {
                End(Ending::Inconclusive)
            } else {
                To(S::Inconclusive)
            }
        }
        (S::Inconclusive, Act::Officer(Do::Conclude)) => End(Ending::Inconclusive),
        (S::Confirmed, Act::Officer(Do::Guide)) => To(S::Guided),
        (S::Guided, Act::Officer(Do::Extend)) => To(S::GuidedExtended),
        (S::Guided | S::GuidedExtended, Act::Officer(Do::Rectify)) => To(S::Rectified),
        (
            S::Guided | S::GuidedExtended,
            Act::Lapsed(Term::Rectification | Term::RectificationLongest),
        ) => To(S::SampleDue),
        (S::Rectified, Act::Found(Found::Passed(Capacity::Screen | Capacity::Formal))) => {
            End(Ending::Corrected)
        }
        (S::Rectified, Act::Found(Found::Failed(Capacity::Screen | Capacity::Verification))) => {
            To(S::SampleDue)
        }
        (S::SampleDue, Act::Officer(Do::Sample)) => To(S::AtLab),
        (S::SampleDue | S::AtLab, Act::Found(Found::Passed(Capacity::Formal))) => {
            End(Ending::FalsePositive)
        }
        (S::AtLab, Act::Found(Found::NotSampled | Found::RejectedByLab | Found::Untestable)) => {
            To(S::SampleDue)
        }
        (
            S::Screened
            | S::ScreenedSevere
            | S::Inconclusive
            | S::Confirmed
            | S::Guided
            | S::GuidedExtended
            | S::Rectified
            | S::SampleDue
            | S::AtLab
            | S::CheckDue
            | S::CheckDueProduce,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => return no_step(act),
    })
}

/// What comes of the check that a complaint asks for.
fn from_check(state: State, act: Act) -> Option<Transition<State>> {
    match act {
        Act::Found(Found::Failed(Capacity::Screen)) if state == State::CheckDueProduce => {
            Some(Transition::PassOn(CaseKind::FarmProduce))
        }
        Act::Found(Found::Failed(Capacity::Screen)) => Some(Transition::To(State::Screened)),
        Act::Found(Found::Failed(Capacity::Verification)) => Some(Transition::To(State::Confirmed)),
        Act::Found(Found::Passed(_)) => Some(Transition::End(Ending::CheckedClean)),
        Act::Officer(CaseAct::Drop) => Some(Transition::End(Ending::NotFiled)),
        Act::Officer(_) | Act::Found(_) | Act::Lapsed(_) => None,
    }
}

/// What an act does wherever the case stands.
fn from_anywhere(act: Act) -> Option<Transition<State>> {
    match act {
        // A formal sample that failed counts wherever the fast test stands.
        Act::Found(Found::Failed(Capacity::Formal)) => {
            Some(Transition::PassOn(CaseKind::SpotCheck))
        }
        Act::Found(Found::Passed(Capacity::Verification)) => {
            Some(Transition::End(Ending::FalsePositive))
        }
        Act::Found(Found::Refused | Found::Terminated | Found::Failed(Capacity::Evidence))
        | Act::Officer(CaseAct::Refer | CaseAct::ReportTampering) => {
            Some(Transition::PassOn(CaseKind::Enforcement))
        }
        Act::Officer(_) | Act::Found(_) | Act::Lapsed(_) => None,
    }
}

/// The clocks that run in a state.
pub(super) fn clocks(state: State) -> &'static [Clock] {
    const RECTIFICATION: Clock = Clock::runs(Term::Rectification);
    const LONGEST: Clock = Clock::runs(Term::RectificationLongest);
    match state {
        State::Screened | State::ScreenedSevere => const { &[Clock::runs(Term::Duplicate)] },
        State::Inconclusive => const { &[Clock::runs(Term::LaboratoryVerification)] },
        State::Confirmed => const { &[Clock::runs(Term::Guidance)] },
        // The longest time counts from the guidance, too, however often it is extended.
        State::Guided => const { &[RECTIFICATION, LONGEST] },
        State::GuidedExtended => const { &[LONGEST] },
        State::Rectified => const { &[Clock::runs(Term::Rescreen)] },
        State::SampleDue => const { &[Clock::runs(Term::FormalSample)] },
        State::AtLab => &[],
        State::CheckDue | State::CheckDueProduce => const { &[Clock::runs(Term::FastCheck)] },
    }
}
