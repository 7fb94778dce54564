//! The live stream.

use crate::city::{City, get, get_with, result};
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt;

/// Longest wait for anything that must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// The program cuts what has not ended by then.
const CLOSE: Duration = Duration::from_secs(2);

struct Stream {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug)]
struct Shown {
    id: u64,
    kind: String,
    data: Value,
}

impl Stream {
    /// Opens a stream and takes its greeting.
    async fn open(city: &City, last: Option<u64>) -> Self {
        Self::open_at(city, "/v1/alerts/stream", last).await.0
    }

    /// The same, with the id of the greeting.
    async fn open_at(city: &City, path: &str, last: Option<u64>) -> (Self, u64) {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = city.router().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        };
        let greeting = stream.block().await;
        assert_eq!(field(&greeting, "retry"), "2000", "{greeting}");
        (stream, field(&greeting, "id").parse().unwrap())
    }

    /// The text up to the next blank line.
    async fn block(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return block;
            }
            let more = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let more = more
                .expect("an event in time")
                .expect("a stream that goes on");
            self.text
                .push_str(std::str::from_utf8(&more.unwrap()).unwrap());
        }
    }

    async fn event(&mut self) -> Shown {
        let block = self.block().await;
        Shown {
            id: field(&block, "id").parse().unwrap(),
            kind: field(&block, "event").to_owned(),
            data: serde_json::from_str(field(&block, "data")).unwrap(),
        }
    }

    async fn records(&mut self, count: usize) -> Vec<String> {
        let mut records = Vec::new();
        for _ in 0..count {
            let event = self.event().await;
            records.push(
                event.data["data"]["inspection_id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        records
    }
}

/// A field of an event, or of a greeting.
fn field<'a>(block: &'a str, name: &str) -> &'a str {
    let line = block.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.strip_prefix(':'));
    value
        .unwrap_or_else(|| panic!("no {name} in {block}"))
        .trim()
}

fn fail(city: &mut City, ids: std::ops::Range<usize>) -> Vec<String> {
    let numbers = ids.clone();
    let ids: Vec<String> = ids.map(|number| format!("F{number}")).collect();
    // Each at an enterprise of its own, so that each opens an alert.
    for (number, id) in numbers.zip(&ids) {
        city.result(&result(id, number as u32 + 1, 1, true));
    }
    city.settle();
    ids
}

#[tokio::test]
async fn an_alert_is_shown_once_it_is_durable_as_a_cloud_event() {
    let mut city = City::empty();
    let mut stream = Stream::open(&city, None).await;
    fail(&mut city, 0..1);
    let event = stream.event().await;
    assert_eq!(event.kind, "alert");
    assert_eq!(event.data["specversion"], "1.0");
    assert_eq!(event.data["type"], "spotcheck.alert.opened");
    assert_eq!(event.data["subject"], "cell:E1:TOY-PLUSH");
    assert!(
        event.data["data"]["reason_zh"]
            .as_str()
            .unwrap()
            .contains("小零件")
    );
    let id = event.data["data"]["alert_id"].as_str().unwrap();
    let listed = get(&city, &format!("/v1/alerts/{id}")).await.json();
    assert_eq!(event.data["data"], listed["moves"][0]);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let mut city = City::empty();
    let mut first = Stream::open(&city, None).await;
    fail(&mut city, 0..1);
    let seen = first.event().await.id;
    drop(first);
    let missed = fail(&mut city, 1..9);
    let mut again = Stream::open(&city, Some(seen)).await;
    assert_eq!(again.records(8).await, missed);
    // What comes later follows what was missed, once.
    let later = fail(&mut city, 9..10);
    assert_eq!(again.records(1).await, later);
    let mut all = Stream::open(&city, Some(0)).await;
    assert_eq!(all.records(10).await.len(), 10);
}

#[tokio::test]
async fn a_client_that_lost_the_stream_before_its_first_alert_misses_nothing() {
    let mut city = City::empty();
    fail(&mut city, 0..3);
    let (stream, greeted) = Stream::open_at(&city, "/v1/alerts/stream", None).await;
    drop(stream);
    let missed = fail(&mut city, 3..5);
    let mut again = Stream::open(&city, Some(greeted)).await;
    assert_eq!(again.records(2).await, missed);
}

