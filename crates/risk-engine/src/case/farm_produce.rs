//! Quick test of edible farm produce（食用农产品快速检测）: the one fast test to which the law gives force.
//!
//! ```text
//!  failed quick test          four hours lapse, or waived
//!  ────────────► POSITIVE ────────────────────────────────► CONFIRMED
//!                   │ object                                    ▲  │ destroy
//!                   ▼                                           │  ▼
//!               OBJECTED ── laboratory failed, or upheld ───────┘ DESTROYED ── conclude: closed
//!                   └────── laboratory passed: closed (re-test passed); annulled: closed
//! ```
//! The re-test is never made by a quick method: a quick test while an objection runs decides nothing. A
//! confirmed positive may ground a penalty: an officer's referral leads to an enforcement case.

use super::CaseKind;
use super::act::{Act, Capacity, Found};
use super::machine::{Clock, Ending, NoSuchStep, Transition, no_step};
use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::named_scale;

named_scale! {
    /// Where a farm-produce case stands（农产品快检状态）.
    #[doc(alias = "农产品快检状态")]
    State {
        /// 快检阳性, 异议期内.
        Positive = "positive",
        /// 已提出异议, 实验室复检中.
        Objected = "objected",
        /// 结论确定, 待销毁或无害化处理.
        Confirmed = "confirmed",
        /// 已销毁或无害化处理.
        Destroyed = "destroyed",
    }
}

/// Where a failed quick test starts.
pub(super) fn opening() -> State {
    State::Positive
}

/// What an act makes of the case.
pub(super) fn next(state: State, act: Act) -> Result<Transition<State>, NoSuchStep> {
    use CaseAct as Do;
    use State as S;
    use Transition::{End, PassOn, To};
    Ok(match (state, act) {
        (S::Positive, Act::Officer(Do::Object)) => To(S::Objected),
        (S::Positive, Act::Officer(Do::Waive) | Act::Lapsed(Term::Objection)) => To(S::Confirmed),
        (
            S::Positive | S::Objected,
            Act::Found(Found::Passed(
                Capacity::Verification | Capacity::Formal | Capacity::Evidence,
            )),
        ) => End(Ending::RetestPassed),
        (
            S::Positive | S::Objected,
            Act::Found(Found::Failed(
                Capacity::Verification | Capacity::Formal | Capacity::Evidence,
            )),
        )
        | (S::Objected, Act::Officer(Do::Uphold | Do::Waive | Do::ReportTampering)) => {
            To(S::Confirmed)
        }
        (S::Objected, Act::Officer(Do::Annul)) => End(Ending::Annulled),
        (S::Confirmed, Act::Officer(Do::Destroy)) => To(S::Destroyed),
        (S::Destroyed, Act::Officer(Do::Conclude)) => End(Ending::Handled),
        (
            S::Positive | S::Objected | S::Confirmed | S::Destroyed,
            Act::Found(Found::Refused | Found::Terminated) | Act::Officer(Do::Refer),
        ) => PassOn(CaseKind::Enforcement),
        (
            S::Positive | S::Objected | S::Confirmed | S::Destroyed,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => return no_step(act),
    })
}

/// The clocks that run in a state.
pub(super) fn clocks(state: State) -> &'static [Clock] {
    match state {
        State::Positive => const { &[Clock::runs(Term::Objection)] },
        State::Objected => const { &[Clock::runs(Term::RetestReport)] },
        State::Confirmed => const { &[Clock::runs(Term::Destruction)] },
        State::Destroyed => &[],
    }
}
