//! Signed checkpoints（签名检查点）: C2SP `signed-note` with Ed25519, so that whoever kept one can prove
//! later what the ledger held then, and so that tools of transparency logs can read it.

use super::checkpoint::{checkpoint_body, parse_checkpoint_body};
use super::merkle::TreeHead;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The algorithm's number: Ed25519.
const ED25519: u8 = 1;
/// What a line with a signature begins with.
const DASH: &str = "\u{2014} ";

/// Signs checkpoints in the name of a ledger（签名者）.
#[doc(alias = "签名者")]
pub struct CheckpointSigner {
    origin: String,
    key: SigningKey,
}

impl std::fmt::Debug for CheckpointSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointSigner")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Why a signed checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The key is not of the form `name+8 digits+base64`.
    #[error(
        "the key is not a verifier key: a name, eight hexadecimal digits and base64, joined by +"
    )]
    Key,
    /// It is no note, or its body is no checkpoint.
    #[error(
        "not a signed checkpoint: an origin, a size and a root, an empty line, then signatures"
    )]
    Form,
    /// No line is a signature by this key.
    #[error("nobody with this key signed it")]
    NotSigned,
    /// A line claims to be one and is not.
    #[error("the signature does not fit: the checkpoint or the signature was altered")]
    Signature,
    /// It is signed, but as another ledger's.
    #[error("signed, but the checkpoint is of another ledger than the key")]
    Origin,
}

/// The first four bytes of `SHA-256(name ‖ LF ‖ algorithm ‖ public key)`.
fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public)
        .finalize();
    let mut id = [0; 4];
    id.copy_from_slice(hash.get(..4).unwrap_or(&[0; 4]));
    id
}

impl CheckpointSigner {
    /// A signer whose key is made of 32 secret random bytes. `origin` names the ledger: no blanks, no `+`.
    #[must_use]
    pub fn new(origin: &str, secret: [u8; 32]) -> Option<Self> {
        let plain = !origin.is_empty() && !origin.contains([' ', '+', '\n', '\r', '\t']);
        plain.then(|| Self {
            origin: origin.to_owned(),
            key: SigningKey::from_bytes(&secret),
        })
    }

    /// The key that checks what is signed, as C2SP writes it: public, to be handed out.
    #[must_use]
    pub fn verifier_key(&self) -> String {
        let public = self.key.verifying_key().to_bytes();
        let id = u32::from_be_bytes(key_id(&self.origin, &public));
        let mut key = vec![ED25519];
        key.extend_from_slice(&public);
        format!("{}+{id:08x}+{}", self.origin, BASE64.encode(key))
    }

    /// A tree head as a signed checkpoint. Signatures of Ed25519 draw no randomness: the same head
    /// gives the same text.
    #[must_use]
    pub fn sign(&self, head: &TreeHead) -> String {
        let body = checkpoint_body(&self.origin, head).unwrap_or_default();
        let public = self.key.verifying_key().to_bytes();
        let mut signature = key_id(&self.origin, &public).to_vec();
        signature.extend_from_slice(&self.key.sign(body.as_bytes()).to_bytes());
        format!(
            "{body}\n{DASH}{} {}\n",
            self.origin,
            BASE64.encode(signature)
        )
    }
}

/// Reads a verifier key: its name and the public key. Base64 may hold a plus sign, the others not.
fn parse_key(key: &str) -> Option<(&str, VerifyingKey)> {
    let mut parts = key.trim().splitn(3, '+');
    let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = BASE64.decode(encoded).ok()?;
    let (algorithm, public) = bytes.split_first()?;
    let public: [u8; 32] = public.try_into().ok()?;
    let named = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
    let fits = *algorithm == ED25519 && id.len() == 8 && named == key_id(name, &public);
    let public = VerifyingKey::from_bytes(&public).ok()?;
    fits.then_some((name, public))
}

/// Checks a signed checkpoint against a verifier key and gives its tree head.
pub fn open_checkpoint(note: &str, key: &str) -> Result<TreeHead, NoteError> {
    let (name, public) = parse_key(key).ok_or(NoteError::Key)?;
    let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Form)?;
    let body = format!("{text}\n");
    let (origin, head) = parse_checkpoint_body(&body).ok_or(NoteError::Form)?;
    let id = key_id(name, &public.to_bytes());
    let mut lines = signatures.lines();
    let ours = lines.find_map(|line| {
        let (signer, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (of, signature) = bytes.split_at_checked(4)?;
        (signer == name && of == id).then(|| signature.to_vec())
    });
    let ours = ours.ok_or(NoteError::NotSigned)?;
    let signature = Signature::from_slice(&ours).map_err(|_| NoteError::Signature)?;
    public
        .verify_strict(body.as_bytes(), &signature)
        .map_err(|_| NoteError::Signature)?;
    if origin == name {
        Ok(head)
    } else {
        Err(NoteError::Origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Hash;

    fn head() -> TreeHead {
        TreeHead {
            size: 77,
            root: Hash::of(b"root"),
        }
    }

    #[test]
    fn what_is_signed_is_believed_and_nothing_else() {
        let signer = CheckpointSigner::new("spotcheck/shard-0", [7; 32]).unwrap();
        let other = CheckpointSigner::new("spotcheck/shard-0", [8; 32]).unwrap();
        let key = signer.verifier_key();
        let note = signer.sign(&head());
        assert_eq!(open_checkpoint(&note, &key), Ok(head()));
        assert_eq!(signer.sign(&head()), note);
        assert_eq!(
            open_checkpoint(&note, &other.verifier_key()),
            Err(NoteError::NotSigned)
        );
        assert_eq!(
            open_checkpoint(&note.replace("77", "78"), &key),
            Err(NoteError::Signature)
        );
        assert_eq!(open_checkpoint("77", &key), Err(NoteError::Form));
        assert_eq!(open_checkpoint(&note, "a+b"), Err(NoteError::Key));
    }

    #[test]
    fn every_key_comes_back_whatever_its_base64_holds() {
        for seed in 0..=255 {
            let signer = CheckpointSigner::new("a/b", [seed; 32]).unwrap();
            let note = signer.sign(&head());
            assert_eq!(
                open_checkpoint(&note, &signer.verifier_key()),
                Ok(head()),
                "{seed}"
            );
        }
    }

    #[test]
    fn the_published_example_of_a_note_is_believed() {
        // From the Go package golang.org/x/mod/sumdb/note, whose keys and notes C2SP took over.
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let (name, public) = parse_key(key).unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let bytes = BASE64.decode(line).unwrap();
        assert_eq!(name, "PeterNeumann");
        assert_eq!(bytes[..4], key_id(name, &public.to_bytes()));
        let signature = Signature::from_slice(&bytes[4..]).unwrap();
        assert!(public.verify_strict(text.as_bytes(), &signature).is_ok());
    }
}
