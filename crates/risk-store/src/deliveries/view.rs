//! The view of deliveries in sled.

use super::Delivery;
use crate::keys::{Key, Parts, Table};
use crate::records::delivery::{DeliveryRecord, EndpointRecord};
use crate::views::{Damaged, guard};
use std::path::Path;

/// Deliveries that are kept; beyond it the oldest are forgotten.
const KEPT: usize = 100_000;
/// sled's page cache.
const CACHE_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct View {
    db: sled::Db,
    /// How many deliveries it holds.
    count: usize,
}

pub(super) fn delivery_key(endpoint: &str, entry: u64) -> Vec<u8> {
    let key = Key::of(Table::Delivery).number_down(entry);
    key.text(endpoint).into_bytes()
}

fn endpoint_key(endpoint: &str) -> Vec<u8> {
    Key::of(Table::Endpoint).text(endpoint).into_bytes()
}

fn read_delivery(key: &[u8], value: &[u8]) -> Result<Delivery, Damaged> {
    let mut parts =
        Parts::of(key, Table::Delivery).ok_or_else(|| Damaged::because("a delivery's key"))?;
    let (Some(entry), Some(endpoint), true) = (parts.number_down(), parts.text(), parts.is_empty())
    else {
        return Err(Damaged::because("a delivery's key"));
    };
    let record = postcard::from_bytes(value)?;
    Ok(Delivery {
        endpoint,
        entry,
        record,
    })
}

impl View {
    pub(super) fn open(dir: &Path) -> Result<Self, Damaged> {
        guard(|| {
            let config = sled::Config::new();
            let config = config.path(dir).cache_capacity(CACHE_BYTES);
            let db = config.open()?;
            let count = db.scan_prefix([Table::Delivery as u8]).count();
            Ok(Self { db, count })
        })
    }

    pub(super) fn get(
        &self,
        endpoint: &str,
        entry: u64,
    ) -> Result<Option<DeliveryRecord>, Damaged> {
        let found = self.db.get(delivery_key(endpoint, entry))?;
        Ok(found
            .map(|value| postcard::from_bytes(&value))
            .transpose()?)
    }

    /// Keeps a delivery, and hands what was written to the operating system, so that it outlives the
    /// process.
    pub(super) fn put(
        &mut self,
        endpoint: &str,
        entry: u64,
        record: &DeliveryRecord,
    ) -> Result<(), Damaged> {
        let value = postcard::to_stdvec(record)?;
        if self
            .db
            .insert(delivery_key(endpoint, entry), value)?
            .is_none()
        {
            self.count += 1;
        }
        while self.count > KEPT {
            let oldest = self.db.scan_prefix([Table::Delivery as u8]).next_back();
            let Some(oldest) = oldest else { break };
            self.db.remove(oldest?.0)?;
            self.count -= 1;
        }
        self.db.flush()?;
        Ok(())
    }

    pub(super) fn endpoint(&self, endpoint: &str) -> Result<EndpointRecord, Damaged> {
        let found = self.db.get(endpoint_key(endpoint))?;
        let record = found
            .map(|value| postcard::from_bytes(&value))
            .transpose()?;
        Ok(record.unwrap_or_default())
    }

    pub(super) fn put_endpoint(
        &self,
        endpoint: &str,
        record: &EndpointRecord,
    ) -> Result<(), Damaged> {
        let value = postcard::to_stdvec(record)?;
        self.db.insert(endpoint_key(endpoint), value)?;
        self.db.flush()?;
        Ok(())
    }

    /// Deliveries after a key, the newest first.
    pub(super) fn after(&self, key: Vec<u8>) -> impl Iterator<Item = Result<Delivery, Damaged>> {
        let end = vec![Table::Delivery as u8 + 1];
        let rows = self.db.range(key..end);
        rows.map(|row| {
            let (key, value) = row?;
            read_delivery(&key, &value)
        })
    }
}
