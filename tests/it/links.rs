//! What the documents lead to is there: files, headings, pictures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use risk_tests::process;

/// Pictures in the repository stay small.
const MOST_BYTES: u64 = 150_000;

/// Every document, in whatever folder.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let skipped = name.starts_with('.') || name == "node_modules" || name == "target";
            if !skipped && name != "artifacts" && name != "data" {
                documents(&path, found)?;
            }
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// Lines outside of code, which show links without meaning them.
fn prose(text: &str) -> impl Iterator<Item = String> {
    let mut code = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            code = !code;
            return None;
        }
        // Within a line, every other part between backticks is code.
        let spoken = line.split('`').step_by(2).collect::<Vec<_>>().join("·");
        (!code).then_some(spoken)
    })
}

/// Where the links of a text lead: what stands between `](` and `)`.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, left)) = after.split_once(')') else {
                break;
            };
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push(target.trim_matches(['<', '>']).to_owned());
            rest = left;
        }
    }
    found
}

/// The anchors of a text's headings, as a forge makes them: lower case, spaces to hyphens, no other signs.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let heading = line.trim_start_matches('#');
        let depth = line.len() - heading.len();
        if code || depth == 0 || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter_map(|sign| match sign {
            ' ' => Some('-'),
            '-' | '_' => Some(sign),
            _ => sign.is_alphanumeric().then_some(sign),
        });
        let anchor: String = kept.collect();
        let mut numbered = anchor.clone();
        let mut number = 0;
        while !found.insert(numbered.clone()) {
            number += 1;
            numbered = format!("{anchor}-{number}");
        }
    }
    found
}

/// What is wrong with the links of a text that lies in a folder.
fn faults(text: &str, folder: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for target in targets(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let file = folder.join(path);
        let here = path.is_empty();
        if !here && !file.exists() {
            faults.push(format!("{target}: there is no such file"));
            continue;
        }
        if anchor.is_empty() {
            continue;
        }
        let whole = if here {
            text.to_owned()
        } else {
            fs::read_to_string(&file).with_context(|| file.display().to_string())?
        };
        if !anchors(&whole).contains(anchor) {
            faults.push(format!("{target}: there is no such heading"));
        }
    }
    Ok(faults)
}

#[test]
fn no_link_of_a_document_is_dead() -> Result<()> {
    let root = process::workspace_root()?;
    let mut all = Vec::new();
    documents(&root, &mut all)?;
    ensure!(all.len() > 20, "only {} documents were found", all.len());
    let mut dead = Vec::new();
    let mut links = 0;
    for document in all {
        let text = fs::read_to_string(&document)?;
        links += targets(&text).len();
        let folder = document.parent().context("a document lies nowhere")?;
        let name = document.strip_prefix(&root)?.display().to_string();
        let faults = faults(&text, folder)?;
        dead.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    ensure!(links > 100, "only {links} links were found");
    ensure!(dead.is_empty(), "{dead:#?}");
    Ok(())
}

#[test]
fn a_dead_link_is_found() -> Result<()> {
    let root = process::workspace_root()?;
    let text = "# One（一）, two\n[a](README.md) [b](#one一-two) [c](NOWHERE.md) ![d](README.md#nowhere)\n\
                `[e](CODE.md)`\n```\n[f](CODE.md)\n```\n[g](https://example.org/x)\n";
    let found = faults(text, &root)?;
    ensure!(
        found
            == [
                "NOWHERE.md: there is no such file",
                "README.md#nowhere: there is no such heading"
            ],
        "{found:?}"
    );
    Ok(())
}

#[test]
fn pictures_are_small_and_shown() -> Result<()> {
    let root = process::workspace_root()?;
    let mut all = Vec::new();
    documents(&root, &mut all)?;
    let texts: Vec<String> = all
        .iter()
        .map(fs::read_to_string)
        .collect::<Result<_, _>>()?;
    for file in fs::read_dir(root.join("docs/guides/pictures"))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let bytes = file.metadata()?.len();
        ensure!(bytes <= MOST_BYTES, "{name} has {bytes} bytes");
        let shown = format!("](pictures/{name})");
        ensure!(
            texts.iter().any(|text| text.contains(&shown)),
            "no document shows {name}"
        );
    }
    Ok(())
}
