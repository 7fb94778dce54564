//! The command line: what can be asked, and how each command explains itself.

pub(crate) mod personal;
mod plan;

use clap::{Args, Parser, Subcommand};
use personal::PersonalCommand;
pub(crate) use plan::{DrawCommand, DrawVerify, PlanCommand, PlanEvaluate, PlanMake, PlanResults};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Streaming risk engine for product sampling inspection（产品质量抽查风险引擎）.
///
/// Start with `spotcheck demo`: it needs nothing but this program.
#[derive(Debug, Parser)]
#[command(name = "spotcheck", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a synthetic city and serve it: grades, alerts and metrics to look at
    Demo(Demo),
    /// Run: read results from Kafka or from HTTP posts, grade, alert, serve
    Serve(Serve),
    /// Import result files (NDJSON, CSV, XLSX) by a column mapping; reports what it rejects, row by row
    Import(Import),
    /// Check and show the ledger
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Make the evidence pack of a grade, an alert, a case or a draw: what was concluded, what it rests on, and
    /// proofs that `docs/verify/verify.py` checks (a running server gives the same at /v1/subjects/ID/pack)
    Evidence(Evidence),
    /// Make a weekly or monthly report of the city, a sector or a zone, the sheet of a zone or the letter to
    /// an enterprise, as page, PDF, workbook or JSON (a running server gives the same under /v1/reports and at
    /// /v1/subjects/ID/letter)
    Report(Report),
    /// Throw the views away and build them anew from the ledger; prints the state hash
    Rebuild(DataDir),
    /// Judge the recorded inputs again with this program and list what would differ (exit 1 if anything does)
    Replay(DataDir),
    /// Copy the ledger to another directory, consistently
    Backup(Backup),
    /// Make a data directory of a backup, and rebuild its views
    Restore(Restore),
    /// What the ledger holds of people: counted, erased when asked for, and when its time is over
    Personal {
        #[command(subcommand)]
        command: PersonalCommand,
    },
    /// API tokens, by which programs say who they are
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Kafka topics
    Topics {
        #[command(subcommand)]
        command: TopicsCommand,
    },
    /// Validate configuration and policy, and print what would be in force
    Check(Configured),
    /// From which probability on early warning shall alarm: draws recent weeks anew as if nothing had ever
    /// changed, and finds the thresholds that give the wanted false alarms a year
    TuneAlerts(TuneAlerts),
    /// Answer questions about the future with the full risk model, for another program to judge
    Evaluate {
        #[command(subcommand)]
        command: EvaluateCommand,
    },
    /// Sampling plans from a data directory
    Plan {
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Random draws of plans
    Draw {
        #[command(subcommand)]
        command: DrawCommand,
    },
    /// Write synthetic data with known truth
    Simulate {
        #[command(subcommand)]
        command: SimulateCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute every hash: prints entries, root hash and state hash; on damage exits 1 and names the block
    Verify(LedgerVerify),
    /// Print the ledger's head as a signed checkpoint (C2SP). Keep it where the operator cannot alter it:
    /// `ledger verify --against` proves later that nothing below it was rewritten
    Checkpoint(DataDir),
    /// Print the public key that checks signed checkpoints and evidence packs
    Key(DataDir),
    /// Print entries as JSON lines
    Show(Show),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once: only its hash is kept, in the secrets directory
    Create(TokenCreate),
    /// List tokens: whose, in which roles, until when, used when; never the tokens themselves
    List(Configured),
    /// Take a token back; a running server refuses it from the next request on
    Revoke(TokenRevoke),
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Under which name what it does is recorded, as `lab-7` or an officer's number
    #[arg(long)]
    pub(crate) actor: String,
    /// viewer, zone_manager, planner, officer, approver, administrator, or feeder (posts results and
    /// what the register says, and sees nothing); may be given several times
    #[arg(long = "role", required = true)]
    pub(crate) roles: Vec<String>,
    /// A zone of a zone manager, as 330782-choucheng; may be given several times
    #[arg(long = "zone")]
    pub(crate) zones: Vec<String>,
    /// Days until it ends, 1 to 400
    #[arg(long, default_value_t = 90)]
    pub(crate) days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRevoke {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// The token's id, as `spotcheck token list` shows it
    pub(crate) id: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Create the topics that the configuration names, as far as they are missing
    Create(TopicsCreate),
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvaluateCommand {
    /// A synthetic world (frame.ndjson, results.ndjson): how likely a random batch of each cell fails in
    /// the four weeks after each question's day (questions.ndjson), and at what rate the city failed in
    /// each quarter (quarters.ndjson), and when and where outbreaks showed, from what was known by then
    World(EvaluateWorld),
    /// A record set (NDJSON, optionally zstd; several files are one set): how likely each routine result fails, from results of
    /// earlier days; prints how well that was foretold, and how well raw rate, last result,
    /// beta-binomial and smoothed rate would have
    Records(EvaluateRecords),
    /// What came of the alerts and cases of a data directory: how officers closed the alerts of each rule
    /// and how many were right, how cases of each kind ended and in how many days
    Handling(DataDir),
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateRecords {
    /// The record set: one file, or several that make it up
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where to write the answers: lines of event_id and probability
    #[arg(long)]
    pub(crate) predictions: Option<PathBuf>,
    /// Where to write the report as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where to write the report as a page with plots
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
    /// First day to foretell, as 2024-05-01; default: where the last 30 % of routine results begin
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Results of this day or later are left out
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// What the model's levels are made of, as in config/evaluate; default: what comes with the
    /// program for records of this source
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, args = ["predictions", "rates", "alerts", "list"])]
pub(crate) struct EvaluateWorld {
    /// Folder of the world
    pub(crate) dir: PathBuf,
    /// Where to write the cells' answers: lines of week, enterprise, product and probability
    #[arg(long)]
    pub(crate) predictions: Option<PathBuf>,
    /// Where to write the quarters' answers: lines of from, design, lower, upper and composite
    #[arg(long)]
    pub(crate) rates: Option<PathBuf>,
    /// Where to write the alarms of early warning: lines of week, product and zone (null for
    /// everywhere), each raised at the end of its week
    #[arg(long)]
    pub(crate) alerts: Option<PathBuf>,
    /// Where to write the weekly lists of early warning: lines of week, product and zone
    #[arg(long)]
    pub(crate) list: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// A city from the seeds: results.ndjson, frame.ndjson and, apart from them, truth.ndjson
    City(SimulateCity),
    /// Play sampling policies against one another on synthetic cities, two years each at equal budget:
    /// failures proved, and how well each lets the city's failure rate be told. Names: random,
    /// status_quo, points (the bureau's list), smoothed, greedy, spotcheck, oracle (knows the truth)
    Plan(SimulatePlan),
}

#[derive(Debug, Args)]
pub(crate) struct SimulatePlan {
    /// Seeds of the cities, as 20..30; the last is not included
    #[arg(long, default_value = "20..30")]
    pub(crate) seeds: String,
    /// Policies to play, parted by commas
    #[arg(long, value_delimiter = ',', default_value = "random,points,spotcheck")]
    pub(crate) policy: Vec<String>,
    /// How sharply supervisory checks follow risk; default: as the planning policy has it
    #[arg(long)]
    pub(crate) gamma: Option<f64>,
    /// Cities played at once
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TuneAlerts {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Weeks to draw anew, the last ones
    #[arg(long, default_value_t = 104)]
    pub(crate) weeks: u16,
    /// How often to draw them
    #[arg(long, default_value_t = 200)]
    pub(crate) replicates: u32,
    /// False alarms a year that are wanted of products
    #[arg(long, default_value_t = 12.0)]
    pub(crate) product: f64,
    /// False alarms a year that are wanted of sectors
    #[arg(long, default_value_t = 3.0)]
    pub(crate) sector: f64,
    /// False alarms a year that are wanted of enterprises
    #[arg(long, default_value_t = 12.0)]
    pub(crate) enterprise: f64,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerVerify {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// A signed checkpoint that was kept, or a witness's file of many: exit 1 unless the ledger still holds
    /// what it held then
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
    /// The public key, as `ledger key` printed it; default: that of the data directory's own key, which
    /// proves less
    #[arg(long, requires = "against")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// A subject, as enterprise:ID, site:ID or product:CODE, alert:ID, case:ID, or draw:ID (the id of a plan)
    pub(crate) about: String,
    /// Where to write the archive
    #[arg(long, default_value = "evidence.zip")]
    pub(crate) out: PathBuf,
    /// Where to write the page of the archive as PDF, too
    #[arg(long)]
    pub(crate) pdf: Option<PathBuf>,
    /// Of the ledger's first so many entries; default: all. The same size gives the same JSON
    #[arg(long)]
    pub(crate) size: Option<u64>,
    /// For the party that it is about: what names others is withheld, and proved all the same
    #[arg(long)]
    pub(crate) redacted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// weekly; monthly: the weeks that begin in a month; sheet: one page of a zone, for its manager; letter:
    /// why an enterprise has its grade, for the enterprise
    #[arg(value_parser = ["weekly", "monthly", "sheet", "letter"])]
    pub(crate) paper: String,
    /// About what: city, sector:CODE or zone:ID; of a sheet zone:ID, of a letter enterprise:ID
    #[arg(long, default_value = "city")]
    pub(crate) of: String,
    /// A day in the period, as 2026-11-16; default: the last period that has closed. A letter has none: it
    /// explains the grade that stands
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Language: zh or en
    #[arg(long, default_value = "zh", value_parser = ["zh", "en"])]
    pub(crate) lang: String,
    /// html, pdf, xlsx or json
    #[arg(long, default_value = "pdf", value_parser = ["html", "pdf", "xlsx", "json"])]
    pub(crate) format: String,
    /// Where to write it; default: its kind and format, as weekly.pdf
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to keep the ledger; a directory that holds a demo city already is served as it is
    #[arg(long, default_value = "data/demo")]
    pub(crate) data_dir: PathBuf,
    /// Address of the page and the API
    #[arg(long, default_value = "127.0.0.1:8480")]
    pub(crate) listen: SocketAddr,
    /// Seed of the city: the same seed and last day give the same city
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Enterprises in the city
    #[arg(long, default_value_t = 3000)]
    pub(crate) enterprises: u32,
    /// Last day of the two years of results, as 2026-11-22; default: yesterday
    #[arg(long)]
    pub(crate) last_day: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) configured: Configured,
}

#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// Configuration file; see config/default.toml for every key
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// The data directory
    #[arg(long = "data-dir", value_name = "DATA_DIR")]
    pub(crate) dir: PathBuf,
    /// Which shard
    #[arg(long, default_value_t = 0)]
    pub(crate) shard: u16,
    /// Risk policy; default: the one that ships
    #[arg(long)]
    pub(crate) policy: Option<PathBuf>,
    /// Where the master key of personal data lies; default: beside the data, as DATA_DIR.secrets
    #[arg(long)]
    pub(crate) secrets_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Column mapping in TOML; examples are in config/imports. Default: records of the wire format
    #[arg(long)]
    pub(crate) mapping: Option<PathBuf>,
    /// What the register says of sites (docs/schema/registry-update.v1.json), read together with the
    /// results: each statement counts from its own day on
    #[arg(long, value_name = "FILE", conflicts_with = "mapping")]
    pub(crate) register: Option<PathBuf>,
    /// Rejected rows to print; all are kept as dead letters or counted in the summary
    #[arg(long, default_value_t = 20)]
    pub(crate) show_rejected: usize,
    /// Files; NDJSON may be zstd-compressed
    #[arg(required_unless_present = "register")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// First entry
    #[arg(long, default_value_t = 0)]
    pub(crate) from: u64,
    /// How many entries
    #[arg(long, default_value_t = 20)]
    pub(crate) count: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Where to; must not exist yet
    #[arg(long)]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// The backup
    #[arg(long)]
    pub(crate) from: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TopicsCreate {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Partitions of the results topic
    #[arg(long, default_value_t = 8)]
    pub(crate) partitions: i32,
    /// Replicas of every topic
    #[arg(long, default_value_t = 1)]
    pub(crate) replication: i32,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateCity {
    /// Seed
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Enterprises
    #[arg(long, default_value_t = 3000)]
    pub(crate) enterprises: u32,
    /// Last day of the two years of results, as 2026-11-22; default: yesterday
    #[arg(long)]
    pub(crate) last_day: Option<String>,
    /// Directory to write to; made when missing
    #[arg(long)]
    pub(crate) out: PathBuf,
}
