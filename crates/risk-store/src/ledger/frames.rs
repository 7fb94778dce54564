//! Frames（压缩帧）of a payload: a large block is compressed piece by piece, so that one entry of it is read
//! without the rest. The bytes are those of `docs/ledger-format.md`; any Zstandard decoder reads them as one.

use std::ops::Range;
use std::path::Path;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use super::error::{DamageKind, LedgerError};
use super::format::{Cursor, SEED_LEN};

/// Bytes of entries from which a frame is full: what reading one entry decompresses, about.
pub(crate) const FRAME_LEN: usize = 256 << 10;
/// Magic of the skippable frame that the table is, and its length: both little-endian, as in every
/// skippable frame（RFC 8878, section 3.1.2）.
const TABLE_MAGIC: [u8; 4] = 0x184d_2a5e_u32.to_le_bytes();
/// Bytes before the table's rows.
pub(crate) const TABLE_HEAD: usize = 8;
/// Bytes of a row.
const ROW_LEN: usize = 12;
/// Bytes of the checksum after the rows.
const CHECKSUM_LEN: usize = 4;

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameStart {
    /// Position in the block of its first entry.
    position: u32,
    /// Offset in the payload before compression.
    raw: u32,
    /// Offset in the payload as stored.
    stored: u32,
}

/// The frames of a payload that has several（帧表）. The first holds the seed alone, each other one whole
/// entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameTable {
    starts: Vec<FrameStart>,
    raw_len: u32,
    stored_len: u32,
}

/// Bytes of a frame: where they are stored, and how many they are before compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameBytes {
    pub(crate) stored: Range<u32>,
    pub(crate) raw_len: usize,
}

impl FrameTable {
    /// Bytes of the whole skippable frame whose head this is; none where a payload begins otherwise, which
    /// is one frame.
    pub(crate) fn len_of(head: [u8; TABLE_HEAD]) -> Option<usize> {
        let (magic, length) = head.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        (*magic == TABLE_MAGIC).then_some(TABLE_HEAD + length as usize)
    }

    /// The table of a whole payload; none where it is one frame.
    pub(crate) fn of(payload: &[u8], raw_len: u64) -> Result<Option<Self>, DamageKind> {
        let length = payload.first_chunk().copied().and_then(Self::len_of);
        let Some(length) = length else {
            return Ok(None);
        };
        let table = payload.get(..length).ok_or(DamageKind::Frames)?;
        Self::decode(table, raw_len, payload.len() as u64).map(Some)
    }

    /// Reads a table, head included; `raw_len` and `stored_len` are those of the whole payload.
    pub(crate) fn decode(bytes: &[u8], raw_len: u64, stored_len: u64) -> Result<Self, DamageKind> {
        Self::read(bytes, raw_len, stored_len).ok_or(DamageKind::Frames)
    }

    fn read(bytes: &[u8], raw_len: u64, stored_len: u64) -> Option<Self> {
        let rows = bytes.get(TABLE_HEAD..)?;
        let (rows, checksum) = rows.split_at_checked(rows.len().checked_sub(CHECKSUM_LEN)?)?;
        let sound = crc32c::crc32c(rows).to_be_bytes() == checksum;
        let (rows, rest) = rows.as_chunks::<ROW_LEN>();
        if !sound || !rest.is_empty() {
            return None;
        }
        let starts = rows.iter().map(|row| {
            let mut row = Cursor(row);
            Some(FrameStart {
                position: row.u32()?,
                raw: row.u32()?,
                stored: row.u32()?,
            })
        });
        let table = Self {
            starts: starts.collect::<Option<_>>()?,
            raw_len: u32::try_from(raw_len).ok()?,
            stored_len: u32::try_from(stored_len).ok()?,
        };
        table.is_possible(bytes.len()).then_some(table)
    }

    fn is_possible(&self, table_len: usize) -> bool {
        let [seed, first, ..] = self.starts.as_slice() else {
            return false;
        };
        let ends = self.starts.last().map(|last| (last.raw, last.stored));
        let rising = self.starts.windows(2).all(|pair| {
            pair[0].position <= pair[1].position
                && pair[0].raw < pair[1].raw
                && pair[0].stored < pair[1].stored
        });
        rising
            && (seed.position, seed.raw, seed.stored as usize) == (0, 0, table_len)
            && (first.position, first.raw as usize) == (0, SEED_LEN)
            && ends.is_some_and(|(raw, stored)| raw < self.raw_len && stored < self.stored_len)
    }

    /// The frame with the seed.
    pub(crate) fn seed(&self) -> FrameBytes {
        self.bytes(0)
    }

    /// Number of the frame that holds the entry at a position, and the position of its first entry.
    pub(crate) fn number_holding(&self, position: u32) -> (usize, u32) {
        let after = self.starts.partition_point(|at| at.position <= position);
        let number = after.saturating_sub(1);
        (number, self.position(number).unwrap_or_default())
    }

