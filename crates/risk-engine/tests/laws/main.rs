//! Laws of the engine.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot build its input must fail"
)]

mod alerts;
mod backing;
mod burden;
mod campaign;
mod cases;
mod decisions;
mod desk;
mod laws;
mod model;
mod register;
mod severity;
mod signals;
mod supply;
mod warning;
