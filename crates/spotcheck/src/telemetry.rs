//! Logging to standard error.

use crate::config::Log;
use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Starts logging; once in a process.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter)
        .context("log.filter is not a filter, as info or risk_store=debug,info")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if log.json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}
