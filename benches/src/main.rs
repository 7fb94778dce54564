//! Measured speed and size, as ratios inside one run. Still to come: this package holds their place.
fn main() {}
