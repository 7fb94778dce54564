//! Supervisory and special check（监督抽查、专项抽查）: what follows a failed formal sample, by the Product
//! Quality Law and Order 18.
//!
//! ```text
//!  laboratory: failed          notify                    objection lapses, or waived
//!  ──────────────► FAILED ──────────────► NOTIFIED ─────────────────────────────────┐
//!                                            │ object                               │
//!                                            ▼          answer: not accepted        │
//!                     review_process ┌─── OBJECTED ────────────────────────────────►│
//!                                    ▼       │ grant_retest                         │
//!                closed ◄── PROCESS_REVIEW ─────────────────────────── uphold ─────►│
//!               (annulled)   ▲               ▼          formalities lapse (waived)  │
//!                            │        RETEST_GRANTED ──────────────────────────────►│
//!                            │               │ complete_formalities                 │
//!                            │               ▼                                      │
//!                            │     FORMALITIES_COMPLETED ── report_tampering ──────►│
//!                            │               │ choose_laboratory                    │
//!                  untestable│               ▼                                      ▼
//!                            └────────── RETESTING ── failed, or tampering ──► FAILURE_FINAL
//!                                            │ passed                               │ order
//!                                            ▼                                      ▼
//!                                closed (re-test passed)     rectify ┌─────────── ORDERED
//!                                                                    ▼              │ correction
//!                                                                RECTIFIED          │ lapses
//!                                      recheck passed:               │  ▲ rectify    ▼
//!                                      closed (corrected) ◄──────────┼──┴──────── UNCORRECTED
//!                                                                    │ recheck      │ publish
//!                             60 days         publish                ▼ failed       │
//!   SECOND_RECHECK_DUE ◄───── PUBLISHED ◄──────────────────── RECHECK_FAILED        │
//!          │                      ▲─────────────────────────────────────────────────┘
//!          ├─ passed: closed (corrected)
//!          ▼ failed              stop_business               failed                 revoke_licence
//!   SECOND_RECHECK_FAILED ───────────────► STOPPED ──► THIRD_RECHECK_FAILED ──► closed (licence revoked)
//!                                             └─ passed: closed (corrected)
//! ```
//! Where the policy lets the order run beside objections, `order` is a step from `FAILED` on, and what
//! then leads to `FAILURE_FINAL` leads to `ORDERED` at once; its clocks run from the order. A recheck
//! that fails, whether from `ORDERED`, `RECTIFIED` or `UNCORRECTED`, leads to `RECHECK_FAILED`. A recheck
//! that is refused, evident illegality and an officer's referral lead to an enforcement case. A recheck
//! that was not sampled, or whose sample the laboratory refused or could not test, is made again.

use super::CaseKind;
use super::act::{Act, Capacity, Found};
use super::machine::{Clock, Ending, NoSuchStep, Switches, Transition, no_step};
use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::named_scale;
use serde::{Deserialize, Serialize};

named_scale! {
    /// Where a spot-check case stands（监督抽查后处理状态）.
    #[doc(alias = "监督抽查后处理状态")]
    Stage {
        /// 检验不合格, 待告知.
        Failed = "failed",
        /// 已告知, 异议期内.
        Notified = "notified",
        /// 已提出异议.
        Objected = "objected",
        /// 过程或真实性核查.
        ProcessReview = "process_review",
        /// 已同意复检.
        RetestGranted = "retest_granted",
        /// 复检手续已办.
        FormalitiesCompleted = "formalities_completed",
        /// 复检中.
        Retesting = "retesting",
        /// 不合格结论确定.
        FailureFinal = "failure_final",
        /// 已责令改正.
        Ordered = "ordered",
        /// 逾期未改正.
        Uncorrected = "uncorrected",
        /// 已改正, 待复查.
        Rectified = "rectified",
        /// 复查不合格.
        RecheckFailed = "recheck_failed",
        /// 已公告.
        Published = "published",
        /// 待再次复查.
        SecondRecheckDue = "second_recheck_due",
        /// 再次复查不合格.
        SecondRecheckFailed = "second_recheck_failed",
        /// 已责令停业.
        Stopped = "stopped",
        /// 停业后复查不合格.
        ThirdRecheckFailed = "third_recheck_failed",
    }
}

