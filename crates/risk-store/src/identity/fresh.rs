//! New ids（新标识）, which no file has yet.

use super::{IdHash, Record};
use hashbrown::HashTable;

/// New ids in memory. Records stand one behind the other in the order they came, and the table holds their
/// places alone: it is small enough for the processor's cache, which forty times as many bytes are not.
pub(crate) struct FreshIds {
    records: Vec<Record>,
    places: HashTable<u32>,
}

impl FreshIds {
    /// Room for so many, and for some that come until they are sealed.
    pub(crate) fn with_room(ids: usize) -> Self {
        let ids = ids + ids / 32;
        Self {
            records: Vec::with_capacity(ids),
            places: HashTable::with_capacity(ids),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// All of them, in the order they came.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn find(&self, id: IdHash) -> Option<&Record> {
        let records = &self.records;
        let is_it = |place: &u32| {
            let record = records.get(*place as usize);
            record.is_some_and(|record| record.id() == id)
        };
        let place = self.places.find(id.halves().1, is_it)?;
        records.get(*place as usize)
    }

    /// Adds an id, in place of what was known of it.
    pub(crate) fn insert(&mut self, record: Record) {
        let Self { records, places } = self;
        let hash = record.table_hash();
        let is_it = |place: &u32| {
            let known = records.get(*place as usize);
            known.is_some_and(|known| known.id() == record.id())
        };
        if let Some(place) = places.find(hash, is_it) {
            if let Some(known) = records.get_mut(*place as usize) {
                *known = record;
            }
            return;
        }
        let place = records.len() as u32;
        records.push(record);
        let hash_of = |place: &u32| records.get(*place as usize).map_or(0, Record::table_hash);
        places.insert_unique(hash, place, hash_of);
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.places.allocation_size()
    }
}
