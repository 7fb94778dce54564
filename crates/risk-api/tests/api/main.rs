//! The API through its router: every route, its errors, the live stream, the contracts.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod alerts;
mod audit;
mod burden;
mod city;
mod contract;
mod dead_letters;
mod evidence;
mod identity;
mod limits;
mod lists;
mod locks;
mod peers;
mod personal;
mod plan_desk;
mod plan_known;
mod plan_results;
mod plan_sweeps;
mod plan_worth;
mod plans;
mod provider;
mod rates;
mod reference;
mod reports;
mod results;
mod stream;
mod subjects;
mod surroundings;
