//! Stopwatch, memory and words for figures.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measuring reads the clock, and its outcome is printed"
)]

use std::fs;
use std::time::{Duration, Instant};

/// Runs something and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// A clock that was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Resident memory of this process in bytes.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib
        .ok_or_else(|| anyhow::anyhow!("no VmRSS in /proc/self/status"))?
        .parse()?;
    Ok(kib * 1024)
}

/// One line of a report: what, how much.
pub(crate) fn say(what: &str, figure: &str) {
    println!("{what:<58} {figure}");
}

/// So many a second, in words.
pub(crate) fn rate(count: u64, took: Duration) -> String {
    let per_second = count as f64 / took.as_secs_f64();
    let each = took.as_secs_f64() * 1e6 / count as f64;
    format!("{per_second:>12.0} /s   {each:>8.3} µs each")
}
