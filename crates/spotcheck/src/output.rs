//! What the program says on standard output and standard error.

use std::io::Write;

/// Prints a line for whoever reads the result. A closed pipe ends nothing.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    drop(written);
}

/// Prints an error.
pub(crate) fn complain(line: &str) {
    let written = writeln!(std::io::stderr().lock(), "spotcheck: {line}");
    drop(written);
}

/// Says something beside the result, on standard error.
pub(crate) fn note(line: &str) {
    let written = writeln!(std::io::stderr().lock(), "{line}");
    drop(written);
}
