//! The `spotcheck` program.
fn main() {}
