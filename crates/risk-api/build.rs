//! Has the crate built again when the console was, and embeds the fonts of printed pages where they are.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// What `make console` writes.
const CONSOLE: &str = "console/dist";
/// What `make fonts` writes.
const FONTS: &str = "fonts/dist";
/// The weights of printed pages, compressed.
const WEIGHTS: [&str; 2] = ["400Regular.ttf.gz", "700Bold.ttf.gz"];

fn main() -> io::Result<()> {
    for (built, above) in [(CONSOLE, "console"), (FONTS, "fonts")] {
        // A path that there is not would have the crate built anew each time.
        let watched = if Path::new(built).exists() {
            built
        } else {
            above
        };
        println!("cargo::rerun-if-changed={watched}");
    }
    let files = WEIGHTS.map(|name| Path::new(FONTS).join(name));
    let mut list = String::from("&[\n");
    if files.iter().all(|file| file.exists()) {
        for file in files {
            // Writing to a text cannot fail.
            let _written = writeln!(
                list,
                "    include_bytes!({:?}),",
                fs::canonicalize(file)?.to_string_lossy()
            );
        }
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&out).join("fonts.rs"), list)
}
