//! How many threads a close has makes no difference to what it concludes.

use risk_domain::reference::Reference;
use risk_domain::time::Day;
use risk_engine::{Engine, Found, Input, Policy, ResultInput, SourcePartition, Taxonomy};
use risk_sim::BulkStream;
use std::sync::Arc;

/// Enough that closes share out what they judge.
const ENTERPRISES: u32 = 40_000;
const RESULTS: u64 = 60_000;
const DAYS: u32 = 8;
const SEED: u64 = 11;

struct Run {
    engine: Engine,
    pool: rayon::ThreadPool,
}

impl Run {
    fn with(threads: usize, reference: &Reference) -> anyhow::Result<Self> {
        let policy = Arc::new(Policy::builtin()?);
        let taxonomy = Taxonomy::from_reference(reference);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Ok(Self {
            engine: Engine::new(policy, taxonomy)?,
            pool: pool.build()?,
        })
    }

    fn step(&mut self, input: &Input<'_>) -> risk_engine::Step {
        let Self { engine, pool } = self;
        pool.install(|| engine.step(input))
    }
}

#[test]
fn closes_conclude_the_same_on_any_number_of_threads() -> anyhow::Result<()> {
    let reference = Reference::builtin()?;
    let start: Day = "2025-03-03".parse()?;
    let stream = BulkStream::new(SEED, ENTERPRISES, start, DAYS)?;
    let stream = stream.of(&reference).results(RESULTS);
    let mut runs = [
        Run::with(1, &reference)?,
        Run::with(2, &reference)?,
        Run::with(5, &reference)?,
    ];
    let name = SourcePartition {
        source: "stream".into(),
        partition: 0,
    };
    let held = [name.clone()];
    let mut assessed = 0;
    for run in &mut runs {
        run.step(&Input::Hold(&held));
    }
    for result in stream {
        let [first, others @ ..] = &mut runs;
        let one = |run: &mut Run| {
            let partition = run.engine.partition(&name);
            run.step(&Input::Result(ResultInput {
                partition,
                result: &result,
                digest: 0,
                seen: None,
                linked: &[],
                found: Found::default(),
            }))
        };
        let step = one(first);
        assessed += step.effects.len();
        for other in others {
            assert_eq!(one(other), step, "seed {SEED}, {}", result.inspection_id);
        }
    }
    let [first, others @ ..] = &mut runs;
    let step = first.step(&Input::Ended(&held));
    for other in others {
        assert_eq!(other.step(&Input::Ended(&held)), step, "seed {SEED}");
        assert_eq!(other.engine.state_hash(), first.engine.state_hash());
    }
    assert!(assessed > ENTERPRISES as usize, "{assessed} effects");
    Ok(())
}
