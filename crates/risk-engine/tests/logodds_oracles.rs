//! The additive model against numbers that independent programs computed: lme4, and a reference
//! implementation of the whole chain.
//!
//! The files lie beside the project in `shared/oracles`; each names the program that made it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test whose oracle is missing or malformed must fail, and tells how near it came"
)]

use risk_engine::logodds::{
    Basis, Evidence, Frame, Level, Mode, Nested, NestedRow, NestedVariances, NormalPrior, PartKind,
    Prediction, Query, Row, Selection, Settings, Snapshot, Variance, Verification, fit,
    nested_rows,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Absolute tolerance against the reference implementation, on every number.
const PARITY: f64 = 1e-6;

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()))
}

fn oracle<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&read(&format!("../../../shared/oracles/{name}"))).unwrap()
}

/// The greatest difference seen; fails where one is above the tolerance.
#[derive(Debug)]
struct Differences {
    tolerance: f64,
    greatest: f64,
    compared: usize,
}

impl Differences {
    fn new(tolerance: f64) -> Self {
        Self {
            tolerance,
            greatest: 0.0,
            compared: 0,
        }
    }

    fn see(&mut self, what: &str, ours: f64, theirs: f64) {
        let apart = (ours - theirs).abs();
        assert!(
            apart <= self.tolerance,
            "{what}: {ours} and {theirs} differ by {apart:e}"
        );
        self.greatest = self.greatest.max(apart);
        self.compared += 1;
    }

    fn see_all(&mut self, what: &str, ours: impl Iterator<Item = f64>, theirs: &[f64]) {
        let ours: Vec<f64> = ours.collect();
        assert_eq!(ours.len(), theirs.len(), "{what}");
        for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            self.see(&format!("{what}[{at}]"), *ours, *theirs);
        }
    }
}

/// How the oracles name our levels.
const LEVELS: [&str; 6] = ["sector", "product", "zone", "prodzone", "ent", "cell"];
const OUR_LEVELS: [&str; 6] = [
    "sector",
    "product",
    "zone",
    "product_zone",
    "enterprise",
    "cell",
];

/// The reference: normal priors throughout, none on the common log-odds, its own half-lives.
fn reference_settings() -> Settings {
    let mut settings = Settings {
        intercept: NormalPrior {
            mean: -2.7,
            variance: None,
        },
        selection: Selection::Likelihood {
            mean: 0.7,
            variance: 0.25,
            most: 2.0,
            seasonal: false,
        },
        recent_tail: None,
        ..Settings::default()
    };
    settings.half_lives.recent = 4.0;
    settings.half_lives.selection = 104.0;
    settings.sweeps.recent = 5;
    settings.sweeps.tolerance = None;
    let recent = [None, Some(0.05), None, Some(0.1), Some(0.1), Some(0.05)];
    for (level, recent) in settings.levels.iter_mut().zip(recent) {
        level.recent = recent;
        level.tail = None;
    }
    settings.levels[4].variance = Variance::Fixed(0.5);
    settings
}

fn covariates() -> Selection {
    Selection::Covariates {
        enterprise: "enterprise".into(),
        cell: "cell".into(),
    }
}

const RANDOM: u8 = 0;
const FAST_TEST: u8 = 3;
const ENFORCEMENT: u8 = 4;

/// A single result as the reference keeps it; `lab` is what a laboratory said of a fast test.
fn row(target: u32, week: u16, mode: u8, failed: bool, lab: Option<bool>) -> Row {
    let basis = match mode {
        RANDOM => Basis::Random,
        ENFORCEMENT => Basis::Informative,
        _ => Basis::Ignorable,
    };
    let row = Row::new(target, week, mode, basis);
    let method = u8::from(mode == FAST_TEST);
    let (verification, outcome) = match (lab, failed) {
        (None, _) => (Verification::None, failed),
        (Some(lab), true) => (Verification::OfPositive, lab),
        (Some(lab), false) => (Verification::OfNegative, lab),
    };
    row.by_method(method, verification)
        .counting(1, u32::from(outcome))
}

#[derive(Deserialize)]
struct Golden {
    targets: Vec<GoldenTarget>,
    events: Vec<GoldenEvent>,
    tau2: BTreeMap<String, f64>,
    tau2_fast: BTreeMap<String, f64>,
    mu: f64,
    delta: Vec<f64>,
    beta: Vec<f64>,
    season: Vec<[f64; 4]>,
    u: BTreeMap<String, Vec<f64>>,
    u_fast: BTreeMap<String, Vec<f64>>,
    predict: Vec<GoldenPrediction>,
}

