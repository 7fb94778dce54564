//! Food check（食品监督抽检）: what follows a failed laboratory result, by the Food Safety Law and Order 15.
//! Terms are of working days.
//!
//! ```text
//!  laboratory: failed       notify                       application lapses, or waived
//!  ───────────► FAILED ──────────────► NOTIFIED ──────────────────────────────────────┐
//!  ───────────► FAILED_MICROBES ─┐        │ apply_for_retest                          │
//!    (no re-test)                │        ▼               refuse_retest               │
//!                         notify │   RETEST_APPLIED ─────────────────────────────────►│
//!                                │        │ accept_retest                             │
//!                                │        ▼            extend                         │
//!                                │   RETEST_ACCEPTED ────────► RETEST_ACCEPTED_EXTENDED
//!                                │        │ choose_laboratory          │              │
//!                                │        ▼◄───────────────────────────┘              │
//!                                │  LABORATORY_CHOSEN ── report_tampering, ──────────►│
//!                                │        │ transfer_backup   refuse_retest           │
//!                                │        ▼                                           │
//!                                │    RETESTING ─── failed, untestable ──────────────►│
//!                                │        └─ passed: closed (re-test passed)          ▼
//!                                └─────────────────────────────────────────────► CONFIRMED
//!   NOTIFIED ── object_to_sampling ─────► SAMPLING_OBJECTED ──┬─ uphold ────────────► │
//!   NOTIFIED ── object_to_authenticity ─► AUTHENTICITY_OBJECTED ┘                     │ handle
//!                        annul: closed (annulled)                                     ▼
//!                                                                           closed (handled)
//! ```
//! A microbe item that failed cannot be tested again, so its failure is confirmed with the notice; its
//! sampling and authenticity may be objected to. The time for handling runs from the notice on, whatever
//! is objected. An officer's referral, refusals and evident illegality lead to an enforcement case.

use super::CaseKind;
use super::act::{Act, Capacity, Found};
use super::machine::{Clock, Ending, NoSuchStep, Transition, no_step};
use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::named_scale;

named_scale! {
    /// Where a food case stands（食品抽检核查处置状态）.
    #[doc(alias = "食品抽检核查处置状态")]
    State {
        /// 检验不合格, 待告知.
        Failed = "failed",
        /// 微生物不合格, 待告知: no re-test.
        FailedMicrobes = "failed_microbes",
        /// 已告知, 可申请复检.
        Notified = "notified",
        /// 已申请复检.
        RetestApplied = "retest_applied",
        /// 已受理复检.
        RetestAccepted = "retest_accepted",
        /// 确定复检机构期限已延长.
        RetestAcceptedExtended = "retest_accepted_extended",
        /// 复检机构已确定.
        LaboratoryChosen = "laboratory_chosen",
        /// 复检中.
        Retesting = "retesting",
        /// 抽样过程异议审核.
        SamplingObjected = "sampling_objected",
        /// 样品真实性异议审核.
        AuthenticityObjected = "authenticity_objected",
        /// 不合格结论确定, 核查处置中.
        Confirmed = "confirmed",
    }
}

/// Where a failed result starts; `microbes` says that a microbe item failed.
pub(super) fn opening(microbes: bool) -> State {
    if microbes {
        State::FailedMicrobes
    } else {
        State::Failed
    }
}

