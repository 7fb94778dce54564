//! The table of streams（预警流表）: found by their ids, and those of them that a close must look at.

use super::stream::Stream;
use crate::paged::Paged;
use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
struct Row {
    id: u128,
    /// Whether it stands in the list of lively ones.
    lively: bool,
    stream: Stream,
}

/// All streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    rows: Paged<Row>,
    by_id: HashTable<u32>,
    /// Streams with events of open epochs, or snoozed.
    lively: Vec<u32>,
}

/// An id is a hash already.
fn hash(id: u128) -> u64 {
    id as u64
}

impl Streams {
    fn number(&self, id: u128) -> Option<u32> {
        let same = |number: &u32| self.rows[*number as usize].id == id;
        self.by_id.find(hash(id), same).copied()
    }

    pub(super) fn get(&self, id: u128) -> Option<&Stream> {
        let number = self.number(id)?;
        Some(&self.rows[number as usize].stream)
    }

    fn insert(&mut self, id: u128, stream: Stream) -> u32 {
        let number = self.rows.len() as u32;
        self.rows.push(Row {
            id,
            lively: false,
            stream,
        });
        let rows = &self.rows;
        let hash_of = |number: &u32| hash(rows[*number as usize].id);
        self.by_id.insert_unique(hash(id), number, hash_of);
        number
    }

    fn enliven(&mut self, number: u32) -> &mut Stream {
        let row = &mut self.rows[number as usize];
        if !row.lively {
            row.lively = true;
            self.lively.push(number);
        }
        &mut row.stream
    }

    /// The stream with this id, which an event comes to: from now on closes look at it.
    pub(super) fn touch(&mut self, id: u128) -> Option<&mut Stream> {
        let number = self.number(id)?;
        Some(self.enliven(number))
    }

    /// The same, made where there is none.
    pub(super) fn touch_or_make(&mut self, id: u128, make: impl FnOnce() -> Stream) -> &mut Stream {
        let known = self.number(id);
        let number = known.unwrap_or_else(|| self.insert(id, make()));
        self.enliven(number)
    }

    /// Changes the lively streams, and keeps those lively of which it says so.
    pub(super) fn retain_lively(&mut self, mut stays: impl FnMut(u128, &mut Stream) -> bool) {
        let rows = &mut self.rows;
        self.lively.retain(|number| {
            let row = &mut rows[*number as usize];
            row.lively = stays(row.id, &mut row.stream);
            row.lively
        });
    }

    fn lively_rows(&self) -> impl Iterator<Item = &Row> {
        let lively = self.lively.iter();
        lively.map(|number| &self.rows[*number as usize])
    }

    pub(super) fn lively(&self) -> impl Iterator<Item = (u128, &Stream)> {
        self.lively_rows().map(|row| (row.id, &row.stream))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, &Stream)> {
        self.rows.iter().map(|row| (row.id, &row.stream))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.heap_bytes() + self.by_id.allocation_size()
    }
}

/// As a checkpoint has them: streams by their ids, then the ids of lively ones, so that equal ones are equal bytes.
impl Serialize for Streams {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let streams: BTreeMap<u128, &Stream> = self.iter().collect();
        let lively: BTreeSet<u128> = self.lively_rows().map(|row| row.id).collect();
        (streams, lively).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Streams {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (streams, lively): (BTreeMap<u128, Stream>, BTreeSet<u128>) =
            Deserialize::deserialize(from)?;
        let mut all = Self::default();
        for (id, stream) in streams {
            all.insert(id, stream);
        }
        for id in lively {
            all.touch(id);
        }
        Ok(all)
    }
}