#[derive(Deserialize)]
struct GoldenTarget {
    cell: u32,
    enterprise: u32,
    product: u32,
    zone: u32,
    sector: u32,
}

#[derive(Deserialize)]
struct GoldenEvent {
    week: u16,
    cell: u32,
    mode: String,
    fail: u8,
    lab: i8,
}

#[derive(Deserialize)]
struct GoldenPrediction {
    cell: u32,
    eta: f64,
    var: f64,
    p: f64,
    parts: BTreeMap<String, f64>,
}

impl Golden {
    fn settings(&self) -> Settings {
        let mut settings = reference_settings();
        for (level, name) in settings.levels.iter_mut().zip(LEVELS) {
            level.variance = Variance::Fixed(self.tau2[name]);
            level.recent = self.tau2_fast.get(name).copied();
        }
        for method in &mut settings.methods {
            method.estimated = false;
        }
        settings.selection = covariates();
        settings.calibrated = false;
        settings.sweeps.cold = 400;
        settings
    }

    fn frame(&self, zones: u32) -> Frame {
        let mut frame = Frame::new(6);
        for t in &self.targets {
            let pair = t.product * zones + t.zone;
            let groups = [t.sector, t.product, t.zone, pair, t.enterprise, t.cell];
            frame.push(&groups, 0, u16::MAX);
        }
        frame
    }

    fn rows(&self) -> Vec<Row> {
        let modes = ["RA", "SS", "SP", "QT", "EN"];
        let row = |e: &GoldenEvent| {
            let mode = modes.iter().position(|mode| *mode == e.mode).unwrap();
            let lab = (e.lab >= 0).then_some(e.lab == 1);
            row(e.cell, e.week, mode as u8, e.fail == 1, lab)
        };
        self.events.iter().map(row).collect()
    }
}

fn part(prediction: &Prediction, kind: PartKind) -> f64 {
    let own = prediction.parts.iter().find(|part| part.kind == kind);
    own.unwrap_or_else(|| panic!("no part {kind:?}")).log_odds
}

#[test]
fn o30_every_parameter_part_and_prediction() {
    let golden: Golden = oracle("o30_golden_core.json");
    let zones = golden.u["zone"].len() as u32;
    let (frame, rows) = (golden.frame(zones), golden.rows());
    let evidence = Evidence::new(&frame, &rows, 59);
    let snapshot = fit(&evidence, &golden.settings(), None).unwrap();
    let mut apart = Differences::new(PARITY);
    apart.see("mu", snapshot.intercept.mean, golden.mu);
    let modes = snapshot.modes.iter().map(|mode| mode.mean);
    apart.see_all("delta", modes, &golden.delta);
    let beta = snapshot.covariates.iter().map(|k| k.coefficient.mean);
    apart.see_all("beta", beta, &golden.beta);
    let season = snapshot.season.as_ref().unwrap();
    for (ours, theirs) in season.amplitudes.iter().zip(&golden.season) {
        apart.see_all("season", ours.iter().copied(), theirs);
    }
    for (level, name) in snapshot.levels.iter().zip(LEVELS) {
        let lasting = level.lasting.iter().map(|effect| effect.mean);
        apart.see_all(name, lasting, &golden.u[name]);
        if let Some(recent) = &level.recent {
            let effects = recent.effects.iter().map(|effect| effect.mean);
            apart.see_all(name, effects, &golden.u_fast[name]);
        }
    }
    for theirs in &golden.predict {
        let groups: Vec<u32> = frame.groups(theirs.cell).collect();
        let query = Query {
            week: Some(60),
            ..Query::new(&groups)
        };
        let ours = snapshot.predict(&query);
        apart.see("eta", ours.log_odds, theirs.eta);
        apart.see("var", ours.variance, theirs.var);
        apart.see("p", ours.probability, theirs.p);
        for (name, value) in &theirs.parts {
            let at = |name: &str| LEVELS.iter().position(|level| *level == name).unwrap() as u8;
            let kind = match name.as_str() {
                "base" => PartKind::Base,
                "season" => PartKind::Season,
                "selected_for_enforcement" => PartKind::Selected,
                "recently_remedied" => PartKind::Remedied,
                name => match name.strip_prefix("recent_") {
                    Some(level) => PartKind::Recent(at(level)),
                    None => PartKind::Lasting(at(name)),
                },
            };
            apart.see(name, part(&ours, kind), *value);
        }
        assert_eq!(ours.parts.len(), theirs.parts.len());
    }
    println!(
        "{} numbers, at most {:e} apart",
        apart.compared, apart.greatest
    );
    assert!(apart.compared > 5000);
}

