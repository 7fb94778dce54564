//! The ledger through its public door: what is written is read back, what is damaged is refused and
//! named, what is torn is cut, and what is proved can be checked.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Instant;

use risk_store::ledger::merkle::{self, TreeHead};
use risk_store::ledger::{
    BlockBuilder, DamageKind, DisclosedSection, Entry, EntryKind, Ledger, LedgerError,
    LedgerSettings, OpenMode, Section, verify,
};
use tempfile::TempDir;

const SETTINGS: LedgerSettings = LedgerSettings {
    shard: 7,
    segment_bytes: 1200,
    mode: OpenMode::Full,
};

fn entry(text: &str) -> Entry<'_> {
    Entry {
        kind: EntryKind(3),
        actor: "officer:17",
        facts: text.as_bytes(),
        party: b"",
        personal: b"{\"name\":\"\xe7\x8e\x8b\"}",
        decision: b"{}",
    }
}

/// Appends blocks of these many entries and syncs after each.
fn fill(dir: &Path, settings: LedgerSettings, counts: &[u32]) -> Ledger {
    let (mut ledger, _) = Ledger::open(dir, settings).unwrap();
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    for &count in counts {
        builder.begin([builder.next_entry() as u8 ^ 0x5a; 32]);
        for _ in 0..count {
            let text = format!("{{\"id\":\"r{}\"}}", builder.next_entry());
            builder.push(&entry(&text)).unwrap();
        }
        let metadata = format!("positions {count}");
        let block = builder.finish(metadata.as_bytes()).unwrap();
        ledger.append(&block).unwrap();
        ledger.sync().unwrap();
        builder.recycle(block);
    }
    ledger
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    paths.sort();
    paths
}

fn copy_ledger(from: &Path, to: &Path) {
    for path in segments(from) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Where each block starts: (segment file, offset, length), in block order.
fn layout(dir: &Path) -> Vec<(PathBuf, usize, usize)> {
    let mut blocks = Vec::new();
    for path in segments(dir) {
        let bytes = fs::read(&path).unwrap();
        let mut offset = 0;
        while offset < bytes.len() {
            // Metadata length at 36, payload length at 48 (docs/ledger-format.md).
            let metadata = u32::from_be_bytes(bytes[offset + 36..offset + 40].try_into().unwrap());
            let payload = u64::from_be_bytes(bytes[offset + 48..offset + 56].try_into().unwrap());
            let length = 196 + metadata as usize + payload as usize + 16;
            blocks.push((path.clone(), offset, length));
            offset += length;
        }
    }
    blocks
}

#[test]
fn blocks_come_back_as_they_were_written() {
    let dir = TempDir::new().unwrap();
    drop(fill(dir.path(), SETTINGS, &[3, 0, 1, 300, 0, 2]));
    assert!(
        segments(dir.path()).len() > 1,
        "several segments are meant to be tested"
    );

    let (ledger, report) = Ledger::open(dir.path(), SETTINGS).unwrap();
    assert_eq!((report.blocks, report.entries, report.cut), (6, 306, None));
    assert_eq!(report.tiles_rebuilt, 0);
    let reader = ledger.reader();
    assert_eq!(reader.block_of(3).unwrap(), 2);
    assert_eq!(reader.block_of(4).unwrap(), 3);
    assert_eq!(reader.block_of(304).unwrap(), 5);
    let block = reader.read_block(reader.block_of(303).unwrap()).unwrap();
    assert_eq!(block.metadata(), b"positions 300");
    let excerpts: Vec<_> = block.excerpts().map(Result::unwrap).collect();
    assert_eq!(excerpts.len(), 1, "a small block is one frame");
    let excerpt = &excerpts[0];
    assert_eq!(excerpt.entry(303).unwrap(), entry("{\"id\":\"r303\"}"));
    assert_eq!((excerpt.entry(304), excerpt.end()), (None, 304));
    let mut indexes = Vec::new();
    for excerpt in reader.excerpts_from(2) {
        indexes.extend(excerpt.unwrap().entries().map(|(index, _)| index));
    }
    assert_eq!(indexes, (0..306).collect::<Vec<_>>());
    assert!(matches!(
        reader.read_entry(306),
        Err(LedgerError::NotFound { .. })
    ));
}

#[test]
fn a_closed_ledger_goes_on_where_it_stood() {
    let (once, twice) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let whole = fill(once.path(), SETTINGS, &[5, 260, 1, 9]);
    drop(fill(twice.path(), SETTINGS, &[5, 260]));
    let continued = fill(twice.path(), SETTINGS, &[1, 9]);
    assert_eq!(whole.chain(), continued.chain());
    let report = verify(twice.path()).unwrap();
    assert_eq!(
        (report.shard, report.blocks, report.entries),
        (Some(7), 4, 275)
    );
    assert_eq!(report.root, whole.root());
    assert_eq!(report.last_block, whole.chain().last_hash());
    assert_eq!(report, verify(once.path()).unwrap());
}

#[test]
fn a_second_process_and_another_shard_are_kept_off() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path(), SETTINGS, &[1]);
    assert!(matches!(
        Ledger::open(dir.path(), SETTINGS),
        Err(LedgerError::Locked { .. })
    ));
    drop(ledger);
    let other = LedgerSettings {
        shard: 8,
        ..SETTINGS
    };
    let error = Ledger::open(dir.path(), other).unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Damaged {
            kind: DamageKind::Shard,
            block: 0,
            ..
        }
    ));
}

