//! Verify, show, rebuild, replay, back up, restore, check, create topics.

use crate::cli::{Backup, DataDir, Restore, Show, TopicsCreate};
use crate::config::Config;
use crate::output::say;
use crate::wiring;
use risk_pipeline::topics::{self, TopicOutcome, TopicSpec};
use risk_store::Store;
use std::process::ExitCode;

pub(super) fn store(data: &DataDir) -> anyhow::Result<Store> {
    let reference = wiring::reference()?;
    let policy = wiring::policy(data.policy.as_deref())?;
    Ok(wiring::store(&data.dir, data.shard, &policy, &reference))
}

/// Recomputes every hash.
pub(crate) fn verify(data: &DataDir) -> anyhow::Result<ExitCode> {
    let verified = store(data)?.verify()?;
    say(&format!("blocks {}", verified.blocks));
    say(&format!("entries {}", verified.entries));
    say(&format!("root {}", verified.root));
    say(&format!("state {}", verified.state_hash));
    if let Some(tail) = verified.torn_tail {
        say(&format!(
            "unfinished last block, to be cut at the next start: {tail:?}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints entries.
pub(crate) fn show(args: &Show) -> anyhow::Result<ExitCode> {
    for entry in store(&args.data)?.show(args.from..args.from.saturating_add(args.count))? {
        say(&serde_json::to_string(&serde_json::json!({
            "index": entry.index,
            "block": entry.block,
            "kind": entry.kind,
            "actor": entry.actor,
            "facts": entry.facts,
            "party": entry.party,
            "decision": entry.decision,
        }))?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the views anew.
pub(crate) fn rebuild(data: &DataDir) -> anyhow::Result<ExitCode> {
    say(&format!("state {}", store(data)?.rebuild()?));
    Ok(ExitCode::SUCCESS)
}

/// Judges again and lists the differences.
pub(crate) fn replay(data: &DataDir) -> anyhow::Result<ExitCode> {
    let report = store(data)?.replay()?;
    say(&format!("inputs {}", report.inputs));
    say(&format!("effects {}", report.effects));
    say(&format!("differences {}", report.differences.len()));
    for difference in &report.differences {
        say(&format!("  {difference:?}"));
    }
    Ok(if report.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Copies the ledger out.
pub(crate) fn backup(args: &Backup) -> anyhow::Result<ExitCode> {
    risk_store::backup(&args.data.dir, &args.to)?;
    say(&format!("backed up to {}", args.to.display()));
    Ok(ExitCode::SUCCESS)
}

/// Makes a data directory of a backup.
pub(crate) fn restore(args: &Restore) -> anyhow::Result<ExitCode> {
    risk_store::restore(&args.from, &args.data.dir)?;
    rebuild(&args.data)
}

/// Validates configuration and policy, and prints what would be in force.
pub(crate) fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let policy = wiring::policy(Some(&config.policy))?;
    let reference = wiring::reference()?;
    say(&format!("policy {} sha256 {}", policy.version, policy.hash));
    say(&format!(
        "reference {} zones, {} products",
        reference.zones.iter().count(),
        reference.products.len()
    ));
    say(&format!("{config:#?}"));
    Ok(ExitCode::SUCCESS)
}

/// Creates the Kafka topics that are missing.
pub(crate) fn create_topics(args: &TopicsCreate, config: &Config) -> anyhow::Result<ExitCode> {
    let kafka = &config.kafka;
    let topic = |name: &String, partitions, compacted, broker_time| TopicSpec {
        name: name.clone(),
        partitions,
        replication: args.replication,
        compacted,
        broker_time,
    };
    let registry = topic(&kafka.registry_topic, 1, true, true);
    let named = [
        topic(&kafka.results_topic, args.partitions, false, true),
        topic(&kafka.grades_topic, args.partitions, true, false),
        topic(&kafka.alerts_topic, args.partitions, false, false),
        topic(&kafka.dead_letters_topic, 1, false, false),
        topic(&kafka.cases_topic, args.partitions, false, false),
        registry,
        topic(&kafka.commands_topic, 1, false, true),
        topic(&kafka.signals_topic, 1, false, true),
    ];
    let topics: Vec<TopicSpec> = named
        .into_iter()
        .filter(|one| !one.name.is_empty())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let made = runtime.block_on(topics::create_topics(
        &kafka.bootstrap_servers,
        &kafka.client_options(),
        &topics,
    ))?;
    for (topic, outcome) in topics.iter().zip(made) {
        say(&match outcome {
            TopicOutcome::Created => format!(
                "{} created with {} partitions",
                topic.name, topic.partitions
            ),
            TopicOutcome::Existed => format!("{} was there", topic.name),
        });
    }
    Ok(ExitCode::SUCCESS)
}
