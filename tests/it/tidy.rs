//! House rules that neither compiler nor clippy knows, each proven to bite.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use risk_tests::process;

/// Product code a file may have, in lines.
const FILE_LINES: usize = 500;

/// Where `Serialize` and `Deserialize` may be derived: a promise about bytes that others read.
/// A path that contains the word is a boundary; the reason stands beside it.
const BOUNDARIES: [(&str, &str); 16] = [
    (
        "/evaluate/",
        "what programs exchange that judge one another",
    ),
    ("oracles", "what other programs computed"),
    ("/wire/", "what Kafka and HTTP carry"),
    ("/wire.rs", "what Kafka and HTTP carry"),
    ("/dto/", "what the API shows, a shape for each audience"),
    ("/dto.rs", "what the API shows, a shape for each audience"),
    ("/records/", "what the store keeps"),
    ("/records.rs", "what the store keeps"),
    ("/codec.rs", "what the store keeps"),
    ("/config.rs", "what an operator writes"),
    ("/policy.rs", "what a regulator writes: policy is data"),
    (
        "/mapping.rs",
        "what an operator writes to import a foreign table",
    ),
    (
        "risk-domain/src/",
        "newtypes whose text is the same on every surface",
    ),
    (
        "risk-engine/src/",
        "recorded conclusions, kept whole in the ledger",
    ),
    ("risk-sim/src/", "seeds read, the made city written"),
    ("risk-tests/", "tests speak every format"),
];

/// The lines of a Rust file that are product, not test: those before the test module at its end.
fn product_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let test_module = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
    test_module.unwrap_or(lines.len())
}

fn too_long(path: &str, text: &str) -> Vec<String> {
    let lines = product_lines(text);
    let product = path.starts_with("crates/") && path.contains("/src/") && is_rust(path);
    if product && !path.ends_with("/tests.rs") && lines > FILE_LINES {
        vec![format!(
            "{path}: {lines} lines of product code, {FILE_LINES} is the limit"
        )]
    } else {
        Vec::new()
    }
}

fn serialised_inside(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("crates/") || BOUNDARIES.iter().any(|(word, _)| path.contains(word)) {
        return Vec::new();
    }
    text.lines()
        .take(product_lines(text))
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("#[derive("))
        .filter(|(_, line)| line.contains("Serialize") || line.contains("Deserialize"))
        .map(|(at, _)| format!("{path}:{}: serialised outside a boundary file", at + 1))
        .collect()
}

fn unowned_todo(path: &str, text: &str) -> Vec<String> {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            words.iter().any(|word| {
                line.split_once(word).is_some_and(|(before, after)| {
                    let whole = !before.ends_with(char::is_alphanumeric)
                        && !after.starts_with(char::is_alphanumeric);
                    whole && !after.starts_with('(')
                })
            })
        })
        .map(|(at, _)| {
            format!(
                "{path}:{}: a promise without an owner, write NAME in ()",
                at + 1
            )
        })
        .collect()
}

fn machine_path(path: &str, text: &str) -> Vec<String> {
    let roots = [
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    let starts = |before: &str| {
        before.is_empty() || before.ends_with([' ', '\t', '"', '\'', '`', '(', '=', ':'])
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            roots.iter().any(|root| {
                line.split_once(root)
                    .is_some_and(|(before, _)| starts(before))
            })
        })
        .map(|(at, _)| format!("{path}:{}: a path of one machine", at + 1))
        .collect()
}

fn reaches_far_up(path: &str, text: &str) -> Vec<String> {
    let far = concat!("super::", "super");
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.contains(far))
        .map(|(at, _)| format!("{path}:{}: name it from the crate's root", at + 1))
        .collect()
}

/// A Chinese search alias belongs to an item whose comment also has the Chinese term to read.
fn alias_without_term(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let belongs = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("#[doc(alias") && is_chinese(line))
        .filter(|(at, _)| {
            let above = lines.iter().take(*at).rev().take_while(belongs);
            !above
                .into_iter()
                .any(|line| line.starts_with("///") && is_chinese(line))
        })
        .map(|(at, _)| format!("{path}:{}: the comment lacks the Chinese term", at + 1))
        .collect()
}

type Rule = fn(&str, &str) -> Vec<String>;

/// The rules, with a path and a text that each must refuse.
fn rules() -> Vec<(&'static str, Rule, &'static str, String)> {
    let lib = "crates/risk-store/src/lib.rs";
    vec![
        (
            "file length",
            too_long,
            lib,
            "fn f() {}\n".repeat(FILE_LINES + 1),
        ),
        (
            "serialised inside",
            serialised_inside,
            lib,
            "#[derive(Debug, Serialize)]\nstruct S;\n".to_owned(),
        ),
        (
            "unowned promise",
            unowned_todo,
            lib,
            concat!("// TO", "DO: later\n").to_owned(),
        ),
        (
            "machine path",
            machine_path,
            "README.md",
            concat!("see `/wo", "rk/main`\n").to_owned(),
        ),
        (
            "far up",
            reaches_far_up,
            lib,
            concat!("use super::", "super::X;\n").to_owned(),
        ),
        (
            "alias without term",
            alias_without_term,
            lib,
            "/// The watermark.\n#[doc(alias = \"水位线\")]\nstruct W;\n".to_owned(),
        ),
    ]
}

#[test]
fn the_house_is_tidy() -> Result<()> {
    let root = process::workspace_root()?;
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    ensure!(
        files.len() > 50,
        "only {} files found under {}",
        files.len(),
        root.display()
    );
    let mut faults = Vec::new();
    for (path, text) in &files {
        for (_, rule, _, _) in rules() {
            faults.extend(rule(path, text));
        }
    }
    ensure!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    Ok(())
}

#[test]
fn every_rule_bites() -> Result<()> {
    for (name, rule, path, text) in rules() {
        ensure!(
            rule(path, &text).len() == 1,
            "{name} let its bad example pass"
        );
    }
    Ok(())
}

#[test]
fn rules_spare_what_is_right() -> Result<()> {
    let tests_at_the_end = format!(
        "fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "\n".repeat(FILE_LINES)
    );
    let owned = concat!("// TO", "DO(planner): quotas\n");
    let alias = "/// Watermark（水位线）.\n#[doc(alias = \"水位线\")]\nstruct W;\n";
    let derive = "#[derive(Serialize)]\nstruct S;\n";
    ensure!(too_long("crates/risk-store/src/lib.rs", &tests_at_the_end).is_empty());
    ensure!(
        too_long(
            "crates/risk-store/tests/long.rs",
            &"\n".repeat(FILE_LINES * 2)
        )
        .is_empty()
    );
    ensure!(unowned_todo("a.rs", owned).is_empty());
    ensure!(alias_without_term("a.rs", alias).is_empty());
    ensure!(serialised_inside("crates/risk-api/src/dto/officer.rs", derive).is_empty());
    ensure!(machine_path("a.md", concat!("api/wo", "rk/orders\n")).is_empty());
    Ok(())
}

fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// Every text file of the project with its path from the root; what is built or fetched is not
/// of the project.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> Result<()> {
    let not_ours = [".git", ".cache", "data", "artifacts", "node_modules"];
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if not_ours.contains(&name.as_str()) || name.starts_with("target") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(text) = fs::read_to_string(&path) {
            // What is not UTF-8 is no text of ours (spreadsheets, golden bytes).
            let relative = path.strip_prefix(root).context("outside the root")?;
            files.push((relative.to_string_lossy().into_owned(), text));
        }
    }
    Ok(())
}
