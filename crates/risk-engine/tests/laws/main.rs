//! Laws of the engine.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot build its input must fail"
)]

mod backing;
mod burden;
mod cases;
mod decisions;
mod desk;
mod laws;
mod model;
mod register;
mod warning;
