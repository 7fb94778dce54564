//! A small HTTP client: every status is an answer, and nothing waits for ever.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

const DEADLINE: Duration = Duration::from_secs(30);
/// More than any page of this project; a body past it is a fault.
const BODY_LIMIT: u64 = 256 * 1024 * 1024;

/// A status and the whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The `content-type` header, empty when absent.
    pub content_type: String,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }

    /// The same answer, or an error that shows it when the status is another.
    pub fn expect_status(self, status: u16) -> Result<Self> {
        if self.status != status {
            bail!(
                "expected status {status}, got {}: {}",
                self.status,
                self.body
            );
        }
        Ok(self)
    }
}

/// `GET url`.
pub fn get(url: &str) -> Result<Answer> {
    read(
        agent()
            .get(url)
            .call()
            .with_context(|| format!("GET {url}"))?,
    )
}

/// The body of `GET url`, whatever it is.
pub fn bytes(url: &str) -> Result<Vec<u8>> {
    let answer = agent()
        .get(url)
        .call()
        .with_context(|| format!("GET {url}"))?;
    let body = answer.into_body().into_with_config();
    Ok(body.limit(BODY_LIMIT).read_to_vec()?)
}

/// A client that keeps its connection.
#[derive(Debug)]
pub struct Client(Agent);

impl Default for Client {
    /// Without a connection yet.
    fn default() -> Self {
        Self(agent())
    }
}

impl Client {
    /// `POST url` with a body of the given type.
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Answer> {
        let request = self.0.post(url).header("content-type", content_type);
        read(request.send(body).with_context(|| format!("POST {url}"))?)
    }
}

/// `POST url` with a body of the given type.
pub fn post(url: &str, content_type: &str, body: &[u8]) -> Result<Answer> {
    let request = agent().post(url).header("content-type", content_type);
    read(request.send(body).with_context(|| format!("POST {url}"))?)
}

/// The `data:` lines of the first `count` server-sent events of `url`.
pub fn events(url: &str, count: usize) -> Result<Vec<String>> {
    let answer = agent()
        .get(url)
        .call()
        .with_context(|| format!("GET {url}"))?;
    let mut data = Vec::with_capacity(count);
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        if let Some(text) = line?.strip_prefix("data:") {
            data.push(text.trim_start().to_owned());
            if data.len() == count {
                return Ok(data);
            }
        }
    }
    bail!("the stream ended after {} of {count} events", data.len())
}

fn agent() -> Agent {
    // A new agent each time: after a kill -9 no pooled connection may answer for the dead.
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(DEADLINE))
        .build()
        .new_agent()
}

fn read(answer: Response<ureq::Body>) -> Result<Answer> {
    let status = answer.status().as_u16();
    let content_type = answer
        .headers()
        .get("content-type")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default();
    let body = answer
        .into_body()
        .into_with_config()
        .limit(BODY_LIMIT)
        .read_to_string()?;
    Ok(Answer {
        status,
        content_type,
        body,
    })
}
