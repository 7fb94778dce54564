//! A receiver of webhooks: it keeps what it is sent, and behaves as badly as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// How a receiver treats one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// It answers with a status and a body.
    Answer(u16, String),
    /// It takes so long to answer 200.
    Slow(Duration),
    /// It begins to answer 200, and hangs up in the middle.
    Halfway,
    /// It hangs up without a word.
    HangUp,
    /// It never answers, and keeps the connection.
    Silence,
    /// It answers that what is wanted lies elsewhere.
    Redirect(String),
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The first line.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What was done with it.
    pub reaction: Reaction,
}

impl Received {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the body is no JSON")
    }
}

type Behaviour = Box<dyn Fn(usize) -> Reaction + Send + Sync>;

struct Shared {
    behaviour: Mutex<Behaviour>,
    received: Mutex<Vec<Received>>,
    /// Connections that are kept for ever.
    kept: Mutex<Vec<TcpStream>>,
}

/// A receiver on loopback; its thread ends with the test process.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// A receiver that treats its `n`-th request, from 0, by `behaviour(n)`.
    pub fn start(behaviour: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Result<Self> {
        Self::at(process::free_port()?, behaviour)
    }

    /// The same on a port that is known beforehand.
    pub fn at(
        port: u16,
        behaviour: impl Fn(usize) -> Reaction + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Box::new(behaviour)),
            received: Mutex::default(),
            kept: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A sender that hung up, or sent no request, gets nothing.
                thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        Ok(Self { port, shared })
    }

    /// From now on it treats requests by another behaviour.
    pub fn behave(&self, behaviour: impl Fn(usize) -> Reaction + Send + Sync + 'static) {
        *lock(&self.shared.behaviour) = Box::new(behaviour);
    }

    /// Its address, without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            bail!("the request broke off");
        }
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.context("no length")?.1.parse()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let reaction = {
        let mut received = lock(&shared.received);
        let reaction = lock(&shared.behaviour)(received.len());
        received.push(Received {
            line: line.trim_end().to_owned(),
            headers,
            body,
            reaction: reaction.clone(),
        });
        reaction
    };
    let answer = |status: u16, more: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} Answer\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    match reaction {
        Reaction::Answer(status, body) => {
            stream.write_all(answer(status, "", &body).as_bytes())?;
        }
        Reaction::Slow(time) => {
            process::pause(time);
            stream.write_all(answer(200, "", "").as_bytes())?;
        }
        Reaction::Halfway => {
            let whole = answer(200, "", "done and written down");
            let half = whole.len() - 9;
            stream.write_all(&whole.as_bytes()[..half])?;
            stream.shutdown(Shutdown::Both)?;
        }
        Reaction::HangUp => stream.shutdown(Shutdown::Both)?,
        Reaction::Silence => lock(&shared.kept).push(stream),
        Reaction::Redirect(to) => {
            let location = format!("location: {to}\r\n");
            stream.write_all(answer(307, &location, "").as_bytes())?;
        }
    }
    Ok(())
}
