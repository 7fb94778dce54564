//! Measured speed and size, as ratios inside one run. `benches/README.md` says what was found.

mod engine;
mod measure;
mod stream;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Measures what Spotcheck costs; figures hold for the machine and the hour")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Engine(engine::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().what {
        What::Engine(args) => engine::run(&args),
    }
}
