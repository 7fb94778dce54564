//! Large blocks: one entry is read without the rest, and no less surely.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use risk_store::ledger::{
    BlockBuilder, DamageKind, Entry, EntryKind, HEADER_LEN, Hash, Ledger, LedgerError,
    LedgerReader, LedgerSettings, OpenMode, Section, TRAILER_LEN, merkle, verify,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// So that damage is found where it is read.
const SETTINGS: LedgerSettings = LedgerSettings {
    shard: 3,
    segment_bytes: 1,
    mode: OpenMode::LastSegment,
};
/// Bytes of entries from which a frame is full, as the format's document has it.
const FRAME: usize = 256 << 10;
/// Entries of the large block.
const ENTRIES: u64 = 3000;
const METADATA: &[u8] = b"positions";

/// Words that compress about as well as results do, of many lengths.
fn facts(index: u64) -> Vec<u8> {
    let mut noise = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = format!("{{\"id\":\"结果{index}\"").into_bytes();
    for _ in 0..noise % 90 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        text.extend_from_slice(format!(",{:03}:\"合格\"", noise % 1000).as_bytes());
    }
    text
}

fn entry(facts: &[u8]) -> Entry<'_> {
    Entry {
        kind: EntryKind(3),
        actor: "officer:17",
        facts,
        party: b"party",
        personal: b"",
        decision: b"{}",
    }
}

/// A small block, a large one, and another small one in a segment of its own.
fn fill(dir: &Path) -> Ledger {
    let (mut ledger, _) = Ledger::open(dir, SETTINGS).unwrap();
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    for count in [5, ENTRIES, 2] {
        builder.begin([count as u8; 32]);
        for _ in 0..count {
            let facts = facts(builder.next_entry());
            builder.push(&entry(&facts)).unwrap();
        }
        let block = builder.finish(METADATA).unwrap();
        ledger.append(&block).unwrap();
        ledger.sync().unwrap();
        builder.recycle(block);
    }
    ledger
}

/// All entries from the large block on, read frame by frame.
fn in_pieces(reader: &LedgerReader) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
    let mut read = Vec::new();
    for excerpt in reader.excerpts_from(5) {
        let excerpt = excerpt?;
        let entries = excerpt.entries();
        read.extend(entries.map(|(index, entry)| (index, entry.facts.to_vec())));
    }
    Ok(read)
}

/// The file of the large block, its bytes, and where its payload lies.
fn large(dir: &Path) -> (PathBuf, Vec<u8>, std::ops::Range<usize>) {
    let path = dir.join(format!("{:020}.seg", 1));
    let bytes = fs::read(&path).unwrap();
    let payload = HEADER_LEN + METADATA.len()..bytes.len() - TRAILER_LEN;
    (path, bytes, payload)
}

fn be(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Rows of the table at the start of a payload: position, offset before compression, offset as stored.
fn table(payload: &[u8]) -> Vec<[usize; 3]> {
    assert_eq!(payload[..4], [0x5e, 0x2a, 0x4d, 0x18]);
    let length = u32::from_le_bytes(payload[4..8].try_into().unwrap()) as usize;
    let (rows, rest) = payload[8..8 + length - 4].as_chunks::<12>();
    assert!(rest.is_empty());
    let row = |row: &[u8; 12]| [be(row, 0), be(row, 4), be(row, 8)];
    rows.iter().map(row).collect()
}

#[test]
fn one_entry_of_a_large_block_is_read_and_proved_without_the_rest() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path());
    let reader = ledger.reader();
    let (_, bytes, payload) = large(dir.path());
    let rows = table(&bytes[payload.clone()]);
    // The seed's frame and several of entries, each full before the next begins.
    assert!(rows.len() >= 4, "{rows:?}");
    assert_eq!(rows[1][..2], [0, 32]);
    let full = |pair: &[[usize; 3]]| pair[1][1] - pair[0][1] >= FRAME;
    assert!(rows[1..].windows(2).all(full), "{rows:?}");

    let mut proofs = reader.proofs(reader.entry_count()).unwrap();
    let head = proofs.head();
    let mut firsts = BTreeSet::new();
    for index in 0..reader.entry_count() {
        let excerpt = reader.read_entry(index).unwrap();
        assert_eq!(excerpt.entry(index), Some(entry(&facts(index))), "{index}");
        assert!(excerpt.entries().count() < 2000, "{index}");
        let before = excerpt.first_entry().checked_sub(1);
        assert!(
            before.is_none_or(|before| !excerpt.holds(before)),
            "{index}"
        );
        firsts.insert(excerpt.first_entry());
        if index % 50 == 0 || firsts.contains(&index) {
            let shown = excerpt.disclose(index, |section| section == Section::Facts);
            let leaf = shown.unwrap().leaf_hash().unwrap();
            let proof = proofs.inclusion(index).unwrap();
            assert!(merkle::verify_inclusion(
                &leaf, index, head.size, &proof, &head.root
            ));
        }
    }
    let begins = rows[1..].iter().map(|row| 5 + row[0] as u64);
    let expected: BTreeSet<u64> = [0, 5 + ENTRIES].into_iter().chain(begins).collect();
    assert_eq!(firsts, expected);
    assert_eq!(verify(dir.path()).unwrap().entries, ENTRIES + 7);
}

