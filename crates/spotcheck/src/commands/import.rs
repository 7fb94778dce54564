//! `import`: files into the ledger, and a closing input after them.

use crate::cli::{DataDir, Import as Args};
use crate::config::Config;
use crate::output::say;
use crate::wiring::{self, Inlet};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use risk_domain::ids::{ProductCode, SectorCode, ZoneId};
use risk_engine::Registration;
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::import::{Import, ImportOptions, ImportVocabulary, Mapping};
use risk_pipeline::source::file::FileSource;
use risk_pipeline::source::joined::Joined;
use risk_pipeline::source::{Feed, Source};
use risk_pipeline::wire::{OpenVocabulary, WireLimits};
use risk_pipeline::worker::WorkerReport;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Imports files one after the other, or together by a mapping.
pub(crate) fn import(args: &Args) -> anyhow::Result<ExitCode> {
    let report = if let Some(mapping) = &args.mapping {
        by_mapping(args, mapping)?
    } else {
        let mut total = WorkerReport::default();
        let file = |feed, file: &PathBuf| -> Box<dyn Source> {
            let clock = Arc::new(SystemClock);
            Box::new(FileSource::new(feed, name_of(file), file, clock))
        };
        // The register is read along with the first file of results.
        let mut register = args.register.as_ref().map(|of| file(Feed::Registry, of));
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for results in &args.files {
            let results = file(Feed::Results, results);
            sources.push(match register.take() {
                Some(register) => {
                    Box::new(Joined::new(Feed::Results, results).and(Feed::Registry, register))
                }
                None => results,
            });
        }
        sources.extend(register);
        for source in sources {
            let report = load(&args.data, source, Vocabulary::Reference, Vec::new())?;
            total.accepted += report.accepted;
            total.duplicates += report.duplicates;
            total.rejected += report.rejected;
        }
        total
    };
    say(&format!(
        "accepted {}, duplicates {}, rejected {}",
        report.accepted, report.duplicates, report.rejected
    ));
    Ok(ExitCode::SUCCESS)
}

/// Which words a feed may use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vocabulary {
    /// Those of the reference data.
    Reference,
    /// Any: the feed brings its own, as registrations.
    Open,
}

/// The name of a file in the ledger: its own name, so that the same file goes on where it stood.
fn name_of(file: &Path) -> String {
    let name = file
        .file_name()
        .map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy());
    format!("file:{name}")
}

/// Loads one bounded source into a data directory.
pub(crate) fn load(
    data: &DataDir,
    source: Box<dyn Source>,
    vocabulary: Vocabulary,
    registrations: Vec<Registration>,
) -> anyhow::Result<WorkerReport> {
    let reference = wiring::reference()?;
    let opened = super::upkeep::store(data)?.open()?;
    let config = Config::load(None, std::iter::empty())?;
    let vocabulary: Box<dyn risk_pipeline::wire::Vocabulary + Send> = match vocabulary {
        Vocabulary::Reference => wiring::vocabulary(&reference),
        Vocabulary::Open => Box::new(OpenVocabulary),
    };
    let inlet = Inlet {
        source,
        vocabulary,
        registrations,
        settings: wiring::worker_settings(&config),
        shard: data.shard,
        sink: None,
        endpoints: Vec::new(),
    };
    wiring::run(opened, inlet)?.join()
}

fn by_mapping(args: &Args, mapping: &PathBuf) -> anyhow::Result<WorkerReport> {
    let text = std::fs::read_to_string(mapping)
        .with_context(|| format!("cannot read the mapping {}", mapping.display()))?;
    let mapping =
        Mapping::parse(&text).with_context(|| format!("{} is not a mapping", mapping.display()))?;
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template(
        "{spinner} {human_pos} rows read, {per_sec}",
    )?);
    let reference = wiring::reference()?;
    let options = ImportOptions {
        sorted: true,
        received_at: SystemClock.now(),
        limits: WireLimits::default(),
    };
    let known = wiring::vocabulary(&reference);
    let import = Import::load(&mapping, &args.files, &*known, options, &mut |rows| {
        bar.set_position(rows);
    })?;
    bar.finish_and_clear();
    let rows = &import.report;
    say(&format!(
        "rows {}, skipped {}, rejected {}",
        rows.rows,
        rows.skipped,
        rows.rejected.len()
    ));
    for row in rows.rejected.iter().take(args.show_rejected) {
        let file = args
            .files
            .get(row.at.file)
            .map(|file| file.display().to_string())
            .unwrap_or_default();
        say(&format!("  {file} row {}: {}", row.at.row, row.rejection));
    }
    let registrations = registrations(&import.vocabulary)?;
    let name = args
        .files
        .first()
        .map(|file| name_of(file))
        .unwrap_or_default();
    load(
        &args.data,
        Box::new(import.into_source(name)),
        Vocabulary::Open,
        registrations,
    )
}

/// What a record set brings along that the reference data does not know.
fn registrations(vocabulary: &ImportVocabulary) -> anyhow::Result<Vec<Registration>> {
    let mut all = Vec::new();
    for zone in &vocabulary.zones {
        all.push(Registration::Zone {
            zone: ZoneId::new(zone)?,
            parent: None,
        });
    }
    for (code, product) in &vocabulary.products {
        if let Some(sector) = &product.sector {
            all.push(Registration::Product {
                product: ProductCode::new(code)?,
                sector: SectorCode::new(sector)?,
                severity_mix: None,
            });
        }
    }
    Ok(all)
}
