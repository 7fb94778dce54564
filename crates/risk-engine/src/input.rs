//! What can happen to the engine, and what it says in return.

use crate::alert::lifecycle::AlertRefusal;
use crate::alert::moved::AlertMoved;
use crate::alert::terms::AlertTerms;
use crate::alert::{Alert, ResultsRaised};
use crate::assessment::Assessment;
use crate::case::{CaseInsert, CaseMove, CaseRefusal};
use crate::detection::DetectionSettings;
use crate::event_time::{Epoch, PartitionIx, SourcePartition};
use crate::model::Snapshot;
use crate::plans::PlanRefusal;
use crate::problems::ProblemRefusal;
use crate::references::ReferenceRefused;
use crate::series::{WeekCourses, WeekLevels, WeekRates};
use crate::signals::SignalRaised;
use crate::subjects::Found;
use crate::taxonomy::Registration;
use risk_domain::decision::Command;
use risk_domain::ids::CaseId;
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::RegistryEntry;
use risk_domain::signal::Signal;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that can happen to the engine. Whatever changes the state is one of these.
#[derive(Debug)]
pub enum Input<'a> {
    /// An inspection result was read.
    Result(ResultInput<'a>),
    /// The register said something of a site.
    Registry {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What it said.
        entry: &'a RegistryEntry,
    },
    /// An officer decided.
    Command {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What was decided.
        command: &'a Command,
    },
    /// A signal was heard.
    Signal {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What was heard.
        signal: &'a Signal,
    },
    /// A zone or product becomes known.
    Register(&'a Registration),
    /// From now on these partitions hold the watermark.
    Hold(&'a [SourcePartition]),
    /// Time passed; these partitions have been read to their end and stop holding the watermark.
    Tick {
        /// Now, by the shell's clock.
        now: Timestamp,
        /// Partitions found at their end for long enough.
        idle: &'a [SourcePartition],
    },
    /// These partitions have ended for good; when no other holds, every epoch seen is closed.
    Ended(&'a [SourcePartition]),
}

/// A result together with the facts that the shell looked up for it.
#[derive(Debug)]
pub struct ResultInput<'a> {
    /// Where it was read.
    pub partition: PartitionIx,
    /// What it says.
    pub result: &'a InspectionResult,
    /// Digest of its content.
    pub digest: u128,
    /// Digest of what was accepted under the same id before, if anything was.
    pub seen: Option<u128>,
    /// The results that [`Engine::missing_links`](crate::Engine::missing_links) named, as far as they have been accepted.
    pub linked: &'a [Linked],
    /// What [`Engine::find_all`](crate::Engine::find_all) of this engine knew of it, if it was asked.
    pub found: Found,
}

/// An accepted result that another refers to.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The result.
    pub result: InspectionResult,
    /// The epoch it was accepted into.
    pub epoch: Epoch,
}

/// What became of an input, and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What became of it.
    pub outcome: Outcome,
    /// What follows, in order; already applied to the state.
    pub effects: Vec<Effect>,
}

/// Who writes down what becomes of an input and what follows from it（记录者）.
#[doc(alias = "记录者")]
pub trait Recorder {
    /// Assessments in the form in which they are recorded: a close may have a million of them, so they are put
    /// into it by the thread that concludes them.
    type Assessments: Default + Send;
    /// What became of the input; told before anything that follows from it.
    fn outcome(&mut self, outcome: &Outcome);
    /// What follows, one after the other.
    fn effect(&mut self, effect: Effect);
    /// Adds what a close concluded of a subject.
    fn gather(assessments: &mut Self::Assessments, assessment: Assessment);
    /// What a close concluded of some subjects, in the order of their names.
    fn assessed(&mut self, assessments: Self::Assessments);
    /// Several effects in their order.
    fn record_all(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            self.effect(effect);
        }
    }
}

/// Keeps the effects.
impl Recorder for Vec<Effect> {
    type Assessments = Self;
    fn outcome(&mut self, _outcome: &Outcome) {}
    fn effect(&mut self, effect: Effect) {
        self.push(effect);
    }
    fn gather(assessments: &mut Self, assessment: Assessment) {
        assessments.push(Effect::Assessed(Box::new(assessment)));
    }
    fn assessed(&mut self, mut assessments: Self) {
        self.append(&mut assessments);
    }
}

/// What became of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the state and must stand in the ledger.
    Accepted(Accepted),
    /// The same result came before: there is nothing to record.
    Duplicate,
    /// It must be dead-lettered.
    Rejected(EngineRejection),
}

/// How an accepted input was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The epoch that will judge it; none for inputs without one.
    pub epoch: Option<Epoch>,
    /// It came further behind its partition's clock than the lateness allows.
    pub late: bool,
}

