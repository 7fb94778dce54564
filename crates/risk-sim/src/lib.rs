//! A seeded city with known truth.
//!
//! Places and catalogue come from reference data; enterprises, results, complaints and outbreaks
//! are drawn from a seed. The truth behind them is kept apart, so that whatever an engine concludes
//! can be held against it. Nothing here does I/O, and the same seed gives the same city.

pub mod demo;
pub mod faults;
pub mod frame;
mod heard;
pub mod load;
pub mod reference_city;
pub mod stats;
pub mod truth;

mod bureau;
mod draw;
mod from_reference;
mod naming;
mod population;
mod record;
mod workdays;

pub use demo::{CityError, DemoCity, DemoSettings, SupplierEntry};
pub use faults::{FaultRates, with_faults};
pub use frame::CityFrame;
pub use load::BulkStream;
pub use reference_city::{ReferenceCity, ReferenceSettings};
pub use stats::CityStats;
pub use truth::Truth;