#[derive(Deserialize)]
struct Glmer {
    rows: GlmerRows,
    #[serde(rename = "nAGQ0")]
    fitted: GlmerFit,
}

#[derive(Deserialize)]
struct GlmerRows {
    ent: Vec<u32>,
    prod: Vec<u32>,
    mode: Vec<u8>,
    y: Vec<u32>,
}

#[derive(Deserialize)]
struct GlmerFit {
    tau2: BTreeMap<String, f64>,
    fixef: BTreeMap<String, f64>,
    prod: Vec<f64>,
    prod_id: Vec<usize>,
    ent: Vec<f64>,
    ent_id: Vec<usize>,
}

/// lme4's penalised mode at given variances and with flat priors; the file asks for 1e-4.
#[test]
fn o02_the_mode_that_lme4_finds() {
    let glmer: Glmer = oracle("o02_glmer.json");
    let level = |name: &str| Level::new(name, Variance::Fixed(glmer.fitted.tau2[name]), None);
    let flat = Some(1e12);
    let mode = |name: &str, variance| Mode {
        name: name.into(),
        variance,
    };
    let mut settings = Settings {
        levels: vec![level("prod"), level("ent")],
        modes: vec![mode("first", None), mode("SS", flat), mode("EN", flat)],
        methods: Vec::new(),
        season: None,
        selection: Selection::Ignored,
        remediation: None,
        calibrated: false,
        ..reference_settings()
    };
    settings.sweeps.cold = 300;
    let mut frame = Frame::new(2);
    let mut rows = Vec::new();
    let columns = &glmer.rows;
    for at in 0..columns.y.len() {
        let target = frame.push(&[columns.prod[at], columns.ent[at]], 0, 1);
        let row = Row::new(target, 0, columns.mode[at], Basis::Ignorable);
        rows.push(row.counting(1, columns.y[at]));
    }
    let evidence = Evidence::new(&frame, &rows, 0);
    let snapshot = fit(&evidence, &settings, None).unwrap();
    let mut apart = Differences::new(1e-4);
    let fixed = &glmer.fitted.fixef;
    apart.see("mu", snapshot.intercept.mean, fixed["(Intercept)"]);
    apart.see("SS", snapshot.modes[1].mean, fixed["modeSS"]);
    apart.see("EN", snapshot.modes[2].mean, fixed["modeEN"]);
    let effects = |level: &str, ids: &[usize]| {
        let effects = &snapshot.level(level).unwrap().lasting;
        let effects: Vec<f64> = ids.iter().map(|id| effects[*id].mean).collect();
        effects.into_iter()
    };
    let fitted = &glmer.fitted;
    apart.see_all("prod", effects("prod", &fitted.prod_id), &fitted.prod);
    apart.see_all("ent", effects("ent", &fitted.ent_id), &fitted.ent);
    println!(
        "{} numbers, at most {:e} apart",
        apart.compared, apart.greatest
    );
    assert_eq!(apart.compared, 75);
}

#[derive(Deserialize)]
struct World {
    snapshots: Vec<WorldSnapshot>,
}

#[derive(Deserialize)]
struct WorldSnapshot {
    model: String,
    week: u16,
    mu: f64,
    delta: Vec<f64>,
    beta: Vec<f64>,
    tau2: BTreeMap<String, f64>,
    se: f64,
    sp: f64,
    a: f64,
    b: f64,
    alpha: Option<f64>,
    cells: Vec<(String, String)>,
    eta: Vec<f64>,
    probability: Vec<f64>,
}

/// The world of seed 0 as the reference made it; its results in full.
struct City {
    frame: Frame,
    rows: Vec<Row>,
    cells: BTreeMap<(String, String), u32>,
}

