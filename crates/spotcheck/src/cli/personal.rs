//! Arguments of `personal`.

use super::DataDir;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PersonalCommand {
    /// How many keys of personal data there are, by kind and month, and how long each kind is kept
    Status(PersonalStatus),
    /// Erase what the ledger holds of one person: here and wherever the same name and contact stand. It cannot be
    /// taken back. The server must be stopped; while it runs, POST /v1/signals/ID/erase does the same
    Erase(PersonalErase),
    /// Erase what is kept no longer by the retention policy; a running server does so by itself every day
    Expire(PersonalStatus),
}

#[derive(Debug, Args)]
pub(crate) struct PersonalStatus {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Retention policy; default: the one that ships
    #[arg(long)]
    pub(crate) retention: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PersonalErase {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// A signal of the person
    #[arg(
        long,
        required_unless_present = "dead_letter",
        conflicts_with = "dead_letter"
    )]
    pub(crate) signal: Option<String>,
    /// A dead letter, by its ledger entry; its record goes alone
    #[arg(long)]
    pub(crate) dead_letter: Option<u64>,
    /// On which ground: retention, purpose_ended, consent_withdrawn, unlawful or other_law
    #[arg(long)]
    pub(crate) rule: String,
    /// Why, without people's names: it is kept in the ledger
    #[arg(long)]
    pub(crate) reason: String,
    /// Who does it, as an officer's number
    #[arg(long)]
    pub(crate) actor: String,
}
