//! Cases（案件）: what follows from a failure, step by step and by the law's clocks.
//!
//! A case is opened by a result, and moved by officers, by results and by terms that lapse. Each kind of
//! case is a machine of its own, a pure function from a state and an act to a transition: [`fast_test`],
//! [`spot_check`], [`food_check`], [`farm_produce`], [`enforcement`]. What they share is here and in
//! `machine`; how long a term is stands in the policy.
//!
//! What a case is, is a function of the set of facts about its enterprise, product and hazard, in the
//! order of their time, and of the time up to which terms have lapsed (`docket`). A fact that arrives in
//! between folds the docket anew, so the order of arrival does not show.

mod act;
mod cases;
mod docket;
pub mod enforcement;
mod event;
pub mod farm_produce;
pub mod fast_test;
mod follow;
pub mod food_check;
mod machine;
mod owed;
mod rule;
pub mod spot_check;
mod term;

pub use act::{Act, Capacity, Found};
pub(crate) use cases::{CaseChange, Cases, Docketed, Unsettled};
pub use cases::{CaseFilter, CaseInsert, CaseMove};
pub use event::{CaseEvent, Cause, Happened};
pub use machine::{Clock, Ending, From, NoSuchStep, Switches, Transition};
pub use owed::OwedSample;
pub use rule::{CaseRefusal, CaseRule};
pub use term::{Bound, Count, Deadline, Span, Term, TermRule};

use risk_domain::case_act::{CaseAct, Measure};
use risk_domain::case_action::PauseReason;
use risk_domain::ids::{
    ActorId, CaseId, CommandId, EnterpriseId, HazardCode, InspectionId, ProductCode, SiteId, ZoneId,
};
use risk_domain::named_scale;
use risk_domain::subject::Subject;
use risk_domain::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};

named_scale! {
    /// Kind of case（案件类型）.
    #[doc(alias = "案件类型")]
    CaseKind {
        /// 快检快处.
        FastTest = "fast_test",
        /// 监督抽查、专项抽查后处理.
        SpotCheck = "spot_check",
        /// 食品抽检核查处置.
        FoodCheck = "food_check",
        /// 食用农产品快速检测.
        FarmProduce = "farm_produce",
        /// 执法办案.
        Enforcement = "enforcement",
    }
}

impl CaseKind {
    /// The kind's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::FastTest => "快检快处",
            Self::SpotCheck => "监督抽查后处理",
            Self::FoodCheck => "食品抽检核查处置",
            Self::FarmProduce => "农产品快检",
            Self::Enforcement => "执法办案",
        }
    }
}

/// Where a case stands（案件状态）: a state of its machine, or its end.
#[doc(alias = "案件状态")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// 快检快处.
    FastTest(fast_test::State),
    /// 监督抽查后处理.
    SpotCheck(spot_check::State),
    /// 食品抽检核查处置.
    FoodCheck(food_check::State),
    /// 农产品快检.
    FarmProduce(farm_produce::State),
    /// 执法办案.
    Enforcement(enforcement::State),
    /// 已结案.
    Closed(CaseKind, Ending),
}

impl CaseState {
    /// The kind of case.
    pub fn kind(self) -> CaseKind {
        match self {
            Self::FastTest(_) => CaseKind::FastTest,
            Self::SpotCheck(_) => CaseKind::SpotCheck,
            Self::FoodCheck(_) => CaseKind::FoodCheck,
            Self::FarmProduce(_) => CaseKind::FarmProduce,
            Self::Enforcement(_) => CaseKind::Enforcement,
            Self::Closed(kind, _) => kind,
        }
    }

    /// Every state of every machine, and every end.
    pub fn all() -> impl Iterator<Item = Self> {
        let fast = fast_test::State::ALL.iter().copied().map(Self::FastTest);
        let spot = spot_check::Stage::ALL.iter().copied().flat_map(|stage| {
            [false, true].map(|ordered_early| {
                Self::SpotCheck(spot_check::State {
                    stage,
                    ordered_early,
                })
            })
        });
        let food = food_check::State::ALL.iter().copied().map(Self::FoodCheck);
        let farm = farm_produce::State::ALL
            .iter()
            .copied()
            .map(Self::FarmProduce);
        let enforcement = enforcement::Stage::ALL.iter().copied().flat_map(|stage| {
            let goods = enforcement::Goods::ALL.iter().copied();
            goods.map(move |goods| Self::Enforcement(enforcement::State { stage, goods }))
        });
        let closed = CaseKind::ALL.iter().copied().flat_map(|kind| {
            let endings = Ending::ALL.iter().copied();
            endings.map(move |ending| Self::Closed(kind, ending))
        });
        fast.chain(spot)
            .chain(food)
            .chain(farm)
            .chain(enforcement)
            .chain(closed)
    }

    /// Whether anything can still happen.
    pub fn is_open(self) -> bool {
        match self {
            Self::FastTest(_)
            | Self::SpotCheck(_)
            | Self::FoodCheck(_)
            | Self::FarmProduce(_)
            | Self::Enforcement(_) => true,
            Self::Closed(..) => false,
        }
    }