fn city() -> City {
    let text = read("tests/data/logodds_world0.txt");
    let mut lines = text.lines().skip(1);
    let mut numbered = |word: &str| {
        let line = lines.next().unwrap();
        line.strip_prefix(word).unwrap().trim().parse().unwrap()
    };
    let cells: usize = numbered("cells ");
    let mut city = City {
        frame: Frame::new(6),
        rows: Vec::new(),
        cells: BTreeMap::new(),
    };
    let mut lines = text.lines().skip(2);
    for line in lines.by_ref().take(cells) {
        let fields: Vec<u32> = line
            .split(' ')
            .map(|field| field.parse().unwrap())
            .collect();
        let [enterprise, product, zone, sector, from, until] = fields[..] else {
            panic!("{line}");
        };
        let cell = city.frame.len() as u32;
        let groups = [sector, product, zone, product * 5 + zone, enterprise, cell];
        city.frame.push(&groups, from as u16, until as u16);
        let name = (format!("E{enterprise:05}"), format!("P{product:02}"));
        city.cells.insert(name, cell);
    }
    for line in lines.skip(1) {
        let mut fields = line.split(' ');
        let week = fields.next().unwrap().parse().unwrap();
        let mode = fields.next().unwrap().parse().unwrap();
        for field in fields {
            let number = field.trim_end_matches(char::is_alphabetic);
            let lab = match field.chars().last() {
                Some('c') => Some(false),
                Some('n') => Some(true),
                _ => None,
            };
            let cell = number.parse().unwrap();
            city.rows
                .push(row(cell, week, mode, field.contains('f'), lab));
        }
    }
    city
}

/// Refits every fourth week from `start` on, and compares where the oracle has a snapshot.
fn whole_chain(model: &str, start: u16, settings: &Settings) {
    let world: World = oracle("o31_golden_world.json");
    let city = city();
    let mut warm: Option<Snapshot> = None;
    let mut apart = Differences::new(PARITY);
    for week in (start..=152).step_by(4) {
        let evidence = Evidence::new(&city.frame, &city.rows, week);
        let snapshot = fit(&evidence, settings, warm.as_ref()).unwrap();
        let theirs = world.snapshots.iter();
        for theirs in theirs.filter(|s| s.model == model && s.week == week) {
            compare(&city, &snapshot, theirs, &mut apart);
        }
        warm = Some(snapshot);
    }
    println!(
        "{} numbers, at most {:e} apart",
        apart.compared, apart.greatest
    );
    assert!(apart.compared > 600);
}

fn compare(city: &City, ours: &Snapshot, theirs: &WorldSnapshot, apart: &mut Differences) {
    apart.see("mu", ours.intercept.mean, theirs.mu);
    let modes = ours.modes.iter().map(|mode| mode.mean);
    apart.see_all("delta", modes, &theirs.delta);
    let beta = ours.covariates.iter().map(|k| k.coefficient.mean);
    apart.see_all("beta", beta, &theirs.beta);
    for (level, name) in OUR_LEVELS.iter().zip(LEVELS) {
        apart.see(name, ours.level(level).unwrap().prior, theirs.tau2[name]);
    }
    apart.see("Se", ours.methods[0].sensitivity, theirs.se);
    apart.see("Sp", ours.methods[0].specificity, theirs.sp);
    apart.see("a", ours.calibrator.intercept, theirs.a);
    apart.see("b", ours.calibrator.slope, theirs.b);
    let alpha = ours.selection.as_ref().map(|selection| selection.alpha);
    assert_eq!(alpha.is_some(), theirs.alpha.is_some());
    if let (Some(ours), Some(theirs)) = (alpha, theirs.alpha) {
        apart.see("alpha", ours, theirs);
    }
    for (at, cell) in theirs.cells.iter().enumerate() {
        let groups: Vec<u32> = city.frame.groups(city.cells[cell]).collect();
        let prediction = ours.predict(&Query::new(&groups));
        apart.see("eta", prediction.log_odds, theirs.eta[at]);
        apart.see(
            "probability",
            prediction.probability,
            theirs.probability[at],
        );
    }
}

#[test]
fn o31_the_chain_with_selection_as_covariates() {
    let settings = Settings {
        selection: covariates(),
        ..reference_settings()
    };
    whole_chain("core", 52, &settings);
}

#[test]
fn o31_the_chain_with_selection_as_a_likelihood() {
    whole_chain("selection", 12, &reference_settings());
}

#[derive(Deserialize)]
struct NestedOracle {
    se: f64,
    sp: f64,
    tau_e2: f64,
    tau_c2: f64,
    rows: Vec<NestedOracleRow>,
    log_marginal: f64,
    #[serde(rename = "E_u")]
    outer_mean: f64,
    #[serde(rename = "E_f")]
    inner_means: Vec<f64>,
}

#[derive(Deserialize)]
struct NestedOracleRow {
    cell: u32,
    eta_rest: f64,
    y: u8,
    fast: u8,
    w: f64,
}

