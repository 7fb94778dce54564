//! Documents name tests as proofs of what they promise: every one that they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use risk_tests::process;

/// Documents that name tests.
const DOCUMENTS: [&str; 1] = ["docs/security.md"];
/// Where files that a document names by their ends lie.
const PLACES: [(&str, &str); 3] = [
    ("api/", "crates/risk-api/tests/api/"),
    ("it/", "tests/it/"),
    ("src/", "crates/risk-api/src/"),
];

/// All Rust files below a directory.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Names of functions in a Rust file.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("fn ").skip(1).filter_map(|rest| {
        let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_')?;
        rest.get(..end)
    })
}

/// What stands between back quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A sentence as a test's name is: lower case, four words at least.
fn names_a_test(text: &str) -> bool {
    let letters = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_';
    text.chars().all(letters) && text.matches('_').count() >= 3
}

/// A file named by its end, where the document says where such files lie.
fn file_of(text: &str) -> Option<PathBuf> {
    let is_file = text.strip_suffix(".rs").is_some();
    let place = PLACES
        .iter()
        .find_map(|(short, long)| Some((text.strip_prefix(short)?, long)));
    place
        .filter(|_| is_file)
        .map(|(rest, long)| Path::new(long).join(rest))
}

#[test]
fn every_test_that_a_document_names_is_there() -> Result<()> {
    let root = process::workspace_root()?;
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files)?;
    sources(&root.join("tests"), &mut files)?;
    let texts: Vec<String> = files
        .iter()
        .map(fs::read_to_string)
        .collect::<Result<_, _>>()?;
    let known: BTreeSet<&str> = texts.iter().flat_map(|text| functions(text)).collect();
    ensure!(known.contains("every_test_that_a_document_names_is_there"));
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document))?;
        let mut named = 0;
        for (number, line) in text.lines().enumerate() {
            let at = || format!("{document}:{}", number + 1);
            for name in quoted(line) {
                if names_a_test(name) {
                    ensure!(known.contains(name), "{}: there is no test {name}", at());
                    named += 1;
                } else if let Some(file) = file_of(name) {
                    let path = root.join(&file);
                    fs::metadata(&path).with_context(|| format!("{}: {}", at(), file.display()))?;
                }
            }
        }
        ensure!(named > 40, "{document} names {named} tests");
    }
    Ok(())
}

/// A requirement of the list of security either names a test or says in words why there is none.
#[test]
fn every_requirement_names_a_test_or_says_why_there_is_none() -> Result<()> {
    let text = fs::read_to_string(process::workspace_root()?.join("docs/security.md"))?;
    let mut rows = 0;
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [requirement, how] = cells.as_slice() else {
            continue;
        };
        if !requirement.starts_with(|one: char| one.is_ascii_digit()) {
            continue;
        }
        rows += 1;
        let proved = quoted(how).any(|name| names_a_test(name) || name.ends_with(".rs"));
        let words = how.split_whitespace().count();
        ensure!(
            proved || words >= 5,
            "{requirement}: neither a test nor a reason"
        );
        ensure!(!how.contains("not yet"), "{requirement}: an open promise");
    }
    ensure!(rows > 45, "{rows} requirements were found");
    Ok(())
}

#[test]
fn names_and_files_are_told_from_other_words() {
    assert!(names_a_test("a_cookie_is_worth_nothing"));
    for other in ["unsafe_inline", "GET /v1/audit", "A_B_C_D", "session_idle"] {
        assert!(!names_a_test(other), "{other}");
    }
    assert_eq!(
        file_of("api/identity.rs"),
        Some("crates/risk-api/tests/api/identity.rs".into())
    );
    assert_eq!(file_of("wire/tests.rs"), None);
    let all: Vec<&str> = functions("fn one() {} async fn two<T>() {} // fn ").collect();
    assert_eq!(all, ["one", "two"]);
    let quotes: Vec<&str> = quoted("a `b` c `d`").collect();
    assert_eq!(quotes, ["b", "d"]);
}
