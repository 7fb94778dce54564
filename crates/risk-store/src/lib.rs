//! Keep it, all or nothing; find it again; prove it unaltered: the ledger and its views.

pub mod identity;
pub mod ledger;
