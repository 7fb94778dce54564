//! Real and synthetic record sets, imported by their mappings to the last row.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use risk_tests::{city, process};

/// Imports one set and checks its summary; the record sets lie beside the repository.
fn imports_whole(folder: &str, mapping: &str, rows: usize) -> Result<()> {
    let root = process::workspace_root()?;
    let file: PathBuf = root.join(format!("../shared/data/{folder}/open.ndjson.zst"));
    ensure!(file.is_file(), "{} is missing", file.display());
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");

    let mut command = city::spotcheck(&["import"])?;
    command.arg("--data-dir").arg(&data_dir);
    command.arg("--mapping");
    command.arg(root.join(format!("config/imports/{mapping}.toml")));
    let said = process::run(command.arg(file))?;
    ensure!(
        city::value(&said, "rows")? == format!("{rows}, skipped 0, rejected 0"),
        "{said}"
    );
    ensure!(
        city::value(&said, "accepted")? == format!("{rows}, duplicates 0, rejected 0"),
        "{said}"
    );
    let verified = city::over(&["ledger", "verify"], &data_dir)?;
    let entries: usize = city::value(&verified, "entries")?.parse()?;
    ensure!(entries >= rows, "{verified}");
    Ok(())
}

#[test]
fn toronto_to_the_last_row() -> Result<()> {
    imports_whole("toronto_dinesafe", "toronto", 67_410)
}

#[test]
fn chicago_to_the_last_row() -> Result<()> {
    imports_whole("chicago_food", "chicago", 19_504)
}

#[test]
fn fsis_to_the_last_row() -> Result<()> {
    imports_whole("fsis_chicken", "fsis", 3_699)
}

#[test]
fn customs_to_the_last_row() -> Result<()> {
    imports_whole("customs_synthetic", "customs", 37_578)
}
