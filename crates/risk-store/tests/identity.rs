//! The identity index: nothing seen is forgotten, memory and disk reads stay within their budget,
//! and what is damaged is noticed and built again.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use risk_store::identity::{IdHash, IdentityError, IdentityIndex, IdentitySettings, Seen};
use tempfile::TempDir;

fn id(number: u64) -> IdHash {
    IdHash::of(format!("YW-2026-{number:08}").as_bytes())
}

fn seen(number: u64) -> Seen {
    Seen {
        digest: u128::from(number).wrapping_mul(0x1_0000_0001_0000_0001),
        entry_index: number,
    }
}

fn open(dir: &Path, seal_ids: usize) -> IdentityIndex {
    IdentityIndex::open(dir, IdentitySettings { seal_ids })
        .unwrap()
        .0
}

/// Inserts ids `from..to`, sealing whenever the index wants it, merging at once.
fn feed(index: &mut IdentityIndex, from: u64, to: u64) {
    for number in from..to {
        index.insert(id(number), seen(number));
        index.note_applied(number + 1);
        if index.wants_seal() {
            index.seal().unwrap();
        }
    }
}

fn check(index: &mut IdentityIndex, to: u64, step: usize) {
    for number in (0..to).step_by(step) {
        assert_eq!(
            index.lookup(id(number)).unwrap(),
            Some(seen(number)),
            "id {number}"
        );
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

#[test]
fn half_a_million_ids_stay_within_the_budget() {
    const IDS: u64 = 500_000;
    let dir = TempDir::new().unwrap();
    // Small seals, so that half a million ids go through as many tiers as a hundred million would.
    let seal_ids = 2_250;
    let mut index = open(dir.path(), seal_ids);
    let mut most_files = 0;
    for number in 0..IDS {
        assert_eq!(index.lookup(id(number)).unwrap(), None, "new id {number}");
        feed(&mut index, number, number + 1);
        most_files = most_files.max(index.file_count());
    }
    let stats = index.stats();
    let reads_per_thousand = stats.page_reads as f64 * 1000.0 / IDS as f64;
    println!("{most_files} files at most, {reads_per_thousand} reads per 1,000 new ids");
    assert!(most_files <= 16, "{most_files} files");
    assert!(
        reads_per_thousand <= 1.0,
        "{reads_per_thousand} reads per 1,000 new ids"
    );
    assert_eq!(stats.false_positives, stats.page_reads, "the ids were new");

    let per_id = index.memory() as f64 / IDS as f64;
    println!("{per_id} bytes an id");
    assert!(per_id <= 3.0, "{per_id} bytes an id");

    let before = index.stats().page_reads;
    check(&mut index, IDS, 97);
    let looked_up = IDS.div_ceil(97);
    let reads = index.stats().page_reads - before;
    assert!(
        reads <= looked_up + looked_up / 100,
        "{reads} reads for {looked_up} known ids"
    );
}

#[test]
fn it_goes_on_where_it_was_sealed() {
    let dir = TempDir::new().unwrap();
    let mut index = open(dir.path(), 100);
    feed(&mut index, 0, 1050);
    check(&mut index, 1050, 1);
    assert_eq!(index.covers_up_to(), 1000);
    drop(index);

    let (mut index, report) =
        IdentityIndex::open(dir.path(), IdentitySettings { seal_ids: 100 }).unwrap();
    assert_eq!(
        (report.files, report.ids, report.filters_rebuilt),
        (4, 1000, 0)
    );
    assert_eq!(report.discarded, Vec::<PathBuf>::new());
    assert_eq!(index.covers_up_to(), 1000);
    assert_eq!(index.lookup(id(1049)).unwrap(), None, "was in memory only");
    feed(&mut index, 1000, 1050);
    check(&mut index, 1050, 1);
    assert_eq!(index.lookup(id(1050)).unwrap(), None);
}

/// Files must never know more than the ledger: what is not durable may be lost, and come again.
#[test]
fn no_file_holds_an_id_of_an_entry_that_is_not_durable() {
    let dir = TempDir::new().unwrap();
    let mut index = open(dir.path(), 100);
    for number in 0..150 {
        index.insert(id(number), seen(number));
    }
    assert!(!index.wants_seal(), "nothing is durable");
    assert!(index.begin_seal().is_none());
    index.note_applied(120);
    assert!(index.wants_seal());
    let job = index.begin_seal().unwrap();
    check(&mut index, 150, 1);
    index.install(job.run()).unwrap();
    check(&mut index, 150, 1);
    assert_eq!(index.covers_up_to(), 120);
    drop(index);

    let mut index = open(dir.path(), 100);
    check(&mut index, 120, 1);
    for number in 120..150 {
        assert_eq!(index.lookup(id(number)).unwrap(), None, "id {number}");
    }
}

#[test]
fn the_newest_record_of_an_id_is_the_one_found() {
    let dir = TempDir::new().unwrap();
    let mut index = open(dir.path(), 10);
    for round in 0..60 {
        index.insert(id(1), seen(round * 10));
        assert_eq!(index.lookup(id(1)).unwrap(), Some(seen(round * 10)));
        feed(&mut index, 1000 + round * 9, 1009 + round * 9);
        index.note_applied(2000 + round);
        index.seal().unwrap();
        assert_eq!(
            index.lookup(id(1)).unwrap(),
            Some(seen(round * 10)),
            "round {round}"
        );
    }
}

#[test]
fn look_ups_hold_while_a_job_is_out() {
    let dir = TempDir::new().unwrap();
    let mut index = open(dir.path(), 50);
    for number in 0..50 {
        index.insert(id(number), seen(number));
    }
    assert!(
        index.begin_seal().is_none(),
        "nothing was said to be applied"
    );
    index.note_applied(50);
    let job = index.begin_seal().unwrap();
    assert!(index.begin_seal().is_none(), "one job at a time");
    index.insert(id(50), seen(50));
    check(&mut index, 51, 1);
    index.install(Err(IdentityError::Filter)).unwrap_err();
    drop(job);
    let job = index.begin_seal().expect("a failed seal is tried again");
    let finished = std::thread::spawn(|| job.run()).join().unwrap();
    index.install(finished).unwrap();
    assert_eq!(index.covers_up_to(), 50);
    check(&mut index, 51, 1);
}

#[test]
fn a_damaged_filter_is_built_again() {
    let dir = TempDir::new().unwrap();
    let mut index = open(dir.path(), 100);
    feed(&mut index, 0, 300);
    drop(index);
    let filters = files(dir.path(), "filter");
    assert_eq!(filters.len(), 3);
    let mut bytes = fs::read(&filters[0]).unwrap();
    let good = bytes.clone();
    bytes[60] ^= 4;
    fs::write(&filters[0], &bytes).unwrap();
    fs::remove_file(&filters[1]).unwrap();
    let settings = IdentitySettings { seal_ids: 100 };
    let (mut index, report) = IdentityIndex::open(dir.path(), settings).unwrap();
    assert_eq!(report.filters_rebuilt, 2);
    check(&mut index, 300, 1);
    assert_eq!(fs::read(&filters[0]).unwrap(), good);
}

#[test]
fn a_damaged_file_is_noticed_thrown_away_and_built_again() {
    let original = TempDir::new().unwrap();
    let mut index = open(original.path(), 100);
    feed(&mut index, 0, 300);
    drop(index);
    let names: Vec<_> = files(original.path(), "ids");
    let target = &names[1];
    let size = fs::metadata(target).unwrap().len() as usize;
    // The head is padded to a page and the last page to its end; those bytes mean nothing.
    for offset in (0..38).step_by(3).chain((4096..size).step_by(509)) {
        let dir = TempDir::new().unwrap();
        for path in names.iter().chain(&files(original.path(), "filter")) {
            fs::copy(path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
        let damaged = dir.path().join(target.file_name().unwrap());
        let mut bytes = fs::read(&damaged).unwrap();
        bytes[offset] ^= 0x10;
        fs::write(&damaged, &bytes).unwrap();

        let mut index = open(dir.path(), 100);
        let covered = index.covers_up_to();
        if offset >= 38 {
            assert_eq!(covered, 300, "records are checked when they are read");
            let errors: Vec<_> = (100..200)
                .filter_map(|number| index.lookup(id(number)).err())
                .collect();
            assert!(!errors.is_empty(), "byte {offset}");
            for error in errors {
                let IdentityError::Damaged { path } = error else {
                    panic!("{error}")
                };
                assert_eq!(path, damaged);
                index.discard_damaged(&path).unwrap();
            }
        }
        assert_eq!(index.covers_up_to(), 100);
        assert!(!damaged.exists());
        feed(&mut index, 100, 300);
        check(&mut index, 300, 1);
    }
}

#[test]
fn what_a_stopped_merge_left_is_cleared() {
    let (dir, kept) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut index = open(dir.path(), 100);
    feed(&mut index, 0, 300);
    for path in files(dir.path(), "ids") {
        fs::copy(&path, kept.path().join(path.file_name().unwrap())).unwrap();
    }
    feed(&mut index, 300, 400);
    assert_eq!(index.file_count(), 1, "four files became one");
    drop(index);
    // As if the process had stopped before the merged file's inputs were removed.
    for path in files(kept.path(), "ids") {
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(dir.path().join("half.tmp"), b"half").unwrap();
    let mut index = open(dir.path(), 100);
    assert_eq!(index.file_count(), 1);
    assert_eq!(files(dir.path(), "ids").len(), 1);
    assert_eq!(files(dir.path(), "tmp").len(), 0);
    check(&mut index, 400, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a plain ordered map, with seals of every small size (also of one id), in any order,
    /// and reopenings.
    #[test]
    fn it_agrees_with_a_map(
        steps in prop::collection::vec((0_u64..60, any::<u8>(), 0_u8..12), 1..120),
    ) {
        let dir = TempDir::new().unwrap();
        let mut index = open(dir.path(), 3);
        let mut map = std::collections::BTreeMap::new();
        for (position, (number, digest, action)) in steps.into_iter().enumerate() {
            let known = Seen { digest: u128::from(digest), entry_index: position as u64 };
            index.insert(id(number), known);
            map.insert(number, known);
            index.note_applied(position as u64 + 1);
            if action < 4 {
                index.seal().unwrap();
            }
            if action == 0 {
                drop(index);
                index = open(dir.path(), 3);
                prop_assert_eq!(index.covers_up_to(), position as u64 + 1);
            }
        }
        for number in 0..60 {
            prop_assert_eq!(index.lookup(id(number)).unwrap(), map.get(&number).copied());
        }
    }
}
