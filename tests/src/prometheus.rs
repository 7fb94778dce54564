//! A real Prometheus server that scrapes one address.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::process::{self, Server};

const START_DEADLINE: Duration = Duration::from_secs(30);

/// A Prometheus server; dropping it stops the server and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    home: TempDir,
    address: String,
    server: Server,
}

impl Prometheus {
    /// Starts a server that scrapes `http://TARGET/metrics` every second and evaluates the
    /// recording and alerting rules of `rules`, if given.
    pub fn start(target: &str, rules: Option<&Path>) -> Result<Self> {
        process::provide("prometheus")?;
        let home = tempfile::Builder::new()
            .prefix("spotcheck-prometheus-")
            .tempdir()?;
        let target = target.trim_start_matches("http://");
        let rule_files = rules
            .map(|rules| format!("rule_files: ['{}']\n", rules.display()))
            .unwrap_or_default();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{rule_files}scrape_configs: \
             [{{job_name: spotcheck, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        let config_file = home.path().join("prometheus.yml");
        std::fs::write(&config_file, config)?;

        let listen = format!("127.0.0.1:{}", process::free_port()?);
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config_file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={listen}"));
        let ready = "Server is ready to receive web requests";
        let log = home.path().join("prometheus.log");
        let server = Server::spawn("Prometheus", &mut command, &log, ready)?;
        server.wait_for_marker(START_DEADLINE)?;
        Ok(Self {
            home,
            address: format!("http://{listen}"),
            server,
        })
    }

    /// `http://HOST:PORT` of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The result of one instant query: labels and value of every series.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let query = percent_encode(expression);
        let answer = http::get(&format!("{}/api/v1/query?query={query}", self.address))?;
        let answer = answer.expect_status(200)?.json()?;
        let series = answer.pointer("/data/result").and_then(Value::as_array);
        Ok(series.context("the answer has no result")?.clone())
    }

    /// The value of an expression that yields one series, as soon as it yields one.
    ///
    /// A value exists only after a scrape, so this asks again at each of up to `scrapes` of them.
    pub fn value(&self, expression: &str, scrapes: u32) -> Result<f64> {
        for _ in 0..scrapes {
            if let [series] = self.query(expression)?.as_slice() {
                let text = series.pointer("/value/1").and_then(Value::as_str);
                return Ok(text.context("the series has no value")?.parse()?);
            }
            // The next scrape comes within a second; nothing else can be waited for.
            process::pause(Duration::from_millis(250));
        }
        let (data, tail) = (self.home.path().display(), self.server.tail());
        bail!("{expression} has no value after {scrapes} tries; data in {data}; log:\n{tail}")
    }
}

fn percent_encode(text: &str) -> String {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(HEX[usize::from(byte >> 4)]);
            encoded.push(HEX[usize::from(byte & 15)]);
        }
    }
    encoded
}
