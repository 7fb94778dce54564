//! Checkpoints（检查点）: a tree head as text, in the body format of C2SP `tlog-checkpoint`, so that
//! others can countersign it with the tools of transparency logs and later prove that the ledger
//! they see still contains the one they signed.

use super::merkle::{Hash, TreeHead};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The body of a checkpoint: origin, size and root, a line each. `origin` names the ledger (for
/// instance `spotcheck.example/yiwu/shard-0`) and must be one line that is not empty.
#[must_use]
pub fn checkpoint_body(origin: &str, head: &TreeHead) -> Option<String> {
    if origin.is_empty() || origin.contains(['\n', '\r']) {
        return None;
    }
    Some(format!(
        "{origin}\n{}\n{}\n",
        head.size,
        base64(&head.root.0)
    ))
}

/// Reads a checkpoint's body: its origin and tree head. Extension lines are allowed and ignored.
#[must_use]
pub fn parse_checkpoint_body(body: &str) -> Option<(&str, TreeHead)> {
    let mut lines = body.lines();
    let origin = lines.next().filter(|origin| !origin.is_empty())?;
    let size_text = lines.next()?;
    let size: u64 = size_text.parse().ok()?;
    // One number has one spelling, or two different texts would mean the same tree.
    if size.to_string() != size_text {
        return None;
    }
    let root = Hash(unbase64(lines.next()?)?);
    Some((origin, TreeHead { size, root }))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) as usize & 63;
            let padding = position > chunk.len();
            text.push(if padding {
                '='
            } else {
                char::from(ALPHABET[index])
            });
        }
    }
    text
}

/// Decodes exactly 32 bytes.
fn unbase64(text: &str) -> Option<[u8; 32]> {
    let mut bytes = Vec::with_capacity(33);
    let digits = text.strip_suffix('=')?;
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = ALPHABET.iter().position(|letter| letter == digit)?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    let decoded: [u8; 32] = bytes.try_into().ok()?;
    // Spare bits in the last digit must be zero, so that one hash has one spelling.
    (base64(&decoded) == text).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_rfc_4648_has_it() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_checkpoint_comes_back() {
        let head = TreeHead {
            size: 1234,
            root: Hash::of(b"root"),
        };
        let body = checkpoint_body("example/shard-0", &head).unwrap();
        assert_eq!(body.lines().count(), 3);
        assert_eq!(
            parse_checkpoint_body(&body),
            Some(("example/shard-0", head))
        );
        assert_eq!(checkpoint_body("two\nlines", &head), None);
        assert_eq!(parse_checkpoint_body(&body.replace("1234", "01234")), None);
        assert_eq!(parse_checkpoint_body(&body.replace('=', "")), None);
    }
}