/// Why the engine refuses a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineRejection {
    /// The id was used before with other content.
    #[error("the id was used before with other content; a correction needs an id of its own")]
    IdentityConflict,
    /// The corrections form a ring.
    #[error("`supersedes` leads back to this result through other corrections")]
    CorrectionCycle,
    /// A role that may not decide this.
    #[error(
        "must come from an officer, an approver or an administrator; approvals from the latter two"
    )]
    RoleMayNot,
    /// An end before the decision, or beyond the longest time that the policy allows.
    #[error("must not lie before the decision, nor beyond `decision.longest_days` of the policy")]
    DecisionEnd,
    /// It names no override or floor of this subject.
    #[error("must name an override or a floor on the same subject")]
    UnknownCommand,
    /// What it names was withdrawn, or has ended.
    #[error("must name a decision that is neither withdrawn nor over")]
    DecisionOver,
    /// Whoever decided cannot approve.
    #[error("must come from a second person")]
    SamePerson,
    /// A floor, or an override that was approved already.
    #[error("must name an override that nobody has approved yet")]
    NothingToApprove,
    /// It names no alert.
    #[error("must name an alert; `GET /v1/alerts` lists them")]
    UnknownAlert,
    /// The life of the alert does not allow it.
    #[error(transparent)]
    Alert(#[from] AlertRefusal),
    /// It names no case.
    #[error("must name a case; `GET /v1/cases` lists them")]
    UnknownCase,
    /// What a command on a case breaks, and where the case stood.
    #[error("{0}")]
    Case(CaseRefusal),
    /// What a command on a problem of an enterprise breaks.
    #[error(transparent)]
    Problem(#[from] ProblemRefusal),
    /// What a command on a sampling plan breaks.
    #[error(transparent)]
    Plan(#[from] PlanRefusal),
}

/// What follows from inputs: recorded in the ledger, applied by [`Engine::fold`](crate::Engine::fold).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// An epoch closed: its evidence is counted.
    EpochClosed(Epoch),
    /// A subject's level, flag or band changed at a close.
    Assessed(Box<Assessment>),
    /// An alert was raised.
    AlertRaised(Box<Alert>),
    /// The parameters fitted at a weekly close came in force, before the next one.
    SnapshotFitted(Box<Snapshot>),
    /// What came in a week was told, before the snapshot that has seen it came in force.
    RatesTold(Box<WeekRates>),
    /// The week that closed last was watched for outbreaks, with these settings.
    WeekWatched(Box<DetectionSettings>),
    /// A case was opened, went on, or had something noted.
    CaseMoved(Box<CaseMove>),
    /// A case is no more: an earlier record became known, and what it opened takes its place.
    CaseGone(CaseId),
    /// From here on alerts merge, rise, keep quiet and close by these terms.
    AlertTermsSet(Box<AlertTerms>),
    /// An alert opened, became graver, or changed by what an officer decided: to be told. What stands is
    /// counted from raises and commands.
    AlertMoved(Box<AlertMoved>),
    /// Signals raised an alert.
    SignalRaised(Box<SignalRaised>),
    /// A result refers to what nobody knows: to be told as a dead letter. It changes no state.
    ReferenceRefused(Box<ReferenceRefused>),
    /// What lasts of the means over the frame was told, after the rates of the same week.
    LevelsTold(Box<WeekLevels>),
    /// How the rates of an earlier week went against what lasts, in hindsight.
    CoursesTold(Box<WeekCourses>),
    /// Results raised an alert, at a close.
    ResultsRaised(Box<ResultsRaised>),
    /// Something changed in a case before what had happened there since.
    CaseInserted(Box<CaseInsert>),
}

/// A recorded fact, for [`Engine::fold`](crate::Engine::fold).
#[derive(Debug)]
pub enum Recorded<'a> {
    /// An accepted result.
    Result {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What it says.
        result: &'a InspectionResult,
        /// The epoch it was accepted into.
        epoch: Epoch,
        /// The results that [`Engine::missing_links`](crate::Engine::missing_links) named.
        linked: &'a [Linked],
    },
    /// What the register said of a site.
    Registry {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What it said.
        entry: &'a RegistryEntry,
        /// The epoch it was accepted into.
        epoch: Epoch,
    },
    /// What an officer decided.
    Command {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What was decided.
        command: &'a Command,
        /// The epoch it was accepted into.
        epoch: Epoch,
    },
    /// What was heard.
    Signal {
        /// Where it was read.
        partition: &'a SourcePartition,
        /// What was heard.
        signal: &'a Signal,
        /// The epoch it was accepted into.
        epoch: Epoch,
    },
    /// Another input; results, entries of the register, commands and signals go above.
    Input(&'a Input<'a>),
    /// What followed.
    Effect(&'a Effect),
}
