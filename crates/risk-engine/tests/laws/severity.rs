//! How grave failures are expected to be: the failures of a product at others count for whoever sells
//! it, and none counts twice.

use crate::desk::{Desk, START, result};
use proptest::prelude::*;
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::Engine;

/// Sellers of the product, the last of which never fails.
const SELLERS: u32 = 4;
/// Day of all reports. Samples are three days older.
const DAY: i64 = 5;

fn mix(engine: &Engine, subject: &str) -> [f64; 4] {
    let subject: Subject = subject.parse().unwrap();
    let now = Timestamp::from_millis(START + DAY * DAY_MILLIS);
    engine.provisional(&subject, now).unwrap().severity_mix
}

/// Everyone's results: each seller passes once, and fails with a worst item of each severity so often.
fn results(failures: &[[u8; 4]]) -> Vec<InspectionResult> {
    let mut results = Vec::new();
    let mut block = 0;
    for (seller, by_severity) in (0..).zip(failures) {
        // The severity of a result's item follows its number.
        let mut add = |severity: u32, fails| {
            results.push(result(4 * block + severity, seller, 0, DAY, fails));
            block += 1;
        };
        add(0, false);
        for (severity, times) in (0..).zip(by_severity) {
            (0..*times).for_each(|_| add(severity, true));
        }
    }
    results
}

fn lived(failures: &[[u8; 4]]) -> Desk {
    let mut desk = Desk::new(1);
    for result in results(failures) {
        desk.post(0, &result);
    }
    desk.end(1);
    desk
}

/// Dirichlet's posterior mean, from its definition.
fn posterior(prior: [f64; 4], worth: f64, failures: [f64; 4]) -> [f64; 4] {
    let total = worth + failures.iter().sum::<f64>();
    std::array::from_fn(|at| (worth * prior[at] + failures[at]) / total)
}

fn close(one: [f64; 4], other: [f64; 4]) -> bool {
    let apart = one
        .iter()
        .zip(other)
        .map(|(one, other)| (one - other).abs());
    apart.fold(0.0, f64::max) < 1e-6
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn failures_elsewhere_are_the_prior_of_ones_own(
        failed in prop::array::uniform3(prop::array::uniform4(0u8..3)),
    ) {
        let [one, two, three] = failed;
        let failures = [one, two, three, [0; 4]];
        let desk = lived(&failures);
        let engine = &desk.engine;
        let policy = engine.policy();
        let (prior, worth) = (policy.prior.severity_mix, policy.prior.severity_concentration);
        let left = (-3.0 / f64::from(policy.time.half_life_days)).exp2();
        let weighed = |sellers: &[usize]| -> [f64; 4] {
            std::array::from_fn(|severity| {
                let of = sellers.iter().map(|seller| f64::from(failures[*seller][severity]));
                left * of.sum::<f64>()
            })
        };
        let of_product = mix(engine, "product:P0");
        prop_assert!(close(of_product, posterior(prior, worth, weighed(&[0, 1, 2]))));
        for seller in 0..3 {
            let others: Vec<usize> = (0..3).filter(|other| *other != seller).collect();
            let elsewhere = posterior(prior, worth, weighed(&others));
            let expected = posterior(elsewhere, worth, weighed(&[seller]));
            for subject in [format!("enterprise:E{seller}"), format!("site:S{seller}"), format!("cell:E{seller}:P0")] {
                let found = mix(engine, &subject);
                prop_assert!(close(found, expected), "{subject}: {found:?}, not {expected:?}");
            }
        }
        // Who never failed is expected to fail as others do with this product.
        let never_failed = format!("cell:E{}:P0", SELLERS - 1);
        prop_assert!(close(mix(engine, &never_failed), of_product));
    }

    #[test]
    fn the_only_seller_of_a_product_counts_no_failure_twice(failed in prop::array::uniform4(0u8..4)) {
        let desk = lived(&[failed]);
        let of_product = mix(&desk.engine, "product:P0");
        prop_assert!(close(mix(&desk.engine, "enterprise:E0"), of_product));
        prop_assert!(close(mix(&desk.engine, "cell:E0:P0"), of_product));
    }
}
