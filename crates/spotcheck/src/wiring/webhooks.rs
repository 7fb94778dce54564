//! Endpoints that are told of events, from the configuration, and a sender for each.

use crate::config::{Config, Webhook};
use anyhow::{Context, bail};
use parking_lot::RwLock;
use risk_domain::ids::ZoneId;
use risk_domain::reference::Reference;
use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::subject::SubjectKind;
use risk_engine::Engine;
use risk_pipeline::clock::SystemClock;
use risk_pipeline::metrics::WebhookMetrics;
use risk_pipeline::webhook::schedule::Pace;
use risk_pipeline::webhook::{
    Endpoint, EndpointKind, EventKind, Filter, Network, Sender, SenderParts, read_secrets,
};
use risk_store::{Reader, StoreError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The endpoints of a configuration.
pub(crate) fn endpoints(config: &Config, reference: &Reference) -> anyhow::Result<Vec<Endpoint>> {
    let one = |(name, settings): (&String, &Webhook)| {
        if name.starts_with("witness") {
            bail!("webhooks.{name}: names that begin with `witness` are those of [witness]");
        }
        endpoint(name, settings, reference).with_context(|| format!("webhooks.{name}"))
    };
    config.webhooks.iter().map(one).collect()
}

/// A value that stands in the configuration, or in a file that it names.
fn value_or_file(value: &str, file: &Path, key: &str) -> anyhow::Result<String> {
    if file.as_os_str().is_empty() {
        return Ok(value.to_owned());
    }
    if !value.is_empty() {
        bail!("{key} and {key}_file stand for the same: set one of them");
    }
    std::fs::read_to_string(file)
        .with_context(|| format!("{key}_file: cannot read {}", file.display()))
}

/// The values of codes, or which code is none and what there is.
fn each<T>(
    key: &str,
    codes: &[String],
    all: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<Vec<T>> {
    let one = |code: &String| {
        read(code).with_context(|| format!("{key}: `{code}` must be one of {}", all.join(", ")))
    };
    codes.iter().map(one).collect()
}

pub(super) fn endpoint(
    name: &str,
    settings: &Webhook,
    reference: &Reference,
) -> anyhow::Result<Endpoint> {
    let kinds = EndpointKind::ALL.map(EndpointKind::code);
    let kind = EndpointKind::from_code(&settings.kind).with_context(|| {
        format!(
            "kind: `{}` must be one of {}",
            settings.kind,
            kinds.join(", ")
        )
    })?;
    let url = value_or_file(settings.url.reveal(), &settings.url_file, "url")?;
    let secrets = value_or_file(settings.secret.reveal(), &settings.secret_file, "secret")?;
    let authority = (!settings.authority_file.as_os_str().is_empty()).then(|| {
        let file = &settings.authority_file;
        let why = || format!("authority_file: cannot read {}", file.display());
        std::fs::read(file).with_context(why)
    });
    let alert_levels: Vec<&str> = AlertLevel::ALL.iter().map(|one| one.code()).collect();
    let risk_levels: Vec<&str> = RiskLevel::ALL.iter().map(|one| one.code()).collect();
    let events = EventKind::ALL.map(EventKind::code);
    let subject_kinds: Vec<&str> = SubjectKind::ALL.iter().map(|one| one.code()).collect();
    let zone = |text: &String| {
        let zone = ZoneId::new(text).ok();
        let known = zone.filter(|zone| reference.zones.get(zone).is_some());
        known.with_context(|| format!("zones: `{text}` is not a zone of the reference data"))
    };
    let network = |text: &String| {
        let network = text.parse::<Network>();
        network.with_context(|| format!("allow_networks: `{text}`"))
    };
    let endpoint = Endpoint {
        name: name.to_owned(),
        kind,
        url: url.trim().to_owned(),
        secrets: read_secrets(&secrets)?,
        filter: Filter {
            events: each("events", &settings.events, &events, EventKind::from_code)?
                .into_iter()
                .collect(),
            alert_level: AlertLevel::from_code(&settings.alert_level).with_context(|| {
                format!("alert_level must be one of {}", alert_levels.join(", "))
            })?,
            grade_level: RiskLevel::from_code(&settings.grade_level).with_context(|| {
                format!("grade_level must be one of {}", risk_levels.join(", "))
            })?,
            subject_kinds: each(
                "subject_kinds",
                &settings.subject_kinds,
                &subject_kinds,
                SubjectKind::from_code,
            )?
            .into_iter()
            .collect(),
            zones: settings
                .zones
                .iter()
                .map(zone)
                .collect::<anyhow::Result<BTreeSet<_>>>()?,
        },
        allow_networks: settings
            .allow_networks
            .iter()
            .map(network)
            .collect::<anyhow::Result<_>>()?,
        authority: authority.transpose()?,
        timeout: settings.timeout,
        max_body_bytes: settings.max_body_bytes,
        pace: Pace {
            first_wait: settings.first_wait,
            longest_wait: settings.longest_wait,
            park_after: settings.park_after,
            give_up_after: settings.give_up_after,
            per_minute: settings.per_minute,
        },
        from_beginning: settings.from_beginning,
    };
    Ok(endpoint.validated()?)
}

/// The senders, each on a thread of its own. One that fails ends alone: the log says why, and its events
/// wait in the ledger.
pub(crate) struct Senders {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, StoreError>>>,
}

impl Senders {
    pub(crate) fn start(
        endpoints: Vec<Endpoint>,
        shard: u16,
        reader: &Reader,
        engine: &Arc<RwLock<Engine>>,
        metrics: &WebhookMetrics,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for endpoint in endpoints {
            let name = endpoint.name.clone();
            let sender = Sender::new(SenderParts {
                endpoint,
                reader: reader.clone(),
                engine: Arc::clone(engine),
                shard,
                metrics: metrics.clone(),
                clock: Arc::new(SystemClock),
                draws: Box::new(draw),
                stop: Arc::clone(&stop),
            });
            let sender = sender.with_context(|| format!("webhooks.{name}"))?;
            let thread = std::thread::Builder::new().name(format!("to {name}"));
            threads.push(thread.spawn(move || {
                let ended = sender.run();
                if let Err(error) = &ended {
                    tracing::error!(endpoint = name, %error, "the sender stopped; its events wait in the ledger");
                }
                ended
            })?);
        }
        Ok(Self { stop, threads })
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Waits for every sender to finish the request in hand.
    pub(crate) fn join(self) -> anyhow::Result<()> {
        let mut taken = 0;
        for thread in self.threads {
            let ended = thread.join();
            let ended =
                ended.map_err(|_panic| anyhow::anyhow!("a sender panicked; see the log"))?;
            // Its end was told when it came, and hinders nobody else.
            taken += ended.unwrap_or(0);
        }
        if taken > 0 {
            tracing::info!(taken, "events taken by endpoints");
        }
        Ok(())
    }
}

/// A number from the operating system's generator.
pub(super) fn draw() -> u64 {
    let seed = risk_store::fresh_seed();
    let bytes = seed.iter().take(8);
    bytes.fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Which endpoints nothing is sent to, and why.
pub(crate) fn warnings(reader: &Reader) -> Vec<String> {
    let endpoints = match reader.deliveries().endpoints() {
        Ok(endpoints) => endpoints,
        Err(error) => return vec![format!("deliveries cannot be read: {error}")],
    };
    let parked = endpoints.into_iter().filter_map(|endpoint| {
        let parked = endpoint.record.parked?;
        Some(format!(
            "webhook {} is parked since {}: {}; its events wait in the ledger",
            endpoint.name, parked.at, parked.why
        ))
    });
    parked.collect()
}
