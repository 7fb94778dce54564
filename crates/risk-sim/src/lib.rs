//! A seeded city with known truth.
