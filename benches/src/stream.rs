//! The results that every bench runs on.

use risk_domain::reference::Reference;
use risk_domain::time::Day;
use risk_sim::BulkStream;

/// Which results to make.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Results in all
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) results: u64,
    /// Enterprises; each has one site and one product, and with zones there are about three
    /// subjects for each
    #[arg(long, default_value_t = 333_333)]
    pub(crate) enterprises: u32,
    /// Days over which they spread
    #[arg(long, default_value_t = 364)]
    pub(crate) days: u32,
    /// Seed
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

impl Args {
    pub(crate) fn results(&self) -> anyhow::Result<BulkStream> {
        let start = "2024-01-01".parse::<Day>()?;
        let stream = BulkStream::new(self.seed, self.enterprises, start, self.days)?;
        Ok(stream.of(&reference()?).results(self.results))
    }
}

pub(crate) fn reference() -> anyhow::Result<Reference> {
    Ok(Reference::builtin()?)
}
