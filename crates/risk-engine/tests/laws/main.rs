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
mod lists;
mod model;
mod references;
mod register;
mod signals;
mod supply;
mod warning;
