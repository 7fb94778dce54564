//! The position up to which everything is settled（连续前缀）.

use crate::source::Offset;
use std::collections::VecDeque;

/// Follows one partition's records（位点）from delivery to settlement, and tells the offset before which
/// every delivered record is settled. A later record can never carry the position past an earlier
/// one that is not settled. Offsets may have gaps, as compaction and transactions leave them.
#[doc(alias = "位点")]
#[derive(Debug, Clone)]
pub struct OffsetTracker {
    position: Offset,
    /// Delivered, in order, from the first unsettled one on.
    open: VecDeque<(Offset, bool)>,
}

/// A call that does not fit what was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OffsetError {
    /// A delivered offset that does not follow the last one.
    #[error("offset {0} was delivered after a later one")]
    NotAscending(Offset),
    /// A settled offset that is not open.
    #[error("offset {0} was settled without being open")]
    NotOpen(Offset),
}

impl OffsetTracker {
    /// A tracker of a partition that is read from `position` on.
    pub fn new(position: Offset) -> Self {
        Self {
            position,
            open: VecDeque::new(),
        }
    }

    /// The offset to read from after a restart: that of the next record.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Delivered records that hold the position back.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Notes that the record at `offset` was delivered.
    pub fn deliver(&mut self, offset: Offset) -> Result<(), OffsetError> {
        let least = match self.open.back() {
            Some((last, _)) => last.next(),
            None => self.position,
        };
        if offset < least {
            return Err(OffsetError::NotAscending(offset));
        }
        self.open.push_back((offset, false));
        Ok(())
    }

    /// Notes that the record at `offset` was applied or rejected, durably, and returns the
    /// position.
    pub fn settle(&mut self, offset: Offset) -> Result<Offset, OffsetError> {
        let found = self.open.binary_search_by_key(&offset, |(at, _)| *at);
        match found.ok().and_then(|index| self.open.get_mut(index)) {
            Some((_, settled @ false)) => *settled = true,
            Some((_, true)) | None => return Err(OffsetError::NotOpen(offset)),
        }
        while let Some((at, true)) = self.open.front() {
            self.position = at.next();
            self.open.pop_front();
        }
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hole_holds_the_position_back() {
        let mut tracker = OffsetTracker::new(Offset(5));
        for offset in [5, 6, 9] {
            tracker.deliver(Offset(offset)).unwrap();
        }
        assert_eq!(tracker.settle(Offset(9)), Ok(Offset(5)));
        assert_eq!(tracker.settle(Offset(5)), Ok(Offset(6)));
        assert_eq!(
            tracker.settle(Offset(6)),
            Ok(Offset(10)),
            "the gap is no hole"
        );
        assert_eq!(tracker.open(), 0);
    }

    #[test]
    fn calls_that_do_not_fit_are_refused() {
        let mut tracker = OffsetTracker::new(Offset(5));
        let early = OffsetError::NotAscending(Offset(4));
        assert_eq!(tracker.deliver(Offset(4)), Err(early));
        tracker.deliver(Offset(5)).unwrap();
        let again = OffsetError::NotAscending(Offset(5));
        assert_eq!(tracker.deliver(Offset(5)), Err(again));
        let unknown = OffsetError::NotOpen(Offset(7));
        assert_eq!(tracker.settle(Offset(7)), Err(unknown));
    }

    proptest! {
        /// After any prefix of any order of settlement, the position is one past the longest
        /// settled prefix of what was delivered.
        #[test]
        fn the_position_is_the_contiguous_prefix(
            gaps in proptest::collection::vec(1_i64..4, 1..40),
            order in any::<u64>(),
        ) {
            let mut at = 0;
            let delivered: Vec<Offset> = gaps.iter().map(|gap| { at += gap; Offset(at) }).collect();
            let mut tracker = OffsetTracker::new(Offset(0));
            for offset in &delivered {
                tracker.deliver(*offset).unwrap();
            }
            let mut shuffled = delivered.clone();
            let mut state = order | 1;
            for index in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(index, (state >> 33) as usize % (index + 1));
            }
            let mut settled = std::collections::BTreeSet::new();
            for offset in shuffled {
                let position = tracker.settle(offset).unwrap();
                settled.insert(offset);
                let prefix = delivered.iter().take_while(|at| settled.contains(at)).last();
                prop_assert_eq!(position, prefix.map_or(Offset(0), |at| at.next()));
                prop_assert_eq!(tracker.settle(offset), Err(OffsetError::NotOpen(offset)));
            }
        }
    }
}