    /// Its code: the state of its machine, `closed` at the end.
    pub fn code(self) -> &'static str {
        match self {
            Self::FastTest(state) => state.code(),
            Self::SpotCheck(state) => state.stage.code(),
            Self::FoodCheck(state) => state.code(),
            Self::FarmProduce(state) => state.code(),
            Self::Enforcement(state) => state.stage.code(),
            Self::Closed(..) => "closed",
        }
    }

    /// What the state's code does not say: an order given early, what holds the goods, how it ended.
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Self::FastTest(_) | Self::FoodCheck(_) | Self::FarmProduce(_) => None,
            Self::SpotCheck(state) => state.ordered_early.then_some("ordered_early"),
            Self::Enforcement(state) => {
                (state.goods != enforcement::Goods::Free).then(|| state.goods.code())
            }
            Self::Closed(_, ending) => Some(ending.code()),
        }
    }

    /// What an act makes of it. From every open state a case can be discontinued, and a correction of
    /// what it rests on ends it.
    pub fn next(self, act: Act, switches: Switches) -> Result<Transition<Self>, NoSuchStep> {
        if self.is_open() {
            match act {
                Act::Officer(CaseAct::Discontinue) => {
                    return Ok(Transition::End(Ending::Discontinued));
                }
                Act::Found(Found::Corrected) => {
                    return Ok(Transition::End(Ending::ResultCorrected));
                }
                Act::Officer(_) | Act::Found(_) | Act::Lapsed(_) => {}
            }
        }
        match self {
            Self::FastTest(state) => {
                fast_test::next(state, act, switches).map(|to| to.of(Self::FastTest))
            }
            Self::SpotCheck(state) => {
                spot_check::next(state, act, switches).map(|to| to.of(Self::SpotCheck))
            }
            Self::FoodCheck(state) => food_check::next(state, act).map(|to| to.of(Self::FoodCheck)),
            Self::FarmProduce(state) => {
                farm_produce::next(state, act).map(|to| to.of(Self::FarmProduce))
            }
            Self::Enforcement(state) => {
                enforcement::next(state, act).map(|to| to.of(Self::Enforcement))
            }
            Self::Closed(..) => Err(NoSuchStep),
        }
    }

    /// What officers and results may do from here; terms that lapse do the rest.
    pub fn steps(self, switches: Switches) -> Vec<Act> {
        let may = |act: &Act| self.next(*act, switches).is_ok();
        Act::all()
            .filter(|act| !matches!(act, Act::Lapsed(_)) && may(act))
            .collect()
    }

    /// The clocks that run here.
    pub fn clocks(self) -> Vec<Clock> {
        match self {
            Self::FastTest(state) => fast_test::clocks(state).to_vec(),
            Self::SpotCheck(state) => spot_check::clocks(state),
            Self::FoodCheck(state) => food_check::clocks(state).to_vec(),
            Self::FarmProduce(state) => farm_produce::clocks(state).to_vec(),
            Self::Enforcement(state) => enforcement::clocks(state),
            Self::Closed(..) => Vec::new(),
        }
    }

    /// Whether the case waits for the first test of what was complained of.
    fn asks_for_a_check(self) -> bool {
        match self {
            Self::FastTest(state) => state.asks_for_a_check(),
            Self::SpotCheck(_)
            | Self::FoodCheck(_)
            | Self::FarmProduce(_)
            | Self::Enforcement(_)
            | Self::Closed(..) => false,
        }
    }

    /// From when on a sample must have been taken to be tested for this state.
    fn awaits(self) -> Awaits {
        match self {
            Self::FastTest(
                fast_test::State::Rectified
                | fast_test::State::CheckDue
                | fast_test::State::CheckDueProduce,
            ) => Awaits::SinceEntered,
            Self::SpotCheck(state) => match state.stage {
                spot_check::Stage::Ordered
                | spot_check::Stage::Uncorrected
                | spot_check::Stage::Rectified => Awaits::SinceStartOf(Term::Recheck),
                spot_check::Stage::SecondRecheckDue | spot_check::Stage::Stopped => {
                    Awaits::SinceEntered
                }
                spot_check::Stage::Failed
                | spot_check::Stage::Notified
                | spot_check::Stage::Objected
                | spot_check::Stage::ProcessReview
                | spot_check::Stage::RetestGranted
                | spot_check::Stage::FormalitiesCompleted
                | spot_check::Stage::Retesting
                | spot_check::Stage::FailureFinal
                | spot_check::Stage::RecheckFailed
                | spot_check::Stage::Published
                | spot_check::Stage::SecondRecheckFailed
                | spot_check::Stage::ThirdRecheckFailed => Awaits::Any,
            },
            Self::FastTest(
                fast_test::State::Screened
                | fast_test::State::ScreenedSevere
                | fast_test::State::Inconclusive
                | fast_test::State::Confirmed
                | fast_test::State::Guided
                | fast_test::State::GuidedExtended
                | fast_test::State::SampleDue
                | fast_test::State::AtLab,
            )
            | Self::FoodCheck(_)
            | Self::FarmProduce(_)
            | Self::Enforcement(_)
            | Self::Closed(..) => Awaits::Any,
        }
    }
}

