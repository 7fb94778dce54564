//! The `spotcheck` program: read the command line, load the configuration, do what was asked.

mod cli;
mod commands;
mod config;
mod output;
mod telemetry;
mod wiring;

use clap::Parser;
use std::process::ExitCode;

/// A record makes a dozen short-lived texts; this allocator is quick at them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
