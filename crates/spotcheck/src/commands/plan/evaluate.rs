//! `plan evaluate`: what the plans of a data directory were worth.

use crate::cli::PlanEvaluate;
use crate::commands::upkeep::store;
use crate::output::say;
use crate::wiring;
use anyhow::Context;
use risk_api::dto::{
    CoverageDto, FairnessDto, OffPolicyDto, PlanEvaluationDto, RaceDto, RaceOutcomeDto,
};
use risk_api::plans::{PlanSources, PlansLookedAt, Races, drawn_plans};
use risk_domain::time::Day;
use risk_engine::DrawnResults;
use risk_pipeline::clock::{Clock, SystemClock};
use risk_store::PlanShelf;
use serde_json::json;
use std::process::ExitCode;

/// Evaluates the drawn plans of a data directory, and tells of their races.
pub(crate) fn evaluate(args: &PlanEvaluate) -> anyhow::Result<ExitCode> {
    let planning = super::policy(args.planning.as_deref())?;
    let reference = wiring::reference()?;
    let opened = store(&args.data)?.open()?;
    let offset = opened.engine.policy().time.offset;
    let day = match &args.on {
        Some(text) => text
            .parse::<Day>()
            .context("--on must be a day, as 2026-11-30")?,
        None => offset.day_of(SystemClock.now()),
    };
    let mut drawn = DrawnResults::default();
    let take = |entry, result: &_| drawn.admit(entry, result);
    opened.reader.follow_results(0, u64::MAX, take)?;
    let (burdens, lists) = super::told(&opened.reader, offset)?;
    drop(opened.writer);
    let sources = PlanSources {
        engine: &opened.engine,
        burdens: &burdens,
        lists: &lists,
        reference: &reference,
        planning: &planning,
    };
    let shelf = PlanShelf::of(&args.data.dir);
    let looked = PlansLookedAt::new(&sources, &drawn, args.plans, day);
    let evaluation = looked.evaluation(&shelf, &planning, args.gamma)?;
    let races = Races::of(&drawn_plans(&opened.engine), &shelf).told(&drawn);
    if args.json {
        let mut told = serde_json::to_value(&evaluation)?;
        told["races"] = json!(races);
        say(&told.to_string());
    } else {
        report(&evaluation, args.gamma, &races);
    }
    Ok(ExitCode::SUCCESS)
}

fn report(of: &PlanEvaluationDto, gamma: Option<f64>, races: &[RaceDto]) {
    match (&of.from, &of.until) {
        (Some(from), Some(until)) => say(&format!(
            "{} drawn plans of {from} to {until}; chance chose {} of {} tests",
            of.plans, of.exploration.drawn, of.exploration.tests
        )),
        (Some(_), None) | (None, Some(_) | None) => say("there is no drawn plan"),
    }
    match (&of.off_policy, gamma) {
        (Some(other), _) => off_policy(other),
        (None, Some(_)) => {
            say("no result of a supervisory check bears the draw_id of these plans yet");
        }
        (None, None) => {}
    }
    races.iter().for_each(race);
    let fairness = [
        ("zone", &of.fairness.zones),
        ("size", &of.fairness.sizes),
        ("team", &of.fairness.teams),
    ];
    for (kind, rows) in fairness {
        for row in rows.iter().filter(|row| row.uneven) {
            uneven(kind, row);
        }
    }
    coverage("", &of.coverage.city);
    let parts = [
        ("zone ", &of.coverage.zones),
        ("sector ", &of.coverage.sectors),
        ("size ", &of.coverage.sizes),
    ];
    for (kind, rows) in parts {
        for row in rows {
            coverage(kind, row);
        }
    }
}

fn off_policy(of: &OffPolicyDto) {
    say(&format!(
        "their checks found {:.0}; with gamma {} they would have found {:.1} ({:.1} to {:.1})",
        of.logged_finds, of.gamma, of.finds, of.lower, of.upper
    ));
    for warning in &of.warnings {
        say(warning);
    }
}

fn race(of: &RaceDto) {
    let registered = format!(
        "race {}, registered {} to end after {} judged tests of each list",
        of.race_id, of.registered_at, of.ends_after
    );
    match &of.outcome {
        None => say(&format!(
            "{registered}: running, {} of the engine's list judged and {} of the experts'",
            of.engine_tests, of.experts_tests
        )),
        Some(RaceOutcomeDto {
            engine,
            experts,
            difference,
            lower,
            upper,
            winner,
            ..
        }) => {
            let winner = winner.as_deref().unwrap_or("neither");
            say(&format!(
                "{registered}: the engine's list found {engine}, the experts' {experts}; {difference:+.3} a test \
                 ({lower:+.3} to {upper:+.3}), ahead: {winner}"
            ));
        }
    }
    for plan in &of.left_out {
        say(&format!("plan {plan} names other terms and does not count"));
    }
    for plan in &of.unreadable {
        say(&format!(
            "the list of plan {plan} is gone or was changed: whether it belongs to the race cannot be told"
        ));
    }
}

fn uneven(kind: &str, of: &FairnessDto) {
    say(&format!(
        "{kind} {}: {:.0} visits where risk alone would have sent {:.1}",
        of.name, of.visits, of.by_risk
    ));
}

fn coverage(kind: &str, of: &CoverageDto) {
    let within: Vec<String> = of
        .within
        .iter()
        .map(|of| format!("{} within {} weeks", of.targets, of.weeks))
        .collect();
    let name = if of.name.is_empty() {
        "all"
    } else {
        of.name.as_str()
    };
    say(&format!(
        "{kind}{name}: {} targets, {}, {} never visited",
        of.targets,
        within.join(", "),
        of.never
    ));
}
