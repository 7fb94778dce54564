//! The identity index at many ids: what a new id costs in time, memory and disk reads.

use crate::measure::{Stopwatch, rate, say};
use anyhow::ensure;
use risk_store::identity::{IdHash, IdentityIndex, IdentitySettings, Seen};

/// Ids that are looked up again afterwards.
const KNOWN: u64 = 20_000;

/// The identity index: new ids looked up and inserted, then known ones found
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ids
    #[arg(long, default_value_t = 10_000_000)]
    ids: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (mut index, _) = IdentityIndex::open(dir.path(), IdentitySettings::default())?;
    let id = |number: u64| IdHash::of(format!("JC-2026-{number:010}").as_bytes());
    let watch = Stopwatch::start();
    for number in 0..args.ids {
        ensure!(index.lookup(id(number))?.is_none(), "an id came twice");
        let seen = Seen {
            digest: u128::from(number),
            entry_index: number,
        };
        index.insert(id(number), seen);
        index.note_applied(number + 1);
        if index.wants_seal() {
            index.seal()?;
            while let Some(job) = index.begin_merge() {
                index.install(job.run())?;
            }
        }
    }
    let took = watch.elapsed();
    let stats = index.stats();
    say(
        "new ids, sealing and merging included",
        &rate(args.ids, took),
    );
    let reads = stats.page_reads as f64 * 1000.0 / args.ids as f64;
    say("disk reads for 1,000 new ids", &format!("{reads:.3}"));
    let bytes = index.memory() as f64 / args.ids as f64;
    say(
        "memory an id, tables for new ids included",
        &format!("{bytes:.2} B"),
    );
    say("files", &index.file_count().to_string());

    let stride = (args.ids / KNOWN).max(1);
    let watch = Stopwatch::start();
    let mut found = 0;
    for number in (0..args.ids).step_by(stride as usize) {
        let seen = index.lookup(id(number))?;
        ensure!(
            seen.is_some_and(|seen| seen.entry_index == number),
            "an id was forgotten"
        );
        found += 1;
    }
    say("known ids, a page read each", &rate(found, watch.elapsed()));
    Ok(())
}
