//! Prometheus rules and Alertmanager routes: sound, and, as the dashboards, about metrics that exist.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use risk_tests::process;
use risk_tests::prometheus::Prometheus;

fn config(name: &str) -> Result<PathBuf> {
    Ok(process::workspace_root()?.join("config").join(name))
}

fn promtool(arguments: &[&str], file: &std::path::Path) -> Result<String> {
    process::provide("prometheus")?;
    process::run(Command::new("promtool").args(arguments).arg(file))
}

#[test]
fn rules_and_routes_are_sound() -> Result<()> {
    // Checks the rule files that it names, too.
    promtool(&["check", "config"], &config("prometheus/prometheus.yml")?)?;
    promtool(&["test", "rules"], &config("prometheus/rules_test.yml")?)?;
    let routes = config("alertmanager/alertmanager.yml")?;
    process::run(Command::new("amtool").arg("check-config").arg(routes))?;
    Ok(())
}

#[test]
fn a_broken_rule_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("alerts.yml");
    let text = std::fs::read_to_string(config("prometheus/rules/alerts.yml")?)?;
    std::fs::write(&file, text.replacen("== 0", "== = 0", 1))?;
    let refused = promtool(&["check", "rules"], &file)
        .err()
        .context("a broken rule passed")?;
    ensure!(
        format!("{refused:#}").contains("SpotcheckDown"),
        "another error: {refused:#}"
    );
    Ok(())
}

/// Every `risk_…` metric and `spotcheck:…` recording that a text names. Histogram series are
/// counted as their histogram.
fn names_in(text: &str, prefix: &str) -> BTreeSet<String> {
    let belongs = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    text.split(|c: char| !belongs(c))
        .filter(|word| word.starts_with(prefix) && word.len() > prefix.len())
        .map(|word| {
            let whole = ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .filter(|histogram| histogram.ends_with("_seconds"));
            whole.unwrap_or(word).trim_end_matches(':').to_owned()
        })
        .collect()
}

#[test]
fn dashboards_and_rules_name_only_metrics_of_the_catalogue() -> Result<()> {
    let catalogue = process::workspace_root()?.join("docs/metrics.md");
    let catalogue = std::fs::read_to_string(catalogue).context("docs/metrics.md")?;
    let known = names_in(&catalogue, "risk_");
    ensure!(!known.is_empty(), "the catalogue names no metric");

    let alerts = std::fs::read_to_string(config("prometheus/rules/alerts.yml")?)?;
    let recordings = std::fs::read_to_string(config("prometheus/rules/recording.yml")?)?;
    let expressions = crate::dashboards::expressions()?;
    ensure!(
        expressions.len() > 40,
        "only {} expressions found",
        expressions.len()
    );
    let expressions: String = expressions.into_iter().map(|(_, one)| one + "\n").collect();
    let used = format!("{expressions}{alerts}\n{recordings}");

    let unknown: Vec<_> = names_in(&used, "risk_")
        .difference(&known)
        .cloned()
        .collect();
    ensure!(unknown.is_empty(), "not in docs/metrics.md: {unknown:?}");
    let recorded = names_in(&recordings, "spotcheck:");
    let unknown: Vec<_> = names_in(&used, "spotcheck:")
        .difference(&recorded)
        .cloned()
        .collect();
    ensure!(unknown.is_empty(), "nobody records: {unknown:?}");

    let invented = names_in(
        "rate(risk_engine_moods_total[5m]) + risk_a_seconds_bucket",
        "risk_",
    );
    ensure!(
        invented.difference(&known).count() == 2,
        "an invented metric went unnoticed"
    );
    Ok(())
}

#[test]
fn a_real_prometheus_scrapes_and_runs_our_rules() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, process::free_port()?))?;
    let target = listener.local_addr()?.to_string();
    thread::spawn(move || serve(&listener, "risk_pipeline_outbox_lag_entries 5\n"));

    let rules = config("prometheus/rules/*.yml")?;
    let prometheus = Prometheus::start(&format!("http://{target}"), Some(&rules))?;
    let waiting = prometheus.value("risk_pipeline_outbox_lag_entries", 80)?;
    ensure!((waiting - 5.0).abs() < f64::EPSILON, "scraped {waiting}");
    let up = prometheus.value("up{job=\"spotcheck\"}", 80)?;
    ensure!((up - 1.0).abs() < f64::EPSILON, "up is {up}");
    let loaded = format!("{}/api/v1/rules", prometheus.address());
    let loaded = risk_tests::http::get(&loaded)?.expect_status(200)?;
    ensure!(
        loaded.body.contains("SpotcheckOutboxWaits"),
        "the rules are not loaded"
    );
    Ok(())
}

/// Answers every request with the same metrics until the test process ends.
fn serve(listener: &TcpListener, metrics: &str) {
    for mut stream in listener.incoming().flatten() {
        let Ok(reading) = stream.try_clone() else {
            continue;
        };
        let request = BufReader::new(reading).lines().map_while(Result::ok);
        let headers = request.take_while(|line| !line.is_empty()).count();
        let length = metrics.len();
        if headers > 0 {
            // A scraper that hung up gets nothing.
            let _sent = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{metrics}"
            );
        }
    }
}
