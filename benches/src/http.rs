//! Posts one by one to the running program, against what the disk itself takes.

use crate::measure::{Moment, now, say};
use crate::stream;
use anyhow::{Context, ensure};
use risk_pipeline::wire;
use risk_tests::http::Client;
use risk_tests::process::{self, Spotcheck};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Posts at a fixed rate, each acknowledged when durable, against bare fdatasync in the same run
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Posts
    #[arg(long, default_value_t = 15_000)]
    posts: usize,
    /// Posts a second, sent when they are due whether or not those before were answered
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Days over which the results spread; with two of them a close of some 9,000 subjects falls
    /// into the run, and posts wait for it
    #[arg(long, default_value_t = 1)]
    days: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let before = syncs(dir.path(), args)?;
    let program = std::env::current_exe()?.with_file_name("spotcheck");
    ensure!(
        program.is_file(),
        "build the program first: cargo build --release -p spotcheck"
    );
    let config = dir.path().join("spotcheck.toml");
    let data = dir.path().join("data");
    let listen = format!("127.0.0.1:{}", process::free_port()?);
    std::fs::write(
        &config,
        format!(
            "data_dir = '{}'\n[http]\nlisten = '{listen}'\n[identity]\ndemo = true\n",
            data.display()
        ),
    )?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(&config);
    let mut server = Spotcheck::start_command(&mut command, &dir.path().join("log"))?;
    let posts = post_all(&format!("{}/v1/results", server.address()), args)?;
    server.stop(Duration::from_mins(1))?;
    let after = syncs(dir.path(), args)?;

    let mut bare = [before, after].concat();
    let (bare, posts) = (percentiles("fdatasync of 4 KiB", &mut bare), posts);
    let mut posts = posts;
    let posts = percentiles("post, from when it was due to its answer", &mut posts);
    say(
        "p99 of a post over p99 of fdatasync",
        &format!("{:.1}", posts / bare),
    );
    Ok(())
}

/// Appends 4 KiB and syncs, as often and at the same rate as half of the posts: a disk that stalls
/// now and then must be given the time to do so.
fn syncs(dir: &Path, args: &Args) -> anyhow::Result<Vec<Duration>> {
    let mut file = File::create(dir.join("bare"))?;
    let block = [7; 4096];
    let begun = now();
    (0..args.posts / 2)
        .map(|number| {
            await_turn(begun, number, args.rate);
            // Each by itself: one that waits behind others is no measure of the disk.
            let started = begun.elapsed();
            file.write_all(&block)?;
            file.sync_data()?;
            Ok(begun.elapsed().saturating_sub(started))
        })
        .collect()
}

/// Waits until something is due, and says when that is; does not wait for what is due already.
fn await_turn(begun: Moment, number: usize, rate: u32) -> Duration {
    let due = Duration::from_secs(1) * number as u32 / rate;
    let early = due.saturating_sub(begun.elapsed());
    if !early.is_zero() {
        process::pause(early);
    }
    due
}

fn post_all(url: &str, args: &Args) -> anyhow::Result<Vec<Duration>> {
    let stream = stream::Args {
        results: (args.posts + args.connections) as u64,
        enterprises: 3000,
        days: args.days,
        seed: 7,
    };
    let bodies = stream.results()?.map(|result| wire::encode(&result));
    let mut bodies: Vec<Vec<u8>> = bodies.collect();
    // Connections are made before the clock starts, each by a post of its own.
    let first = bodies.split_off(args.posts);
    let clients: Vec<Client> = in_parallel(first, |body| {
        let client = Client::default();
        post(&client, url, &body)?;
        Ok(client)
    })?;
    let next = AtomicUsize::new(0);
    let begun = now();
    let took = in_parallel(clients, |client| {
        post_some(&client, url, args.rate, begun, &bodies, &next)
    })?;
    let took = took.concat();
    ensure!(took.len() == bodies.len(), "some posts were not sent");
    Ok(took)
}

/// Does the work of each item on a thread of its own.
fn in_parallel<I: Send, T: Send>(
    items: Vec<I>,
    work: impl Fn(I) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let work = &work;
    thread::scope(|scope| {
        let threads = items
            .into_iter()
            .map(|item| scope.spawn(move || work(item)));
        let threads: Vec<_> = threads.collect();
        let ended = threads.into_iter().map(|thread| {
            let ended = thread.join();
            ended.map_err(|_| anyhow::anyhow!("a client panicked"))?
        });
        ended.collect()
    })
}

fn post(client: &Client, url: &str, body: &[u8]) -> anyhow::Result<()> {
    let answer = client.post(url, "application/json", body);
    let answer = answer.context("a post failed")?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
    Ok(())
}

/// Takes the next post, waits until it is due, sends it, and again.
fn post_some(
    client: &Client,
    url: &str,
    rate: u32,
    begun: Moment,
    bodies: &[Vec<u8>],
    next: &AtomicUsize,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(body) = bodies.get(number) else {
            return Ok(took);
        };
        let due = await_turn(begun, number, rate);
        post(client, url, body)?;
        took.push(begun.elapsed().saturating_sub(due));
    }
}

/// Says the percentiles and returns the 99th, in seconds.
fn percentiles(what: &str, took: &mut [Duration]) -> f64 {
    took.sort_unstable();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        let found = took.get(place.min(took.len().saturating_sub(1)));
        found.map_or(f64::NAN, Duration::as_secs_f64)
    };
    let millis = |share| format!("{:.2} ms", at(share) * 1e3);
    say(
        what,
        &format!(
            "p50 {}  p99 {}  p99.9 {}  longest {}",
            millis(0.5),
            millis(0.99),
            millis(0.999),
            millis(1.0)
        ),
    );
    at(0.99)
}
