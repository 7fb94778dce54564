//! Deliveries（投递）: what became of outgoing events at the endpoints that are told of them.
//!
//! Two things are kept in a directory beside the views. A **cursor** for each endpoint, in a file of
//! its own that is synced: every event of an entry below it is done with there. And the **view** of
//! deliveries in sled: attempts, answers, what is given up, which endpoint is parked. The ledger does
//! not know it, so it cannot be made again; when it is lost, events beyond the cursor that were
//! delivered already are delivered once more, under the same ids, and nothing is left out.

mod view;

use crate::error::StoreError;
use crate::keys::{Key, Table};
use crate::records::delivery::{DeliveryRecord, DeliveryState, EndpointRecord};
use crate::views::{Damaged, Page, guard};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use view::{View, delivery_key};

/// Directory of deliveries in a shard's directory.
pub(crate) const DELIVERIES_DIR: &str = "deliveries";
/// Deliveries looked at for one page.
const SCANNED: usize = 20_000;

/// One event at one endpoint（投递）.
#[doc(alias = "投递")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The endpoint's name.
    pub endpoint: String,
    /// The event's ledger entry.
    pub entry: u64,
    /// What became of it so far.
    pub record: DeliveryRecord,
}

/// An endpoint that this process sends to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// What it understands, as `webhook` or `dingtalk`.
    pub kind: &'static str,
    /// Every event of an entry below this one is done with.
    pub next: u64,
    /// How it behaves.
    pub record: EndpointRecord,
}

/// What somebody asked of an endpoint's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To send the event of this entry again.
    Resend(u64),
    /// To try again although it was parked.
    Unpark,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The sender will do it.
    Taken,
    /// There is no such delivery, or nobody sends to such an endpoint now.
    Unknown,
    /// There is nothing to do: the delivery waits already, or the endpoint is not parked.
    Needless,
}

/// The sender of an endpoint, as others see it.
#[derive(Debug)]
struct Sender {
    kind: &'static str,
    next: u64,
    asks: Vec<Ask>,
}

