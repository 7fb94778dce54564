//! Show it to the right audience, accept decisions: HTTP, live stream, console, exports.
//!
//! Handlers read the store's views and ask the engine for provisional estimates; they change
//! nothing. Posted results go to the [`Intake`] that the program hands in, and are answered once
//! they are durable.

mod alerts;
mod burden;
mod cases;
mod compare;
mod console;
mod dead_letters;
mod decisions;
pub mod dto;
mod error;
mod etag;
mod evidence;
mod health;
mod live;
mod metrics;
pub mod openapi;
mod params;
pub mod plans;
mod rates;
mod request;
mod results;
mod router;
mod signals;
mod state;
mod subjects;
mod watch;

pub use metrics::ApiMetrics;
pub use router::{router, serve};
pub use state::{ApiParts, ApiState, Intake, Intakes, PostError, Readiness, Receipt, Receipts};