/// Which samples a state waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    /// Any, the one tested before and its backup included.
    Any,
    /// One taken since the case stands here.
    SinceEntered,
    /// One taken since this clock started.
    SinceStartOf(Term),
}

/// What a case is about: one product of one enterprise, and one hazard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseKey {
    /// The enterprise.
    pub enterprise: EnterpriseId,
    /// The product.
    pub product: ProductCode,
    /// The hazard of what failed first; none where the record names none.
    pub hazard: Option<HazardCode>,
}

impl CaseKey {
    /// The enterprise with the product.
    pub fn subject(&self) -> Subject {
        Subject::Cell(self.enterprise.clone(), self.product.clone())
    }
}

/// A case（案件）.
#[doc(alias = "案件")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// A hash of what it is about, its kind and the record that opened it.
    pub id: CaseId,
    /// What it is about.
    pub key: CaseKey,
    /// Which case of its docket, from 0.
    pub number: u32,
    /// The site where the sample was taken.
    pub site: SiteId,
    /// The zone of the site.
    pub zone: ZoneId,
    /// When it was opened, in the data's time.
    pub opened_at: Timestamp,
    /// The record behind it: a result, or a complaint or report where its first event says so.
    pub opened_by: InspectionId,
    /// The case that was passed on to it.
    pub succeeds: Option<CaseId>,
    /// Where it stands.
    pub state: CaseState,
    /// Since when.
    pub entered_at: Timestamp,
    /// Its clocks.
    pub deadlines: Vec<Deadline>,
    /// Who works on it.
    pub assigned: Option<ActorId>,
    /// Since when all its clocks stand still, and why.
    pub pause: Option<(Timestamp, PauseReason)>,
    /// What waits for a second person.
    pub proposals: Vec<Proposal>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// What happened, the oldest first.
    pub events: Vec<CaseEvent>,
}

/// An act that waits for a second person（待复核）.
#[doc(alias = "待复核")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The command that proposed it.
    pub command_id: CommandId,
    /// By whom.
    pub by: ActorId,
    /// The act.
    pub act: CaseAct,
    /// The last day that it sets.
    pub due: Option<Day>,
    /// What is done to the goods.
    pub measures: Vec<Measure>,
}

impl Case {
    /// The results behind it, in the order they came.
    pub fn evidence(&self) -> impl Iterator<Item = &InspectionId> {
        let causes = self.events.iter().filter_map(|event| match &event.cause {
            Cause::Result(id) if *id != self.opened_by => Some(id),
            Cause::Result(_) | Cause::Command(_) | Cause::Term(_) | Cause::Signal(_) => None,
        });
        std::iter::once(&self.opened_by).chain(causes)
    }

    /// Whether the case stands on this result: it opened it, or answered the complaint that did.
    fn rests_on(&self, result: &InspectionId) -> bool {
        let mut events = self.events.iter();
        let heard = events
            .next()
            .is_some_and(|first| matches!(first.cause, Cause::Signal(_)));
        if !heard {
            return self.opened_by == *result;
        }
        let mut moves = events.filter(|event| matches!(event.what, Happened::Moved(_)));
        moves
            .next()
            .is_some_and(|event| event.cause == Cause::Result(result.clone()))
    }

    /// The case with the events from this one on only.
    fn going_on_from(&self, kept: usize) -> Self {
        let Self {
            id,
            key,
            number,
            site,
            zone,
            opened_at,
            opened_by,
            succeeds,
            state,
            entered_at,
            deadlines,
            assigned,
            pause,
            proposals,
            closed_at,
            events,
        } = self;
        Self {
            id: id.clone(),
            key: key.clone(),
            number: *number,
            site: site.clone(),
            zone: zone.clone(),
            opened_at: *opened_at,
            opened_by: opened_by.clone(),
            succeeds: succeeds.clone(),
            state: *state,
            entered_at: *entered_at,
            deadlines: deadlines.clone(),
            assigned: assigned.clone(),
            pause: *pause,
            proposals: proposals.clone(),
            closed_at: *closed_at,
            events: events.get(kept..).unwrap_or_default().to_vec(),
        }
    }

    /// The clock that lapses next, if any runs.
    pub fn next_deadline(&self) -> Option<&Deadline> {
        let running = self
            .deadlines
            .iter()
            .filter(|one| one.next_lapse().is_some());
        running.min_by_key(|one| (one.lapses_at, one.term))
    }

    /// Whether a term of it has lapsed without being kept.
    pub fn is_overdue(&self) -> bool {
        self.state.is_open() && self.deadlines.iter().any(|one| one.lapsed)
    }
}
