//! The demo city on the reference data that ships with the program.

use risk_domain::ids::ProductCode;
use risk_domain::reference::Reference;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_sim::{CityFrame, DemoCity, DemoSettings};
use std::collections::BTreeMap;

#[test]
fn every_result_stands_in_the_reference_data_and_everything_is_sold() {
    let reference = Reference::builtin().unwrap();
    let frame = CityFrame::from(&reference);
    for seed in [8, 9] {
        println!("seed {seed}");
        let settings = DemoSettings::new(seed, Day::from_ymd(2026, 6, 25).unwrap());
        let city = DemoCity::generate(&settings, &frame).unwrap();
        for result in &city.results {
            let id = &result.inspection_id;
            let product = &reference.products[&result.product.category];
            let zone = reference.zones.get(&result.site.zone_id).unwrap();
            assert!(zone.products.contains(&product.code), "{id}");
            if let Some(method) = &result.test.method_id {
                assert!(reference.methods.contains_key(method), "{id}: {method}");
            }
            for item in &result.items {
                let known = product.items.iter().find(|of| of.code == item.code);
                assert_eq!(known.map(|of| of.severity), item.severity, "{id}");
                assert_eq!(known.map(|of| &of.hazard), item.hazard.as_ref(), "{id}");
            }
        }
        let mut sellers: BTreeMap<&ProductCode, u32> = BTreeMap::new();
        for product in city
            .register
            .iter()
            .filter(|of| of.open)
            .flat_map(|of| of.products.keys())
        {
            *sellers.entry(product).or_default() += 1;
        }
        println!("{sellers:?}");
        assert_eq!(sellers.len(), reference.products.len());
        assert!(sellers.values().all(|count| *count >= 10), "{sellers:?}");
        let rate = |mode| city.stats.failure_rate(mode).unwrap();
        let random = rate(SelectionMode::RiskEvaluation);
        assert!((0.05..0.18).contains(&random), "{random}");
        assert!(rate(SelectionMode::EnforcementTest) > 2.0 * random);
    }
}
