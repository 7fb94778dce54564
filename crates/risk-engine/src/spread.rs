//! Work that many processors share（并行）.
//!
//! What is shared is a function of each item alone, or a sum of integers, so nobody can tell from what
//! comes out how many there were.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use std::ops::Range;

/// Items that are worth another thread, which takes some time to wake and to fall asleep again.
const WORTH: usize = 4_096;

/// Lets `work` take `0..count` in ranges, one for each thread, and returns what it made of them in their
/// order. Few items are taken in one range, on this thread.
pub(crate) fn spread<R: Send>(count: usize, work: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
    let parts = rayon::current_num_threads().min(count / WORTH);
    if parts < 2 {
        return vec![work(0..count)];
    }
    let size = count.div_ceil(parts);
    let range = |part: usize| (part * size).min(count)..((part + 1) * size).min(count);
    let parts = (0..parts).into_par_iter();
    parts.map(|part| work(range(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once_and_in_order_by_any_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            for count in [0, 1, WORTH - 1, 2 * WORTH, 2 * WORTH + 1, 10 * WORTH + 3] {
                let parts = pool.install(|| spread(count, Iterator::collect::<Vec<_>>));
                assert!(parts.len() <= threads, "{threads} threads, {count} items");
                assert_eq!(parts.concat(), (0..count).collect::<Vec<_>>());
            }
        }
    }
}
