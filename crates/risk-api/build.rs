//! Has the crate built again when the console was.

use std::path::Path;

/// What `make console` writes.
const BUILT: &str = "console/dist";

fn main() {
    // A path that there is not would have the crate built anew each time.
    let watched = if Path::new(BUILT).exists() {
        BUILT
    } else {
        "console"
    };
    println!("cargo::rerun-if-changed={watched}");
}
