//! The examples of the API's guide run as they stand against a demo.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::process::{self, Spotcheck};

/// Where the examples think that the demo is.
const WRITTEN: &str = "http://127.0.0.1:8480";
/// How long a server may take to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// Blocks of shell in a document that ask the demo something, each with the line that it begins in.
fn examples(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        match &mut block {
            None if line == "```sh" => block = Some((at + 1, String::new())),
            None => {}
            Some(_) if line == "```" => found.extend(block.take()),
            Some((_, lines)) => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    // A token is made where somebody is asked for one, which a demo does not.
    found.retain(|(_, block)| block.contains(WRITTEN) && !block.contains("$TOKEN"));
    found
}

#[test]
fn the_examples_of_the_guide_run_as_they_stand() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let data = data.to_str().context("a path that is not UTF-8")?;
    let listen = format!("127.0.0.1:{}", process::free_port()?);
    // The city of `make demo`: what it is asked for by name is in no other.
    let arguments = ["demo", "--data-dir", data, "--listen", &listen];
    let mut demo = Spotcheck::start(&arguments, &home.path().join("log"))?;
    let mut run = 0;
    let mut failed = Vec::new();
    for name in ["api.md", "lists.md"] {
        let text = fs::read_to_string(process::workspace_root()?.join("docs").join(name))?;
        for (at, block) in examples(&text) {
            run += 1;
            let script = block
                .replace(WRITTEN, &format!("http://{listen}"))
                .replace("curl -s", "curl --fail-with-body --max-time 60 -sS");
            // Curl is told to fail by any answer but a good one; `head` may leave it early. What is kept in a
            // file goes with the city.
            let mut shell = Command::new("bash");
            let output = shell
                .args(["-euc", &script])
                .current_dir(home.path())
                .output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            let good = output.status.success() && !said.trim().is_empty();
            if !good || said.contains("\"type\":\"/problems/") {
                let complaint = String::from_utf8_lossy(&output.stderr);
                failed.push(format!(
                    "docs/{name}, line {at}:\n{block}{said}\n{complaint}"
                ));
            }
        }
    }
    demo.stop(PATIENCE)?;
    ensure!(run > 12, "only {run} examples were found");
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

#[test]
fn blocks_of_shell_are_found() -> Result<()> {
    let text =
        "a\n```sh\ncurl -s 'http://127.0.0.1:8480/x\ny'\n```\n```json\n{}\n```\n```sh\nmake\n```\n";
    let found = examples(text);
    ensure!(
        found == [(2, "curl -s 'http://127.0.0.1:8480/x\ny'\n".to_owned())],
        "{found:?}"
    );
    Ok(())
}
