//! The witness（见证）: hands signed checkpoints of the ledger to places that the operator does not rule,
//! so that he cannot rewrite history unseen. Whoever kept one proves it with `ledger verify --against`.
//!
//! A checkpoint is due when so much time has passed since the one before and the ledger has grown; time
//! is handed in. What was handed over is remembered as the ledger's size then. A place that fails is
//! asked again after waits that grow, with the ledger's head as it is then, which proves all before it.

mod topic;

pub use topic::TopicWitness;

use crate::clock::Clock;
use crate::metrics::WebhookMetrics;
use crate::webhook::Line;
use crate::webhook::schedule::{Pace, back_off};
use risk_domain::time::Timestamp;
use risk_store::ledger::note::CheckpointSigner;
use risk_store::{Reader, StoreError};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest sleep.
const IDLE: Duration = Duration::from_millis(500);
/// What stands between checkpoints in a file: an empty line.
const BETWEEN: &str = "\n";

/// A place that keeps checkpoints.
pub trait Outlet: Send {
    /// Hands a checkpoint over; `id` is the same for the same checkpoint. Says what went wrong.
    fn hand(&mut self, id: &str, note: &str, now: Timestamp) -> Result<(), String>;
}

/// Appends to a file, each checkpoint followed by an empty line, and syncs it.
#[derive(Debug)]
pub struct FileWitness(pub PathBuf);

fn append(path: &Path, note: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).open(path)?;
    let mut kept = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut kept)?;
    // What a power cut left half written is cut, so that the others stay readable.
    let whole = kept.rfind("\n\n").map_or(0, |end| end + 2);
    // A note has an empty line in its middle, too: an even number of them ends whole notes.
    let halves = kept.matches("\n\n").count();
    let keep = if halves.is_multiple_of(2) {
        whole
    } else {
        let before = kept.get(..whole.saturating_sub(2)).unwrap_or_default();
        before.rfind("\n\n").map_or(0, |end| end + 2)
    };
    if keep < kept.len() {
        tracing::warn!(file = %path.display(), "an unfinished checkpoint at the file's end is cut");
        file.set_len(keep as u64)?;
    }
    file.write_all(format!("{note}{BETWEEN}").as_bytes())?;
    file.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Outlet for FileWitness {
    fn hand(&mut self, _id: &str, note: &str, _now: Timestamp) -> Result<(), String> {
        append(&self.0, note).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

/// Posts to an endpoint, signed as a webhook.
#[derive(Debug)]
pub struct WebhookWitness(pub Line);

impl Outlet for WebhookWitness {
    fn hand(&mut self, id: &str, note: &str, now: Timestamp) -> Result<(), String> {
        let body = note.as_bytes().to_vec();
        self.0
            .send(id, ("checkpoint", "text/plain; charset=utf-8"), body, now)
    }
}

/// What a witness is made of.
pub struct WitnessParts {
    /// Its name in metrics and lists.
    pub name: String,
    /// Where it hands checkpoints to.
    pub outlet: Box<dyn Outlet>,
    /// How long after one checkpoint the next is due.
    pub every: Duration,
    /// How long it waits after a failure.
    pub pace: Pace,
    /// The ledger.
    pub reader: Reader,
    /// Signs its head.
    pub signer: Arc<CheckpointSigner>,
    /// What it counts.
    pub metrics: WebhookMetrics,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Numbers that spread waits.
    pub draws: Box<dyn FnMut() -> u64 + Send>,
    /// Set when it is to stop.
    pub stop: Arc<AtomicBool>,
}

impl fmt::Debug for WitnessParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessParts")
            .field("name", &self.name)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// When the next checkpoint is due; a pure function of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    /// Entries of the last checkpoint that was handed over.
    handed: u64,
    /// Not before this time; at once where there is none.
    not_before: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
}

impl Due {
    fn is_now(self, entries: u64, now: Timestamp) -> bool {
        entries > self.handed && self.not_before.is_none_or(|at| now >= at)
    }

    /// After a checkpoint of so many entries was handed over.
    fn after(entries: u64, now: Timestamp, every: Duration) -> Self {
        let millis = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        Self {
            handed: entries,
            not_before: Some(now.plus_millis(millis)),
            failures: 0,
        }
    }

    fn failed(self, now: Timestamp, pace: &Pace, draw: u64) -> Self {
        let failures = self.failures.saturating_add(1);
        Self {
            not_before: Some(now.plus_millis(back_off(pace, failures, draw))),
            failures,
            ..self
        }
    }
}

/// Hands checkpoints to one place（见证人）.
#[doc(alias = "见证人")]
pub struct Witness {
    parts: WitnessParts,
    due: Due,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("parts", &self.parts)
            .field("due", &self.due)
            .finish()
    }
}

