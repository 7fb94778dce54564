//! Numbers: estimation, intervals, decay, survey sampling, acceptance tables.

pub mod decay;
pub mod interval;
pub mod logit_normal;
pub mod quadrature;
pub mod screening;
pub mod shrink;
pub mod special;
