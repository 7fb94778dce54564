//! Very many short lists（紧凑列表）: most alerts stand alone in their stream and most cases in their docket, and
//! room for three more would take most of the memory.

use serde::{Deserialize, Serialize};

/// Adds to a list that is one of very many and mostly stays short: what it grows by is a quarter of it, and of an
/// empty one nothing but room for what is added.
pub(crate) fn push_tight<T>(list: &mut Vec<T>, one: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 4);
    }
    list.push(one);
}

/// A map that is one of very many and mostly holds one thing or two（紧凑映射）: a tight list in the order of keys.
/// Written as a map is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(K, V)>")]
pub(crate) struct TightMap<K: Ord, V>(Vec<(K, V)>);

impl<K: Ord, V> Default for TightMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> From<Vec<(K, V)>> for TightMap<K, V> {
    /// Of several values of a key the last one stands.
    fn from(list: Vec<(K, V)>) -> Self {
        let mut map = Self(Vec::with_capacity(list.len()));
        for (key, value) in list {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord, V> TightMap<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        // Most come last.
        match self.0.last() {
            Some((last, _)) if last < key => Err(self.0.len()),
            Some(_) | None => self.0.binary_search_by(|(own, _)| own.cmp(key)),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                push_tight(&mut self.0, (key, value));
                self.0[at..].rotate_right(1);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Ok(at) = self.place(key) {
            self.0.remove(at);
        }
    }

    /// Takes those that come first, as long as they are wanted.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&K) -> bool) -> impl Iterator<Item = V> {
        let count = self.0.partition_point(|(key, _)| wanted(key));
        self.0.drain(..count).map(|(_, value)| value)
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn last_key(&self) -> Option<&K> {
        self.0.last().map(|(key, _)| key)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Those whose keys come before this one.
    pub(crate) fn before(&self, key: &K) -> impl Iterator<Item = (&K, &V)> {
        self.iter().take_while(move |(own, _)| *own < key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is put in and taken out, it holds what a tree holds, in the same order and the same bytes.
        #[test]
        fn a_tight_map_is_a_map(
            acts in prop::collection::vec((0..24_u8, prop::option::of(any::<u16>())), 0..60),
            until in 0..24_u8,
        ) {
            let (mut tight, mut tree) = (TightMap::<u8, u16>::default(), BTreeMap::<u8, u16>::new());
            for (key, value) in acts {
                if let Some(value) = value {
                    tight.insert(key, value);
                    tree.insert(key, value);
                } else {
                    tight.remove(&key);
                    tree.remove(&key);
                }
                prop_assert_eq!(tight.get(&key), tree.get(&key));
            }
            prop_assert!(tight.iter().eq(tree.iter()) && tight.keys().eq(tree.keys()));
            prop_assert!(tight.before(&until).eq(tree.range(..until)));
            prop_assert_eq!(tight.last_key(), tree.keys().next_back());
            prop_assert_eq!((tight.len(), tight.is_empty()), (tree.len(), tree.is_empty()));
            let bytes = postcard::to_stdvec(&tight).unwrap();
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&tree).unwrap());
            prop_assert_eq!(&postcard::from_bytes::<TightMap<u8, u16>>(&bytes).unwrap(), &tight);
            let taken: Vec<u16> = tight.take_first(|key| *key < until).collect();
            let rest = tree.split_off(&until);
            prop_assert!(taken.iter().eq(tree.values()) && tight.values().eq(rest.values()));
        }
    }

    #[test]
    fn short_lists_hold_no_spare_room_and_long_ones_grow_by_a_share() {
        let mut list = Vec::new();
        let mut moved = 0;
        for one in 0..10_000_u32 {
            let before = list.capacity();
            push_tight(&mut list, one);
            moved += usize::from(list.capacity() != before);
            assert!(list.capacity() <= list.len() + list.len() / 4 + 1);
            assert!(list.len() > 4 || list.capacity() == list.len(), "{one}");
        }
        assert!(list.into_iter().eq(0..10_000));
        assert!(moved < 60, "{moved}");
    }
}