#[test]
fn only_the_next_block_is_taken() {
    let dir = TempDir::new().unwrap();
    let mut ledger = fill(dir.path(), SETTINGS, &[1]);
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    assert!(matches!(
        builder.push(&entry("x")),
        Err(LedgerError::NoOpenBlock)
    ));
    builder.begin([1; 32]);
    builder.push(&entry("x")).unwrap();
    let first = builder.finish(b"").unwrap();
    builder.begin([2; 32]);
    let second = builder.finish(b"").unwrap();
    let refused = ledger.append(&second);
    assert!(matches!(
        refused,
        Err(LedgerError::OutOfOrder {
            prepared: 2,
            expected: 1
        })
    ));
    ledger.append(&first).unwrap();
    assert_eq!(
        ledger.reader().block_count(),
        1,
        "not visible before it is durable"
    );
    ledger.append(&second).unwrap();
    ledger.sync().unwrap();
    assert_eq!(ledger.reader().block_count(), 3);
    assert!(matches!(
        ledger.append(&first),
        Err(LedgerError::OutOfOrder { .. })
    ));
}

#[test]
fn a_failed_write_is_fatal() {
    let dir = TempDir::new().unwrap();
    let mut ledger = fill(
        dir.path(),
        LedgerSettings {
            segment_bytes: 1,
            ..SETTINGS
        },
        &[1],
    );
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    builder.begin([1; 32]);
    let block = builder.finish(b"").unwrap();
    // The next segment cannot be created, because something else has its name.
    fs::create_dir(dir.path().join(format!("{:020}.seg", 1))).unwrap();
    assert!(matches!(ledger.append(&block), Err(LedgerError::Io { .. })));
    assert!(matches!(ledger.append(&block), Err(LedgerError::Fatal)));
    assert!(matches!(ledger.sync(), Err(LedgerError::Fatal)));
}

#[test]
fn every_flipped_byte_is_refused_and_its_block_named() {
    let original = TempDir::new().unwrap();
    let small = LedgerSettings {
        segment_bytes: 900,
        ..SETTINGS
    };
    drop(fill(
        original.path(),
        small,
        &[2, 1, 0, 3, 1, 2, 4, 1, 0, 1],
    ));
    assert!(segments(original.path()).len() >= 3);
    let scratch = TempDir::new().unwrap();
    copy_ledger(original.path(), scratch.path());
    let mut flipped = 0;
    for (number, (path, start, length)) in layout(original.path()).into_iter().enumerate() {
        let good = fs::read(&path).unwrap();
        let target = scratch.path().join(path.file_name().unwrap());
        for offset in start..start + length {
            // One bit and all bits: a length may become larger or smaller.
            for mask in [0x01, 0xff] {
                let mut bad = good.clone();
                bad[offset] ^= mask;
                fs::write(&target, &bad).unwrap();
                let opened = Ledger::open(scratch.path(), SETTINGS).map(|_| ());
                for error in [opened.unwrap_err(), verify(scratch.path()).unwrap_err()] {
                    let LedgerError::Damaged { block, segment, .. } = error else {
                        panic!("block {number} byte {}: {error}", offset - start);
                    };
                    assert_eq!(block, number as u64, "byte {}: {error}", offset - start);
                    assert_eq!(target, scratch.path().join(format!("{segment:020}.seg")));
                }
                flipped += 1;
            }
        }
        fs::write(&target, &good).unwrap();
    }
    assert!(flipped > 4000, "{flipped}");
    assert_eq!(verify(scratch.path()).unwrap().blocks, 10);
}