/// Deliveries of a shard（投递）; clones share everything.
#[derive(Debug, Clone)]
pub struct Deliveries(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    dir: PathBuf,
    shard: u16,
    view: Mutex<Option<View>>,
    senders: Mutex<BTreeMap<String, Sender>>,
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an endpoint's name can be a file's name, a label and a part of an id as it is: lower-case
/// letters, digits and dashes.
pub fn is_endpoint_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

impl Deliveries {
    /// Those of a shard; nothing is made before an endpoint begins.
    pub(crate) fn of(shard_dir: &Path, shard: u16) -> Self {
        Self(Arc::new(Kept {
            dir: shard_dir.join(DELIVERIES_DIR),
            shard,
            view: Mutex::default(),
            senders: Mutex::default(),
        }))
    }

    /// The id of a delivery: the same however often it is tried, and in every list and header.
    pub fn id(&self, endpoint: &str, entry: u64) -> String {
        format!("{endpoint}_{}-{entry}", self.0.shard)
    }

    /// The endpoint and the entry of a delivery's id; none if it is no id of this shard.
    pub fn read_id<'i>(&self, id: &'i str) -> Option<(&'i str, u64)> {
        let (endpoint, event) = id.split_once('_')?;
        let (shard, entry) = event.split_once('-')?;
        let ours = shard.parse() == Ok(self.0.shard);
        let entry = entry.parse().ok()?;
        (ours && self.id(endpoint, entry) == id).then_some((endpoint, entry))
    }

    fn cursor_file(&self, endpoint: &str) -> PathBuf {
        self.0.dir.join(format!("{endpoint}.next"))
    }

    /// Works on the view. One that is damaged is thrown away, and the work is done on an empty one.
    fn view<T>(
        &self,
        mut work: impl FnMut(&mut View) -> Result<T, Damaged>,
    ) -> Result<T, StoreError> {
        let dir = self.0.dir.join("view");
        let mut held = lock(&self.0.view);
        let mut tries = 0;
        loop {
            tries += 1;
            let done = match &mut *held {
                Some(view) => guard(|| work(view)),
                None => View::open(&dir).and_then(|view| {
                    let view = held.insert(view);
                    guard(|| work(view))
                }),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(Damaged(reason)) => {
                    *held = None;
                    if tries > 1 {
                        tracing::error!(reason, "no view of deliveries can be made");
                        return Err(StoreError::ViewsUnavailable);
                    }
                    tracing::warn!(
                        reason,
                        "the view of deliveries is damaged and begun anew; what was delivered last is delivered again, under the same ids"
                    );
                    match fs::remove_dir_all(&dir) {
                        Err(error) if error.kind() != ErrorKind::NotFound => {
                            return Err(StoreError::io("remove", &dir)(error));
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
            }
        }
    }

    /// Begins to send to an endpoint: where its cursor stands, or from `start` on where it has none yet.
    /// `durable` is how many entries the ledger has; a cursor beyond it is of another ledger, and is set
    /// back to it.
    pub fn begin(
        &self,
        endpoint: &str,
        kind: &'static str,
        start: u64,
        durable: u64,
    ) -> Result<u64, StoreError> {
        fs::create_dir_all(&self.0.dir).map_err(StoreError::io("create", &self.0.dir))?;
        let file = self.cursor_file(endpoint);
        let known = match fs::read_to_string(&file) {
            Ok(text) => {
                let next = text.trim().parse::<u64>();
                Some(next.map_err(|_error| {
                    // To begin anew at the end would leave events out; somebody must say where.
                    StoreError::io("read an entry's number from", &file)(
                        ErrorKind::InvalidData.into(),
                    )
                })?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("read", &file)(error)),
        };
        let next = match known {
            Some(next) if next <= durable => next,
            Some(next) => {
                tracing::warn!(
                    endpoint,
                    next,
                    durable,
                    "the endpoint's cursor is beyond the ledger, and is set to its end"
                );
                self.write_cursor(endpoint, durable)?;
                durable
            }
            None => {
                self.write_cursor(endpoint, start)?;
                start
            }
        };
        let sender = Sender {
            kind,
            next,
            asks: Vec::new(),
        };
        lock(&self.0.senders).insert(endpoint.to_owned(), sender);
        Ok(next)
    }

    fn write_cursor(&self, endpoint: &str, next: u64) -> Result<(), StoreError> {
        if !is_endpoint_name(endpoint) {
            let named = ErrorKind::InvalidInput.into();
            return Err(StoreError::io(
                "keep the cursor of an endpoint in",
                &self.0.dir,
            )(named));
        }
        let file = self.cursor_file(endpoint);
        let fresh = file.with_extension("tmp");
        let failed = || StoreError::io("write", &fresh);
        let mut writing = File::create(&fresh).map_err(failed())?;
        writing
            .write_all(format!("{next}\n").as_bytes())
            .map_err(failed())?;
        writing.sync_all().map_err(failed())?;
        fs::rename(&fresh, &file).map_err(StoreError::io("rename", &fresh))?;
        let dir = File::open(&self.0.dir).map_err(failed())?;
        dir.sync_all().map_err(failed())
    }

    /// Says that every event of an entry below `next` is done with at an endpoint.
    pub fn advance(&self, endpoint: &str, next: u64) -> Result<(), StoreError> {
        self.write_cursor(endpoint, next)?;
        if let Some(sender) = lock(&self.0.senders).get_mut(endpoint) {
            sender.next = next;
        }
        Ok(())
    }

    /// What became of an event at an endpoint; none where it was not tried yet.
    pub fn get(&self, endpoint: &str, entry: u64) -> Result<Option<DeliveryRecord>, StoreError> {
        if !self.0.dir.exists() {
            return Ok(None);
        }
        self.view(|view| view.get(endpoint, entry))
    }

    /// Keeps what became of an event at an endpoint.
    pub fn put(
        &self,
        endpoint: &str,
        entry: u64,
        record: &DeliveryRecord,
    ) -> Result<(), StoreError> {
        self.view(|view| view.put(endpoint, entry, record))
    }

    /// How an endpoint behaved so far.
    pub fn endpoint(&self, endpoint: &str) -> Result<EndpointRecord, StoreError> {
        self.view(|view| view.endpoint(endpoint))
    }

    /// Keeps how an endpoint behaves.
    pub fn put_endpoint(&self, endpoint: &str, record: &EndpointRecord) -> Result<(), StoreError> {
        self.view(|view| view.put_endpoint(endpoint, record))
    }

    /// Entries below `next` whose delivery to an endpoint waits: somebody asked for them again.
    pub fn asked_again(&self, endpoint: &str, next: u64) -> Result<Vec<u64>, StoreError> {
        self.view(|view| {
            let Some(last) = next.checked_sub(1) else {
                return Ok(Vec::new());
            };
            let from = Key::of(Table::Delivery).number_down(last).into_bytes();
            let mut waiting = Vec::new();
            for delivery in view.after(from) {
                let delivery = delivery?;
                if delivery.endpoint == endpoint && delivery.record.state == DeliveryState::Waiting
                {
                    waiting.push(delivery.entry);
                }
            }
            Ok(waiting)
        })
    }

    /// Deliveries that `keep` keeps, the newest event first. So many are looked at for one page that it
    /// may hold fewer than asked for and still have a next one.
    pub fn list(
        &self,
        keep: &dyn Fn(&Delivery) -> bool,
        limit: usize,
        after: Option<(&str, u64)>,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        if !self.0.dir.exists() {
            return Ok(page);
        }
        let from = match after {
            Some((endpoint, entry)) => {
                let mut key = delivery_key(endpoint, entry);
                key.push(0);
                key
            }
            None => vec![Table::Delivery as u8],
        };
        self.view(|view| {
            let mut items = Vec::new();
            let mut last = None;
            for (scanned, delivery) in view.after(from.clone()).enumerate() {
                if items.len() == limit || scanned == SCANNED {
                    return Ok((items, last));
                }
                let delivery = delivery?;
                last = Some(self.id(&delivery.endpoint, delivery.entry));
                if keep(&delivery) {
                    items.push(delivery);
                }
            }
            Ok((items, None))
        })
        .map(|(items, next)| {
            page.items = items;
            page.next = next;
            page
        })
    }

    /// Endpoints that this process sends to, by name.
    pub fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        let known: Vec<(String, &'static str, u64)> = lock(&self.0.senders)
            .iter()
            .map(|(name, sender)| (name.clone(), sender.kind, sender.next))
            .collect();
        let status = |(name, kind, next): (String, &'static str, u64)| {
            let record = self.endpoint(&name)?;
            Ok(EndpointStatus {
                name,
                kind,
                next,
                record,
            })
        };
        known.into_iter().map(status).collect()
    }

    /// Asks to have an event sent to an endpoint again.
    pub fn resend(&self, endpoint: &str, entry: u64) -> Result<Asked, StoreError> {
        // Held throughout, so that the sender does not take the ask before it is written.
        let mut senders = lock(&self.0.senders);
        let Some(sender) = senders.get_mut(endpoint) else {
            return Ok(Asked::Unknown);
        };
        let asked = self.view(|view| {
            let Some(mut record) = view.get(endpoint, entry)? else {
                return Ok(Asked::Unknown);
            };
            if record.state == DeliveryState::Waiting {
                return Ok(Asked::Needless);
            }
            record.state = DeliveryState::Waiting;
            record.attempts = 0;
            record.next_at = None;
            record.asked_again += 1;
            view.put(endpoint, entry, &record)?;
            Ok(Asked::Taken)
        })?;
        if asked == Asked::Taken {
            sender.asks.push(Ask::Resend(entry));
        }
        Ok(asked)
    }

    /// Asks to try a parked endpoint again.
    pub fn unpark(&self, endpoint: &str) -> Result<Asked, StoreError> {
        let mut senders = lock(&self.0.senders);
        let Some(sender) = senders.get_mut(endpoint) else {
            return Ok(Asked::Unknown);
        };
        let asked = self.view(|view| {
            if view.endpoint(endpoint)?.parked.is_none() {
                return Ok(Asked::Needless);
            }
            view.put_endpoint(endpoint, &EndpointRecord::default())?;
            Ok(Asked::Taken)
        })?;
        if asked == Asked::Taken {
            sender.asks.push(Ask::Unpark);
        }
        Ok(asked)
    }

    /// What was asked of an endpoint's sender since the last time.
    pub fn take_asks(&self, endpoint: &str) -> Vec<Ask> {
        let mut senders = lock(&self.0.senders);
        let asks = senders.get_mut(endpoint).map(|sender| &mut sender.asks);
        asks.map(std::mem::take).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::delivery::Parked;
    use risk_domain::time::Timestamp;

    fn record(state: DeliveryState) -> DeliveryRecord {
        DeliveryRecord {
            event: "alerts".to_owned(),
            subject: "enterprise:甲".to_owned(),
            state,
            attempts: 3,
            first_at: None,
            last_at: Some(Timestamp::from_millis(1)),
            next_at: None,
            status: Some(500),
            problem: "it answered 500".to_owned(),
            asked_again: 0,
        }
    }

    #[test]
    fn a_cursor_outlives_the_view_and_is_never_begun_anew() {
        let home = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::of(home.path(), 3);
        assert_eq!(deliveries.begin("ops", "webhook", 7, 9).unwrap(), 7);
        deliveries.advance("ops", 8).unwrap();
        deliveries
            .put("ops", 8, &record(DeliveryState::Delivered))
            .unwrap();
        drop(deliveries);
        let view = home.path().join("deliveries/view/db");
        fs::write(&view, vec![0xA5; 4096]).unwrap();
        let deliveries = Deliveries::of(home.path(), 3);
        assert_eq!(deliveries.begin("ops", "webhook", 9, 9).unwrap(), 8);
        assert_eq!(deliveries.get("ops", 8).unwrap(), None, "the view was lost");
        let of_another_ledger = Deliveries::of(home.path(), 3);
        assert_eq!(of_another_ledger.begin("ops", "webhook", 0, 5).unwrap(), 5);
        fs::write(home.path().join("deliveries/ops.next"), "later").unwrap();
        let refused = of_another_ledger.begin("ops", "webhook", 9, 9).unwrap_err();
        assert!(refused.to_string().contains("ops.next"), "{refused}");
    }

    #[test]
    fn deliveries_are_listed_newest_first_page_by_page() {
        let home = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::of(home.path(), 3);
        assert_eq!(
            deliveries.list(&|_| true, 9, None).unwrap().items,
            [],
            "nothing is made by asking"
        );
        assert!(!home.path().join("deliveries").exists());
        for name in ["a", "b"] {
            deliveries.begin(name, "webhook", 0, 0).unwrap();
            for entry in 0..5 {
                let state = DeliveryState::ALL[entry as usize % 3];
                deliveries.put(name, entry, &record(state)).unwrap();
            }
        }
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let place = after.as_deref().map(|id| deliveries.read_id(id).unwrap());
            let page = deliveries.list(&|_| true, 3, place).unwrap();
            seen.extend(page.items.into_iter().map(|one| (one.entry, one.endpoint)));
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        let expected: Vec<(u64, String)> = (0..5u64)
            .rev()
            .flat_map(|entry| ["a", "b"].map(|name| (entry, name.to_owned())))
            .collect();
        assert_eq!(seen, expected);
        let failed = |one: &Delivery| one.record.state == DeliveryState::Failed;
        assert_eq!(deliveries.list(&failed, 9, None).unwrap().items.len(), 2);
    }

    #[test]
    fn what_is_done_with_can_be_asked_for_again_and_a_parked_endpoint_be_tried() {
        let home = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::of(home.path(), 3);
        deliveries.begin("ops", "webhook", 9, 9).unwrap();
        deliveries
            .put("ops", 4, &record(DeliveryState::Failed))
            .unwrap();
        assert_eq!(deliveries.resend("ops", 5).unwrap(), Asked::Unknown);
        assert_eq!(deliveries.resend("other", 4).unwrap(), Asked::Unknown);
        assert_eq!(deliveries.resend("ops", 4).unwrap(), Asked::Taken);
        assert_eq!(deliveries.resend("ops", 4).unwrap(), Asked::Needless);
        let asked = deliveries.get("ops", 4).unwrap().unwrap();
        assert_eq!((asked.attempts, asked.asked_again), (0, 1));
        assert_eq!(deliveries.asked_again("ops", 9).unwrap(), [4]);
        assert_eq!(deliveries.asked_again("ops", 4).unwrap(), [0; 0]);

        assert_eq!(deliveries.unpark("ops").unwrap(), Asked::Needless);
        let parked = EndpointRecord {
            failures: 20,
            retry_at: None,
            parked: Some(Parked {
                at: Timestamp::from_millis(5),
                why: "gone".to_owned(),
            }),
        };
        deliveries.put_endpoint("ops", &parked).unwrap();
        assert_eq!(deliveries.endpoints().unwrap()[0].record, parked);
        assert_eq!(deliveries.unpark("ops").unwrap(), Asked::Taken);
        assert_eq!(
            deliveries.take_asks("ops"),
            [Ask::Resend(4), Ask::Unpark],
            "in order"
        );
        assert_eq!(deliveries.take_asks("ops"), []);
    }

    #[test]
    fn names_that_could_leave_the_directory_are_none() {
        for name in ["", "../x", "a/b", "A", "a_b", "甲", &"a".repeat(41)] {
            assert!(!is_endpoint_name(name), "{name}");
        }
        assert!(is_endpoint_name("ops-1"));
        let deliveries = Deliveries::of(Path::new("nowhere"), 3);
        let id = deliveries.id("ops-1", 40);
        assert_eq!(id, "ops-1_3-40");
        assert_eq!(deliveries.read_id(&id), Some(("ops-1", 40)));
        for id in ["ops-1_2-40", "ops-1_3-040", "ops-1_3", "_", "ops-1-3-40"] {
            assert_eq!(deliveries.read_id(id), None, "{id}");
        }
    }
}
