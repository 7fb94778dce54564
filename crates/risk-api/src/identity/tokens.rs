//! API tokens（访问令牌）, for programs.
//!
//! A token is `spotcheck_ID_SECRET`: an id to name it by, and 256 random bits that are shown once.
//! The file keeps the SHA-256 of the secret. A fast hash is enough: it guards a secret that nobody
//! can guess, not a password that somebody chose.
//!
//! The file is changed by `spotcheck token` and read by the server, which notices a change at the
//! next request. Uses stand in a second file, which the server alone writes: at most once a minute,
//! so that asking costs no write.

use super::Grant;
use super::records::{TokenUsesV1, TokenV1, TokensV1};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use risk_domain::ids::{ActorId, ZoneId};
use risk_domain::plan_act::hexadecimal;
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// What every token begins with, so that scanners of secrets know it.
const PREFIX: &str = "spotcheck_";
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 16;
const VERSION: u32 = 1;
/// Uses are written down at most so often, in milliseconds.
const USES_EVERY: i64 = 60_000;
/// The longest life of a token, in days.
pub const MAX_DAYS: u32 = 400;

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The disk said no.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("{} can be read by others; run `chmod 600` on it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not what this program wrote.
    #[error("{} is damaged: {why}; restore it, or remove it and make new tokens", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no such token.
    #[error("there is no token {0}; `spotcheck token list` has their ids")]
    Unknown(String),
    /// A rule about new tokens.
    #[error("{0}")]
    Rule(String),
}

impl TokenError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}

/// Why a presented token is refused. The asker is not told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFailure {
    /// It does not look like a token.
    Malformed,
    /// No token has this id, or its secret is another.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// By what it is named.
    pub id: String,
    /// What its bearer may.
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    sha256: [u8; 32],
}

impl Token {
    /// Why it does not count now, if it does not.
    pub fn failure(&self, now: Timestamp) -> Option<TokenFailure> {
        if self.revoked_at.is_some() {
            Some(TokenFailure::Revoked)
        } else if now >= self.expires_at {
            Some(TokenFailure::Expired)
        } else {
            None
        }
    }
}

/// The tokens of a data directory.
#[derive(Debug)]
pub struct TokenFile {
    dir: PathBuf,
    held: Mutex<Held>,
}

/// What tells one state of the file from another: it is always replaced whole.
type Stamp = (u64, i64, i64, u64);

#[derive(Debug, Default)]
struct Held {
    stamp: Option<Stamp>,
    tokens: BTreeMap<String, Token>,
    uses: BTreeMap<String, Timestamp>,
    /// When uses were written down last.
    written_at: Option<Timestamp>,
}

impl TokenFile {
    /// The tokens kept in this directory, which need not exist yet.
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            held: Mutex::default(),
        }
    }

    /// Where they stand.
    pub fn path(&self) -> PathBuf {
        self.dir.join("tokens.json")
    }

    fn uses_path(&self) -> PathBuf {
        self.dir.join("token-uses.json")
    }

    /// Makes a token; `secret` and `id` are fresh random bytes. The text returned is the only copy.
    pub fn create(
        &self,
        grant: Grant,
        now: Timestamp,
        expires_at: Timestamp,
        secret: [u8; 32],
        id: [u8; 32],
    ) -> Result<(Token, String), TokenError> {
        let id: String = hexadecimal(&id).chars().take(ID_DIGITS).collect();
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        if grant.roles.is_empty() {
            return Err(TokenError::Rule("a token needs a role".to_owned()));
        }
        if grant.roles.contains(&Role::ZoneManager) == grant.zones.is_empty() {
            let rule = "zones belong to the role zone_manager, which needs one";
            return Err(TokenError::Rule(rule.to_owned()));
        }
        let token = Token {
            id,
            grant,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            sha256: Sha256::digest(secret).into(),
        };
        self.change(|tokens| {
            tokens.insert(token.id.clone(), token.clone());
            Ok(())
        })?;
        Ok((token, text))
    }

    /// Takes a token back. One that was taken back before stays so since then.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<Token, TokenError> {
        self.change(|tokens| {
            let known = tokens.get_mut(id);
            let token = known.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
            token.revoked_at.get_or_insert(now);
            Ok(token.clone())
        })
    }

    /// All tokens with when they were used last, in the order of their ids.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let uses = read_uses(&self.uses_path())?;
        let tokens = read(&self.path())?.into_values();
        Ok(tokens
            .map(|token| Token {
                last_used_at: uses.get(&token.id).copied(),
                ..token
            })
            .collect())
    }

    /// Whose token this is, and its id; notes the use.
    pub fn find(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Result<(Grant, String), TokenFailure>, TokenError> {
        let Some((id, secret)) = parse(presented) else {
            return Ok(Err(TokenFailure::Malformed));
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        let Some(token) = held.tokens.get(id) else {
            return Ok(Err(TokenFailure::Unknown));
        };
        let digest: [u8; 32] = Sha256::digest(secret).into();
        if !bool::from(digest.ct_eq(&token.sha256)) {
            return Ok(Err(TokenFailure::Unknown));
        }
        if let Some(failure) = token.failure(now) {
            return Ok(Err(failure));
        }
        let found = (token.grant.clone(), token.id.clone());
        held.uses.insert(found.1.clone(), now);
        let due = |at: Timestamp| now.millis_since(at) >= USES_EVERY;
        if held.written_at.is_none_or(due) {
            held.written_at = Some(now);
            write_uses(&self.uses_path(), &held.uses)?;
        }
        Ok(Ok(found))
    }

    /// Reads the file again if it is another one than before.
    fn refresh(&self, held: &mut Held) -> Result<(), TokenError> {
        let path = self.path();
        let stamp = stamp(&path)?;
        if held.stamp != stamp || stamp.is_none() {
            held.tokens = read(&path)?;
            if held.stamp.is_none() {
                held.uses = read_uses(&self.uses_path())?;
            }
            held.stamp = stamp;
        }
        Ok(())
    }

    /// Changes the file under a lock, so that two commands at once lose nothing.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Token>) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&self.dir)
            .map_err(TokenError::io("create", &self.dir))?;
        let lock = self.dir.join("lock");
        let file = options()
            .truncate(false)
            .open(&lock)
            .map_err(TokenError::io("open", &lock))?;
        file.lock().map_err(TokenError::io("lock", &lock))?;
        let mut tokens = read(&self.path())?;
        let done = change(&mut tokens)?;
        let written = TokensV1 {
            version: VERSION,
            tokens: tokens.into_values().map(written).collect(),
        };
        replace(&self.path(), &json(&written))?;
        Ok(done)
    }
}

