//! A plan of a large city: a million targets, ten thousand lines.

use crate::measure::{say, timed};
use anyhow::ensure;
use risk_domain::ids::{DrawId, EnterpriseId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::registry::Volume;
use risk_domain::time::Day;
use risk_planner::wire::request::{BoundRequest, Budgets};
use risk_planner::{
    Candidate, Design, DrawKey, ModelView, PlanRequest, PlanningPolicy, Pool, Secret, Surroundings,
    Target,
};

/// The planner alone: pool, design, commitment and draw of a large city, on one core
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Targets
    #[arg(long, default_value_t = 1_000_000)]
    targets: u32,
    /// Lines of the plan
    #[arg(long, default_value_t = 10_000)]
    lines: u32,
}

/// Sixty zones, twelve sectors, forty products, three targets for two enterprises; probabilities as
/// uneven as a city's.
fn candidate(number: u32) -> anyhow::Result<Candidate> {
    let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
    let uniform = (mixed as f64 + 0.5) / 9_007_199_254_740_992.0;
    let log_odds = -3.3 + 1.2 * (uniform / (1.0 - uniform).max(1e-9)).ln();
    let enterprise = number * 2 / 3;
    Ok(Candidate {
        target: Target {
            enterprise: EnterpriseId::new(format!("E{enterprise:07}"))?,
            site: SiteId::new(format!("S{number:07}"))?,
            product: ProductCode::new(format!("P{}", number % 40))?,
        },
        zone: ZoneId::new(format!("Z{}", enterprise % 60))?,
        sector: SectorCode::new(format!("C{}", number % 40 % 12))?,
        booth: None,
        name: None,
        volume: Volume::ONE,
        probability: 1.0 / (1.0 + (-log_odds).exp()),
        log_odds,
        variance: 0.6,
        harm: 1.0 + f64::from(number % 7),
        last_visit: None,
        enterprise_visits: 0,
        checked: None,
        checked_above: None,
        class: None,
        alerted: false,
    })
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let candidates: anyhow::Result<Vec<Candidate>> = (0..args.targets).map(candidate).collect();
    let candidates = candidates?;
    let policy = PlanningPolicy::builtin()?;
    let view = ModelView::default();
    let tenth = args.lines / 10;
    let caps = (0..60).map(|zone| {
        Ok(BoundRequest {
            tests: args.lines / 50,
            zone: Some(ZoneId::new(format!("Z{zone}"))?),
            ..BoundRequest::default()
        })
    });
    let request = PlanRequest {
        budgets: Budgets {
            risk_evaluation: tenth,
            supervisory_check: 3 * tenth,
            special_check: 2 * tenth,
            fast_test: 4 * tenth,
            enforcement_test: 0,
        },
        caps: caps.collect::<anyhow::Result<_>>()?,
        ..PlanRequest::default()
    };
    let secret = Secret::new([7; 32]);
    let (pool, sorted) = timed(|| Pool::new(candidates, Surroundings::default()));
    let pool = pool?;
    let id = DrawId::new("bench")?;
    let (design, designed) =
        timed(|| Design::new(&policy, &request, &pool, &view, Day::new(20_000), id));
    let design = design?;
    let (commitment, committed) = timed(|| design.commit(&secret));
    let key = DrawKey::new(&secret, None, None)?;
    let (plan, drawn) = timed(|| design.draw(&key));
    let plan = plan?;
    ensure!(
        plan.lines.len() == (10 * tenth) as usize,
        "{} lines",
        plan.lines.len()
    );
    ensure!(commitment.pool_sha256.len() == 64, "no commitment");
    let whole = sorted + designed + committed + drawn;
    let seconds = |of: std::time::Duration| format!("{:>8.3} s", of.as_secs_f64());
    say(
        &format!("{} targets sorted and checked", args.targets),
        &seconds(sorted),
    );
    say("standing, strata, probabilities", &seconds(designed));
    say("pool written and hashed", &seconds(committed));
    say(
        &format!("{} lines drawn and chosen, curve, prices", plan.lines.len()),
        &seconds(drawn),
    );
    say("the whole plan", &seconds(whole));
    Ok(())
}
