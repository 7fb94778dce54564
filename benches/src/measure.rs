//! Stopwatch, memory and words for figures.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measuring reads the clock, and its outcome is printed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
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

    /// From its start to a moment.
    pub(crate) fn until(self, moment: Moment) -> Duration {
        moment.0.saturating_duration_since(self.0)
    }
}

/// A watch of the processor time that this thread uses, whatever else the machine does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadWatch(Duration);

impl ThreadWatch {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self(on_processor("/proc/thread-self")?))
    }

    pub(crate) fn elapsed(self) -> anyhow::Result<Duration> {
        Ok(on_processor("/proc/thread-self")?.saturating_sub(self.0))
    }
}

/// Processor time of a thread, by its folder in /proc.
fn on_processor(task: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("{task}/schedstat"))?;
    let nanos = stat.split_whitespace().next().unwrap_or_default();
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Watches the processor time of all threads of this process, by name, also of those that end.
#[derive(Debug)]
pub(crate) struct ThreadSampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<String, Duration>>,
}

impl ThreadSampler {
    const PAUSE: Duration = Duration::from_millis(50);

    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut tasks = BTreeMap::new();
            let before = sample(&mut tasks);
            while !stopped.load(Ordering::SeqCst) {
                std::thread::sleep(Self::PAUSE);
                sample(&mut tasks);
            }
            let mut by_name: BTreeMap<String, Duration> = BTreeMap::new();
            for (task, (name, used)) in tasks {
                let used = used.saturating_sub(before.get(&task).copied().unwrap_or_default());
                *by_name.entry(name).or_default() += used;
            }
            by_name
        });
        Self { stop, thread }
    }

    /// Processor time by name of thread since the start.
    pub(crate) fn finish(self) -> BTreeMap<String, Duration> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_default()
    }
}

/// Notes how much each thread has used; says what those there are have used.
fn sample(tasks: &mut BTreeMap<String, (String, Duration)>) -> BTreeMap<String, Duration> {
    let mut now = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let folder = task.path();
        let folder = folder.to_string_lossy();
        // A thread may end meanwhile.
        let (Ok(name), Ok(used)) = (
            fs::read_to_string(format!("{folder}/comm")),
            on_processor(&folder),
        ) else {
            continue;
        };
        now.insert(folder.to_string(), used);
        tasks.insert(folder.into_owned(), (name.trim().to_owned(), used));
    }
    now
}

/// A point in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

pub(crate) fn now() -> Moment {
    Moment(Instant::now())
}

/// Processor time that this thread has used.
pub(crate) fn thread_time() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split_whitespace().next().unwrap_or_default();
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Processor time that this process has used, all threads, in seconds.
pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    /// What the kernel counts in for programs, on every machine.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the name, in brackets, and may hold spaces; user and system time are the
    // fourteenth and the fifteenth.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| -> anyhow::Result<f64> {
        let field = fields.get(at).copied().unwrap_or_default();
        Ok(field.parse::<u64>()? as f64)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Resident memory of this process in bytes.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    of_status("VmRSS:")
}

/// The most that was ever resident, in bytes.
pub(crate) fn peak_bytes() -> anyhow::Result<u64> {
    of_status("VmHWM:")
}

fn of_status(name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib
        .ok_or_else(|| anyhow::anyhow!("no {name} in /proc/self/status"))?
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
