//! Real parts for tests and benches: a Kafka broker, a Prometheus server, an identity
//! provider and who signs in at it, the `spotcheck` binary.
//!
//! Everything here listens on loopback only, on ports outside the kernel's range for outgoing
//! connections, keeps its files in a temporary directory, and ends with the value that owns it
//! or with the test process, whichever comes first.
//!
//! The tests themselves live in `it/`.

pub mod alertmanager;
pub mod authority;
pub mod browser;
pub mod city;
pub mod http;
pub mod kafka;
pub mod packs;
pub mod process;
pub mod prometheus;
pub mod receiver;