/// Fifteen by nine points against integration on a fine grid: 1e-4.
#[test]
fn o14_the_nested_integral() {
    let oracle: NestedOracle = oracle("o14_nested_posterior.json");
    let row = |row: &NestedOracleRow| {
        let nested = NestedRow::new((0, row.cell), row.eta_rest, row.w, row.w * f64::from(row.y));
        if row.fast == 1 {
            nested.by_fast_test(oracle.se, oracle.sp)
        } else {
            nested
        }
    };
    let nested = Nested::new(oracle.rows.iter().map(row).collect()).unwrap();
    let at = NestedVariances {
        outer: oracle.tau_e2,
        inner: oracle.tau_c2,
        shift: 0.0,
    };
    let mut apart = Differences::new(1e-4);
    apart.see("log marginal", nested.log_marginal(at), oracle.log_marginal);
    let means = nested.means(at);
    for (means, expected) in means.iter().zip(&oracle.inner_means) {
        apart.see("E u", means.of_outer, oracle.outer_mean);
        apart.see("E f", means.of_inner, *expected);
    }
    assert_eq!(apart.compared, 5);
}

/// The city was made with enterprise effects of variance 0.64 and more that drifts (0.25), and cells
/// of 0.25; static effects alone cannot tell these apart exactly, but must be far from nothing.
#[test]
fn variances_of_enterprises_and_cells_do_not_collapse() {
    let city = city();
    let settings = Settings::default();
    let evidence = Evidence::new(&city.frame, &city.rows, 70);
    let snapshot = fit(&evidence, &settings, None).unwrap();
    let levels = ("enterprise", "cell");
    let rows = nested_rows(&evidence, &settings, &snapshot, levels, 104).unwrap();
    let nested = Nested::new(rows).unwrap();
    let start = NestedVariances {
        outer: 0.5,
        inner: 0.2,
        shift: 0.0,
    };
    let found = nested.most_likely(start);
    println!("{found:?}");
    assert!(found.outer > 0.15 && found.outer < 1.5, "{found:?}");
    assert!(found.inner > 0.01 && found.inner < 0.8, "{found:?}");
    let log_prior = |v: NestedVariances| 0.5 * (v.outer.ln() + v.inner.ln());
    let of = |v| nested.log_marginal(v) + log_prior(v);
    assert!(of(found) > of(start));
}

/// With a tolerance a sweep follows scores along straight lines and the fit ends early; at given prior
/// variances the effects are those of the reference's own sweeps, made until nothing moves.
#[test]
fn sweeps_along_lines_end_where_exact_ones_do() {
    let city = city();
    let mut quick = Settings {
        laboratories: Some(Variance::Fixed(0.05)),
        ..Settings::default()
    };
    for level in &mut quick.levels {
        level.variance = match level.variance {
            Variance::Moments { start, floor: _ } => Variance::Fixed(start),
            Variance::Fixed(variance) => Variance::Fixed(variance),
        };
    }
    let mut exact = quick.clone();
    exact.sweeps.tolerance = None;
    exact.sweeps.cold = 200;
    exact.sweeps.warm = 60;
    exact.sweeps.recent = 60;
    let rows = city.rows.iter().enumerate();
    let rows: Vec<Row> = rows
        .map(|(at, row)| Row {
            laboratory: (at % 7) as u16,
            ..*row
        })
        .collect();
    let mut last: Option<(Snapshot, Snapshot)> = None;
    for week in [60, 64, 104] {
        let evidence = Evidence::new(&city.frame, &rows, week);
        let warm = last.as_ref();
        let found = fit(&evidence, &quick, warm.map(|(quick, _)| quick)).unwrap();
        let wanted = fit(&evidence, &exact, warm.map(|(_, exact)| exact)).unwrap();
        let (mut greatest, mut squares) = (0.0_f64, 0.0);
        for target in 0..city.frame.len() as u32 {
            let groups: Vec<u32> = city.frame.groups(target).collect();
            let query = Query::new(&groups);
            let apart = found.log_odds(&query).0 - wanted.log_odds(&query).0;
            greatest = greatest.max(apart.abs());
            squares += apart * apart;
        }
        let deviation = (squares / city.frame.len() as f64).sqrt();
        println!("week {week}: at most {greatest:.5} apart, deviation {deviation:.5}");
        assert!(greatest < 0.03 && deviation < 0.01, "week {week}");
        last = Some((found, wanted));
    }
}
