//! `serve` and `demo`: a worker, an API, and an orderly end.

use super::import::{Vocabulary, load};
use super::simulate;
use crate::cli::{DataDir, Demo};
use crate::config::{Config, Kafka};
use crate::output::say;
use crate::telemetry;
use crate::wiring::witness::Witnesses;
use crate::wiring::{self, Inlet, Running};
use anyhow::{Context, bail};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::publisher::{KafkaSink, KafkaSinkConfig, Sink};
use risk_pipeline::source::file::FileSource;
use risk_pipeline::source::intake::{
    COMMANDS_INTAKE_NAME, INTAKE_NAME, IntakeLimits, REGISTRY_INTAKE_NAME, SIGNALS_INTAKE_NAME,
    intake,
};
use risk_pipeline::source::joined::Joined;
use risk_pipeline::source::kafka::{KafkaSource, KafkaSourceConfig};
use risk_pipeline::source::{Feed, Partition, Source};
use risk_pipeline::wire;
use risk_pipeline::wire::event::Outlet;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Runs until a signal, or until a bounded source has ended.
pub(crate) fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let reference = wiring::reference()?;
    let endpoints = wiring::webhooks::endpoints(config, &reference)?;
    let keepers = wiring::witness::keepers(config, &reference)?;
    let ends = ends(config)?;
    let policy = wiring::policy(Some(&config.policy))?;
    let personal = wiring::Personal {
        secrets_dir: Some(config.secrets_dir()),
        retention: wiring::retention(&config.retention)?,
    };
    let opened = wiring::store(
        &config.data_dir,
        config.shard,
        &policy,
        &reference,
        personal,
    )
    .open()?;
    // What cannot be sealed must not come in.
    opened.writer.prepare_keys()?;
    let inlet = Inlet {
        source: ends.source,
        vocabulary: wiring::vocabulary(&reference),
        registrations: Vec::new(),
        settings: wiring::worker_settings(config),
        shard: config.shard,
        sink: ends.sink,
        endpoints,
    };
    let running = wiring::run(opened, inlet)?;
    let api = wiring::api(&running, &reference, ends.posts, config)?;
    let tls = wiring::access::tls(&config.http)?;
    let metrics = &running.webhook_metrics;
    let witnesses = Witnesses::start(keepers, config, &running.reader, metrics)?;
    answer(running, (api, tls), config.http.listen, witnesses)
}

/// Serves the API until the worker ends or a signal comes; then lets both finish.
fn answer(
    running: Running,
    (api, tls): (risk_api::ApiState, Option<risk_api::Tls>),
    listen: SocketAddr,
    witnesses: Witnesses,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; choose another address by --listen or http.listen"))?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if !address.ip().is_loopback() && tls.is_none() {
            tracing::warn!(%address, "listening beyond this machine in clear text: set http.tls_certificate, or put TLS before it");
        }
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut until = stopped.clone();
        let server = tokio::spawn(risk_api::serve(listener, api, tls, async move {
            // A sender that is gone means the same.
            drop(until.wait_for(|stop| *stop).await);
        }));
        say(&format!("ready {scheme}://{address}"));
        ended_or_asked(&running).await?;
        running.status.stop();
        stop.send_replace(true);
        // Live streams end by themselves; what is left after a moment is cut.
        drop(tokio::time::timeout(Duration::from_secs(2), server).await);
        anyhow::Ok(())
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    let report = running.join();
    // They hand over what stands at the end, so they end last.
    witnesses.finish()?;
    let report = report?;
    tracing::info!(
        accepted = report.accepted,
        duplicates = report.duplicates,
        rejected = report.rejected,
        "stopped"
    );
    Ok(ExitCode::SUCCESS)
}

async fn ended_or_asked(running: &Running) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut look = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = look.tick() => {
                running.gauge();
                if running.is_finished() {
                    return Ok(());
                }
            }
        }
    }
}

/// Where records come from, where posts go, and where events go.
struct Ends {
    source: Box<dyn Source>,
    posts: risk_api::Intakes,
    sink: Option<Box<dyn Sink>>,
}

