//! `plan evaluate`: what other rules would have found in the weeks that were planned, and how fairly
//! the plans shared out their visits.

use crate::cli::PlanEvaluate;
use crate::commands::upkeep::store;
use crate::output::say;
use anyhow::{Context, ensure};
use risk_domain::ids::DrawId;
use risk_domain::inspection::Outcome;
use risk_domain::selection::SelectionMode;
use risk_planner::evaluate::{
    Fairness, GroupBurden, LoggedUnit, OffPolicy, OverlapWarning, fairness, off_policy,
};
use risk_planner::policy::RuleChanges;
use risk_planner::wire::inputs::PlanInputs;
use risk_planner::{Design, PlanRequest, PlanningPolicy};
use risk_store::PlanShelf;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// What was found of the lines of each plan, by mode and `enterprise/site/product`.
type Found = BTreeMap<DrawId, BTreeMap<(SelectionMode, String), f64>>;

/// Evaluates other rules on all plans of a data directory.
pub(crate) fn evaluate(args: &PlanEvaluate) -> anyhow::Result<ExitCode> {
    let planning = super::policy(args.planning.as_deref())?;
    let opened = store(&args.data)?.open()?;
    let mut found = Found::new();
    opened
        .reader
        .follow_results(0, u64::MAX, |_entry, result| {
            let judged = match result.outcome {
                Outcome::Conforming => 0.0,
                Outcome::Nonconforming => 1.0,
                Outcome::Refused
                | Outcome::Terminated
                | Outcome::NotSampled
                | Outcome::RejectedByLab
                | Outcome::Untestable => return,
            };
            if let Some(draw) = &result.selection.draw_id {
                let target = risk_planner::Target {
                    enterprise: result.site.enterprise_id.clone(),
                    site: result.site.site_id.clone(),
                    product: result.product.category.clone(),
                };
                let of_draw = found.entry(draw.clone()).or_default();
                of_draw.insert((result.mode, target.to_string()), judged);
            }
        })?;
    drop(opened.writer);
    let drawn = opened
        .engine
        .plans()
        .filter(|(_, plan)| plan.draw.is_some());
    let drawn: Vec<DrawId> = drawn.map(|(id, _)| id.clone()).collect();
    let shelf = PlanShelf::of(&args.data.dir);
    let other = RuleChanges {
        gamma: Some(args.gamma),
        ..RuleChanges::default()
    };
    let (mut units, mut groups, mut plans) = (Vec::new(), BTreeMap::new(), 0);
    for id in drawn {
        let of_plan = logged(&shelf, &id, &planning, &other, found.get(&id))?;
        plans += 1;
        for (zone, visits, risk) in of_plan.zones {
            let group: &mut (f64, f64) = groups.entry(zone).or_default();
            group.0 += visits;
            group.1 += risk;
        }
        units.extend(of_plan.units);
    }
    ensure!(
        plans > 0,
        "there is no drawn plan in {}",
        args.data.dir.display()
    );
    let estimate = off_policy(&units).context("no result bears the draw_id of a plan yet")?;
    let groups: Vec<GroupBurden> = groups
        .into_iter()
        .map(|(name, (visits, risk))| GroupBurden { name, visits, risk })
        .collect();
    report(args, plans, &estimate, &fairness(&groups));
    Ok(ExitCode::SUCCESS)
}

/// A plan's supervisory checks as logged and as other rules have them, and visits by zone.
struct OfPlan {
    units: Vec<LoggedUnit>,
    zones: Vec<(String, f64, f64)>,
}

