//! Enforcement（执法办案）: from a lead to a decision that is public, by the Administrative Penalty Law and the
//! Administrative Compulsion Law.
//!
//! ```text
//!  refused, evident illegality,      file              inform
//!  another case passed on ─► LEAD ─────────► FILED ──────────► INFORMED
//!                      extend │ ▲             │  ▲ result         │ penalise_lightly,
//!                             ▼ │ file        ▼  │                │ penalise, penalise_heavily
//!                   LEAD_EXTENDED           TESTING               ▼
//!                                                              DECIDED ─── publish ──► PUBLISHED
//!   drop: closed (not filed)                                   (light, ordinary, heavy)   │  │
//!   dismiss: closed (not established)                                     public period ──┘  │
//!   spare: closed (spared); warn: closed (warned)                         lapses: closed     │
//!                                                                         (penalised)        │
//!   PUBLISHED (heavy) ── list_as_serious ──► LISTED ── a year ──► REMOVABLE                  │
//!                  listing lapses, or remove_early: closed (delisted)                        │
//!   PUBLISHED ── withdraw_decision ──► WITHDRAWN ── take_down: closed (decision withdrawn) ◄─┘
//!
//!  a named person's report                file              tell_reporter
//!  ───────► REPORTED_LEAD (extend) ─────────────► FILED_UNTOLD ─────────────► FILED
//!                   └── drop ──► DROPPED_UNTOLD ── tell_reporter: closed (not filed)
//!
//!  goods, beside it while the case is filed:
//!      FREE ── preserve ──► PRESERVED ── seize ──► SEIZED ── extend ──► SEIZED_EXTENDED
//!       └───── seize ────────────────────────────────▲
//!      release, the end of the term, or the decision: FREE
//! ```
//! Whoever reported by name is told first what was decided on the report; then the case goes on.
//! The time of a test does not count for seizure. A seizure whose term lapses ends by law.

use super::act::{Act, Capacity, Found};
use super::machine::{Clock, Ending, NoSuchStep, Transition, no_step};
use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::named_scale;
use serde::{Deserialize, Serialize};

named_scale! {
    /// Where an enforcement case stands（执法办案状态）.
    #[doc(alias = "执法办案状态")]
    Stage {
        /// 线索核查.
        Lead = "lead",
        /// 线索核查已延长.
        LeadExtended = "lead_extended",
        /// 已立案.
        Filed = "filed",
        /// 送检中.
        Testing = "testing",
        /// 已告知.
        Informed = "informed",
        /// 已作出较轻处罚.
        DecidedLight = "decided_light",
        /// 已作出处罚.
        DecidedOrdinary = "decided_ordinary",
        /// 已作出较重处罚.
        DecidedHeavy = "decided_heavy",
        /// 公示中（三个月）.
        PublishedLight = "published_light",
        /// 公示中（三年）.
        PublishedOrdinary = "published_ordinary",
        /// 公示中（三年）, 较重处罚.
        PublishedHeavy = "published_heavy",
        /// 已列入严重违法失信名单.
        Listed = "listed",
        /// 可提前移出名单.
        Removable = "removable",
        /// 处罚决定已撤销, 待撤下公示.
        Withdrawn = "withdrawn",
        /// 实名举报线索核查: as `Lead`, and the reporter is to be told what comes of it.
        ReportedLead = "reported_lead",
        /// 实名举报线索核查已延长.
        ReportedLeadExtended = "reported_lead_extended",
        /// 已立案, 待告知举报人.
        FiledUntold = "filed_untold",
        /// 不予立案, 待告知举报人.
        DroppedUntold = "dropped_untold",
    }
}

named_scale! {
    /// What holds the goods（强制措施）.
    #[doc(alias = "强制措施")]
    Goods {
        /// 无.
        Free = "free",
        /// 先行登记保存.
        Preserved = "preserved",
        /// 查封扣押.
        Seized = "seized",
        /// 查封扣押已延长.
        SeizedExtended = "seized_extended",
    }
}

/// The stage of the procedure, and what holds the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct State {
    /// The stage.
    pub stage: Stage,
    /// What holds the goods.
    pub goods: Goods,
}

/// Where the report of somebody who gave a name starts.
pub(super) fn reported() -> State {
    State {
        stage: Stage::ReportedLead,
        goods: Goods::Free,
    }
}

/// Where an enforcement case starts.
pub(super) fn opening() -> State {
    State {
        stage: Stage::Lead,
        goods: Goods::Free,
    }
}

