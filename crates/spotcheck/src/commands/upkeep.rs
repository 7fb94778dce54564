//! Verify, show, rebuild, replay, back up, restore, check, create topics.

use crate::cli::{Backup, DataDir, Evidence, LedgerVerify, Restore, Show, TopicsCreate};
use crate::config::Config;
use crate::output::say;
use crate::wiring;
use anyhow::Context as _;
use risk_api::pack::{About, PackRequest, Packer};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::topics::{self, TopicOutcome, TopicSpec};
use risk_store::ledger::note::open_checkpoint;
use risk_store::{PlanShelf, RetentionPolicy, Store, checkpoint_signer};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn store(data: &DataDir) -> anyhow::Result<Store> {
    store_with(data, None)
}

/// The same under another retention policy than the one that ships.
pub(super) fn store_with(
    data: &DataDir,
    retention: Option<Arc<RetentionPolicy>>,
) -> anyhow::Result<Store> {
    let reference = wiring::reference()?;
    let policy = wiring::policy(data.policy.as_deref())?;
    let personal = wiring::Personal {
        secrets_dir: data.secrets_dir.clone(),
        retention,
    };
    Ok(wiring::store(
        &data.dir, data.shard, &policy, &reference, personal,
    ))
}

/// Recomputes every hash, and compares with a checkpoint that was kept.
pub(crate) fn verify(args: &LedgerVerify) -> anyhow::Result<ExitCode> {
    let data = &args.data;
    let store = store(data)?;
    let verified = store.verify()?;
    say(&format!("blocks {}", verified.blocks));
    say(&format!("entries {}", verified.entries));
    say(&format!("root {}", verified.root));
    say(&format!("state {}", verified.state_hash));
    if let Some(tail) = verified.torn_tail {
        say(&format!(
            "unfinished last block, to be cut at the next start: {tail:?}"
        ));
    }
    let Some(kept) = &args.against else {
        return Ok(ExitCode::SUCCESS);
    };
    let key = match &args.key {
        Some(key) => key.clone(),
        None => checkpoint_signer(&data.dir, data.shard)?.verifier_key(),
    };
    let note = std::fs::read_to_string(kept)
        .with_context(|| format!("the checkpoint {} cannot be read", kept.display()))?;
    let mut agreed = 0;
    let notes = split_notes(&note);
    for (number, note) in notes.iter().enumerate() {
        let then = open_checkpoint(note, &key).with_context(|| {
            let file = kept.display();
            format!("checkpoint {} of {file} is not believed", number + 1)
        })?;
        let grown = format!("; up to entry {agreed} it holds what was kept");
        anyhow::ensure!(
            then.size <= verified.entries,
            "the ledger was cut: the checkpoint holds {} entries, the ledger {}{grown}",
            then.size,
            verified.entries
        );
        let now = store.head(then.size)?;
        anyhow::ensure!(
            now.root == then.root,
            "the ledger was rewritten below entry {}: its root there is {}, the checkpoint has {}{grown}",
            then.size,
            now.root,
            then.root
        );
        agreed = agreed.max(then.size);
    }
    let entries = format!("of {agreed} entries");
    say(&match notes.len() {
        1 => format!("consistent with the checkpoint {entries}"),
        many => format!("consistent with {many} checkpoints, the last {entries}"),
    });
    Ok(ExitCode::SUCCESS)
}

/// The checkpoints of a file, as a witness adds them: each has an empty line in its middle, and another
/// stands between two.
fn split_notes(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.trim_end().split("\n\n").collect();
    let notes = parts.chunks(2);
    notes
        .map(|note| format!("{}\n", note.join("\n\n")))
        .collect()
}

/// Prints the ledger's head, signed.
pub(crate) fn checkpoint(data: &DataDir) -> anyhow::Result<ExitCode> {
    let store = store(data)?;
    let signer = checkpoint_signer(&data.dir, data.shard)?;
    say(signer.sign(&store.head(u64::MAX)?).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints the public key of checkpoints.
pub(crate) fn key(data: &DataDir) -> anyhow::Result<ExitCode> {
    say(&checkpoint_signer(&data.dir, data.shard)?.verifier_key());
    Ok(ExitCode::SUCCESS)
}

/// Makes an evidence pack.
pub(crate) fn evidence(args: &Evidence) -> anyhow::Result<ExitCode> {
    let about: About = args.about.parse().map_err(anyhow::Error::msg)?;
    let opened = store(&args.data)?.open()?;
    let signer = checkpoint_signer(&args.data.dir, args.data.shard)?;
    let packer = Packer {
        reader: &opened.reader,
        engine: &opened.engine,
        signer: &signer,
        shelf: &PlanShelf::of(&args.data.dir),
    };
    let pack = packer.pack(&PackRequest {
        about,
        size: args.size,
        redacted: args.redacted,
    })?;
    let pack = pack.with_context(|| format!("nothing was recorded of {}", args.about))?;
    std::fs::write(&args.out, &pack.archive)
        .with_context(|| format!("{} cannot be written", args.out.display()))?;
    say(&format!("wrote {}", args.out.display()));
    if let Some(printed) = &args.pdf {
        std::fs::write(printed, pack.pdf()?)
            .with_context(|| format!("{} cannot be written", printed.display()))?;
        say(&format!("wrote {}", printed.display()));
    }
    say(&format!("key {}", signer.verifier_key()));
    opened.writer.close()?;
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
    let secrets = args.data.secrets_dir.clone();
    let secrets = secrets.unwrap_or_else(|| risk_store::secrets_beside(&args.data.dir));
    if !secrets.join("erasures.ndjson").exists() {
        crate::output::note(&format!(
            "there is no journal of erasures in {}: if what was personal was erased since this backup, put \
             personal.master and erasures.ndjson of its time there, or name their directory by --secrets-dir, \
             and restore again",
            secrets.display()
        ));
    }
    let seed = risk_store::fresh_seed();
    let (erased, state) = store(&args.data)?.complete_restore(SystemClock.now(), seed)?;
    if erased > 0 {
        say(&format!("erased again {erased} keys of personal data"));
    }
    say(&format!("state {state}"));
    Ok(ExitCode::SUCCESS)
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
    let endpoints = wiring::webhooks::endpoints(config, &reference)?;
    let keepers = wiring::witness::keepers(config, &reference)?;
    let retention = match wiring::retention(&config.retention)? {
        Some(retention) => retention,
        None => Arc::new(RetentionPolicy::builtin()?),
    };
    say(&format!("retention {}", retention.version()));
    say(&format!("webhooks {}", endpoints.len()));
    say(&format!("witnesses {}", keepers.len()));
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
        topic(&kafka.lists_topic, 1, false, false),
        registry,
        topic(&kafka.commands_topic, 1, false, true),
        topic(&kafka.signals_topic, 1, false, true),
        topic(&config.witness.topic, 1, false, false),
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
