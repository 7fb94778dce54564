//! What the other tests stand on holds: ends are noticed, deadlines kept, children not orphaned.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::http;
use risk_tests::process::{self, Server, Spotcheck};

const DEADLINE: Duration = Duration::from_secs(20);

fn shell(script: &str, marker: &str) -> Result<(tempfile::TempDir, Server)> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let server = Server::spawn(
        "shell",
        Command::new("sh").args(["-c", script]),
        &log,
        marker,
    )?;
    Ok((folder, server))
}

fn is_alive(id: u32) -> Result<bool> {
    Ok(Command::new("kill")
        .args(["-0", &id.to_string()])
        .output()?
        .status
        .success())
}

#[test]
fn a_server_that_ends_early_says_why() -> Result<()> {
    let (_folder, server) = shell("echo out of disk >&2; exit 3", "ready")?;
    let error = server
        .wait_for_marker(DEADLINE)
        .err()
        .context("it was never ready")?;
    ensure!(
        error.to_string().contains("out of disk"),
        "no reason given: {error}"
    );
    Ok(())
}

#[test]
fn a_server_stops_when_asked_and_dies_when_killed() -> Result<()> {
    let script = "trap 'echo bye; exit 7' TERM; echo ready 1; while :; do read -r _ <&9; done \
                  9<>\"$0.fifo\"";
    let folder = tempfile::tempdir()?;
    let fifo = folder.path().join("wait");
    process::run(Command::new("mkfifo").arg(folder.path().join("wait.fifo")))?;
    let log = folder.path().join("log");
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(fifo);

    let mut polite = Server::spawn("polite", &mut command, &log, "ready")?;
    ensure!(polite.wait_for_marker(DEADLINE)? == "ready 1");
    ensure!(
        polite.stop(DEADLINE)?.code() == Some(7),
        "its log ends: {}",
        polite.tail()
    );
    ensure!(polite.tail().contains("bye"));

    let mut killed = Server::spawn("killed", &mut command, &log, "ready")?;
    killed.wait_for_marker(DEADLINE)?;
    ensure!(is_alive(killed.id())?);
    killed.kill9()?;
    ensure!(!is_alive(killed.id())?, "it lives on");
    Ok(())
}

#[test]
fn the_ready_line_gives_the_address() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "echo loading; echo ready http://127.0.0.1:20001; exec sleep 100",
    ]);
    let mut spotcheck = Spotcheck::start_command(&mut command, &folder.path().join("log"))?;
    ensure!(spotcheck.address() == "http://127.0.0.1:20001");
    ensure!(
        !spotcheck.stop(DEADLINE)?.success(),
        "sleep ends by the signal"
    );
    ensure!(spotcheck.tail().starts_with("loading"));
    Ok(())
}

#[test]
fn ports_are_not_given_twice() -> Result<()> {
    let mut ports: Vec<u16> = (0..50)
        .map(|_| process::free_port())
        .collect::<Result<_>>()?;
    ports.sort_unstable();
    ports.dedup();
    ensure!(ports.len() == 50, "a port was given twice");
    ensure!(
        ports.iter().all(|port| *port < 32768),
        "a port of the outgoing range"
    );
    // Whoever chooses ports in another process meets a lock on each.
    let reserved = std::env::temp_dir().join("spotcheck-test-ports");
    for port in ports {
        let file = File::open(reserved.join(port.to_string()))?;
        ensure!(file.try_lock().is_err(), "port {port} is not reserved");
    }
    Ok(())
}

#[test]
fn every_status_is_an_answer_and_events_are_read_one_by_one() -> Result<()> {
    let answers = [
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 9\r\n\
         connection: close\r\n\r\n{\"a\":[1]}",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         id: 1\ndata: one\n\n: keep alive\n\nid: 2\ndata: two\n\n",
    ];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, process::free_port()?))?;
    let url = format!("http://{}/x", listener.local_addr()?);
    let server = thread::spawn(move || -> Result<Vec<String>> {
        answers
            .iter()
            .map(|answer| serve_one(&listener, answer))
            .collect()
    });

    let missing = http::get(&url)?;
    ensure!(missing.status == 404 && missing.content_type == "application/problem+json");
    ensure!(missing.json()?["a"][0] == 1);
    ensure!(missing.expect_status(200).is_err());
    ensure!(
        http::post(&url, "application/x-ndjson", b"{}")?
            .expect_status(202)?
            .body
            == "ok"
    );
    ensure!(http::events(&url, 2)? == ["one", "two"]);

    let requests = server
        .join()
        .map_err(|_| anyhow::anyhow!("the server fell"))??;
    ensure!(requests == ["GET /x HTTP/1.1", "POST /x HTTP/1.1", "GET /x HTTP/1.1"]);
    Ok(())
}

fn serve_one(listener: &TcpListener, answer: &str) -> Result<String> {
    let (mut stream, _) = listener.accept()?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().context("no request")??;
    for line in &mut lines {
        if line?.is_empty() {
            break;
        }
    }
    stream.write_all(answer.as_bytes())?;
    Ok(request)
}