#[tokio::test]
async fn a_long_past_is_resumed_whole_from_anywhere_in_it() {
    let mut city = City::empty();
    let ids = fail(&mut city, 0..2_100);
    let mut all = Stream::open(&city, Some(0)).await;
    let mut entries = Vec::new();
    for id in &ids {
        let event = all.event().await;
        assert_eq!(event.data["data"]["inspection_id"], *id);
        entries.push(event.id);
    }
    assert!(entries.is_sorted_by(|one, next| one < next));
    // From an event in the middle, and from an entry between two events.
    let middle = entries[1_030];
    let mut stream = Stream::open(&city, Some(middle)).await;
    assert_eq!(stream.records(1_069).await, ids[1_031..]);
    let mut stream = Stream::open(&city, Some(middle - 1)).await;
    assert_eq!(stream.records(1_070).await, ids[1_030..]);
    // What comes later follows, once.
    let later = fail(&mut city, 2_100..2_101);
    assert_eq!(stream.records(1).await, later);
}

#[tokio::test]
async fn the_first_connection_names_its_beginning_in_the_query() {
    let mut city = City::empty();
    let ids = fail(&mut city, 0..4);
    let (mut all, _) = Stream::open_at(&city, "/v1/alerts/stream?after=0", None).await;
    let first = all.event().await.id;
    assert_eq!(all.records(3).await, ids[1..]);
    // A browser asks for the same address again, with the last id it saw beside it.
    let (mut again, _) = Stream::open_at(&city, "/v1/alerts/stream?after=0", Some(first)).await;
    assert_eq!(again.records(3).await, ids[1..]);
}

#[tokio::test]
async fn ids_that_this_ledger_never_gave_out_are_refused() {
    let mut city = City::empty();
    fail(&mut city, 0..1);
    for id in ["x", "", "-1", "1.5", "99999", "18446744073709551616"] {
        let by_header = get_with(&city, "/v1/alerts/stream", ("last-event-id", id)).await;
        let problem = by_header.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], "Last-Event-ID", "{id}");
        assert!(problem["rule"].as_str().unwrap().contains("id of an event"));
        let by_query = get(&city, &format!("/v1/alerts/stream?after={id}")).await;
        let problem = by_query.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], "after", "{id}");
    }
    let unknown = get(&city, "/v1/alerts/stream?level=one").await;
    assert_eq!(
        unknown.expect_problem(400, "bad-parameter")["field"],
        "level"
    );
}

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    close: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(city: &City) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closing) = oneshot::channel::<()>();
        let running = tokio::spawn(risk_api::serve(listener, city.state.clone(), None, async {
            drop(closing.await);
        }));
        Self {
            address,
            close,
            running,
        }
    }

    /// A client that has read the greeting, and what it has read.
    async fn client(&self) -> (TcpStream, Vec<u8>) {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        let request = "GET /v1/alerts/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.windows(5).any(|window| window == b"retry") {
            assert!(client.read_buf(&mut read).await.unwrap() > 0);
        }
        (client, read)
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_for_long_misses_nothing() {
    let mut city = City::empty();
    let server = Server::start(&city).await;
    let (mut client, mut read) = server.client().await;
    // Far more than what sockets hold; the client takes nothing meanwhile.
    let ids = fail(&mut city, 0..8_000);
    let last = format!("\"{}\"", ids.last().unwrap());
    let all = async {
        let mut searched = 0;
        loop {
            let text = &read[searched..];
            if text
                .windows(last.len())
                .any(|window| window == last.as_bytes())
            {
                return;
            }
            searched = read.len().saturating_sub(last.len());
            assert!(client.read_buf(&mut read).await.unwrap() > 0);
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("all in time");
    let text = String::from_utf8(read).unwrap();
    let mut found = text
        .match_indices("\"inspection_id\":\"")
        .map(|(at, name)| {
            let rest = text.get(at + name.len()..).unwrap();
            rest.split('"').next().unwrap()
        });
    assert!(found.by_ref().eq(ids.iter().map(String::as_str)));
    drop(server.close);
    server.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_closes_ends_its_streams() {
    let city = City::empty();
    let server = Server::start(&city).await;
    let (mut client, mut read) = server.client().await;
    let metrics = get(&city, "/metrics").await.body;
    assert!(metrics.contains("risk_api_live_streams 1"));
    server.close.send(()).unwrap();
    let ended = tokio::time::timeout(CLOSE, server.running).await;
    ended.expect("an end in time").unwrap().unwrap();
    let end = tokio::time::timeout(PATIENCE, client.read_to_end(&mut read)).await;
    end.expect("an end of the stream").unwrap();
    // The stream has ended in an orderly way, with the last chunk of its encoding.
    assert!(read.ends_with(b"0\r\n\r\n"));
    let metrics = get(&city, "/metrics").await.body;
    assert!(metrics.contains("risk_api_live_streams 0"));
}