#[test]
fn a_block_forged_as_a_whole_is_found_by_its_root() {
    let dir = TempDir::new().unwrap();
    drop(fill(dir.path(), SETTINGS, &[2, 1, 3]));
    let (path, start, _) = layout(dir.path())[2].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[start + 160] ^= 1;
    let checksum = crc32c::crc32c(&bytes[start..start + 192]);
    bytes[start + 192..start + 196].copy_from_slice(&checksum.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    for error in [
        verify(dir.path()).unwrap_err(),
        Ledger::open(dir.path(), SETTINGS).unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                LedgerError::Damaged {
                    block: 2,
                    kind: DamageKind::Root,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn the_default_mode_checks_the_whole_last_segment_and_reading_checks_the_rest() {
    let dir = TempDir::new().unwrap();
    drop(fill(dir.path(), SETTINGS, &[2, 1, 3, 3, 1, 2]));
    let blocks = layout(dir.path());
    let (path, start, _) = blocks[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[start + 196 + 15] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let settings = LedgerSettings {
        mode: OpenMode::LastSegment,
        ..SETTINGS
    };
    let (ledger, _) = Ledger::open(dir.path(), settings).unwrap();
    let error = ledger.reader().read_block(0).unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Damaged {
            kind: DamageKind::Payload,
            block: 0,
            ..
        }
    ));
    assert!(ledger.reader().read_block(1).is_ok());
    drop(ledger);
    bytes[start + 196 + 15] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let (path, start, _) = blocks[blocks.len() - 1].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[start + 196 + 15] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = Ledger::open(dir.path(), settings).unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Damaged {
            kind: DamageKind::Payload,
            block: 5,
            ..
        }
    ));
}

#[test]
fn every_truncation_of_the_last_segment_is_a_torn_tail_and_is_cut() {
    let original = TempDir::new().unwrap();
    let whole = fill(original.path(), SETTINGS, &[2, 1, 3, 3, 1, 2, 1]);
    let blocks = layout(original.path());
    let path = blocks[blocks.len() - 1].0.clone();
    let last: Vec<_> = blocks.iter().filter(|block| block.0 == path).collect();
    assert!(
        last.len() > 1,
        "the last segment is meant to have several blocks"
    );
    let before = blocks.len() - last.len();
    let size = fs::metadata(&path).unwrap().len();
    for length in 0..=size {
        let scratch = TempDir::new().unwrap();
        copy_ledger(original.path(), scratch.path());
        let target = scratch.path().join(path.file_name().unwrap());
        OpenOptions::new()
            .write(true)
            .open(&target)
            .unwrap()
            .set_len(length)
            .unwrap();
        let kept = last
            .iter()
            .filter(|block| (block.1 + block.2) as u64 <= length)
            .count();
        let end = last.get(kept).map_or(size, |block| block.1 as u64);

        let verified = verify(scratch.path()).unwrap();
        assert_eq!(verified.blocks, (before + kept) as u64);
        assert_eq!(
            verified.torn_tail.map_or(0, |torn| torn.bytes),
            length - end
        );
        // Opening fsyncs what it cuts, so it is done for every fifth length and for whole blocks.
        if length % 5 != 0 && length != end {
            continue;
        }
        let (ledger, report) = Ledger::open(scratch.path(), SETTINGS).unwrap();
        assert_eq!(report.blocks, verified.blocks);
        assert_eq!(report.cut, verified.torn_tail);
        assert_eq!(fs::metadata(&target).unwrap().len(), end);
        assert_eq!(ledger.root(), verified.root);
        if kept == last.len() {
            assert_eq!(ledger.chain(), whole.chain());
        }
        drop(ledger);
        if length % 25 != 0 {
            continue;
        }
        let again = fill(scratch.path(), SETTINGS, &[1]);
        assert_eq!(again.reader().block_count(), (before + kept + 1) as u64);
        assert_eq!(verify(scratch.path()).unwrap().torn_tail, None);
    }
}

#[test]
fn a_shortened_segment_before_the_last_is_damage() {
    let dir = TempDir::new().unwrap();
    drop(fill(dir.path(), SETTINGS, &[2, 1, 3, 3, 1, 2, 1]));
    let first = segments(dir.path())[0].clone();
    let good = fs::read(&first).unwrap();
    for length in 0..good.len() {
        fs::write(&first, &good[..length]).unwrap();
        let error = Ledger::open(dir.path(), SETTINGS).unwrap_err();
        assert!(error.is_damage(), "{length}: {error}");
    }
    fs::remove_file(&first).unwrap();
    assert!(
        verify(dir.path()).unwrap_err().is_damage(),
        "a missing segment is damage too"
    );
}

#[test]
fn an_end_in_zeros_is_a_torn_tail_but_only_of_the_last_block() {
    let original = TempDir::new().unwrap();
    drop(fill(original.path(), SETTINGS, &[2, 1, 3, 3, 1, 2, 1]));
    let blocks = layout(original.path());
    let (path, start, length) = blocks[blocks.len() - 1].clone();
    let good = fs::read(&path).unwrap();
    let open_with = |bytes: &[u8]| {
        let scratch = TempDir::new().unwrap();
        copy_ledger(original.path(), scratch.path());
        fs::write(scratch.path().join(path.file_name().unwrap()), bytes).unwrap();
        Ledger::open(scratch.path(), SETTINGS).map(|(_, report)| report)
    };

    for zeros in [16, 100, 196, 5000] {
        let mut bytes = good.clone();
        bytes.resize(good.len() + zeros, 0);
        let report = open_with(&bytes).unwrap();
        assert_eq!(
            (report.blocks, report.cut.unwrap().bytes),
            (7, zeros as u64)
        );
    }
    // The file was extended, and the block written up to `reached` only.
    for reached in [0, 1, 100, 195, 196, 230, length - 17, length - 16] {
        let mut bytes = good.clone();
        bytes[start + reached..].fill(0);
        let report = open_with(&bytes).unwrap();
        assert_eq!(
            (report.blocks, report.cut.unwrap().bytes),
            (6, length as u64),
            "{reached}"
        );
    }
    // Zeros after it do not excuse a damaged block that has whole blocks behind it.
    let mut bytes = good;
    bytes[20] ^= 1;
    bytes.resize(bytes.len() + 4096, 0);
    let error = open_with(&bytes).unwrap_err();
    assert!(error.is_damage(), "{error}");
}

#[test]
fn one_entry_is_proved_with_a_section_withheld() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path(), SETTINGS, &[5, 700, 3]);
    let reader = ledger.reader();
    for (index, size) in [
        (0, 1),
        (4, 5),
        (300, 301),
        (600, 708),
        (707, 708),
        (255, 256),
    ] {
        let root = reader.root_at(size).unwrap();
        let excerpt = reader.read_entry(index).unwrap();
        let proof = reader.inclusion_proof(index, size).unwrap();
        let shown = excerpt
            .disclose(index, |section| section != Section::Personal)
            .unwrap();
        assert!(matches!(shown.sections[2], DisclosedSection::Withheld(_)));
        let leaf = shown.leaf_hash().unwrap();
        assert!(merkle::verify_inclusion(&leaf, index, size, &proof, &root));

        let mut forged = shown;
        if let DisclosedSection::Shown { bytes, .. } = &mut forged.sections[0] {
            bytes[0] ^= 1;
        }
        let leaf = forged.leaf_hash().unwrap();
        assert!(!merkle::verify_inclusion(&leaf, index, size, &proof, &root));
    }
    for (older, newer) in [(0, 3), (5, 708), (256, 512), (300, 700), (708, 708)] {
        let before = TreeHead {
            size: older,
            root: reader.root_at(older).unwrap(),
        };
        let after = TreeHead {
            size: newer,
            root: reader.root_at(newer).unwrap(),
        };
        let proof = reader.consistency_proof(older, newer).unwrap();
        assert!(
            merkle::verify_consistency(&before, &after, &proof),
            "{older} {newer}"
        );
    }
    assert_eq!(reader.root_at(708).unwrap(), ledger.root());
    assert!(reader.inclusion_proof(5, 709).is_err());
}