#[test]
fn any_decoder_reads_the_frames_as_one() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path());
    let (_, bytes, payload) = large(dir.path());
    let raw = zstd::decode_all(&bytes[payload]).unwrap();
    let header = ledger.reader().read_header(1).unwrap();
    assert_eq!(raw.len() as u64, header.raw_len);
    let last = facts(ENTRIES + 4);
    assert!(
        raw.windows(last.len())
            .rev()
            .take(40)
            .any(|window| window == last)
    );
}

#[test]
fn a_flipped_byte_of_a_large_block_is_never_used() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path());
    let reader = ledger.reader();
    let (path, good, payload) = large(dir.path());
    let rows = table(&good[payload.clone()]);
    let table_end = payload.start + rows[1][2];
    // All of the header, the table and the seed; of the rest some bytes of every frame.
    let everywhere = (0..table_end).chain((table_end..good.len()).step_by(1009));
    let asked: Vec<u64> = rows[1..].iter().map(|row| 5 + row[0] as u64).collect();
    let (mut refused, mut read) = (0, 0);
    for offset in everywhere {
        let mut bad = good.clone();
        bad[offset] ^= 0x21;
        fs::write(&path, &bad).unwrap();
        for &index in &asked {
            match reader.read_entry(index) {
                Ok(excerpt) => {
                    assert_eq!(excerpt.entry(index), Some(entry(&facts(index))), "{offset}");
                    read += 1;
                }
                Err(LedgerError::Damaged { block: 1, .. }) => refused += 1,
                Err(error) => panic!("byte {offset}: {error}"),
            }
        }
        let whole = reader.read_block(1);
        let in_trailer = offset >= payload.end;
        assert_eq!(whole.is_ok(), in_trailer, "{offset}");
        assert_eq!(in_pieces(reader).is_ok(), in_trailer, "{offset}");
    }
    assert!(
        refused > table_end - METADATA.len() && read > 0,
        "{refused} {read}"
    );
}

#[test]
fn a_table_that_lies_is_damage_even_under_hashes_that_hold() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path());
    let reader = ledger.reader();
    let whole: Vec<_> = (5..ENTRIES + 7)
        .map(|index| (index, facts(index)))
        .collect();
    assert_eq!(in_pieces(reader).unwrap(), whole);
    let block = reader.read_block(1).unwrap();
    let excerpts: Vec<_> = block.excerpts().map(Result::unwrap).collect();
    assert!(excerpts.len() > 2, "{}", excerpts.len());
    for (number, excerpt) in excerpts.iter().enumerate() {
        // Who asks for a later entry is not told what stands in frames before it.
        let from = reader.excerpts_from(excerpt.first_entry()).next().unwrap();
        let from = from.unwrap();
        assert_eq!(from.first_entry(), excerpt.first_entry(), "{number}");
    }
    let (path, good, payload) = large(dir.path());
    let rows = table(&good[payload.clone()]).len();
    for row in 0..rows {
        for field in 0..3 {
            let mut bad = good.clone();
            let at = payload.start + 8 + row * 12 + field * 4;
            let told = be(&bad, at) as u32;
            bad[at..at + 4].copy_from_slice(&(told + 1).to_be_bytes());
            let table = payload.start + 8..payload.start + 8 + rows * 12;
            let checksum = crc32c::crc32c(&bad[table.clone()]);
            bad[table.end..table.end + 4].copy_from_slice(&checksum.to_be_bytes());
            let hash = Hash::of(&bad[payload.clone()]);
            bad[128..160].copy_from_slice(&hash.0);
            let checksum = crc32c::crc32c(&bad[..192]);
            bad[192..196].copy_from_slice(&checksum.to_be_bytes());
            fs::write(&path, &bad).unwrap();
            for error in [
                verify(dir.path()).unwrap_err(),
                in_pieces(reader).unwrap_err(),
            ] {
                let LedgerError::Damaged { block: 1, kind, .. } = error else {
                    panic!("row {row} field {field}: {error}");
                };
                let told = [DamageKind::Frames, DamageKind::Compression];
                assert!(told.contains(&kind), "row {row} field {field}: {kind}");
            }
        }
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(verify(dir.path()).unwrap().blocks, 3);
}
