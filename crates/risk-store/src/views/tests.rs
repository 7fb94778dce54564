use super::{UNLISTED_BATCHES, Views, ViewsHandle};
use crate::ledger::{Ledger, LedgerSettings};
use sled::Batch;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Batches after which sled by itself is 30 of them behind with freeing, and falls back further.
const BATCHES: u32 = 300;
/// Keys of a full batch.
const KEYS: u32 = 900;
/// Threads of other tests that read meanwhile put freeing off for a moment, but not for so many batches.
const MOMENT: usize = 50;
const BEHIND: u32 = 5;

/// Keys of a batch that goes through a tree of some hundred thousand.
fn keys(number: u32) -> impl Iterator<Item = [u8; 4]> {
    let keys = number * KEYS..(number + 1) * KEYS;
    keys.map(|key| (key.wrapping_mul(0x9E37_79B1) >> 14).to_be_bytes())
}

fn batch(number: u32) -> Batch {
    let mut batch = Batch::default();
    for key in keys(number) {
        batch.insert(&key[..], &[number as u8; 300][..]);
    }
    batch
}

#[test]
fn what_batches_replace_is_freed_as_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let views = Views::open(dir.path()).unwrap();
    let freed = Arc::new(AtomicU32::new(0));
    let behind = (0..BATCHES).map(|number| {
        // Memory is freed in the order in which it was left, and this is done in its turn.
        let newest = Arc::clone(&freed);
        crossbeam_epoch::pin().defer(move || newest.fetch_max(number, Ordering::Relaxed));
        views.write(batch(number)).unwrap();
        number - freed.load(Ordering::Relaxed)
    });
    let behind: Vec<u32> = behind.collect();
    let least = behind.iter().rev().take(MOMENT).min();
    assert!(least <= Some(&BEHIND), "batches behind: {behind:?}");
}

/// sled's lists of pages, which their names number.
fn lists(views: &Path) -> BTreeSet<OsString> {
    let names = std::fs::read_dir(views)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    names
        .filter(|name| name.to_str().unwrap().starts_with("snap."))
        .collect()
}

#[test]
fn who_leaves_after_much_was_written_lists_the_pages() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(&dir.path().join("ledger"), LedgerSettings::default()).unwrap();
    let root = dir.path().join("views");
    let (handle, _) = ViewsHandle::open(&root, ledger.reader().clone()).unwrap();
    let views = root.join("000001");
    let write = |numbers: std::ops::RangeInclusive<u32>| {
        let current = handle.current().unwrap();
        numbers.for_each(|number| current.write(batch(number)).unwrap());
        current.sync().unwrap();
    };
    let at_start = lists(&views);

    write(1..=UNLISTED_BATCHES);
    handle.list_pages().unwrap();
    assert_eq!(lists(&views), at_start, "little was written");

    write(UNLISTED_BATCHES + 1..=UNLISTED_BATCHES + 1);
    handle.list_pages().unwrap();
    let listed = lists(&views);
    assert_ne!(listed, at_start, "much was written");
    let written: BTreeSet<[u8; 4]> = (1..=UNLISTED_BATCHES + 1).flat_map(keys).collect();
    let kept = handle.read(|views| {
        let keys = views.db.iter().keys();
        Ok(keys.map(|key| key.unwrap().to_vec()).collect::<Vec<_>>())
    });
    assert!(
        kept.unwrap().into_iter().eq(written),
        "all that was written is there"
    );

    handle.list_pages().unwrap();
    assert_eq!(lists(&views), listed, "nothing was written since");
}
