//! Commands of plans and draws.

use super::DataDir;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DrawCommand {
    /// Draw again from the published pool and record alone, on any machine; exits 1 and names the first
    /// difference if the list does not hold
    Verify(DrawVerify),
}

#[derive(Debug, Args)]
pub(crate) struct DrawVerify {
    /// The published record (record.json)
    pub(crate) record: PathBuf,
    /// The published pool (pool.txt)
    pub(crate) pool: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Make a plan: the list as JSON, CSV and XLSX, and the draw's pool and record
    Make(PlanMake),
    /// What plans were worth: what checks drawn with another gamma would have found, from logged
    /// probabilities and results, with an interval and a warning where the two overlap too little; races of
    /// experts' lists with the engine's; visits against risk by zone, size of enterprise and team; weeks since
    /// the last visit; and the share of tests that chance chose
    Evaluate(PlanEvaluate),
    /// Import the list of a drawn plan as teams filled it in: each filled row of the exported workbook
    /// becomes a result that bears the plan's draw_id; rows that make none are named with their column
    Results(PlanResults),
}

#[derive(Debug, Args)]
pub(crate) struct PlanResults {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Id of the plan, as its lines name it in 抽取编号
    #[arg(long)]
    pub(crate) plan: String,
    /// Id of the agency that ordered the tests
    #[arg(long)]
    pub(crate) agency: String,
    /// Its level: national, provincial, municipal or county
    #[arg(long, default_value = "county")]
    pub(crate) agency_level: String,
    /// Say what each row makes, and import nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// The workbook, filled in
    pub(crate) workbook: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanEvaluate {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Planning policy that the plans were made by; default: the one that ships
    #[arg(long)]
    pub(crate) planning: Option<PathBuf>,
    /// How sharply checks would have followed expected harm, 0 to 20; without it no other rule is looked at
    #[arg(long)]
    pub(crate) gamma: Option<f64>,
    /// How many drawn plans to look at, the latest ones
    #[arg(long, default_value_t = 52)]
    pub(crate) plans: usize,
    /// The day from which to look back at the last visits, as 2026-11-30; default: today
    #[arg(long)]
    pub(crate) on: Option<String>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanMake {
    /// What the plan is to be, in TOML or JSON; config/plans/week.toml is an example
    #[arg(long)]
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Planning policy; default: the one that ships
    #[arg(long)]
    pub(crate) planning: Option<PathBuf>,
    /// Id of the plan; default: P- and its first day
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Value of the beacon that the request names
    #[arg(long)]
    pub(crate) beacon_value: Option<String>,
    /// Directory to write to; made when missing
    #[arg(long)]
    pub(crate) out: PathBuf,
}
