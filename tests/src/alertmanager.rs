//! A real Alertmanager that tells nobody.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::process::{self, Server};

const START_DEADLINE: Duration = Duration::from_secs(30);

/// An Alertmanager; dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Alertmanager {
    _home: TempDir,
    _server: Server,
    address: String,
}

impl Alertmanager {
    /// Starts Debian's Alertmanager on a port of its own.
    pub fn start() -> Result<Self> {
        process::provide("prometheus")?;
        let home = tempfile::Builder::new()
            .prefix("spotcheck-alertmanager-")
            .tempdir()?;
        let config = home.path().join("alertmanager.yml");
        std::fs::write(
            &config,
            "route: {receiver: none}\nreceivers: [{name: none}]\n",
        )?;
        let listen = format!("127.0.0.1:{}", process::free_port()?);
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={listen}"))
            .arg("--cluster.listen-address=");
        let log = home.path().join("alertmanager.log");
        let server = Server::spawn("Alertmanager", &mut command, &log, "Listening on")?;
        server.wait_for_marker(START_DEADLINE)?;
        Ok(Self {
            _home: home,
            _server: server,
            address: format!("http://{listen}"),
        })
    }

    /// `http://HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The alerts that it holds to be firing.
    pub fn firing(&self) -> Result<Vec<Value>> {
        let answer = http::get(&format!("{}/api/v2/alerts", self.address))?;
        let answer = answer.expect_status(200)?.json()?;
        Ok(answer.as_array().context("no list of alerts")?.clone())
    }
}
