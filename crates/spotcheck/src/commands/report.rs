//! Reports from a data directory.

use super::upkeep::store;
use crate::cli::Report;
use crate::output::say;
use crate::wiring;
use anyhow::Context as _;
use risk_api::reports::{Format, Paper, ReportRequest};
use risk_domain::time::Day;
use risk_store::PlanShelf;
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes a report.
pub(super) fn report(args: &Report) -> anyhow::Result<ExitCode> {
    let date = args.date.as_ref().map(|text| {
        let day = text.parse::<Day>();
        day.with_context(|| format!("--date must be a day, as 2026-11-16, not {text}"))
    });
    let request = ReportRequest {
        paper: Paper::from_code(&args.paper).context("weekly, monthly, sheet or letter")?,
        of: args.of.clone(),
        date: date.transpose()?,
        english: args.lang == "en",
        format: Format::from_code(&args.format).context("html, pdf, xlsx or json")?,
    };
    let reference = wiring::reference()?;
    let opened = store(&args.data)?.open()?;
    let made = risk_api::reports::report(
        &request,
        (&opened.reader, &opened.engine),
        &reference,
        &PlanShelf::of(&args.data.dir),
    )?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.{}", args.paper, args.format)));
    std::fs::write(&out, made).with_context(|| format!("{} cannot be written", out.display()))?;
    say(&format!("wrote {}", out.display()));
    opened.writer.close()?;
    Ok(ExitCode::SUCCESS)
}
