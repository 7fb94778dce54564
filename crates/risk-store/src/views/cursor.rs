//! Cursors（游标）: where a list goes on, as a text that means nothing outside.

use crate::error::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Writes a cursor of a list: what the list is, where it stands, and a checksum over both.
pub(super) fn encode(list: u32, place: &[u8]) -> String {
    let mut bytes = place.to_vec();
    bytes.extend_from_slice(&checksum(list, place));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor back; refuses one that this list, with these filters, did not give out.
pub(super) fn decode(list: u32, cursor: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_error| StoreError::Cursor)?;
    let (place, sum) = bytes.split_last_chunk::<4>().ok_or(StoreError::Cursor)?;
    if checksum(list, place) == *sum {
        Ok(place.to_vec())
    } else {
        Err(StoreError::Cursor)
    }
}

fn checksum(list: u32, place: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(list, place).to_be_bytes()
}

/// The number of a list, from a text that names it and its filters.
pub(super) fn list(name: &str) -> u32 {
    crc32c::crc32c(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        let ours = list("subjects by name");
        let cursor = encode(ours, "义乌\0x".as_bytes());
        assert_eq!(decode(ours, &cursor).unwrap(), "义乌\0x".as_bytes());
        let other = list("subjects by probability");
        for (list, cursor) in [
            (other, cursor.as_str()),
            (ours, ""),
            (ours, "§"),
            (ours, "AAAA"),
        ] {
            let refused = decode(list, cursor);
            assert!(matches!(refused, Err(StoreError::Cursor)), "{cursor}");
        }
    }
}
