use super::Views;
use sled::Batch;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Batches after which sled by itself is 30 of them behind with freeing, and falls back further.
const BATCHES: u32 = 300;
/// Keys of a full batch.
const KEYS: u32 = 900;
/// Threads of other tests that read meanwhile put freeing off for a moment, but not for so many batches.
const MOMENT: usize = 50;
const BEHIND: u32 = 5;

/// A batch that goes through a tree of some hundred thousand keys.
fn batch(number: u32) -> Batch {
    let mut batch = Batch::default();
    for key in number * KEYS..(number + 1) * KEYS {
        let key = key.wrapping_mul(0x9E37_79B1) >> 14;
        batch.insert(&key.to_be_bytes()[..], &[number as u8; 300][..]);
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