fn logged(
    shelf: &PlanShelf,
    id: &DrawId,
    planning: &Arc<PlanningPolicy>,
    other: &RuleChanges,
    found: Option<&BTreeMap<(SelectionMode, String), f64>>,
) -> anyhow::Result<OfPlan> {
    let document = |name: &str| {
        let found = shelf.get(id, name)?;
        found.with_context(|| {
            format!("plan {id}: {name} is gone from `plans/` of the data directory")
        })
    };
    let (request, inputs) = (document("request.json")?, document("inputs.json")?);
    let broken = || format!("plan {id} cannot be read");
    let request: PlanRequest = serde_json::from_slice(&request).with_context(broken)?;
    let inputs: PlanInputs = serde_json::from_slice(&inputs).with_context(broken)?;
    let day = inputs.day;
    let (pool, view) = inputs.parts().with_context(broken)?;
    let relaxed = PlanRequest {
        relax: true,
        ..request
    };
    let changed = PlanRequest {
        rules: RuleChanges {
            gamma: other.gamma,
            ..relaxed.rules.clone()
        },
        ..relaxed.clone()
    };
    let probabilities = |request: &PlanRequest| -> anyhow::Result<Vec<f64>> {
        let design = Design::new(planning, request, &pool, &view, day, id.clone())?;
        let mut all = vec![0.0; pool.len()];
        let checks = design.strata().iter();
        for stratum in checks.filter(|of| of.mode == SelectionMode::SupervisoryCheck) {
            for unit in &stratum.units {
                all[unit.unit as usize] = unit.probability;
            }
        }
        Ok(all)
    };
    let (logged, other) = (probabilities(&relaxed)?, probabilities(&changed)?);
    let mut zones: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut units = Vec::with_capacity(pool.len());
    for ((candidate, logged), other) in pool.candidates().iter().zip(logged).zip(other) {
        let target = candidate.target.to_string();
        let seen = |mode| found?.get(&(mode, target.clone())).copied();
        let zone = zones.entry(candidate.zone.to_string()).or_default();
        zone.0 += SelectionMode::ALL
            .iter()
            .filter(|mode| seen(**mode).is_some())
            .count() as f64;
        // Only what a check was drawn for tells of its draw; other modes may have gone there, too.
        let checked = seen(SelectionMode::SupervisoryCheck);
        zone.1 += candidate.probability;
        units.push(LoggedUnit {
            logged,
            other,
            expected: candidate.probability,
            found: checked.filter(|_| logged > 0.0),
        });
    }
    let zones = zones.into_iter();
    Ok(OfPlan {
        units,
        zones: zones
            .map(|(zone, (visits, risk))| (zone, visits, risk))
            .collect(),
    })
}

fn report(args: &PlanEvaluate, plans: usize, estimate: &OffPolicy, zones: &[Fairness]) {
    if args.json {
        let zones: Vec<_> = zones
            .iter()
            .map(|of| {
                json!({ "zone": of.name, "visits": of.visits, "by_risk": of.by_risk,
                    "ratio": of.ratio, "uneven": of.uneven })
            })
            .collect();
        let warnings: Vec<String> = estimate.warnings.iter().map(warning).collect();
        let figures = json!({
            "plans": plans,
            "gamma": args.gamma,
            "finds": estimate.finds,
            "lower": estimate.lower,
            "upper": estimate.upper,
            "logged_finds": estimate.logged_finds,
            "effective": estimate.effective,
            "outside": estimate.outside,
            "warnings": warnings,
            "zones": zones,
        });
        say(&figures.to_string());
        return;
    }
    say(&format!(
        "{plans} plans: their checks found {:.0}; with gamma {} they would have found {:.1} ({:.1} to {:.1})",
        estimate.logged_finds, args.gamma, estimate.finds, estimate.lower, estimate.upper
    ));
    for one in &estimate.warnings {
        say(&warning(one));
    }
    for of in zones.iter().filter(|of| of.uneven) {
        say(&format!(
            "zone {}: {:.0} visits where risk alone would have sent {:.1}",
            of.name, of.visits, of.by_risk
        ));
    }
}

fn warning(warning: &OverlapWarning) -> String {
    match warning {
        OverlapWarning::FewResults(worth) => {
            format!(
                "too few results to know: they are worth {worth:.0} of equal weight, 30 are wanted"
            )
        }
        OverlapWarning::Outside(share) => format!(
            "{:.0} % of its tests lie where no draw could go: there the model alone speaks",
            100.0 * share
        ),
    }
}
