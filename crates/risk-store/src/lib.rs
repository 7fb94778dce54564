//! Keep it, all or nothing; find it again; prove it unaltered: the ledger and its views.
//!
//! The trip of what the worker appends:
//!
//! 1. [`EncodedResult`] writes a result's canonical bytes; their digest and [`Writer::lookup`] tell the
//!    engine whether it was seen before.
//! 2. [`Writer`] collects results, inputs, rejections and effects, and hands them over as one block.
//! 3. The commit thread hashes, compresses, writes and syncs it ([`ledger`]); only now is it true.
//! 4. Tickets resolve, observers are called, ids enter the [`identity`] index.
//! 5. The view thread takes it into sled, where [`Reader`] finds it.
//!
//! Everything after step 3 can be made again from the ledger, and is, whenever it is behind or damaged.

mod checkpoint;
mod commit;
mod deliveries;
mod error;
mod evidence;
mod fold;
mod identities;
pub mod identity;
pub mod keys;
pub mod ledger;
mod personal;
mod progress;
mod reader;
pub mod records;
mod salt;
mod shelf;
mod store;
mod views;
mod writer;

pub use commit::{Committed, DurableListener, Observer, Ticket};
pub use deliveries::{Ask, Asked, Deliveries, Delivery, EndpointStatus, is_endpoint_name};
pub use error::StoreError;
pub use evidence::{ProvedEntry, ProvedResult, checkpoint_signer};
pub use fold::{Difference, ReplayReport};
pub use personal::{Disclosed, Gone, KeyCounts, RetentionError, RetentionPolicy, secrets_beside};
pub use progress::ShownObserver;
pub use reader::{MAX_PAGE, OutEvent, PlanMoved, Raise, Reader};
pub use records::delivery::{DeliveryRecord, DeliveryState, EndpointRecord, Parked};
pub use records::{
    CommandRecord, DeadLetter, EncodedAssessments, EncodedResult, HeardRecord, Placement,
    Positions, Record, RecordKind, RegistryRecord, Rejected, RejectedRecord, Rejection,
    RejectionSummary, ResultRecord, ShownEntry, SignalRecord, Told,
};
pub use salt::fresh_seed;
pub use shelf::{DRAW_RECORD, PlanShelf};
pub use store::{Opened, Store, StoreOptions, StoreReport, Verified, backup, restore};
pub use views::{
    AlertQuery, DeadLetterQuery, DeadLetterRow, Page, ResultsOf, SubjectOrder, SubjectQuery,
    ViewStats,
};
pub use writer::Writer;
