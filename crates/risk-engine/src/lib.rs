//! What we conclude, as a pure function of state and input: evidence, model, grades, alerts.
//!
//! The one door is [`Engine::step`]: it takes an [`Input`] and returns a [`Step`], cannot fail,
//! does no I/O, reads no clock and draws no randomness. What it concludes it states as
//! [`Effect`]s; the ledger keeps them, and [`Engine::fold`] applies recorded inputs and effects
//! without judging again, so that a rebuilt state equals the one that was lived through.

pub mod alert;
mod appraise;
pub mod assessment;
mod backing;
pub mod burden;
mod campaign;
pub mod case;
mod caution;
pub mod checkpoint;
mod classed;
mod close;
mod comparable;
mod corrections;
mod counterfactual;
mod decisions;
pub mod detection;
mod digest;
pub mod drawn;
mod duties;
mod event_time;
pub mod evidence;
mod excess;
mod family;
mod fit_task;
mod frame;
mod grade;
mod hazard_items;
mod in_order;
mod influence;
pub mod input;
pub mod lists;
pub mod logodds;
mod margin;
mod memory;
mod model;
mod null_replay;
mod observers;
mod outlook;
mod paged;
mod plans;
pub mod policy;
mod problems;
pub mod rates;
mod reasons;
mod references;
mod sampling;
pub mod series;
mod signals;
pub mod spread;
mod step;
mod subjects;
mod supply;
mod targets;
pub mod taxonomy;
mod tight;
mod warning;
mod within;

pub use alert::lifecycle::{AlertRefusal, AlertState, LifeRule};
pub use alert::moved::{AlertMoved, MoveCause};
pub use alert::standing::{Closing, Snooze, StandingAlert};
pub use alert::terms::AlertTerms;
pub use alert::{Alert, AlertEntry, AlertFilter, AlertRule, ResultsRaised};
pub use assessment::{Assessment, Contribution, Decided, EvidenceCount, Interval, Part};
pub use backing::{Counting, Source};
pub use burden::{
    Burden, BurdenMeasure, BurdenPolicy, Burdens, EnterpriseSeen, League, PriorCheck, Suspicion,
    SuspicionKind, TargetSeen,
};
pub use campaign::{AdjustedEffect, Domain};
pub use case::{Case, CaseFilter, CaseInsert, CaseKind, CaseMove};
pub use caution::Caution;
pub use checkpoint::CheckpointError;
pub use counterfactual::Counterfactual;
pub use decisions::DecisionState;
pub use digest::StateHash;
pub use drawn::{DrawnResults, Reported};
pub use event_time::{Epoch, PartitionIx, SourcePartition};
pub use evidence::Stratum;
pub use excess::Excess;
pub use fit_task::FitTask;
pub use frame::FrameSource;
pub use influence::{Influence, SharedPath, SharedPaths};
pub use input::{
    Accepted, Effect, EngineRejection, Input, Linked, Outcome, Recorded, Recorder, ResultInput,
    Step,
};
pub use margin::{Margin, Without};
pub use memory::MemoryUse;
pub use model::Snapshot;
pub use null_replay::{ByStream, NullReplay};
pub use observers::{
    MethodPeriod, ObserverCount, ObserverHistories, ObserverHistory, ObserverPeriod,
    ObserverReport, OddsRatio,
};
pub use plans::{LedgerPlan, PlanRefusal, PlanRule, PlanState, PlanStep};
pub use policy::{Policy, PolicyError};
pub use problems::{ListedProblem, ProblemRefusal, ProblemRule, ProblemState};
pub use reasons::Reason;
pub use references::{Reference, ReferenceRefused};
pub use risk_stats::interval::Bounds;
pub use signals::SignalRaised;
pub use step::Engine;
pub use subjects::{Found, SubjectsKey};
pub use targets::{ModeEstimates, PlaceEstimate, TargetEstimate};
pub use taxonomy::{Registration, Taxonomy};
pub use warning::Outbreak;
pub use within::Within;

/// Version of the judging code; recorded with what it concluded.
pub const ENGINE_VERSION: &str = "1";
/// Version of the evidence encoding; frozen once released.
pub const EVIDENCE_VERSION: &str = "1";
/// Version of the estimator behind every assessment.
pub const MODEL_VERSION: &str = "log-odds-3";
