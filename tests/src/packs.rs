//! Evidence packs that were fetched, unpacked, and believed by the program that knows nothing else of Spotcheck.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{http, process};

/// Python with what the verifier needs; [`process::provide`] `verifier` brings it.
pub fn python(arguments: &[&str]) -> Result<Command> {
    let root = process::workspace_root()?;
    let mut command = Command::new(root.join(".cache/verifier/bin/python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").args(arguments);
    Ok(command)
}

/// Unpacks an archive beside it.
pub fn unpack(archive: &Path) -> Result<PathBuf> {
    let to = archive.with_extension("d");
    let (from, into) = (archive.display().to_string(), to.display().to_string());
    process::run(&mut python(&["-m", "zipfile", "-e", &from, &into])?)?;
    Ok(to)
}

/// What the verifier says of a pack or a checkpoint that it believes.
pub fn check(file: &Path, key: &str) -> Result<String> {
    let program = process::workspace_root()?.join("docs/verify/verify.py");
    let mut command = python(&[])?;
    command.arg(program).arg(file).args(["--key", key]);
    let said = process::run(&mut command)?;
    ensure!(said.contains("holds"), "{said}");
    Ok(said)
}

/// Alters a pack in so many ways, one at a time; the verifier must refuse them all.
pub fn refused_when_altered(pack: &Path, key: &str, ways: u32, seed: u64) -> Result<()> {
    let driver = process::workspace_root()?.join("tests/evidence/alter.py");
    let mut command = python(&[])?;
    command.arg(&driver).arg(pack).arg(key);
    let said = process::run(command.args([ways.to_string(), seed.to_string()]))?;
    ensure!(
        said.contains(&format!("{ways} of {ways} refused")),
        "{said}"
    );
    Ok(())
}

/// A pack that was fetched and unpacked, and that holds.
#[derive(Debug)]
pub struct Held {
    /// The folder of its files.
    pub dir: PathBuf,
    /// `pack.json`.
    pub text: String,
    /// The same, read.
    pub pack: Value,
}

impl Held {
    /// Fetches a pack into a folder that is named by `archive`, and has it checked.
    pub fn fetch(url: &str, key: &str, archive: &Path) -> Result<Self> {
        fs::write(archive, http::bytes(url)?)?;
        let dir = unpack(archive)?;
        let text = fs::read_to_string(dir.join("pack.json"))?;
        let pack = serde_json::from_str(&text)?;
        let held = Self { dir, text, pack };
        held.holds(key)?;
        Ok(held)
    }

    /// Whether it still holds.
    pub fn holds(&self, key: &str) -> Result<()> {
        check(&self.dir.join("pack.json"), key).map(drop)
    }

    /// Its entries that stand for something.
    pub fn entries(&self, role: &str) -> Vec<&Value> {
        let entries = self.pack["entries"].as_array().into_iter().flatten();
        entries.filter(|entry| entry["role"] == role).collect()
    }

    /// Its page.
    pub fn page(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.join("pack.html"))?)
    }
}
