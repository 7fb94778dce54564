//! What to test next, as a pure function: allocation, draw, evaluation of plans.
//!
//! A [`Pool`] of candidates (every target there is, with what is known of its risk) and a
//! [`PlanRequest`] make a [`Design`]: who may be drawn, in which stratum, with which probability. The
//! design is committed to ([`Design::commit`]) before its secret and a public beacon make the
//! [`DrawKey`] that turns it into a [`Plan`]. Nothing here does I/O, reads a clock or draws randomness
//! of its own: the same inputs give the same plan on any machine.
//!
//! Two modes are drawn: risk evaluation（风险评价）in strata of risk, and supervisory checks（监督抽查）with
//! probabilities that grow with expected harm. Special checks（专项抽查）and fast tests（快检快处）go where most
//! harm is expected, under caps and minima. Enforcement tests（执法抽检）follow what is owed: tips,
//! complaints, failures to follow up.

pub mod acceptance;
mod chooser;
mod crossing;
pub mod detail;
mod draw;
pub mod evaluate;
mod limits;
mod outlook;
mod plan;
pub mod policy;
mod pool;
mod reason;
mod route;
mod standing;
mod strata;
mod target;
pub mod wire;

pub use draw::{Beacon, Commitment, DrawError, DrawKey, Secret};
pub use limits::{Clash, Limit};
pub use outlook::{BudgetPoint, Precision, ShadowPrice};
pub use plan::{
    Design, Line, Plan, PlanError, RaceListed, RatioReached, Shortfall, ShortfallCause,
};
pub use policy::{PlanningPolicy, PlanningPolicyError};
pub use pool::{Candidate, FastTestYield, ModelView, Pool, PoolError, Surroundings};
pub use reason::Reason;
pub use route::{TeamDay, team_days};
pub use standing::{Barred, Resting, Standing};
pub use strata::{Scheme, Stratum};
pub use target::{Target, TargetError};
pub use wire::request::PlanRequest;
