//! Measured speed and size, as ratios inside one run. `benches/README.md` says what was found.

mod engine;
mod http;
mod identity;
mod kafka;
mod measure;
mod packs;
mod pages;
mod planner;
mod refit;
mod replay;
mod rig;
mod stages;
mod stream;

use clap::{Parser, Subcommand};

/// The program's own allocator, so that figures are its figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Measures what Spotcheck costs; figures hold for the machine and the hour")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Engine(engine::Args),
    Http(http::Args),
    Identity(identity::Args),
    Kafka(kafka::Args),
    Packs(packs::Args),
    Pages(pages::Args),
    Planner(planner::Args),
    Refit(refit::Args),
    Replay(replay::Args),
    Stages(stages::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().what {
        // In processor time of one thread, closes too.
        What::Engine(args) => rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()?
            .install(|| engine::run(&args)),
        What::Http(args) => http::run(&args),
        What::Identity(args) => identity::run(&args),
        What::Kafka(args) => kafka::run(&args),
        What::Packs(args) => packs::run(&args),
        What::Pages(args) => pages::run(&args),
        What::Planner(args) => planner::run(&args),
        What::Refit(args) => refit::run(&args),
        What::Replay(args) => replay::run(&args),
        What::Stages(args) => stages::run(&args),
    }
}
