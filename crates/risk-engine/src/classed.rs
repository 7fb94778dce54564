//! Things in an order, by class（分类有序索引）: a page of those that fit a question costs a page.
//!
//! A thing lies in one class, of which there are few: all that lists are filtered by. A question walks the
//! classes that fit it side by side, in the order of places. Nothing of it is state: it is made of what it lists.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;

/// Places of things by class, with what is looked at on the way.
#[derive(Debug, Clone)]
pub(crate) struct Classed<C, P, V>(BTreeMap<C, BTreeMap<P, V>>);

impl<C, P, V> Default for Classed<C, P, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Where a thing lies, and what is kept there.
pub(crate) type Line<C, P, V> = (C, P, V);

impl<C: Ord, P: Ord, V: PartialEq> Classed<C, P, V> {
    /// Puts what lies there now in the place of what lay there before. What stays is not looked for.
    pub(crate) fn change(&mut self, before: &[Line<C, P, V>], after: Vec<Line<C, P, V>>) {
        for (class, place, _) in before {
            let lies = |line: &Line<C, P, V>| line.1 == *place && line.0 == *class;
            if !after.iter().any(lies)
                && let Some(of_class) = self.0.get_mut(class)
            {
                of_class.remove(place);
                if of_class.is_empty() {
                    self.0.remove(class);
                }
            }
        }
        for line in after {
            if !before.contains(&line) {
                let (class, place, value) = line;
                self.0.entry(class).or_default().insert(place, value);
            }
        }
    }

    /// What lies in classes that fit, behind a place if one is named, in the order of places.
    pub(crate) fn behind(&self, fits: impl Fn(&C) -> bool, place: Option<&P>) -> Merged<'_, P, V> {
        let fitting = self.0.iter().filter(|(class, _)| fits(class));
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        let mut merged = Merged {
            heads: BTreeMap::new(),
            ranges: Vec::new(),
        };
        for (at, (_, of_class)) in fitting.enumerate() {
            let mut range = of_class.range((from, Bound::Unbounded));
            if let Some((place, value)) = range.next() {
                merged.heads.insert(place, (value, at));
            }
            merged.ranges.push(range);
        }
        merged
    }

    /// Classes with the number of things in each.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&C, u64)> {
        let classes = self.0.iter();
        classes.map(|(class, of_class)| (class, of_class.len() as u64))
    }

    /// Bytes on the heap, about: nodes of a tree are two thirds full.
    pub(crate) fn heap_bytes(&self) -> usize {
        let lines: usize = self.0.values().map(BTreeMap::len).sum();
        lines * (size_of::<P>() + size_of::<V>()) * 3 / 2
    }
}

/// Several classes in the order of places.
pub(crate) struct Merged<'a, P, V> {
    /// The next of each class. A thing lies in one class, so no two of them have one place.
    heads: BTreeMap<&'a P, (&'a V, usize)>,
    ranges: Vec<Range<'a, P, V>>,
}

impl<'a, P: Ord, V> Iterator for Merged<'a, P, V> {
    type Item = (&'a P, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let (place, (value, of)) = self.heads.pop_first()?;
        if let Some((next, value)) = self.ranges.get_mut(of).and_then(Iterator::next) {
            self.heads.insert(next, (value, of));
        }
        Some((place, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However things move between classes, a walk tells what sorting all of them tells.
        #[test]
        fn a_walk_tells_what_sorting_all_tells(
            moves in prop::collection::vec((0..30_u8, prop::option::of((0..4_u8, 0..9_u8))), 0..120),
            wanted in prop::collection::btree_set(0..4_u8, 0..4),
            behind in prop::option::of((0..9_u8, 0..30_u8)),
        ) {
            let mut now: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
            let mut index = Classed::<u8, (u8, u8), u8>::default();
            for (thing, to) in moves {
                let line = |of: &(u8, u8)| vec![(of.0, (of.1, thing), of.0)];
                let before = now.get(&thing).map(line).unwrap_or_default();
                index.change(&before, to.as_ref().map(line).unwrap_or_default());
                match to {
                    Some(to) => now.insert(thing, to),
                    None => now.remove(&thing),
                };
            }
            let mut plain: Vec<(u8, u8)> = now
                .iter()
                .filter(|(_, (class, _))| wanted.contains(class))
                .map(|(thing, (_, rank))| (*rank, *thing))
                .filter(|place| behind.is_none_or(|behind| *place > behind))
                .collect();
            plain.sort_unstable();
            let walked = index.behind(|class| wanted.contains(class), behind.as_ref());
            let walked: Vec<(u8, u8)> = walked.map(|(place, _)| *place).collect();
            prop_assert_eq!(walked, plain);
            let counted: u64 = index.counts().map(|(_, count)| count).sum();
            prop_assert_eq!(counted, now.len() as u64);
        }
    }
}
