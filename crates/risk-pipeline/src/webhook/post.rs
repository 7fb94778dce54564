//! Making the request, and reading what came of it.

use super::body::Request;
use super::endpoint::{Endpoint, EndpointKind};
use super::network::{GuardedResolver, Reach};
use super::schedule::Outcome;
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

/// Bytes of an answer that are read; what is longer is cut.
const ANSWER_BYTES: u64 = 64 << 10;
/// Characters of an answer that are told.
const TOLD: usize = 200;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub(super) status: Option<u16>,
    /// What went wrong; empty where nothing did.
    pub(super) problem: String,
}

impl Told {
    pub(super) fn unsendable(problem: String) -> Self {
        Self {
            outcome: Outcome::Unsendable,
            status: None,
            problem,
        }
    }

    fn failed(status: Option<u16>, problem: String) -> Self {
        Self {
            outcome: Outcome::Failed { wait: None },
            status,
            problem,
        }
    }
}

/// Makes requests to one endpoint: each over a connection of its own, to an address that it may have, with
/// no proxy and no redirect in between.
#[derive(Debug)]
pub(super) struct Post {
    agent: ureq::Agent,
    kind: EndpointKind,
    timeout: Duration,
}

impl Post {
    pub(super) fn to(endpoint: &Endpoint) -> Result<Self, ureq::Error> {
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &endpoint.authority {
            let certificate = Certificate::from_pem(pem)?;
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .timeout_global(Some(endpoint.timeout))
            .user_agent("spotcheck")
            .tls_config(tls.build())
            .build();
        let resolver = GuardedResolver {
            reach: Reach(endpoint.allow_networks.clone()),
            inner: DefaultResolver::default(),
        };
        Ok(Self {
            agent: ureq::Agent::with_parts(config, DefaultConnector::new(), resolver),
            kind: endpoint.kind,
            timeout: endpoint.timeout,
        })
    }

    /// Makes a request. Whatever happens is an outcome.
    pub(super) fn send(&self, request: &Request) -> Told {
        let mut made = self.agent.post(&request.url);
        for (name, value) in &request.headers {
            made = made.header(*name, value);
        }
        let answer = match made.send(&request.body[..]) {
            Ok(answer) => answer,
            Err(error) => return Told::failed(None, self.describe(&error)),
        };
        let status = answer.status().as_u16();
        let wait = answer.headers().get("retry-after");
        let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = wait.map(Duration::from_secs);
        let mut body = Vec::new();
        let reader = answer.into_body().into_reader();
        // An answer that breaks off is none: the endpoint may not have done what it began to say.
        if let Err(error) = reader.take(ANSWER_BYTES).read_to_end(&mut body) {
            return Told::failed(Some(status), format!("its answer broke off: {error}"));
        }
        judge(self.kind, status, wait, &body)
    }

    /// What went wrong, without the URL, which may hold a secret.
    fn describe(&self, error: &ureq::Error) -> String {
        if let ureq::Error::Timeout(what) = error {
            format!("no answer within {:?} ({what})", self.timeout)
        } else if let ureq::Error::Io(error) = error {
            format!("the connection failed: {error}")
        } else if let ureq::Error::Other(why) = error {
            why.to_string()
        } else if matches!(error, ureq::Error::HostNotFound) {
            "its name is not known".to_owned()
        } else if matches!(error, ureq::Error::BadUri(_)) {
            "its URL is none".to_owned()
        } else {
            format!("the request failed: {error}")
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text
        .chars()
        .take(TOLD)
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.collect::<String>().trim().to_owned()
}

/// What an answer means.
fn judge(kind: EndpointKind, status: u16, wait: Option<Duration>, body: &[u8]) -> Told {
    let problem = || {
        let said = excerpt(body);
        if said.is_empty() {
            format!("it answered {status}")
        } else {
            format!("it answered {status}: {said}")
        }
    };
    let outcome = match status {
        200..=299 => return accepted(kind, status, body),
        410 => Outcome::Gone,
        // These speak of what was sent; all others of the endpoint, or of our right to ask it.
        400 | 413 | 415 | 422 => Outcome::Refused,
        _other => Outcome::Failed { wait },
    };
    Told {
        outcome,
        status: Some(status),
        problem: problem(),
    }
}

/// A chat robot says in the body what it makes of a message, whatever the status.
fn accepted(kind: EndpointKind, status: u16, body: &[u8]) -> Told {
    let taken = Told {
        outcome: Outcome::Taken,
        status: Some(status),
        problem: String::new(),
    };
    match kind {
        EndpointKind::Webhook | EndpointKind::Alertmanager => taken,
        EndpointKind::Dingtalk | EndpointKind::Wecom => {
            let code = serde_json::from_slice::<Value>(body).ok();
            let code = code.and_then(|said| said.get("errcode")?.as_i64());
            match code {
                Some(0) => taken,
                Some(_) | None => Told::failed(
                    Some(status),
                    format!("the robot did not take it: {}", excerpt(body)),
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: EndpointKind, status: u16, body: &str) -> Outcome {
        judge(kind, status, None, body.as_bytes()).outcome
    }

    #[test]
    fn an_answer_is_the_endpoints_fault_or_the_events_or_good() {
        let hook = |status| outcome(EndpointKind::Webhook, status, "");
        for status in [200, 202, 204] {
            assert_eq!(hook(status), Outcome::Taken, "{status}");
        }
        for status in [400, 413, 415, 422] {
            assert_eq!(hook(status), Outcome::Refused, "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404, 408, 429, 500, 503] {
            assert_eq!(hook(status), Outcome::Failed { wait: None }, "{status}");
        }
        assert_eq!(hook(410), Outcome::Gone);
        let told = judge(EndpointKind::Webhook, 500, None, "坏\n\u{7}了".as_bytes());
        assert_eq!(
            told.problem, "it answered 500: 坏  了",
            "no forged lines in the log"
        );
    }

    #[test]
    fn a_robot_that_answers_200_and_means_no_has_not_taken_it() {
        for kind in [EndpointKind::Dingtalk, EndpointKind::Wecom] {
            assert_eq!(
                outcome(kind, 200, r#"{"errcode":0,"errmsg":"ok"}"#),
                Outcome::Taken
            );
            for body in [
                r#"{"errcode":310000,"errmsg":"sign not match"}"#,
                "ok",
                "{}",
                "",
            ] {
                assert_eq!(
                    outcome(kind, 200, body),
                    Outcome::Failed { wait: None },
                    "{body}"
                );
            }
        }
    }
}
