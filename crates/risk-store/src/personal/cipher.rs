//! What is done with keys: locked, unlocked, and used. XChaCha20-Poly1305 throughout, whose nonces are long
//! enough to be drawn at random.

use super::Whose;
use super::keyfile::{KeyRow, LOCKED_LEN, Tag};
use crate::error::StoreError;
use crate::salt::fresh_seed;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use risk_domain::personal::{KeyId, PersonalKind};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key, wiped when it is dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
const HEAD_LEN: usize = 1 + 16 + NONCE_LEN;
/// Bytes that sealing adds.
pub(super) const SECTION_OVERHEAD: usize = HEAD_LEN + 16;

/// Fresh random bytes.
fn fresh<const N: usize>() -> [u8; N] {
    let seed = fresh_seed();
    std::array::from_fn(|at| seed.get(at).copied().unwrap_or_default())
}

pub(super) fn fresh_id() -> KeyId {
    KeyId(fresh())
}

pub(super) fn fresh_key() -> Key {
    Zeroizing::new(fresh())
}

fn refused<E>(_: E) -> StoreError {
    StoreError::Unrecordable("what is personal cannot be sealed".to_owned())
}

/// Seals with a key, bound to where the section stands.
pub(super) fn seal(
    id: KeyId,
    key: &Key,
    bound: &[u8],
    personal: &[u8],
    to: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let nonce: [u8; NONCE_LEN] = fresh();
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).map_err(refused)?;
    let payload = Payload {
        msg: personal,
        aad: bound,
    };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(refused)?;
    to.push(VERSION);
    to.extend_from_slice(&id.0);
    to.extend_from_slice(&nonce);
    to.extend_from_slice(&sealed);
    Ok(())
}

/// The key's name, the nonce and the rest of a sealed section.
pub(super) fn split(section: &[u8]) -> Option<(KeyId, [u8; NONCE_LEN], &[u8])> {
    let (version, rest) = section.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    (*version == VERSION).then_some((KeyId(*id), *nonce, rest))
}

/// Opens a section; nothing where key, place or a byte is another.
pub(super) fn open(key: &Key, bound: &[u8], section: &[u8]) -> Option<Vec<u8>> {
    let (_, nonce, msg) = split(section)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).ok()?;
    let payload = Payload { msg, aad: bound };
    cipher.decrypt(&XNonce::from(nonce), payload).ok()
}

/// The master key at work: it locks keys, and makes marks by which the keys of a person are found.
pub(super) struct Locker {
    cipher: XChaCha20Poly1305,
    marks: Hmac<Sha256>,
}

impl Locker {
    pub(super) fn new(master: &Key) -> Self {
        // A key of its own for each use.
        let derived = |purpose: &[u8]| -> Key {
            Zeroizing::new(
                keyed(&master[..])
                    .chain_update(purpose)
                    .finalize()
                    .into_bytes()
                    .into(),
            )
        };
        let locking = derived(b"spotcheck personal keys 1: lock");
        Self {
            cipher: XChaCha20Poly1305::new(&(*locking).into()),
            marks: keyed(&derived(b"spotcheck personal keys 1: mark")[..]),
        }
    }

    /// The mark of a person. It is told by nobody without the master key, and goes with the key.
    pub(super) fn tag(&self, whose: Whose<'_>) -> Tag {
        let Whose::Person { name, contact } = whose else {
            return fresh();
        };
        let plain = |text: &str| -> String {
            let told = text.chars().filter(|one| one.is_alphanumeric());
            told.flat_map(char::to_lowercase).collect()
        };
        let told = format!("{}\n{}", plain(name), plain(contact));
        let mark = self
            .marks
            .clone()
            .chain_update(told)
            .finalize()
            .into_bytes();
        std::array::from_fn(|at| mark.get(at).copied().unwrap_or_default())
    }

    /// A key as it lies in the key file.
    pub(super) fn lock(
        &self,
        id: KeyId,
        (tag, kind, month): (Tag, PersonalKind, u32),
        key: &Key,
    ) -> Result<KeyRow, StoreError> {
        let nonce: [u8; NONCE_LEN] = fresh();
        let payload = Payload {
            msg: &key[..],
            aad: &bound(id, tag, kind, month),
        };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(refused)?;
        let mut locked = [0; LOCKED_LEN];
        for (to, byte) in locked.iter_mut().zip(nonce.iter().chain(&sealed)) {
            *to = *byte;
        }
        Ok(KeyRow {
            tag,
            kind,
            month,
            locked,
        })
    }

    /// The key; none where another master key locked it, or something of the row was altered.
    pub(super) fn unlock(&self, id: KeyId, row: &KeyRow) -> Option<Key> {
        let (nonce, msg) = row.locked.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload {
            msg,
            aad: &bound(id, row.tag, row.kind, row.month),
        };
        let key = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let key = Zeroizing::new(key);
        Some(Zeroizing::new(key.as_slice().try_into().ok()?))
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap_or_else(|_never| Mac::new(&[0; 64].into()))
}

/// What a locked key is bound to: it cannot be put under another name, person, kind or month.
fn bound(id: KeyId, tag: Tag, kind: PersonalKind, month: u32) -> Vec<u8> {
    let mut bound = b"spotcheck personal key 1".to_vec();
    bound.extend_from_slice(&id.0);
    bound.extend_from_slice(&tag);
    bound.extend_from_slice(kind.code().as_bytes());
    bound.push(0);
    bound.extend_from_slice(&month.to_be_bytes());
    bound
}
