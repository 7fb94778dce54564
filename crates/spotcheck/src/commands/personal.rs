//! `personal`: what the ledger holds of people, counted and erased.

use super::upkeep;
use crate::cli::DataDir;
use crate::cli::personal::{PersonalCommand, PersonalErase, PersonalStatus};
use crate::output::say;
use crate::wiring;
use anyhow::{Context, ensure};
use risk_domain::ids::{ActorId, SignalId};
use risk_domain::personal::{Erasure, ErasureRule, PersonalKind};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_store::{Opened, Positions, RetentionPolicy, secrets_beside};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

/// Does what was asked about personal data.
pub(crate) fn personal(command: &PersonalCommand) -> anyhow::Result<ExitCode> {
    match command {
        PersonalCommand::Status(args) => status(args),
        PersonalCommand::Erase(args) => erase(args),
        PersonalCommand::Expire(args) => expire(args),
    }
}

fn policy(args: &PersonalStatus) -> anyhow::Result<Arc<RetentionPolicy>> {
    let named = match &args.retention {
        Some(path) => wiring::retention(path)?,
        None => None,
    };
    match named {
        Some(policy) => Ok(policy),
        None => Ok(Arc::new(RetentionPolicy::builtin()?)),
    }
}

fn opened(data: &DataDir, retention: Option<Arc<RetentionPolicy>>) -> anyhow::Result<Opened> {
    Ok(upkeep::store_with(data, retention)?.open()?)
}

fn status(args: &PersonalStatus) -> anyhow::Result<ExitCode> {
    let policy = policy(args)?;
    let opened = opened(&args.data, None)?;
    let beside = || secrets_beside(&args.data.dir);
    let secrets = args.data.secrets_dir.clone().unwrap_or_else(beside);
    say(&format!("secrets {}", secrets.display()));
    say(&format!("retention {}", policy.version()));
    let counts = opened.reader.key_counts();
    for kind in PersonalKind::ALL {
        let of_kind = counts.iter().filter(|((of, _), _)| of == kind);
        let keys: u64 = of_kind.clone().map(|(_, count)| count).sum();
        let oldest = of_kind.map(|((_, month), _)| month).min();
        let since = oldest.map_or_else(String::new, |(year, month)| {
            format!(", the oldest of {year}-{month:02}")
        });
        let months = policy.months(*kind);
        say(&format!(
            "{kind} {keys} keys{since}; kept for {months} months"
        ));
    }
    opened.writer.close()?;
    Ok(ExitCode::SUCCESS)
}

fn erase(args: &PersonalErase) -> anyhow::Result<ExitCode> {
    let codes: Vec<&str> = ErasureRule::ALL.iter().map(|rule| rule.code()).collect();
    let rule = ErasureRule::from_code(&args.rule)
        .with_context(|| format!("--rule must be one of {}", codes.join(", ")))?;
    let actor = ActorId::new(&args.actor).context("--actor")?;
    let reason = args.reason.trim();
    ensure!(!reason.is_empty(), "--reason must not be empty");
    let mut opened = opened(&args.data, None)?;
    let reader = &opened.reader;
    let (entry, named) = match (&args.signal, args.dead_letter) {
        (Some(signal), _) => {
            let id = SignalId::new(signal).context("--signal")?;
            let entry = reader.signal_entry(&id)?;
            let entry = entry.with_context(|| format!("there is no signal {signal}"))?;
            (entry, format!("signal {signal}"))
        }
        (None, Some(entry)) => {
            let letter = reader.dead_letter(entry)?;
            ensure!(letter.is_some(), "entry {entry} is no dead letter");
            (entry, format!("dead letter {entry}"))
        }
        (None, None) => anyhow::bail!("name a --signal or a --dead-letter"),
    };
    let key = reader.key_of_entry(entry)?;
    let key = key.with_context(|| format!("nothing of {named} is personal"))?;
    let keys = reader.keys_of_same_person(key);
    ensure!(
        !keys.is_empty(),
        "what is personal of {named} is gone already"
    );
    let count = keys.len();
    let erasure = Erasure {
        at: SystemClock.now(),
        actor: Some(actor),
        roles: BTreeSet::new(),
        means: Some("command".into()),
        request_id: None,
        rule,
        reason: reason.into(),
        keys,
        repeated: false,
    };
    let entry = opened.writer.append_erasure(&erasure)?;
    settle(opened)?;
    say(&format!(
        "erased {count} keys of whoever stands in {named}; entry {entry} of the ledger says so"
    ));
    Ok(ExitCode::SUCCESS)
}

fn expire(args: &PersonalStatus) -> anyhow::Result<ExitCode> {
    let mut opened = opened(&args.data, Some(policy(args)?))?;
    let keys = opened.writer.append_due_erasures(SystemClock.now())?;
    if keys == 0 {
        opened.writer.close()?;
    } else {
        settle(opened)?;
    }
    say(&format!("erased {keys} keys"));
    Ok(ExitCode::SUCCESS)
}

/// Makes what was appended durable, which destroys the keys.
fn settle(opened: Opened) -> anyhow::Result<()> {
    let mut writer = opened.writer;
    let (now, seed) = (SystemClock.now(), risk_store::fresh_seed());
    let ticket = writer.commit(&Positions::new(), now, seed)?;
    writer.wait(ticket)?;
    writer.wait_viewed(ticket)?;
    writer.close()?;
    Ok(())
}
