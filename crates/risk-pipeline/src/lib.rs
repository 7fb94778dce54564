//! Bring it in once, send it out: sources, worker, dead letters, publisher.
//!
//! The path of a record through this crate:
//!
//! 1. A [`source::Source`] hands it over as bytes, with the partition and offset it stood at:
//!    a Kafka partition, the in-process intake that HTTP feeds, a file, or an import.
//! 2. [`wire::decode`] checks it and makes an inspection result of it, or names what is wrong with
//!    it: a code of a closed list, the field, the value and the rule.
//! 3. A rejected record becomes a dead letter, kept whole. Past a limit of these ([`dead_letter`])
//!    its partition stops, because then the fault lies with the feed and not with a record.
//! 4. The [`worker`] handles records in the order of their partition, so positions move along the
//!    contiguous prefix of what was applied or rejected.
//!
//! What follows from the ledger goes out by the [`publisher`] to topics, and by [`webhook`] senders to
//! endpoints of others. A [`witness`] keeps signed checkpoints of it.
//!
//! Time is an argument everywhere but in [`clock`].

pub mod clock;
pub mod dead_letter;
pub mod import;
pub mod metrics;
pub mod notes;
pub mod publisher;
pub mod source;
pub mod topics;
pub mod webhook;
pub mod wire;
pub mod witness;
pub mod worker;
