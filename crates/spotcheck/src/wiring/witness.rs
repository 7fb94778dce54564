//! Who keeps signed checkpoints, from the configuration.

use super::webhooks::{draw, endpoint};
use crate::config::Config;
use anyhow::{Context, bail};
use risk_domain::reference::Reference;
use risk_pipeline::clock::SystemClock;
use risk_pipeline::metrics::WebhookMetrics;
use risk_pipeline::webhook::schedule::Pace;
use risk_pipeline::webhook::{EndpointKind, Line};
use risk_pipeline::witness::{
    FileWitness, Outlet, TopicWitness, WebhookWitness, Witness, WitnessParts,
};
use risk_store::{Reader, StoreError, checkpoint_signer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A place that keeps checkpoints, by its name in metrics and lists.
pub(crate) struct Keeper {
    name: &'static str,
    outlet: Box<dyn Outlet>,
}

/// The keepers of a configuration.
pub(crate) fn keepers(config: &Config, reference: &Reference) -> anyhow::Result<Vec<Keeper>> {
    let witness = &config.witness;
    let mut keepers = Vec::new();
    if !witness.file.as_os_str().is_empty() {
        keepers.push(Keeper {
            name: "witness-file",
            outlet: Box::new(FileWitness(witness.file.clone())),
        });
    }
    if !witness.topic.is_empty() {
        let kafka = &config.kafka;
        let options = kafka.client_options();
        let topic = TopicWitness::new(&kafka.bootstrap_servers, &witness.topic, &options);
        keepers.push(Keeper {
            name: "witness-topic",
            outlet: Box::new(topic.context("witness.topic")?),
        });
    }
    if let Some(settings) = &witness.webhook {
        let name = "witness-webhook";
        let endpoint = endpoint(name, settings, reference).context("witness.webhook")?;
        if endpoint.kind != EndpointKind::Webhook {
            bail!("witness.webhook: kind must be webhook: a checkpoint is no message to people");
        }
        let line = Line::to(endpoint).context("witness.webhook")?;
        keepers.push(Keeper {
            name,
            outlet: Box::new(WebhookWitness(line)),
        });
    }
    Ok(keepers)
}

/// The witnesses, each on a thread of its own.
pub(crate) struct Witnesses {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, StoreError>>>,
}

impl Witnesses {
    pub(crate) fn start(
        keepers: Vec<Keeper>,
        config: &Config,
        reader: &Reader,
        metrics: &WebhookMetrics,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let signer = Arc::new(checkpoint_signer(&config.data_dir, config.shard)?);
        let mut threads = Vec::new();
        for keeper in keepers {
            let witness = Witness::new(WitnessParts {
                name: keeper.name.to_owned(),
                outlet: keeper.outlet,
                every: config.witness.every,
                pace: Pace {
                    first_wait: Duration::from_secs(1),
                    longest_wait: Duration::from_mins(5),
                    park_after: u32::MAX,
                    give_up_after: u32::MAX,
                    per_minute: u32::MAX,
                },
                reader: reader.clone(),
                signer: Arc::clone(&signer),
                metrics: metrics.clone(),
                clock: Arc::new(SystemClock),
                draws: Box::new(draw),
                stop: Arc::clone(&stop),
            })?;
            let thread = std::thread::Builder::new().name(keeper.name.to_owned());
            threads.push(thread.spawn(move || {
                let ended = witness.run();
                if let Err(error) = &ended {
                    tracing::error!(witness = keeper.name, %error, "the witness stopped");
                }
                ended
            })?);
        }
        Ok(Self { stop, threads })
    }

    /// Waits until each has handed over what stands, or has failed to.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            let ended = thread.join();
            // Its failure was told when it came.
            drop(ended.map_err(|_panic| anyhow::anyhow!("a witness panicked; see the log"))?);
        }
        Ok(())
    }
}
