//! Acceptance sampling of lots.

use crate::{close, oracle};
use risk_stats::acceptance::{
    Aql, CodeLetter, DeclaredPlan, DiscriminationLevel, InspectionLevel, LotPlan, QualityPoint,
    Severity, SinglePlan, find_plan,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Acceptance {
    plans: Vec<Curve>,
    find_plan: Found,
}

#[derive(Deserialize)]
struct Curve {
    n: u32,
    c: u32,
    r#type: String,
    #[serde(rename = "N")]
    lot: Value,
    pd: Vec<f64>,
    pa: Vec<f64>,
}

#[derive(Deserialize)]
struct Found {
    n: u32,
    c: u32,
}

#[test]
fn o09_how_likely_plans_accept() {
    let o: Acceptance = oracle("o09_acceptance.json");
    assert_eq!(o.plans.len(), 4);
    for curve in o.plans {
        let plan = LotPlan::new(curve.n, curve.c).unwrap();
        for (rate, theirs) in curve.pd.iter().zip(&curve.pa) {
            let ours = if curve.r#type == "hypergeom" {
                // The other program takes the whole part of a fraction of a unit.
                let lot = curve.lot.as_u64().unwrap();
                let nonconforming = libm::floor(rate * lot as f64 + 1e-9);
                plan.accepts_lot(lot, nonconforming as u64).unwrap()
            } else {
                plan.accepts_rate(*rate).unwrap()
            };
            // Digits given: 11. Sums of at most six terms through ln Γ of up to 500 keep more.
            close("acceptance", ours, *theirs, 2e-11);
        }
    }
    let producer = QualityPoint {
        rate: 0.02,
        accepted: 0.95,
    };
    let consumer = QualityPoint {
        rate: 0.10,
        accepted: 0.10,
    };
    let plan = find_plan(producer, consumer).unwrap();
    let found = (plan.sample(), plan.acceptance_number());
    assert_eq!(found, (o.find_plan.n, o.find_plan.c));
}

#[derive(Deserialize)]
struct Standard {
    aql: Vec<f64>,
    code_letters: Vec<BTreeMap<String, Value>>,
    plans: BTreeMap<String, BTreeMap<char, BTreeMap<String, Cell>>>,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Cell {
    letter: char,
    n: u32,
    ac: u32,
}

#[derive(Deserialize)]
struct Example {
    level: String,
    lot: u64,
    aql: f64,
    state: String,
    initial_letter: char,
    final_letter: char,
    n_effective: u32,
    full_inspection: bool,
    ac: u32,
}

const LEVELS: [(&str, InspectionLevel); 7] = [
    ("S-1", InspectionLevel::Special1),
    ("S-2", InspectionLevel::Special2),
    ("S-3", InspectionLevel::Special3),
    ("S-4", InspectionLevel::Special4),
    ("I", InspectionLevel::General1),
    ("II", InspectionLevel::General2),
    ("III", InspectionLevel::General3),
];

const SEVERITIES: [(&str, Severity); 3] = [
    ("normal", Severity::Normal),
    ("tightened", Severity::Tightened),
    ("reduced", Severity::Reduced),
];

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> T {
    names.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A lot of this code letter at one of the levels.
fn lot_of(letter: char, standard: &Standard) -> (u64, InspectionLevel) {
    let rows = standard.code_letters.iter();
    let mut found = rows.flat_map(|row| {
        let lot = row["lot_min"].as_u64().unwrap();
        LEVELS.map(|(name, level)| (row[name].as_str().unwrap().starts_with(letter), lot, level))
    });
    let (_, lot, level) = found.find(|(same, _, _)| *same).unwrap();
    (lot, level)
}

#[test]
fn the_tables_of_the_standard_cell_by_cell() {
    let o: Standard = oracle("iso2859.json");
    assert!(Aql::all().map(Aql::value).eq(o.aql.iter().copied()));
    for row in &o.code_letters {
        let lots = [row["lot_min"].as_u64(), row["lot_max"].as_u64()];
        for (name, level) in LEVELS {
            for lot in lots.into_iter().flatten() {
                let letter = CodeLetter::of_lot(lot, level).unwrap().get();
                assert_eq!(row[name].as_str(), Some(letter.to_string().as_str()));
            }
        }
    }
    let mut cells = 0;
    for (severity, rows) in &o.plans {
        let severity = named(&SEVERITIES, severity);
        for (letter, row) in rows {
            let (lot, level) = lot_of(*letter, &o);
            for (aql, cell) in row {
                let aql = Aql::new(aql.parse().unwrap()).unwrap();
                let plan = SinglePlan::of_lot(lot, level, aql, severity).unwrap();
                assert_eq!(plan.initial_letter.get(), *letter);
                assert_eq!(plan.letter.get(), cell.letter, "{letter} {aql:?}");
                assert_eq!(plan.acceptance_number, cell.ac, "{letter} {aql:?}");
                assert_eq!(plan.letter.sample(severity), Ok(cell.n));
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 3 * 16 * 26);
    for example in &o.examples {
        let plan = SinglePlan::of_lot(
            example.lot,
            named(&LEVELS, &example.level),
            Aql::new(example.aql).unwrap(),
            named(&SEVERITIES, &example.state),
        );
        let plan = plan.unwrap();
        assert_eq!(plan.initial_letter.get(), example.initial_letter);
        assert_eq!(plan.letter.get(), example.final_letter);
        assert_eq!(plan.sample, example.n_effective);
        assert_eq!(plan.whole_lot, example.full_inspection);
        assert_eq!(plan.acceptance_number, example.ac);
    }
}

#[derive(Deserialize)]
struct WithDeclared {
    declared_quality_level: Declared,
}

#[derive(Deserialize)]
struct Declared {
    derived: BTreeMap<String, BTreeMap<String, Option<Audit>>>,
}

#[derive(Deserialize)]
struct Audit {
    n_preferred: u32,
    #[serde(rename = "L")]
    most: u32,
}

/// Another program computed these from the same principle: they are not the printed table either.
#[test]
fn audits_of_declared_levels_as_another_program_computed_them() {
    let o: WithDeclared = oracle("iso2859.json");
    let mut cells = 0;
    for (level, row) in &o.declared_quality_level.derived {
        let level = DiscriminationLevel::from_name(level).unwrap();
        for (percent, audit) in row {
            let ours = DeclaredPlan::of_lot(u64::MAX, level, percent.parse().unwrap()).ok();
            let ours = ours.map(|plan| (plan.sample, plan.acceptance_number));
            let theirs = audit.as_ref().map(|audit| (audit.n_preferred, audit.most));
            assert_eq!(ours, theirs, "{level:?} {percent}");
            cells += 1;
        }
    }
    assert_eq!(cells, 4 * 13);
}
