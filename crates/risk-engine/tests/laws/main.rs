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
mod duties;
mod hazard_items;
mod influence;
mod laws;
mod leads;
mod listed;
mod lists;
mod model;
mod peers;
mod references;
mod register;
mod severity;
mod signals;
mod supply;
mod warning;
