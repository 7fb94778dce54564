//! The subcommands.

mod evaluate;
mod import;
mod personal;
mod plan;
mod report;
mod serve;
mod simulate;
pub(crate) mod token;
mod tune_alerts;
mod upkeep;

use crate::cli::{
    Command, DrawCommand, EvaluateCommand, LedgerCommand, PlanCommand, SimulateCommand,
    TopicsCommand,
};
use crate::config::Config;
use std::path::Path;
use std::process::ExitCode;

/// Does what was asked.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => serve::demo(&args),
        Command::Serve(args) => serve::serve(&configuration(args.configured.config.as_deref())?),
        Command::Import(args) => import::import(&args),
        Command::Ledger {
            command: LedgerCommand::Verify(args),
        } => upkeep::verify(&args),
        Command::Ledger {
            command: LedgerCommand::Show(args),
        } => upkeep::show(&args),
        Command::Ledger {
            command: LedgerCommand::Checkpoint(args),
        } => upkeep::checkpoint(&args),
        Command::Ledger {
            command: LedgerCommand::Key(args),
        } => upkeep::key(&args),
        Command::Evidence(args) => upkeep::evidence(&args),
        Command::Report(args) => report::report(&args),
        Command::Rebuild(args) => upkeep::rebuild(&args),
        Command::Replay(args) => upkeep::replay(&args),
        Command::Backup(args) => upkeep::backup(&args),
        Command::Restore(args) => upkeep::restore(&args),
        Command::Personal { command } => personal::personal(&command),
        Command::Token { command } => token::token(&command),
        Command::Topics {
            command: TopicsCommand::Create(args),
        } => upkeep::create_topics(&args, &configuration(args.configured.config.as_deref())?),
        Command::Check(args) => upkeep::check(&configuration(args.config.as_deref())?),
        Command::TuneAlerts(args) => tune_alerts::tune_alerts(&args),
        Command::Evaluate {
            command: EvaluateCommand::World(args),
        } => evaluate::world(&args),
        Command::Evaluate {
            command: EvaluateCommand::Records(args),
        } => evaluate::records(&args),
        Command::Evaluate {
            command: EvaluateCommand::Handling(args),
        } => evaluate::handling(&args),
        Command::Plan {
            command: PlanCommand::Make(args),
        } => plan::plan(&args),
        Command::Plan {
            command: PlanCommand::Evaluate(args),
        } => plan::evaluate(&args),
        Command::Plan {
            command: PlanCommand::Results(args),
        } => plan::results(&args),
        Command::Draw {
            command: DrawCommand::Verify(args),
        } => plan::verify(&args),
        Command::Simulate {
            command: SimulateCommand::City(args),
        } => simulate::city(&args),
        Command::Simulate {
            command: SimulateCommand::Plan(args),
        } => simulate::plan(&args),
    }
}

/// The configuration; the one place where the environment is read.
pub(crate) fn configuration(file: Option<&Path>) -> anyhow::Result<Config> {
    Config::load(file, std::env::vars())
}