#[test]
fn tiles_are_a_view() {
    let dir = TempDir::new().unwrap();
    let whole = fill(dir.path(), SETTINGS, &[5, 700, 0, 3]);
    let chain = whole.chain().clone();
    drop(whole);
    let tile = |level: u32| dir.path().join("tiles").join(level.to_string());
    let expect = |rebuilt: u64| {
        let (ledger, report) = Ledger::open(dir.path(), SETTINGS).unwrap();
        assert_eq!(report.tiles_rebuilt, rebuilt);
        assert_eq!(ledger.chain(), &chain);
        assert!(ledger.reader().inclusion_proof(600, 708).is_ok());
        assert_eq!(fs::metadata(tile(0)).unwrap().len(), 708 * 32);
        assert_eq!(fs::metadata(tile(1)).unwrap().len(), 2 * 32);
    };
    expect(0);
    fs::remove_dir_all(dir.path().join("tiles")).unwrap();
    expect(708);
    // Behind by part of a block: taken up at the block's start.
    OpenOptions::new()
        .write(true)
        .open(tile(0))
        .unwrap()
        .set_len(706 * 32 + 5)
        .unwrap();
    expect(3);
    fs::remove_file(tile(1)).unwrap();
    expect(703);
    // A wrong hash that the root depends on is found at once.
    let mut bytes = fs::read(tile(1)).unwrap();
    bytes[3] ^= 1;
    fs::write(tile(1), &bytes).unwrap();
    expect(708);
    // One that only proofs depend on is found by the proof.
    let mut bytes = fs::read(tile(0)).unwrap();
    bytes[600 * 32] ^= 1;
    fs::write(tile(0), &bytes).unwrap();
    let (mut ledger, _) = Ledger::open(dir.path(), SETTINGS).unwrap();
    let proof = ledger.reader().inclusion_proof(601, 708);
    assert!(matches!(proof, Err(LedgerError::TilesDamaged)) || ledger.rebuild_tiles().is_ok());
    ledger.rebuild_tiles().unwrap();
    assert!(ledger.reader().inclusion_proof(601, 708).is_ok());
    drop(ledger);
    expect(0);
}