    /// The frame that holds the entry at a position, and the position of its first entry.
    pub(crate) fn holding(&self, position: u32) -> (FrameBytes, u32) {
        let (number, first) = self.number_holding(position);
        (self.bytes(number), first)
    }

    /// Number of frames.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Position in the block of a frame's first entry.
    pub(crate) fn position(&self, number: usize) -> Option<u32> {
        self.starts.get(number).map(|at| at.position)
    }

    /// Decompresses a frame of a payload.
    pub(crate) fn decompress(&self, number: usize, payload: &[u8]) -> Result<Vec<u8>, DamageKind> {
        let frame = self.bytes(number);
        let stored = frame.stored.start as usize..frame.stored.end as usize;
        let stored = payload.get(stored).ok_or(DamageKind::Frames)?;
        decompress(stored, frame.raw_len)
    }

    fn bytes(&self, number: usize) -> FrameBytes {
        let ends = (self.raw_len, self.stored_len);
        let at = |number: usize| self.starts.get(number).map(|at| (at.raw, at.stored));
        let (raw, stored) = at(number).unwrap_or(ends);
        let (raw_end, stored_end) = at(number + 1).unwrap_or(ends);
        FrameBytes {
            stored: stored..stored_end,
            raw_len: (raw_end - raw) as usize,
        }
    }
}

/// Marks where frames begin while entries come.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrameCuts {
    /// Position and offset of each frame after the first.
    cuts: Vec<(u32, u32)>,
    /// Where the frame that grows began.
    begun: usize,
}

impl FrameCuts {
    /// Nothing is cut yet.
    pub(crate) fn clear(&mut self) {
        self.cuts.clear();
        self.begun = SEED_LEN;
    }

    /// An entry comes at a position and an offset of the payload: where the frame is full, a new one begins
    /// with it.
    pub(crate) fn entry_at(&mut self, position: u32, raw: usize) {
        if raw - self.begun >= FRAME_LEN {
            // Offsets are below the limit of a payload, which is below 2^32.
            self.cuts.push((position, raw as u32));
            self.begun = raw;
        }
    }

    /// Compresses the payload `raw` behind what stands in `out`; says how many bytes it takes there.
    pub(crate) fn compress(
        &self,
        raw: &[u8],
        compressor: &mut Compressor<'static>,
        out: &mut Vec<u8>,
    ) -> Result<usize, LedgerError> {
        let payload_at = out.len();
        let several = !self.cuts.is_empty();
        let failed = || LedgerError::io("compress a block of", Path::new("ledger"));
        // A part of a payload has no hash to be checked by when it is read by itself.
        compressor.include_checksum(several).map_err(failed())?;
        if !several {
            append(compressor, raw, out).map_err(failed())?;
            return Ok(out.len() - payload_at);
        }
        let seed_and_first = [(0, 0), (0, SEED_LEN as u32)];
        let begins = seed_and_first.iter().chain(&self.cuts);
        let rows_len = (self.cuts.len() + seed_and_first.len()) * ROW_LEN;
        out.extend_from_slice(&TABLE_MAGIC);
        out.extend_from_slice(&((rows_len + CHECKSUM_LEN) as u32).to_le_bytes());
        let rows_at = out.len();
        out.resize(rows_at + rows_len + CHECKSUM_LEN, 0);
        let mut rows = Vec::with_capacity(rows_len);
        let ends = begins.clone().skip(1).map(|(_, raw)| *raw as usize);
        for ((position, begin), end) in begins.zip(ends.chain([raw.len()])) {
            rows.extend_from_slice(&position.to_be_bytes());
            rows.extend_from_slice(&begin.to_be_bytes());
            rows.extend_from_slice(&((out.len() - payload_at) as u32).to_be_bytes());
            append(compressor, &raw[*begin as usize..end], out).map_err(failed())?;
        }
        rows.extend_from_slice(&crc32c::crc32c(&rows).to_be_bytes());
        out[rows_at..rows_at + rows.len()].copy_from_slice(&rows);
        Ok(out.len() - payload_at)
    }
}

/// Appends one frame.
fn append(
    compressor: &mut Compressor<'static>,
    raw: &[u8],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let at = out.len();
    out.resize(at + compress_bound(raw.len()), 0);
    let stored = compressor.compress_to_buffer(raw, &mut out[at..])?;
    out.truncate(at + stored);
    Ok(())
}

/// Decompresses a frame, which must become `raw_len` bytes.
pub(crate) fn decompress(stored: &[u8], raw_len: usize) -> Result<Vec<u8>, DamageKind> {
    let mut raw = Vec::with_capacity(raw_len);
    Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress_to_buffer(stored, &mut raw))
        .map_err(|_| DamageKind::Compression)?;
    if raw.len() == raw_len {
        Ok(raw)
    } else {
        Err(DamageKind::Compression)
    }
}
