//! The API against its own description, by a tester that reads nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City};
use risk_tests::process;

const SEED: u64 = 20_261_127;

/// Requests that fit the description, and requests that do not: none may be a server error, and none
/// may be answered with a status, a type or a body that the description does not have. Streams do
/// not end, and signing in needs a provider; both have tests of their own. Cases are derived, not drawn:
/// the same document gives the same ones.
#[test]
fn schemathesis_finds_no_server_error_and_no_undocumented_answer() -> Result<()> {
    process::provide("schemathesis")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    City::simulate(SEED, 40)?.import(&data)?;
    let server = city::serve(&data, "")?;
    let root = process::workspace_root()?;
    let tool = root.join(".cache/schemathesis/bin/schemathesis");
    // It writes its examples where it runs.
    let mut command = Command::new("timeout");
    command.env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("PYTHONPATH", root.join("tests/schemathesis"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .current_dir(home.path())
        .arg("300")
        .arg(tool)
        .arg("run");
    command.arg(format!("{}/openapi.json", server.address()));
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_schema_conformance";
    command.args(["--checks", checks, "--max-examples", "25"]);
    command.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-deterministic",
    ]);
    command.args([
        "--exclude-path",
        "/v1/alerts/stream",
        "--exclude-path-regex",
        "^/auth/",
    ]);
    command.args(["--suppress-health-check", "all", "--no-color"]);
    let said = process::run(&mut command)?;
    let generated = said
        .lines()
        .find_map(|line| line.trim().split_once(" generated, "));
    let (generated, _) = generated.with_context(|| format!("it counts no cases: {said}"))?;
    ensure!(
        generated.parse::<u32>()? > 500,
        "too little was tested: {said}"
    );
    Ok(())
}

/// A promise of security names the test that proves it; one that is not there proves nothing.
#[test]
fn every_test_that_the_security_document_names_is_there() -> Result<()> {
    let root = process::workspace_root()?;
    let document = fs::read_to_string(root.join("docs/security.md"))?;
    let is_name = |text: &&str| {
        text.len() > 20
            && text.contains('_')
            && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let names: BTreeSet<&str> = document.split('`').filter(is_name).collect();
    ensure!(names.len() > 15, "only {} tests are named", names.len());
    let mut code = String::new();
    for folder in ["crates", "tests"] {
        gather(&root.join(folder), &mut code)?;
    }
    for name in names {
        ensure!(
            code.contains(&format!("fn {name}(")),
            "there is no test {name}"
        );
    }
    Ok(())
}

fn gather(folder: &Path, code: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, code)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            code.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
