//! The walls of the house: who may depend on whom, and who alone knows which library.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};
use risk_tests::process;

/// The dependency table: a crate, and which of ours it may depend on. A new arrow here is a
/// change of the design, not of the code.
const MAY_DEPEND_ON: [(&str, &[&str]); 9] = [
    ("risk-domain", &[]),
    ("risk-stats", &[]),
    ("risk-engine", &["risk-domain", "risk-stats"]),
    ("risk-planner", &["risk-domain", "risk-stats"]),
    (
        "risk-store",
        &["risk-domain", "risk-engine", "risk-planner"],
    ),
    (
        "risk-pipeline",
        &["risk-domain", "risk-engine", "risk-planner", "risk-store"],
    ),
    (
        "risk-api",
        &["risk-domain", "risk-engine", "risk-planner", "risk-store"],
    ),
    ("risk-sim", &["risk-domain", "risk-stats"]),
    (
        "spotcheck",
        &[
            "risk-domain",
            "risk-stats",
            "risk-engine",
            "risk-planner",
            "risk-store",
            "risk-pipeline",
            "risk-api",
            "risk-sim",
        ],
    ),
];

/// Packages beside the house: they may look into every room, and nobody depends on them but
/// each other.
const OUTSIDE: [&str; 2] = ["risk-tests", "risk-benches"];

/// A library, and the packages that may name it, in tests too.
const OWNERS: [(&str, &[&str]); 13] = [
    ("sled", &["risk-store"]),
    ("rdkafka", &["risk-pipeline", "risk-tests", "risk-benches"]),
    ("axum", &["risk-api"]),
    ("openidconnect", &["risk-api"]),
    ("statrs", &["risk-stats"]),
    ("clap", &["spotcheck", "risk-benches"]),
    ("rand", &["risk-sim", "risk-store", "spotcheck"]),
    ("rand_chacha", &["risk-sim", "risk-store", "spotcheck"]),
    ("rand_distr", &["risk-sim"]),
    ("ureq", &["risk-api", "risk-pipeline", "risk-tests"]),
    ("typst", &["risk-api"]),
    ("typst-layout", &["risk-api"]),
    ("typst-pdf", &["risk-api"]),
];

/// Crates that do no input or output, read no clock and spawn nothing; and libraries that exist
/// to do just that.
const PURE: [&str; 4] = ["risk-domain", "risk-stats", "risk-engine", "risk-planner"];
const IMPURE_LIBRARIES: [&str; 9] = [
    "async-stream",
    "futures",
    "indicatif",
    "prometheus",
    "tempfile",
    "tokio",
    "tokio-stream",
    "tracing",
    "zstd",
];

/// One line of somebody's Cargo.toml.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    normal: bool,
}

impl Edge {
    fn new(from: &str, to: &str, normal: bool) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            normal,
        }
    }
}

/// What is wrong with the house, one sentence a fault.
fn faults(packages: &BTreeSet<String>, edges: &BTreeSet<Edge>) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.into_iter().collect();
    let mut faults = Vec::new();
    for package in packages {
        if !table.contains_key(package.as_str()) && !OUTSIDE.contains(&package.as_str()) {
            faults.push(format!(
                "{package} is not in the table: nine crates is the ceiling"
            ));
        }
    }
    for name in table.keys() {
        if !packages.contains(*name) {
            faults.push(format!("{name} is in the table but not in the workspace"));
        }
    }
    for edge in edges {
        faults.extend(fault_of(edge, packages, &table));
    }
    faults
}

fn fault_of(
    edge: &Edge,
    packages: &BTreeSet<String>,
    table: &BTreeMap<&str, &[&str]>,
) -> Option<String> {
    let (from, to) = (edge.from.as_str(), edge.to.as_str());
    if let Some((_, owners)) = OWNERS.iter().find(|(library, _)| *library == to) {
        let known = owners.contains(&from);
        return (!known).then(|| format!("{from} names {to}, which only {owners:?} may"));
    }
    if edge.normal && PURE.contains(&from) && IMPURE_LIBRARIES.contains(&to) {
        return Some(format!("{from} is pure and cannot use {to}"));
    }
    let allowed = table.get(from)?;
    if packages.contains(to) && edge.normal && !allowed.contains(&to) {
        return Some(format!("{from} must not depend on {to}"));
    }
    None
}

fn house() -> Result<(BTreeSet<String>, BTreeSet<Edge>)> {
    let metadata = MetadataCommand::new()
        .manifest_path(process::workspace_root()?.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let mut packages = BTreeSet::new();
    let mut edges = BTreeSet::new();
    for package in metadata.workspace_packages() {
        packages.insert(package.name.to_string());
        for dependency in &package.dependencies {
            // A build script's dependency is as firm as a normal one.
            let normal = dependency.kind != DependencyKind::Development;
            edges.insert(Edge::new(&package.name, &dependency.name, normal));
        }
    }
    Ok((packages, edges))
}

#[test]
fn the_house_stands_as_drawn() -> Result<()> {
    let (packages, edges) = house()?;
    let faults = faults(&packages, &edges);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_missing_arrow_is_noticed_when_drawn() -> Result<()> {
    let (packages, edges) = house()?;
    let mut drawn = 0;
    for (from, allowed) in MAY_DEPEND_ON {
        for (to, _) in MAY_DEPEND_ON {
            if from == to || allowed.contains(&to) {
                continue;
            }
            let mut wrong = edges.clone();
            wrong.insert(Edge::new(from, to, true));
            let said = faults(&packages, &wrong);
            ensure!(
                said == [format!("{from} must not depend on {to}")],
                "{from} → {to}: {said:?}"
            );
            drawn += 1;
        }
    }
    ensure!(
        drawn == 9 * 8 - 25,
        "the table changed: {drawn} arrows are missing from it"
    );
    Ok(())
}

#[test]
fn strangers_in_a_room_are_noticed() -> Result<()> {
    let (packages, edges) = house()?;
    let cases = [
        (Edge::new("risk-api", "sled", true), "risk-api names sled"),
        (Edge::new("risk-api", "sled", false), "risk-api names sled"),
        (
            Edge::new("risk-engine", "rand", false),
            "risk-engine names rand",
        ),
        (
            Edge::new("risk-pipeline", "axum", true),
            "risk-pipeline names axum",
        ),
        (
            Edge::new("risk-planner", "tokio", true),
            "risk-planner is pure",
        ),
    ];
    for (edge, sentence) in cases {
        let mut wrong = edges.clone();
        wrong.insert(edge);
        let said = faults(&packages, &wrong);
        ensure!(
            said.len() == 1 && said[0].starts_with(sentence),
            "{sentence}: {said:?}"
        );
    }
    let mut ten = packages.clone();
    ten.insert("risk-common".to_owned());
    ensure!(
        faults(&ten, &edges).len() == 1,
        "a tenth crate went unnoticed"
    );
    let mut eight = packages;
    eight.remove("risk-sim");
    ensure!(
        faults(&eight, &edges).len() == 1,
        "a missing crate went unnoticed"
    );
    Ok(())
}