/// A stage, and whether the order to correct was given while objections ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct State {
    /// The stage.
    pub stage: Stage,
    /// The order was given before the failure was final, as the policy lets it.
    pub ordered_early: bool,
}

/// Where a failed formal sample starts.
pub(super) fn opening() -> State {
    at(Stage::Failed)
}

fn at(stage: Stage) -> State {
    State {
        stage,
        ordered_early: false,
    }
}

/// What an act makes of the case.
#[expect(
    clippy::too_many_lines,
    reason = "the machine is one table, and reads as one"
)]
pub(super) fn next(
    state: State,
    act: Act,
    switches: Switches,
) -> Result<Transition<State>, NoSuchStep> {
    use CaseAct as Do;
    use Stage as S;
    use Transition::{End, PassOn, Stay, To};
    let to = |stage| To(State { stage, ..state });
    // The failure stands: to the order, or to where an early one has led.
    let stands = || {
        To(at(if state.ordered_early {
            S::Ordered
        } else {
            S::FailureFinal
        }))
    };
    Ok(match (state.stage, act) {
        (S::Failed, Act::Officer(Do::Notify)) => to(S::Notified),
        (S::Notified, Act::Officer(Do::Waive) | Act::Lapsed(Term::Objection)) => stands(),
        (S::Notified, Act::Officer(Do::Object)) => to(S::Objected),
        (S::Objected, Act::Officer(Do::ReviewProcess)) => to(S::ProcessReview),
        (S::Objected, Act::Officer(Do::GrantRetest)) => to(S::RetestGranted),
        (S::Objected, Act::Officer(Do::RefuseRetest | Do::Waive)) => stands(),
        (S::ProcessReview, Act::Officer(Do::Uphold)) => stands(),
        (S::ProcessReview, Act::Officer(Do::Annul)) => End(Ending::Annulled),
        (S::ProcessReview, Act::Officer(Do::GrantRetest)) => to(S::RetestGranted),
        (S::RetestGranted, Act::Officer(Do::CompleteFormalities)) => to(S::FormalitiesCompleted),
        (S::RetestGranted, Act::Officer(Do::Waive) | Act::Lapsed(Term::RetestFormalities)) => {
            stands()
        }
        (S::FormalitiesCompleted, Act::Officer(Do::ChooseLaboratory)) => to(S::Retesting),
        // Whoever hides, moves, sells or destroys the backup sample makes the first result final.
        (
            S::RetestGranted | S::FormalitiesCompleted | S::Retesting,
            Act::Officer(Do::ReportTampering),
        ) => stands(),
        // The result of the re-test is final either way.
        (S::Retesting, Act::Found(Found::Passed(Capacity::Formal))) => End(Ending::RetestPassed),
        (S::Retesting, Act::Found(Found::Failed(Capacity::Formal))) => stands(),
        (S::Retesting, Act::Found(Found::RejectedByLab | Found::Untestable)) => {
            to(S::ProcessReview)
        }
        (
            S::Failed
            | S::Notified
            | S::Objected
            | S::ProcessReview
            | S::RetestGranted
            | S::FormalitiesCompleted
            | S::Retesting,
            Act::Officer(Do::Order),
        ) if !switches.order_waits_for_objection && !state.ordered_early => To(State {
            ordered_early: true,
            ..state
        }),
        (S::FailureFinal, Act::Officer(Do::Order)) => to(S::Ordered),
        (S::Ordered | S::Uncorrected, Act::Officer(Do::Rectify)) => to(S::Rectified),
        (S::Ordered, Act::Lapsed(Term::Correction)) => to(S::Uncorrected),
        (S::Uncorrected | S::RecheckFailed, Act::Officer(Do::Publish)) => to(S::Published),
        (
            S::Ordered | S::Uncorrected | S::Rectified,
            Act::Found(Found::Failed(Capacity::Formal)),
        ) => to(S::RecheckFailed),
        (
            S::Ordered | S::Uncorrected | S::Rectified | S::SecondRecheckDue | S::Stopped,
            Act::Found(Found::Passed(Capacity::Formal)),
        ) => End(Ending::Corrected),
        (S::Published, Act::Lapsed(Term::SecondRecheckOpens)) => to(S::SecondRecheckDue),
        (S::SecondRecheckDue, Act::Found(Found::Failed(Capacity::Formal))) => {
            to(S::SecondRecheckFailed)
        }
        (S::SecondRecheckFailed, Act::Officer(Do::StopBusiness)) => to(S::Stopped),
        (S::Stopped, Act::Found(Found::Failed(Capacity::Formal))) => to(S::ThirdRecheckFailed),
        (S::ThirdRecheckFailed, Act::Officer(Do::RevokeLicence)) => End(Ending::LicenceRevoked),
        (
            S::Ordered | S::Uncorrected | S::Rectified | S::SecondRecheckDue | S::Stopped,
            Act::Found(Found::NotSampled | Found::RejectedByLab | Found::Untestable),
        ) => Stay,
        (
            S::Failed
            | S::Notified
            | S::Objected
            | S::ProcessReview
            | S::RetestGranted
            | S::FormalitiesCompleted
            | S::Retesting
            | S::FailureFinal
            | S::Ordered
            | S::Uncorrected
            | S::Rectified
            | S::RecheckFailed
            | S::Published
            | S::SecondRecheckDue
            | S::SecondRecheckFailed
            | S::Stopped
            | S::ThirdRecheckFailed,
            Act::Found(Found::Refused | Found::Terminated | Found::Failed(Capacity::Evidence))
            | Act::Officer(Do::Refer),
        ) => PassOn(CaseKind::Enforcement),
        (
            S::Failed
            | S::Notified
            | S::Objected
            | S::ProcessReview
            | S::RetestGranted
            | S::FormalitiesCompleted
            | S::Retesting
            | S::FailureFinal
            | S::Ordered
            | S::Uncorrected
            | S::Rectified
            | S::RecheckFailed
            | S::Published
            | S::SecondRecheckDue
            | S::SecondRecheckFailed
            | S::Stopped
            | S::ThirdRecheckFailed,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => return no_step(act),
    })
}

/// The clocks that run in a state.
pub(super) fn clocks(state: State) -> Vec<Clock> {
    const CORRECTION: Clock = Clock::runs(Term::Correction);
    const RECHECK: Clock = Clock::runs(Term::Recheck);
    const OPENS: Clock = Clock::runs(Term::SecondRecheckOpens);
    const SECOND: Clock = Clock::runs(Term::SecondRecheck);
    let own: &[Clock] = match state.stage {
        Stage::Failed | Stage::ProcessReview | Stage::FailureFinal => &[],
        Stage::Notified => const { &[Clock::runs(Term::Objection)] },
        Stage::Objected => const { &[Clock::runs(Term::ObjectionAnswer)] },
        Stage::RetestGranted => const { &[Clock::runs(Term::RetestFormalities)] },
        Stage::FormalitiesCompleted => const { &[Clock::runs(Term::RetestLaboratory)] },
        Stage::Ordered => const { &[CORRECTION, RECHECK] },
        Stage::Uncorrected | Stage::Rectified => const { &[RECHECK] },
        // The window of the second recheck counts from the notice, its opening and its end alike.
        Stage::Published => const { &[OPENS, SECOND] },
        Stage::SecondRecheckDue => const { &[SECOND] },
        Stage::Retesting
        | Stage::RecheckFailed
        | Stage::SecondRecheckFailed
        | Stage::Stopped
        | Stage::ThirdRecheckFailed => &[],
    };
    let early: &[Clock] = if state.ordered_early {
        const { &[CORRECTION, RECHECK] }
    } else {
        &[]
    };
    own.iter().chain(early).copied().collect()
}
