//! Show it to the right audience, accept decisions: HTTP, live stream, console, exports.
//!
//! Handlers read the store's views and ask the engine for provisional estimates; they change
//! nothing. Before any of them stands the guard of [`identity`], which asks who wants it. Posted
//! results go to the [`Intake`] that the program hands in, and are answered once they are durable.

mod alerts;
mod audit;
mod books;
mod burden;
mod cases;
mod compare;
mod connection;
mod console;
mod dead_letters;
mod decisions;
mod deliveries;
mod document;
pub mod dto;
mod error;
mod etag;
mod evidence;
mod health;
mod heat;
mod html;
mod idempotency;
pub mod identity;
mod kept;
mod limits;
mod lists;
mod live;
mod metrics;
pub mod openapi;
pub mod pack;
mod params;
mod personal;
pub mod plans;
mod rates;
mod reference;
pub mod reports;
mod request;
mod results;
mod router;
mod signals;
mod state;
mod subjects;
mod supply;
mod tls;
mod typeset;
mod watch;

pub use identity::Access;
pub use metrics::ApiMetrics;
pub use router::{router, serve};
pub use state::{
    ApiParts, ApiState, Intake, Intakes, Notebook, PostError, Readiness, Receipt, Receipts,
};
pub use tls::{Tls, TlsError};
