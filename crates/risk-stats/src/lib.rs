//! Numbers: estimation, intervals, decay, survey sampling, acceptance tables.

pub mod decay;
pub mod interval;
pub mod shrink;
pub mod special;