fn ends(config: &Config) -> anyhow::Result<Ends> {
    if config.kafka.enabled {
        // Taking the shard over comes first: an older process is refused before this one reads.
        let sink = kafka_sink(&config.kafka, config.shard)?;
        let results = kafka_source(&config.kafka, Feed::Results)?;
        let mut posts =
            risk_api::Intakes::of_results(Arc::new(wiring::TopicPosts(results.handle()?)));
        let mut source = Joined::new(Feed::Results, Box::new(results));
        let others = [
            (Feed::Registry, &mut posts.registry),
            (Feed::Commands, &mut posts.commands),
            (Feed::Signals, &mut posts.signals),
        ];
        for (feed, post) in others {
            if !topic_of(&config.kafka, feed).is_empty() {
                let other = kafka_source(&config.kafka, feed)?;
                *post = Some(Arc::new(wiring::TopicPosts(other.handle()?)));
                source = source.and(feed, Box::new(other));
            }
        }
        return Ok(Ends {
            source: Box::new(source),
            posts,
            sink: Some(Box::new(sink)),
        });
    }
    let limits = IntakeLimits {
        submissions: config.intake.queue_posts,
        ..IntakeLimits::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let intake = |feed, name| intake(feed, name, limits, Arc::clone(&clock));
    let (results, source) = intake(Feed::Results, INTAKE_NAME);
    let (registry, register) = intake(Feed::Registry, REGISTRY_INTAKE_NAME);
    let (commands, decided) = intake(Feed::Commands, COMMANDS_INTAKE_NAME);
    let (signals, heard) = intake(Feed::Signals, SIGNALS_INTAKE_NAME);
    let source = Joined::new(Feed::Results, Box::new(source))
        .and(Feed::Registry, Box::new(register))
        .and(Feed::Commands, Box::new(decided))
        .and(Feed::Signals, Box::new(heard));
    Ok(Ends {
        source: Box::new(source),
        posts: risk_api::Intakes {
            results: Arc::new(wiring::DirectPosts(results)),
            registry: Some(Arc::new(wiring::DirectPosts(registry))),
            commands: Some(Arc::new(wiring::DirectPosts(commands))),
            signals: Some(Arc::new(wiring::DirectPosts(signals))),
        },
        sink: None,
    })
}

fn topic_of(config: &Kafka, feed: Feed) -> &str {
    match feed {
        Feed::Results => &config.results_topic,
        Feed::Registry => &config.registry_topic,
        Feed::Commands => &config.commands_topic,
        Feed::Signals => &config.signals_topic,
    }
}

fn kafka_sink(config: &Kafka, shard: u16) -> anyhow::Result<KafkaSink> {
    let topics = [
        (Outlet::Grades, config.grades_topic.clone()),
        (Outlet::Alerts, config.alerts_topic.clone()),
        (Outlet::DeadLetters, config.dead_letters_topic.clone()),
        (Outlet::Cases, config.cases_topic.clone()),
        (Outlet::Lists, config.lists_topic.clone()),
    ];
    let topics = topics.into_iter().filter(|(_, topic)| !topic.is_empty());
    let sink = KafkaSink::open(KafkaSinkConfig {
        bootstrap_servers: config.bootstrap_servers.clone(),
        transactional_id: format!("{}-{shard}", config.transactional_id),
        topics: topics.collect(),
        timeout: Duration::from_secs(30),
        extra: config.client_options(),
    })?;
    Ok(sink)
}

fn kafka_source(config: &Kafka, feed: Feed) -> anyhow::Result<KafkaSource> {
    let topic = topic_of(config, feed);
    let mut source = KafkaSourceConfig::new(&config.bootstrap_servers, topic, &config.group_id);
    source.feed = feed;
    source.until_end = config.until_end;
    if feed == Feed::Results && !config.partitions.is_empty() {
        let wanted = config.partitions.iter().copied();
        source.partitions = Some(wanted.map(Partition::results).collect());
    }
    source.extra = config.client_options();
    Ok(KafkaSource::open(source, Arc::new(SystemClock))?)
}

/// Loads the demo city, unless the directory holds one, and serves it.
pub(crate) fn demo(args: &Demo) -> anyhow::Result<ExitCode> {
    let format = args.data_dir.join("format");
    if format.exists() {
        say(&format!(
            "{} holds a city already; remove it for a new one",
            args.data_dir.display()
        ));
    } else {
        load_city(args)?;
    }
    let mut config = Config::load(None, std::iter::empty())?;
    config.data_dir.clone_from(&args.data_dir);
    config.http.listen = args.listen;
    config.identity.demo = true;
    serve(&config.validated()?)
}

fn load_city(args: &Demo) -> anyhow::Result<()> {
    let reference = wiring::reference()?;
    let city = simulate::draw(
        args.seed,
        args.enterprises,
        args.last_day.as_deref(),
        &reference,
    )?;
    say(&format!(
        "loading {} results of {} enterprises (seed {})",
        city.results.len(),
        args.enterprises,
        args.seed
    ));
    let results = tempfile_of(city.results.iter().map(wire::encode))?;
    let register = tempfile_of(city.register.iter().map(wire::registry::encode))?;
    let heard = tempfile_of(city.signals.iter().map(simulate::encode))?;
    let source = |feed, name, file: &tempfile::NamedTempFile| {
        Box::new(FileSource::new(
            feed,
            name,
            file.path(),
            Arc::new(SystemClock),
        ))
    };
    let told = source(Feed::Registry, "file:demo-register", &register);
    let results = source(Feed::Results, "file:demo-city", &results);
    let heard = source(Feed::Signals, "file:demo-signals", &heard);
    let source = Joined::new(Feed::Results, results)
        .and(Feed::Registry, told)
        .and(Feed::Signals, heard);
    let data = DataDir {
        dir: args.data_dir.clone(),
        shard: 0,
        policy: None,
        secrets_dir: None,
    };
    let report = load(&data, Box::new(source), Vocabulary::Reference, Vec::new())?;
    if report.rejected > 0 {
        bail!(
            "{} records of the demo city were rejected, which is a fault of this program",
            report.rejected
        );
    }
    Ok(())
}

fn tempfile_of(lines: impl Iterator<Item = Vec<u8>>) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    {
        let mut out = std::io::BufWriter::new(file.as_file_mut());
        for line in lines {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
    Ok(file)
}
