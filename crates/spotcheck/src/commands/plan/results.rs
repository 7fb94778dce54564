//! `plan results`: the filled list of a drawn plan, as results.

use crate::cli::PlanResults;
use crate::commands::import::{Vocabulary, load};
use crate::commands::upkeep::store;
use crate::output::say;
use crate::wiring;
use anyhow::Context;
use risk_api::plans::{FilledRow, Filling, filled, kept_list};
use risk_domain::ids::{AgencyId, SiteId};
use risk_domain::inspection::AgencyLevel;
use risk_domain::subject::Subject;
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::source::Feed;
use risk_pipeline::source::file::FileSource;
use risk_store::PlanShelf;
use sha2::{Digest, Sha256};
use std::process::ExitCode;
use std::sync::Arc;

/// Reads a filled workbook, says what each row makes, and imports the results.
pub(crate) fn results(args: &PlanResults) -> anyhow::Result<ExitCode> {
    let agency = AgencyId::new(&args.agency).context("--agency")?;
    let level = AgencyLevel::from_code(&args.agency_level)
        .context("--agency-level must be national, provincial, municipal or county")?;
    let workbook = std::fs::read(&args.workbook)
        .with_context(|| format!("cannot read {}", args.workbook.display()))?;
    let rows = rows(args, &workbook, (agency.as_str(), level))?;
    let mut records = Vec::new();
    for row in &rows {
        let place = format!("{} row {}", row.sheet, row.row);
        match &row.record {
            Ok(of) => {
                records.extend_from_slice(&of.json);
                records.push(b'\n');
                say(&format!("{place}: {}", of.inspection_id));
            }
            Err(fault) => say(&format!(
                "{place}: refused: {} \"{}\" {}",
                fault.column, fault.value, fault.rule
            )),
        }
    }
    let made = rows.iter().filter(|row| row.record.is_ok()).count();
    say(&format!(
        "{} rows filled in, {} refused",
        rows.len(),
        rows.len() - made
    ));
    if !args.check && made > 0 {
        import(args, &records)?;
    }
    // Whoever runs it by a script must see that something is left to do.
    Ok(if made == rows.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn rows(
    args: &PlanResults,
    workbook: &[u8],
    agency: (&str, AgencyLevel),
) -> anyhow::Result<Vec<FilledRow>> {
    let opened = store(&args.data)?.open()?;
    let shelf = PlanShelf::of(&args.data.dir);
    let list = kept_list(&opened.engine, &shelf, &args.plan)?;
    let channel = |site: &str| {
        let site = Subject::Site(SiteId::new(site).ok()?);
        opened.engine.registered(&site).map(|of| of.channel)
    };
    let filling = Filling {
        list: &list,
        reference: &*wiring::reference()?,
        agency,
        offset: opened.engine.policy().time.offset,
        now: SystemClock.now(),
        channel: &channel,
    };
    Ok(filled(workbook, &filling)?)
}

/// Imports records. A source goes on where it stood under its name, so that other records have another one.
fn import(args: &PlanResults, records: &[u8]) -> anyhow::Result<()> {
    let hash = Sha256::digest(records);
    let name = format!(
        "plan:{}:{:02x}{:02x}{:02x}{:02x}",
        args.plan, hash[0], hash[1], hash[2], hash[3]
    );
    let dir = tempfile::tempdir().context("cannot make a directory for the records")?;
    let path = dir.path().join("results.ndjson");
    std::fs::write(&path, records).with_context(|| format!("cannot write {}", path.display()))?;
    let source = FileSource::new(Feed::Results, name, &path, Arc::new(SystemClock));
    let report = load(
        &args.data,
        Box::new(source),
        Vocabulary::Reference,
        Vec::new(),
    )?;
    say(&format!(
        "accepted {}, duplicates {}, rejected {}",
        report.accepted, report.duplicates, report.rejected
    ));
    Ok(())
}
