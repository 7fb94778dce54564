//! Measured speed and size, as ratios inside one run.
fn main() {}