impl Witness {
    /// A witness that remembers what it handed over.
    pub fn new(parts: WitnessParts) -> Result<Self, StoreError> {
        let durable = parts.reader.ledger().entry_count();
        let deliveries = parts.reader.deliveries();
        let handed = deliveries.begin(&parts.name, "witness", 0, durable)?;
        let due = Due {
            handed,
            not_before: None,
            failures: 0,
        };
        Ok(Self { parts, due })
    }

    /// Hands checkpoints over until it is asked to stop, and then one of what stands. Returns how many.
    pub fn run(mut self) -> Result<u64, StoreError> {
        let mut handed = 0;
        loop {
            let stopping = self.parts.stop.load(Ordering::SeqCst);
            let now = self.parts.clock.now();
            let entries = self.parts.reader.ledger().entry_count();
            let grown = entries > self.due.handed;
            if self.due.is_now(entries, now) || (stopping && grown) {
                handed += u64::from(self.hand(entries, now)?);
            }
            let lag = i64::try_from(entries.saturating_sub(self.due.handed)).unwrap_or(i64::MAX);
            let name = [self.parts.name.as_str()];
            self.parts.metrics.lag.with_label_values(&name).set(lag);
            if stopping {
                return Ok(handed);
            }
            self.parts.reader.wait_beyond(entries, IDLE)?;
        }
    }

    fn hand(&mut self, entries: u64, now: Timestamp) -> Result<bool, StoreError> {
        let parts = &mut self.parts;
        let head = parts.reader.head(entries)?;
        let id = parts.reader.deliveries().id(&parts.name, entries);
        let done = parts.outlet.hand(&id, &parts.signer.sign(&head), now);
        let outcome = match &done {
            Ok(()) => "delivered",
            Err(_) => "retried",
        };
        let labels = [parts.name.as_str(), outcome];
        parts.metrics.deliveries.with_label_values(&labels).inc();
        match done {
            Ok(()) => {
                self.due = Due::after(entries, now, parts.every);
                parts.reader.deliveries().advance(&parts.name, entries)?;
                Ok(true)
            }
            Err(problem) => {
                self.due = self.due.failed(now, &parts.pace, (parts.draws)());
                let failures = self.due.failures;
                tracing::warn!(witness = parts.name, %problem, failures, "a checkpoint was not handed over; the next try brings the head as it is then");
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_when_time_has_passed_and_the_ledger_has_grown() {
        let at = Timestamp::from_millis;
        let fresh = Due {
            handed: 0,
            not_before: None,
            failures: 0,
        };
        assert!(!fresh.is_now(0, at(0)), "nothing to tell");
        assert!(fresh.is_now(1, at(0)), "the first at once");
        let done = Due::after(5, at(0), Duration::from_mins(1));
        assert!(!done.is_now(9, at(59_999)));
        assert!(done.is_now(9, at(60_000)));
        assert!(!done.is_now(5, at(60_000)), "nothing new");
        let pace = Pace {
            first_wait: Duration::from_secs(4),
            longest_wait: Duration::from_secs(8),
            park_after: 1,
            give_up_after: 1,
            per_minute: 1,
        };
        let failed = done
            .failed(at(60_000), &pace, 0)
            .failed(at(60_000), &pace, 0);
        assert_eq!((failed.handed, failed.failures), (5, 2));
        assert!(!failed.is_now(9, at(63_999)));
        assert!(failed.is_now(9, at(64_000)));
        assert_eq!(Due::after(9, at(0), Duration::ZERO).failures, 0);
    }

    #[test]
    fn a_file_is_added_to_and_what_was_half_written_is_cut() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("checkpoints");
        let note = |size: u32| format!("origin\n{size}\nroot\n\n\u{2014} origin sig{size}\n");
        append(&path, &note(1)).unwrap();
        append(&path, &note(2)).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        assert_eq!(whole, format!("{}\n{}\n", note(1), note(2)));
        let third = format!("{}\n", note(3));
        for begun in (0..third.len()).filter_map(|cut| third.get(..cut)) {
            let torn = format!("{whole}{begun}");
            std::fs::write(&path, torn).unwrap();
            append(&path, &note(4)).unwrap();
            let mended = std::fs::read_to_string(&path).unwrap();
            assert_eq!(
                mended,
                format!("{whole}{}\n", note(4)),
                "cut after {begun:?}"
            );
        }
    }
}
