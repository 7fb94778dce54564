//! What each stage of a result's trip costs by itself, in processor time of one thread, in the order of
//! the trip.

use crate::measure::{ThreadWatch, rate, say};
use crate::stream;
use anyhow::ensure;
use risk_domain::inspection::InspectionResult;
use risk_domain::time::Timestamp;
use risk_engine::{Engine, Found, Input, Outcome, Policy, ResultInput, SourcePartition, Taxonomy};
use risk_pipeline::wire::{self, ReferenceVocabulary, WireLimits};
use risk_store::identity::{IdHash, IdentityIndex, IdentitySettings, Seen};
use risk_store::ledger::{BlockBuilder, Chain, Entry, EntryKind};
use risk_store::records::Record;
use risk_store::{EncodedResult, fresh_seed};
use std::hint::black_box;
use std::sync::Arc;

/// Results of one block.
const BLOCK: usize = 8192;

/// Each stage of a result's trip by itself: decode, encode, identity, engine, ledger, reading back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let results: Vec<InspectionResult> = args.stream.results()?.collect();
    let count = results.len() as u64;
    let lines: Vec<Vec<u8>> = results.iter().map(wire::encode).collect();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    say("results", &count.to_string());
    say(
        "bytes of one, as JSON",
        &(bytes / lines.len().max(1)).to_string(),
    );
    decode(&lines)?;
    drop(lines);
    let entries = encode(&results)?;
    identity(&results)?;
    engine(&results)?;
    drop(results);
    ledger(&entries)?;
    read_back(&entries)
}

fn decode(lines: &[Vec<u8>]) -> anyhow::Result<()> {
    let known = ReferenceVocabulary::of(&stream::reference()?);
    let limits = WireLimits::default();
    let received = Timestamp::from_millis(i64::MAX / 2);
    let watch = ThreadWatch::start()?;
    for line in lines {
        let decoded = wire::decode(line, received, &known, &limits);
        ensure!(black_box(decoded).is_ok(), "a record was refused");
    }
    say(
        "wire: decode and check",
        &rate(lines.len() as u64, watch.elapsed()?),
    );
    Ok(())
}

/// The sections of an entry, each with its length.
struct Sections {
    bytes: Vec<u8>,
    facts: usize,
}

fn encode(results: &[InspectionResult]) -> anyhow::Result<Vec<Sections>> {
    let mut encoded = EncodedResult::default();
    let watch = ThreadWatch::start()?;
    for result in results {
        encoded.encode(result)?;
        black_box(encoded.digest());
    }
    say(
        "encode for the ledger, and digest",
        &rate(results.len() as u64, watch.elapsed()?),
    );
    let mut entries = Vec::with_capacity(results.len());
    for result in results {
        encoded.encode(result)?;
        let mut bytes = encoded.facts().to_vec();
        bytes.extend_from_slice(encoded.party());
        let facts = encoded.facts().len();
        entries.push(Sections { bytes, facts });
    }
    let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
    say(
        "  bytes of one, in the ledger",
        &(bytes / entries.len().max(1)).to_string(),
    );
    Ok(entries)
}

fn identity(results: &[InspectionResult]) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (mut index, _) = IdentityIndex::open(dir.path(), IdentitySettings::default())?;
    let watch = ThreadWatch::start()?;
    for (at, result) in results.iter().enumerate() {
        let id = IdHash::of(result.inspection_id.as_str().as_bytes());
        ensure!(index.lookup(id)?.is_none(), "an id came twice");
        let seen = Seen {
            digest: 0,
            entry_index: at as u64,
        };
        index.insert(id, seen);
        if index.wants_seal() {
            index.note_applied(at as u64 + 1);
            index.seal()?;
        }
    }
    say(
        "identity: look up and insert, files written here too",
        &rate(results.len() as u64, watch.elapsed()?),
    );
    Ok(())
}

fn engine(results: &[InspectionResult]) -> anyhow::Result<()> {
    let mut engine = Engine::new(
        Arc::new(Policy::builtin()?),
        Taxonomy::from_reference(&stream::reference()?),
    )?;
    let name = SourcePartition {
        source: "bench".into(),
        partition: 0,
    };
    engine.step(&Input::Hold(std::slice::from_ref(&name)));
    let partition = engine.partition(&name);
    let watch = ThreadWatch::start()?;
    for result in results {
        let step = engine.step(&Input::Result(ResultInput {
            partition,
            result,
            digest: 0,
            seen: None,
            linked: &[],
            found: Found::default(),
        }));
        ensure!(
            matches!(step.outcome, Outcome::Accepted(_)),
            "a result was refused"
        );
    }
    say(
        "engine: all of it, closes included",
        &rate(results.len() as u64, watch.elapsed()?),
    );
    Ok(())
}

fn entry(sections: &Sections) -> Entry<'_> {
    let (facts, party) = sections.bytes.split_at(sections.facts);
    Entry {
        kind: EntryKind(1),
        actor: "system:pipeline",
        facts,
        party,
        personal: &[],
        // Partition 0, offset 1,000,000, epoch 19,999, not late.
        decision: &[0, 0xc0, 0x84, 0x3d, 0xbe, 0xb8, 0x02, 0],
    }
}

fn ledger(entries: &[Sections]) -> anyhow::Result<()> {
    let mut builder = BlockBuilder::new(Chain::empty(0), 1)?;
    let mut written = 0;
    let watch = ThreadWatch::start()?;
    for block in entries.chunks(BLOCK) {
        builder.begin(fresh_seed());
        for sections in block {
            builder.push(&entry(sections))?;
        }
        let prepared = builder.finish(b"{}")?;
        written += prepared.bytes().len();
        builder.recycle(prepared);
    }
    say(
        "ledger: hash and compress",
        &rate(entries.len() as u64, watch.elapsed()?),
    );
    say(
        "  bytes of one, on disk",
        &(written / entries.len().max(1)).to_string(),
    );
    Ok(())
}

fn read_back(entries: &[Sections]) -> anyhow::Result<()> {
    let watch = ThreadWatch::start()?;
    for (at, sections) in entries.iter().enumerate() {
        black_box(Record::decode(at as u64, &entry(sections))?);
    }
    say(
        "replay: read an entry back",
        &rate(entries.len() as u64, watch.elapsed()?),
    );
    Ok(())
}
