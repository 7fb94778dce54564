//! `token`: tokens of programs are made, listed and taken back.

use super::configuration;
use crate::cli::{TokenCommand, TokenCreate, TokenRevoke};
use crate::config::Config;
use crate::output::say;
use anyhow::{Context, bail};
use risk_api::identity::{Grant, MAX_DAYS, Token, TokenFailure, TokenFile};
use risk_domain::ids::{ActorId, ZoneId};
use risk_domain::scales::Role;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_pipeline::clock::{Clock, SystemClock};
use std::collections::BTreeSet;
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;

/// Does what was asked about tokens.
pub(crate) fn token(command: &TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create(args) => create(args),
        TokenCommand::List(args) => list(&configuration(args.config.as_deref())?),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn file(config: &Config) -> TokenFile {
    TokenFile::at(&config.secrets_dir())
}

fn create(args: &TokenCreate) -> anyhow::Result<ExitCode> {
    let config = configuration(args.configured.config.as_deref())?;
    if !(1..=MAX_DAYS).contains(&args.days) {
        bail!("--days must be 1 to {MAX_DAYS}");
    }
    let grant = Grant {
        actor: ActorId::new(&args.actor).context("--actor")?,
        roles: roles(&args.roles).context("--role")?,
        zones: zones(&args.zones).context("--zone")?,
    };
    let reference = crate::wiring::reference()?;
    if let Some(zone) = grant
        .zones
        .iter()
        .find(|zone| reference.zones.get(zone).is_none())
    {
        bail!("--zone {zone} is not a zone of the reference data");
    }
    let now = SystemClock.now();
    let expires_at = now.plus_millis(i64::from(args.days) * DAY_MILLIS);
    let (secret, id) = (risk_store::fresh_seed(), risk_store::fresh_seed());
    let tokens = file(&config);
    let (token, text) = tokens.create(grant, now, expires_at, secret, id)?;
    say(&text);
    crate::output::note(&format!(
        "this is the only time it is shown; token {} ends at {}; its hash stands in {}",
        token.id,
        token.expires_at,
        tokens.path().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Roles by their codes.
pub(crate) fn roles(codes: &[String]) -> anyhow::Result<BTreeSet<Role>> {
    let role = |code: &String| {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
        Role::from_code(code).with_context(|| format!("`{code}` must be one of {}", all.join(", ")))
    };
    codes.iter().map(role).collect()
}

/// Zones by their ids.
pub(crate) fn zones(ids: &[String]) -> anyhow::Result<BTreeSet<ZoneId>> {
    let zone = |id: &String| ZoneId::new(id).with_context(|| format!("`{id}` is no zone"));
    ids.iter().map(zone).collect()
}

fn revoke(args: &TokenRevoke) -> anyhow::Result<ExitCode> {
    let config = configuration(args.configured.config.as_deref())?;
    let token = file(&config).revoke(&args.id, SystemClock.now())?;
    say(&format!(
        "token {} of {} is taken back",
        token.id, token.grant.actor
    ));
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Config) -> anyhow::Result<ExitCode> {
    let tokens = file(config).list()?;
    let now = SystemClock.now();
    let head = [
        "id",
        "actor",
        "roles",
        "zones",
        "state",
        "ends",
        "last used",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(tokens.iter().map(|token| row(token, now)));
    for line in table(&rows) {
        say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(token: &Token, now: Timestamp) -> [String; 7] {
    let state = match token.failure(now) {
        Some(TokenFailure::Revoked) => "revoked",
        Some(TokenFailure::Expired) => "expired",
        // Of a token that is read here, there is nothing else to be wrong.
        Some(TokenFailure::Malformed | TokenFailure::Unknown) | None => "in force",
    };
    let joined = |all: Vec<String>| {
        if all.is_empty() {
            "-".to_owned()
        } else {
            all.join(",")
        }
    };
    [
        token.id.clone(),
        token.grant.actor.to_string(),
        joined(token.grant.roles.iter().map(ToString::to_string).collect()),
        joined(token.grant.zones.iter().map(ToString::to_string).collect()),
        state.to_owned(),
        token.expires_at.to_string(),
        token
            .last_used_at
            .map_or("never".to_owned(), |at| at.to_string()),
    ]
}

/// Columns as wide as their widest text; a Chinese character takes two places.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.width())
            .max()
    };
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(text, width)| {
            let pad = width.saturating_sub(text.width());
            format!("{text}{}", " ".repeat(pad))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another_in_chinese_too() {
        let rows = [["a", "b"], ["实验室", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), ["a       b", "实验室  c"]);
    }

    #[test]
    fn a_role_that_is_none_is_named_with_those_that_are() {
        assert_eq!(
            roles(&["viewer".to_owned()]).unwrap(),
            [Role::Viewer].into()
        );
        let error = roles(&["boss".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("boss") && error.contains("zone_manager"),
            "{error}"
        );
    }
}
