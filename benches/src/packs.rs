//! Evidence packs out of a large ledger.

use crate::measure::{say, timed};
use crate::{replay, rig, stream};
use anyhow::{Context, ensure};
use risk_api::pack::{About, PackRequest, Packer};
use risk_domain::subject::SubjectKind;
use risk_engine::Engine;
use risk_store::{PlanShelf, Reader, SubjectOrder, SubjectQuery, checkpoint_signer};
use std::time::Duration;

/// Evidence packs out of a large ledger: results of few enterprises, spread over many entries of others
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Entries of the ledger, about
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// Enterprises
    #[arg(long, default_value_t = 200)]
    enterprises: u32,
    /// Results of each, spread evenly over the ledger, so that each lies in a block of its own
    #[arg(long, default_value_t = 100)]
    results: u64,
    /// Days over which they spread
    #[arg(long, default_value_t = 364)]
    days: u32,
    /// Packs of each kind
    #[arg(long, default_value_t = 20)]
    packs: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let results = u64::from(args.enterprises) * args.results;
    let of_others = (args.entries / results.max(1)).saturating_sub(1);
    let stream = stream::Args {
        results,
        enterprises: args.enterprises,
        days: args.days,
        seed: 7,
    };
    replay::fill(dir.path(), &stream, of_others)?.close()?;
    let (opened, took) = timed(|| rig::store(dir.path()).and_then(|store| Ok(store.open()?)));
    let opened = opened?;
    say("start", &format!("{:.2} s", took.as_secs_f64()));
    let (reader, shelf) = (&opened.reader, PlanShelf::of(dir.path()));
    say("entries", &reader.ledger().entry_count().to_string());
    say("blocks", &reader.ledger().block_count().to_string());
    let signer = checkpoint_signer(dir.path(), 0)?;
    let packer = Packer {
        reader,
        engine: &opened.engine,
        signer: &signer,
        shelf: &shelf,
    };
    for (kind, of) in [
        ("grades", grades(reader, args.packs)?),
        ("alerts", alerts(&opened.engine, args.packs)),
        ("cases", cases(&opened.engine, args.packs)),
    ] {
        measure(&packer, kind, of)?;
    }
    Ok(())
}

fn grades(reader: &Reader, most: usize) -> anyhow::Result<Vec<About>> {
    let query = SubjectQuery {
        kind: Some(SubjectKind::Enterprise),
        ..SubjectQuery::default()
    };
    let page = reader.subjects(&query, SubjectOrder::ProbabilityDesc, most, None)?;
    let subjects = page.items.into_iter();
    Ok(subjects.map(|of| About::Assessment(of.subject)).collect())
}

fn alerts(engine: &Engine, most: usize) -> Vec<About> {
    let open = engine.open_alerts().take(most);
    open.map(|of| About::Alert(of.alert.id.clone())).collect()
}

fn cases(engine: &Engine, most: usize) -> Vec<About> {
    let all = engine.cases().take(most);
    all.map(|of| About::Case(of.id.clone())).collect()
}

/// Makes each pack once; the first of a kind has nothing in memory.
fn measure(packer: &Packer<'_>, kind: &str, of: Vec<About>) -> anyhow::Result<()> {
    let (mut times, mut bytes) = (Vec::<Duration>::new(), 0);
    for about in of {
        let request = PackRequest {
            about,
            size: None,
            redacted: false,
        };
        let (pack, took) = timed(|| packer.pack(&request));
        bytes += pack?.context("nothing was recorded")?.json.len();
        times.push(took);
    }
    ensure!(!times.is_empty(), "there are no {kind}");
    times.sort();
    let (middle, longest) = (times.get(times.len() / 2), times.last());
    let millis = |took: Option<&Duration>| took.map_or(0.0, |took| took.as_secs_f64() * 1e3);
    say(
        &format!("packs of {kind}: {} made", times.len()),
        &format!(
            "median {:.0} ms, longest {:.0} ms, {} KiB of JSON each",
            millis(middle),
            millis(longest),
            (bytes / times.len()) >> 10
        ),
    );
    Ok(())
}
