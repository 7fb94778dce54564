//! The tests of the whole house, one module a concern.
//!
//! What they start (a Kafka broker, a Prometheus server, the `spotcheck` binary) comes from the
//! library of this package.

mod alerts;
mod architecture;
mod case_life;
mod case_year;
mod cases;
mod compose;
mod console;
mod contract;
mod crash;
mod damage;
mod dead_letters;
mod decisions;
mod evaluate;
mod evidence;
mod feeds;
mod harness;
mod identity;
mod imports;
mod kafka_smoke;
mod monitoring;
mod outbreaks;
mod publishing;
mod reports;
mod seeds;
mod surfaces;
mod tidy;
mod world;
