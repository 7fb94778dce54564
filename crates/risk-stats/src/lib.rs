//! Numbers: estimation, intervals, decay, survey sampling, acceptance tables.

pub mod allocation;
pub mod decay;
pub mod drift;
pub mod false_discovery;
pub mod funnel;
pub mod interval;
pub mod logit_normal;
pub mod metrics;
pub mod quadrature;
pub mod screening;
pub mod shrink;
pub mod special;