#[test]
fn a_reader_follows_the_writer() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path(), SETTINGS, &[1, 1]);
    let reader = ledger.reader().clone();
    let mut blocks = reader.blocks(0);
    assert_eq!(blocks.next().unwrap().unwrap().number(), 0);
    drop(ledger);
    assert_eq!(blocks.next().unwrap().unwrap().number(), 1);
    assert!(blocks.next().is_none());
}

#[test]
fn oversized_values_are_refused_and_leave_the_block_whole() {
    let dir = TempDir::new().unwrap();
    let mut ledger = fill(dir.path(), SETTINGS, &[1]);
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    builder.begin([9; 32]);
    let long = "a".repeat(256);
    let refused = builder.push(&Entry {
        actor: &long,
        ..entry("x")
    });
    assert!(matches!(
        refused,
        Err(LedgerError::TooLarge { what: "actor", .. })
    ));
    builder.push(&entry("kept")).unwrap();
    let block = builder.finish(b"").unwrap();
    ledger.append(&block).unwrap();
    ledger.sync().unwrap();
    assert_eq!(verify(dir.path()).unwrap().entries, 2);
}

/// Not a bench, but a floor far below what was measured, so that a slip of an order of magnitude
/// (an allocation or a reopened file per entry) is found.
#[test]
fn preparing_blocks_is_not_slow() {
    let dir = TempDir::new().unwrap();
    let ledger = fill(dir.path(), SETTINGS, &[]);
    let mut builder = BlockBuilder::new(ledger.chain().clone(), 1).unwrap();
    let texts: Vec<String> = (0..1000)
        .map(|number: u64| {
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(
                "{{\"inspection_id\":\"YW-{noise:016x}\",\"sampled_at\":\"2026-03-04T05:06:07Z\",\
                 \"zone\":\"district-{}\",\"product\":{{\"category\":\"toy.plush\",\"name\":\"毛绒玩具\"}},\
                 \"items\":[{{\"code\":\"EN71-{}\",\"measured\":\"{}\",\"limit\":\"90\",\"unit\":\"mg/kg\",\
                 \"verdict\":\"conforming\"}}],\"outcome\":\"conforming\",\"lot\":\"{noise:x}\"}}",
                number % 6, number % 40, noise % 10007
            )
        })
        .collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long the work takes"
    )]
    let started = Instant::now();
    for block in 0..20 {
        builder.begin([block; 32]);
        for number in 0..5000 {
            builder.push(&entry(&texts[number % texts.len()])).unwrap();
        }
        let block = builder.finish(b"").unwrap();
        builder.recycle(block);
    }
    let rate = 100_000.0 / started.elapsed().as_secs_f64();
    println!("{rate:.0} entries/s of {} bytes", texts[7].len());
    assert!(rate > 20_000.0, "{rate} entries/s");
}
