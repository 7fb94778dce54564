//! Numbers: estimation, intervals, decay, survey sampling, acceptance tables.

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