/// Id and secret of a presented token.
fn parse(presented: &str) -> Option<(&str, [u8; 32])> {
    let (id, secret) = presented.strip_prefix(PREFIX)?.split_once('_')?;
    let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
    Some((id, secret.try_into().ok()?))
}

fn options() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).mode(0o600);
    options
}

fn stamp(path: &Path) -> Result<Option<Stamp>, TokenError> {
    match fs::metadata(path) {
        Ok(meta) => {
            if meta.permissions().mode() & 0o077 != 0 {
                return Err(TokenError::Open {
                    path: path.to_path_buf(),
                });
            }
            Ok(Some((
                meta.ino(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.len(),
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TokenError::io("look at", path)(error)),
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Token>, TokenError> {
    if stamp(path)?.is_none() {
        return Ok(BTreeMap::new());
    }
    let bytes = fs::read(path).map_err(TokenError::io("read", path))?;
    let damaged = |why: String| TokenError::Damaged {
        path: path.to_path_buf(),
        why,
    };
    let file: TokensV1 =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if file.version != VERSION {
        return Err(damaged(format!("its version is {}", file.version)));
    }
    let tokens = file.tokens.into_iter().map(|token| {
        let id = token.id.clone();
        let read = token_of(token).ok_or_else(|| damaged(format!("token {id} cannot be read")));
        read.map(|token| (id, token))
    });
    tokens.collect()
}

fn token_of(token: TokenV1) -> Option<Token> {
    let time = |text: &str| Timestamp::parse(text).ok();
    let roles = token.roles.iter().map(|code| Role::from_code(code));
    let zones = token.zones.iter().map(|zone| ZoneId::new(zone).ok());
    Some(Token {
        grant: Grant {
            actor: ActorId::new(&token.actor).ok()?,
            roles: roles.collect::<Option<_>>()?,
            zones: zones.collect::<Option<_>>()?,
        },
        created_at: time(&token.created_at)?,
        expires_at: time(&token.expires_at)?,
        revoked_at: match &token.revoked_at {
            Some(text) => Some(time(text)?),
            None => None,
        },
        last_used_at: None,
        sha256: bytes_of(&token.sha256)?,
        id: token.id,
    })
}

fn written(token: Token) -> TokenV1 {
    TokenV1 {
        actor: token.grant.actor.to_string(),
        roles: token.grant.roles.iter().map(ToString::to_string).collect(),
        zones: token.grant.zones.iter().map(ToString::to_string).collect(),
        created_at: token.created_at.to_string(),
        expires_at: token.expires_at.to_string(),
        revoked_at: token.revoked_at.map(|at| at.to_string()),
        sha256: hexadecimal(&token.sha256),
        id: token.id,
    }
}

fn read_uses(path: &Path) -> Result<BTreeMap<String, Timestamp>, TokenError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(TokenError::io("read", path)(error)),
    };
    // Uses decide nothing: what cannot be read is forgotten.
    let uses: TokenUsesV1 = serde_json::from_slice(&bytes).unwrap_or_default();
    let uses = uses.last_used_at.into_iter();
    Ok(uses
        .filter_map(|(id, at)| Some((id, Timestamp::parse(&at).ok()?)))
        .collect())
}

fn write_uses(path: &Path, uses: &BTreeMap<String, Timestamp>) -> Result<(), TokenError> {
    let uses = TokenUsesV1 {
        last_used_at: uses
            .iter()
            .map(|(id, at)| (id.clone(), at.to_string()))
            .collect(),
    };
    replace(path, &json(&uses))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain structs with text keys always serialise.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Replaces a file whole, so that a reader sees the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), TokenError> {
    let fresh = path.with_extension("tmp");
    let mut file = options()
        .truncate(true)
        .open(&fresh)
        .map_err(TokenError::io("create", &fresh))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(TokenError::io("write", &fresh))?;
    fs::rename(&fresh, path).map_err(TokenError::io("rename", &fresh))
}

fn bytes_of(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests;