/// What an act makes of the case.
pub(super) fn next(state: State, act: Act) -> Result<Transition<State>, NoSuchStep> {
    use CaseAct as Do;
    use Stage as S;
    use Transition::{End, Stay, To};
    if let Some(goods) = goods_after(state, act) {
        return Ok(To(State { goods, ..state }));
    }
    if let Some(published) = after_decision(state, act) {
        return Ok(published);
    }
    let to = |stage| To(State { stage, ..state });
    // A decision ends what held the goods: it confiscates them or gives them back.
    let decided = |stage| {
        To(State {
            stage,
            goods: Goods::Free,
        })
    };
    Ok(match (state.stage, act) {
        (S::Lead, Act::Officer(Do::Extend)) => to(S::LeadExtended),
        (S::Lead | S::LeadExtended, Act::Officer(Do::File)) => to(S::Filed),
        (S::Lead | S::LeadExtended, Act::Officer(Do::Drop)) => End(Ending::NotFiled),
        (S::ReportedLead, Act::Officer(Do::Extend)) => to(S::ReportedLeadExtended),
        (S::ReportedLead | S::ReportedLeadExtended, Act::Officer(Do::File)) => to(S::FiledUntold),
        (S::ReportedLead | S::ReportedLeadExtended, Act::Officer(Do::Drop)) => to(S::DroppedUntold),
        (S::FiledUntold, Act::Officer(Do::TellReporter)) => to(S::Filed),
        (S::DroppedUntold, Act::Officer(Do::TellReporter)) => End(Ending::NotFiled),
        (S::Filed, Act::Officer(Do::SendForTest)) => to(S::Testing),
        (
            S::Testing,
            Act::Found(
                Found::Passed(Capacity::Evidence | Capacity::Formal | Capacity::Verification)
                | Found::Failed(Capacity::Evidence | Capacity::Formal | Capacity::Verification)
                | Found::RejectedByLab
                | Found::Untestable,
            ),
        ) => to(S::Filed),
        (S::Filed, Act::Officer(Do::Inform)) => to(S::Informed),
        (S::Filed | S::Informed, Act::Officer(Do::Dismiss)) => End(Ending::NotEstablished),
        (S::Filed | S::Informed, Act::Officer(Do::Spare)) => End(Ending::Spared),
        (S::Informed, Act::Officer(Do::Warn)) => End(Ending::Warned),
        (S::Informed, Act::Officer(Do::PenaliseLightly)) => decided(S::DecidedLight),
        (S::Informed, Act::Officer(Do::Penalise)) => decided(S::DecidedOrdinary),
        (S::Informed, Act::Officer(Do::PenaliseHeavily)) => decided(S::DecidedHeavy),
        // More of what it is about: it is noted as evidence.
        (
            S::Lead
            | S::LeadExtended
            | S::ReportedLead
            | S::ReportedLeadExtended
            | S::FiledUntold
            | S::Filed
            | S::Testing
            | S::Informed,
            Act::Found(Found::Refused | Found::Terminated | Found::Failed(_)),
        ) => Stay,
        (
            S::Lead
            | S::LeadExtended
            | S::Filed
            | S::Testing
            | S::Informed
            | S::DecidedLight
            | S::DecidedOrdinary
            | S::DecidedHeavy
            | S::PublishedLight
            | S::PublishedOrdinary
            | S::PublishedHeavy
            | S::Listed
            | S::Removable
            | S::Withdrawn
            | S::ReportedLead
            | S::ReportedLeadExtended
            | S::FiledUntold
            | S::DroppedUntold,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => return no_step(act),
    })
}

/// What a decision, its publication and the list of serious violations lead to.
fn after_decision(state: State, act: Act) -> Option<Transition<State>> {
    use CaseAct as Do;
    use Stage as S;
    use Transition::{End, To};
    let to = |stage| Some(To(State { stage, ..state }));
    match (state.stage, act) {
        (S::DecidedLight, Act::Officer(Do::Publish)) => to(S::PublishedLight),
        (S::DecidedOrdinary, Act::Officer(Do::Publish)) => to(S::PublishedOrdinary),
        (S::DecidedHeavy, Act::Officer(Do::Publish)) => to(S::PublishedHeavy),
        (S::PublishedLight, Act::Lapsed(Term::PublicShort))
        | (S::PublishedOrdinary | S::PublishedHeavy, Act::Lapsed(Term::PublicLong)) => {
            Some(End(Ending::Penalised))
        }
        (S::PublishedHeavy, Act::Officer(Do::ListAsSerious)) => to(S::Listed),
        (S::Listed, Act::Lapsed(Term::EarlyRemoval)) => to(S::Removable),
        (S::Removable, Act::Officer(Do::RemoveEarly)) => Some(End(Ending::Delisted)),
        (S::Listed | S::Removable, Act::Lapsed(Term::Listing)) => Some(End(Ending::Delisted)),
        (
            S::DecidedLight | S::DecidedOrdinary | S::DecidedHeavy,
            Act::Officer(Do::WithdrawDecision),
        ) => Some(End(Ending::DecisionWithdrawn)),
        (
            S::PublishedLight | S::PublishedOrdinary | S::PublishedHeavy | S::Listed | S::Removable,
            Act::Officer(Do::WithdrawDecision),
        ) => to(S::Withdrawn),
        (S::Withdrawn, Act::Officer(Do::TakeDown)) => Some(End(Ending::DecisionWithdrawn)),
        (_, Act::Officer(_) | Act::Found(_) | Act::Lapsed(_)) => None,
    }
}

/// What holds the goods after an act, where it changes that.
fn goods_after(state: State, act: Act) -> Option<Goods> {
    use CaseAct as Do;
    use Goods as G;
    let filed = match state.stage {
        Stage::Filed | Stage::FiledUntold | Stage::Testing | Stage::Informed => true,
        Stage::Lead
        | Stage::LeadExtended
        | Stage::ReportedLead
        | Stage::ReportedLeadExtended
        | Stage::DroppedUntold
        | Stage::DecidedLight
        | Stage::DecidedOrdinary
        | Stage::DecidedHeavy
        | Stage::PublishedLight
        | Stage::PublishedOrdinary
        | Stage::PublishedHeavy
        | Stage::Listed
        | Stage::Removable
        | Stage::Withdrawn => false,
    };
    match (state.goods, act) {
        (G::Free, Act::Officer(Do::Preserve)) if filed => Some(G::Preserved),
        (G::Free | G::Preserved, Act::Officer(Do::Seize)) if filed => Some(G::Seized),
        (G::Seized, Act::Officer(Do::Extend)) if filed => Some(G::SeizedExtended),
        (G::Preserved | G::Seized | G::SeizedExtended, Act::Officer(Do::Release))
        | (G::Preserved, Act::Lapsed(Term::PreservedEvidence))
        | (G::Seized, Act::Lapsed(Term::Seizure))
        | (G::SeizedExtended, Act::Lapsed(Term::SeizureExtended)) => Some(G::Free),
        (
            G::Free | G::Preserved | G::Seized | G::SeizedExtended,
            Act::Officer(_) | Act::Found(_) | Act::Lapsed(_),
        ) => None,
    }
}

/// The clocks that run in a state.
pub(super) fn clocks(state: State) -> Vec<Clock> {
    const DECISION: Clock = Clock::runs(Term::Decision);
    const PUBLICATION: Clock = Clock::runs(Term::Publication);
    const LONG: Clock = Clock::runs(Term::PublicLong);
    let own: &[Clock] = match state.stage {
        Stage::Lead | Stage::ReportedLead => const { &[Clock::runs(Term::Verification)] },
        Stage::LeadExtended | Stage::ReportedLeadExtended => {
            const {
                &[Clock::extends(
                    Term::VerificationExtended,
                    Term::Verification,
                )]
            }
        }
        Stage::FiledUntold => const { &[DECISION, Clock::runs(Term::TellReporter)] },
        Stage::DroppedUntold => const { &[Clock::runs(Term::TellReporter)] },
        Stage::Filed | Stage::Testing | Stage::Informed => const { &[DECISION] },
        Stage::DecidedLight | Stage::DecidedOrdinary | Stage::DecidedHeavy => {
            const { &[PUBLICATION] }
        }
        Stage::PublishedLight => const { &[Clock::runs(Term::PublicShort)] },
        Stage::PublishedOrdinary | Stage::PublishedHeavy => const { &[LONG] },
        Stage::Listed => const { &[Clock::runs(Term::EarlyRemoval), Clock::runs(Term::Listing)] },
        Stage::Removable => const { &[Clock::runs(Term::Listing)] },
        Stage::Withdrawn => const { &[Clock::runs(Term::TakeDown)] },
    };
    let goods = match state.goods {
        Goods::Free => None,
        Goods::Preserved => Some(Clock::runs(Term::PreservedEvidence)),
        Goods::Seized => Some(Clock::runs(Term::Seizure)),
        Goods::SeizedExtended => Some(Clock::extends(Term::SeizureExtended, Term::Seizure)),
    };
    let testing = state.stage == Stage::Testing;
    let goods = goods.map(|clock| if testing { clock.suspended() } else { clock });
    own.iter().copied().chain(goods).collect()
}
