//! The additive log-odds model（可加对数几率模型）: how likely a random lot of a target fails.
//!
//! A target's log-odds are a sum of what is common, the effects of its groups at every declared
//! level, their recent copies, the season, and what its selection and its remedies tell. A result
//! adds the shift of its mode and of its observers, and passes the link of its test.
//!
//! [`fit`] turns [`Evidence`] (a [`Frame`] of targets and bins of results, [`Row`]s) into a
//! [`Snapshot`] under [`Settings`]; [`Snapshot::predict`] answers a [`Query`]. All is a pure function
//! of its arguments, the same to the last bit in any order of rows and on any machine.

mod accuracy;
mod aggregate;
mod between;
mod calibrate;
mod covariates;
mod error;
mod fit;
mod fixed;
mod levels;
mod link;
mod logistic;
mod nested;
mod predict;
mod rows;
mod selection;
mod settings;
mod snapshot;
mod solve;
mod strictness;
mod work;

pub use accuracy::MethodAccuracy;
pub use aggregate::Aggregate;
pub use between::{ScoreSum, SinceSnapshot};
pub use calibrate::{CalibrationRow, Calibrator};
pub use error::FitError;
pub use fit::{fit, nested_rows};
pub use nested::{Nested, NestedMeans, NestedRow, NestedVariances};
pub use predict::{Part, PartKind, Prediction, Query};
pub use rows::{Basis, Evidence, Frame, NO_GROUP, NO_OBSERVER, Row, UNITS, Verification, merge};
pub use selection::{SelectionStrength, SelectionWeek};
pub use settings::{
    BetaPrior, FastTestMethod, HalfLives, Level, Mode, NormalPrior, Season, Selection, Settings,
    Sweeps, Variance,
};
pub use snapshot::{
    CovariateEffect, Effect, LevelEffects, ObserverEffects, RecentEffects, SeasonEffects, Snapshot,
};
pub use strictness::Strictness;
