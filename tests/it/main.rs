//! The tests of the whole house, one module a concern.
//!
//! What they start (a Kafka broker, a Prometheus server, the `spotcheck` binary) comes from the
//! library of this package.

mod alerts;
mod architecture;
mod case_life;
mod case_refusals;
mod case_year;
mod cases;
mod compose;
mod console;
mod contract;
mod crash;
mod damage;
mod dashboards;
mod dead_letters;
mod decisions;
mod evaluate;
mod evidence;
mod examples;
mod feeds;
mod harness;
mod identity;
mod imports;
mod kafka_smoke;
mod links;
mod monitoring;
mod outbreaks;
mod personal;
mod played;
mod publishing;
mod redaction;
mod reports;
mod secured_kafka;
mod seeds;
mod storm;
mod surfaces;
mod threads;
mod tidy;
mod webhooks;
mod witness;
mod words;
mod world;
