//! Numbers: estimation, intervals, decay, survey sampling, acceptance tables.
//!
//! No state, no clock, no randomness: each function is its formula, with its source beside it, and
//! wrong arguments are errors of a closed enum or cannot be made at all. Every file of numbers that
//! other programs computed is a test (`tests/oracles`), with its tolerance stated.
//!
//! | what | where |
//! |---|---|
//! | a rate from counts | [`interval`], [`shrink`], [`funnel`] |
//! | fast tests that err | [`screening`] |
//! | predicted probabilities, and how good they were | [`logit_normal`], [`nested`], [`metrics`] |
//! | counts against what was expected | [`ebgm`], [`aberration`] |
//! | change over time | [`decay`], [`chart`], [`sequential`], [`drift`], [`false_discovery`] |
//! | drawing samples and estimating from them | [`allocation`], [`survey`], [`acceptance`] |
//! | tools of the above | [`special`], [`quadrature`], [`minimise`] |

pub mod aberration;
pub mod acceptance;
pub mod allocation;
pub mod chart;
pub mod decay;
pub mod drift;
pub mod ebgm;
pub mod false_discovery;
pub mod funnel;
pub mod interval;
mod linear;
pub mod logit_normal;
pub mod metrics;
pub mod minimise;
pub mod nested;
pub mod quadrature;
pub mod screening;
pub mod sequential;
pub mod shrink;
pub mod special;
pub mod survey;
