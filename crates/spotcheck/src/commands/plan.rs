//! `plan` and `draw verify`: a plan from a data directory, and the check of a published draw.

mod evaluate;
mod results;

pub(crate) use evaluate::evaluate;
pub(crate) use results::results;

use super::upkeep::store;
use crate::cli::{DrawVerify, PlanMake};
use crate::output::say;
use crate::wiring;
use anyhow::{Context, ensure};
use risk_api::dto::PlanListDto;
use risk_api::plans::{PlanSources, plan_inputs, table, workbook};
use risk_domain::ids::DrawId;
use risk_domain::time::{CivilOffset, Day};
use risk_engine::Burdens;
use risk_engine::lists::Lists;
use risk_pipeline::clock::{Clock, SystemClock};
use risk_planner::wire::draw::DrawRecord;
use risk_planner::{Beacon, Design, DrawKey, PlanRequest, PlanningPolicy, Secret};
use risk_store::{Reader, Record, RecordKind};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Makes a plan and writes it, its draw's record and pool to a directory.
pub(crate) fn plan(args: &PlanMake) -> anyhow::Result<ExitCode> {
    let text = read(&args.request)?;
    let request: PlanRequest = if args.request.extension().is_some_and(|kind| kind == "json") {
        serde_json::from_str(&text).context("the request is not valid")?
    } else {
        toml::from_str(&text).context("the request is not valid")?
    };
    let planning = policy(args.planning.as_deref())?;
    let reference = wiring::reference()?;
    let opened = store(&args.data)?.open()?;
    let offset = opened.engine.policy().time.offset;
    let day = match &request.as_of {
        Some(text) => text
            .parse::<Day>()
            .context("as_of must be a day, as 2026-11-30")?,
        None => offset.day_of(SystemClock.now()),
    };
    let (burdens, lists) = told(&opened.reader, offset)?;
    let sources = PlanSources {
        engine: &opened.engine,
        burdens: &burdens,
        lists: &lists,
        reference: &reference,
        planning: &planning,
    };
    let inputs = plan_inputs(&sources, request.known, day);
    drop(opened.writer);
    let (pool, view) = inputs.parts()?;
    let id = DrawId::new(match &args.id {
        Some(id) => id.clone(),
        None => format!("P-{day}"),
    })
    .context("--id")?;
    let secret = Secret::new(risk_store::fresh_seed());
    let design = Design::new(&planning, &request, &pool, &view, day, id)?;
    let commitment = design.commit(&secret);
    let beacon = commitment.beacon.as_ref();
    let key = DrawKey::new(&secret, beacon, args.beacon_value.as_deref())?;
    let plan = design.draw(&key)?;
    let value = args.beacon_value.as_deref();
    let record = DrawRecord::new(&commitment, &secret, value, planning.rules.reserves, &plan);
    let list = PlanListDto::new(&plan, &reference, &planning);
    let mut text = String::new();
    design.write_pool(|part| text.push_str(part));
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = args.out.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write("pool.txt", text.as_bytes())?;
    write("record.json", &serde_json::to_vec_pretty(&record)?)?;
    write("plan.json", &serde_json::to_vec_pretty(&list)?)?;
    write("lines.csv", table(&list).as_bytes())?;
    write(
        "lines.xlsx",
        &workbook(&list, planning.rules.visits_per_team_day)?,
    )?;
    say(&format!(
        "{} tests of {} targets written to {}; expected to prove {:.1} failures ({:.1} to {:.1})",
        plan.lines.len(),
        pool.len(),
        args.out.display(),
        plan.expected.value,
        plan.expected.lower,
        plan.expected.upper
    ));
    for shortfall in &list.shortfalls {
        say(&format!(
            "{}: {} of {}: {}",
            shortfall.mode, shortfall.planned, shortfall.asked, shortfall.cause
        ));
    }
    for price in &list.shadow_prices {
        say(&format!(
            "one more of {}: {:+.3} finds",
            price.constraint, price.finds
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the ledger says of visits and credit classes.
fn told(reader: &Reader, offset: CivilOffset) -> anyhow::Result<(Burdens, Lists)> {
    let (mut burdens, mut lists) = (Burdens::default(), Lists::default());
    let kinds = [RecordKind::Result, RecordKind::Signal];
    reader.follow(0, u64::MAX, &kinds, |entry, record| match record {
        Record::Result(record) => {
            burdens.admit(entry, &record.result, offset);
            lists.admit_result(entry, &record.result);
        }
        Record::Signal(record) => lists.admit_signal(&record.heard.told),
        Record::Rejection(_)
        | Record::Registry(_)
        | Record::Command(_)
        | Record::Access(_)
        | Record::Erasure(_)
        | Record::Input(_)
        | Record::Effect(_) => {}
    })?;
    Ok((burdens, lists))
}

fn policy(path: Option<&Path>) -> anyhow::Result<Arc<PlanningPolicy>> {
    match path {
        Some(path) => PlanningPolicy::from_toml(&read(path)?)
            .with_context(|| format!("{} is not a valid planning policy", path.display())),
        None => Ok(PlanningPolicy::builtin()?),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Draws again from what was published, and says whether the list holds.
pub(crate) fn verify(args: &DrawVerify) -> anyhow::Result<ExitCode> {
    let record: DrawRecord =
        serde_json::from_str(&read(&args.record)?).context("the record is not valid")?;
    let pool = read(&args.pool)?;
    match record.verify(&pool) {
        Ok(verified) => {
            ensure!(
                verified.strata > 0 || verified.lines == 0,
                "the pool has no stratum"
            );
            say(&format!(
                "draw {}: {} drawn and {} replacements of {} units in {} strata, as published",
                record.draw, verified.lines, verified.reserves, verified.units, verified.strata
            ));
            if let Some(Beacon { source, round }) = record.beacon.as_ref().map(|of| Beacon {
                source: of.source.clone(),
                round: of.round.clone(),
            }) {
                let value = record.beacon_value.as_deref().unwrap_or_default();
                say(&format!(
                    "hold the value {value} against round {round} of {source}"
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(&format!("draw {}: does not hold: {error}", record.draw));
            Ok(ExitCode::FAILURE)
        }
    }
}