/// What an act makes of the case.
pub(super) fn next(state: State, act: Act) -> Result<Transition<State>, NoSuchStep> {
    use CaseAct as Do;
    use State as S;
    use Transition::{End, PassOn, To};
    Ok(match (state, act) {
        (S::Failed, Act::Officer(Do::Notify)) => To(S::Notified),
        (S::FailedMicrobes, Act::Officer(Do::Notify)) => To(S::Confirmed),
        (S::Notified, Act::Officer(Do::ApplyForRetest)) => To(S::RetestApplied),
        (S::Notified, Act::Officer(Do::Waive) | Act::Lapsed(Term::RetestApplication)) => {
            To(S::Confirmed)
        }
        (S::Notified, Act::Officer(Do::ObjectToSampling)) => To(S::SamplingObjected),
        (S::Notified, Act::Officer(Do::ObjectToAuthenticity)) => To(S::AuthenticityObjected),
        (S::RetestApplied, Act::Officer(Do::AcceptRetest)) => To(S::RetestAccepted),
        (S::RetestAccepted, Act::Officer(Do::Extend)) => To(S::RetestAcceptedExtended),
        (S::RetestAccepted | S::RetestAcceptedExtended, Act::Officer(Do::ChooseLaboratory)) => {
            To(S::LaboratoryChosen)
        }
        (S::LaboratoryChosen, Act::Officer(Do::TransferBackup)) => To(S::Retesting),
        (
            S::RetestApplied | S::RetestAccepted | S::RetestAcceptedExtended | S::LaboratoryChosen,
            Act::Officer(Do::RefuseRetest | Do::Waive | Do::ReportTampering),
        )
        | (S::Retesting, Act::Officer(Do::ReportTampering)) => To(S::Confirmed),
        (S::Retesting, Act::Found(Found::Passed(Capacity::Formal))) => End(Ending::RetestPassed),
        (
            S::Retesting,
            Act::Found(Found::Failed(Capacity::Formal) | Found::RejectedByLab | Found::Untestable),
        ) => To(S::Confirmed),
        (S::SamplingObjected | S::AuthenticityObjected, Act::Officer(Do::Uphold)) => {
            To(S::Confirmed)
        }
        (S::SamplingObjected | S::AuthenticityObjected, Act::Officer(Do::Annul)) => {
            End(Ending::Annulled)
        }
        (S::Confirmed, Act::Officer(Do::Handle)) => End(Ending::Handled),
        (
            S::Failed
            | S::FailedMicrobes
            | S::Notified
            | S::RetestApplied
            | S::RetestAccepted
            | S::RetestAcceptedExtended
            | S::LaboratoryChosen
            | S::Retesting
            | S::SamplingObjected
            | S::AuthenticityObjected
            | S::Confirmed,
            Act::Found(Found::Refused | Found::Terminated | Found::Failed(Capacity::Evidence))
            | Act::Officer(Do::Refer),
        ) => PassOn(CaseKind::Enforcement),
        (
            S::Failed
            | S::FailedMicrobes
            | S::Notified
            | S::RetestApplied
            | S::RetestAccepted
            | S::RetestAcceptedExtended
            | S::LaboratoryChosen
            | S::Retesting
            | S::SamplingObjected
            | S::AuthenticityObjected
            | S::Confirmed,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => return no_step(act),
    })
}

/// The clocks that run in a state.
pub(super) fn clocks(state: State) -> &'static [Clock] {
    const HANDLING: Clock = Clock::runs(Term::Handling);
    const LABORATORY: Clock = Clock::runs(Term::RetestLaboratory);
    match state {
        State::Failed | State::FailedMicrobes => const { &[Clock::runs(Term::Notice)] },
        State::Notified => const { &[HANDLING, Clock::runs(Term::RetestApplication)] },
        State::RetestApplied => const { &[HANDLING, Clock::runs(Term::RetestAcceptance)] },
        State::RetestAccepted => const { &[HANDLING, LABORATORY] },
        State::RetestAcceptedExtended => {
            const {
                &[
                    HANDLING,
                    Clock::extends(Term::RetestLaboratoryExtended, Term::RetestLaboratory),
                ]
            }
        }
        State::LaboratoryChosen => const { &[HANDLING, Clock::runs(Term::BackupTransfer)] },
        State::Retesting => const { &[HANDLING, Clock::runs(Term::RetestReport)] },
        State::SamplingObjected => const { &[HANDLING, Clock::runs(Term::SamplingReview)] },
        State::AuthenticityObjected => const { &[HANDLING, Clock::runs(Term::AuthenticityReview)] },
        State::Confirmed => const { &[HANDLING] },
    }
}
