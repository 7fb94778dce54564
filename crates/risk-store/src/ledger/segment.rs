//! Segment files（分段文件）: finding blocks in them, and telling a torn tail from damage.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::block::{Block, BlockBody, Excerpt};
use super::builder::Chain;
use super::error::{DamageKind, LedgerError};
use super::format::{BlockHeader, HEADER_LEN, SEGMENT_EXTENSION, TRAILER_LEN, ZERO_TAIL};
use super::frames::{FrameBytes, FrameTable, TABLE_HEAD, decompress};
use super::merkle::Hash;
use super::read::BlockAddress;

/// Path of the segment whose first block is `first_block`.
pub(crate) fn segment_path(dir: &Path, first_block: u64) -> PathBuf {
    dir.join(format!("{first_block:020}.{SEGMENT_EXTENSION}"))
}

/// Numbers of the segments in `dir`, in order. Files with other names are not ours.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<u64>, LedgerError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(LedgerError::io("list", dir))? {
        let path = entry.map_err(LedgerError::io("list", dir))?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != SEGMENT_EXTENSION)
        {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem
            .filter(|stem| stem.len() == 20)
            .and_then(|stem| stem.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes the names of new files in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), LedgerError> {
    let handle = File::open(dir).map_err(LedgerError::io("open", dir))?;
    handle.sync_all().map_err(LedgerError::io("sync", dir))
}

/// What stands at an offset of a segment.
#[derive(Debug)]
pub(crate) enum Found {
    /// A block whose header and trailer are whole.
    Block(Box<BlockHeader>),
    /// The end of the file.
    End,
    /// A block that was never finished: it runs past the end of the file or ends in zeros.
    Torn,
}

/// An open segment file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) first_block: u64,
    pub(crate) path: PathBuf,
    file: File,
    pub(crate) len: u64,
}

impl Segment {
    pub(crate) fn open(dir: &Path, first_block: u64) -> Result<Self, LedgerError> {
        let path = segment_path(dir, first_block);
        let file = File::open(&path).map_err(LedgerError::io("open", &path))?;
        let len = file
            .metadata()
            .map_err(LedgerError::io("inspect", &path))?
            .len();
        Ok(Self {
            first_block,
            path,
            file,
            len,
        })
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), LedgerError> {
        self.file
            .read_exact_at(bytes, offset)
            .map_err(LedgerError::io("read", &self.path))
    }

    /// Reads the header at `offset`; the outer error is the disk's, the inner one the content's.
    pub(crate) fn header_at(
        &self,
        offset: u64,
    ) -> Result<Result<BlockHeader, DamageKind>, LedgerError> {
        let mut bytes = [0; HEADER_LEN];
        self.read_at(&mut bytes, offset)?;
        Ok(BlockHeader::decode(&bytes))
    }

    /// Looks at what stands at `offset`.
    fn find(
        &self,
        window: &mut Window,
        offset: u64,
    ) -> Result<Result<Found, DamageKind>, LedgerError> {
        let remaining = self.len.saturating_sub(offset);
        if remaining == 0 {
            return Ok(Ok(Found::End));
        }
        if remaining < HEADER_LEN as u64 {
            return Ok(Ok(Found::Torn));
        }
        let mut bytes = [0; HEADER_LEN];
        window.read(self, &mut bytes, offset)?;
        let header = match BlockHeader::decode(&bytes) {
            Ok(header) => header,
            // Whoever extended the file and lost the pages left zeros from within the header on.
            Err(kind) => return self.torn_or(offset + HEADER_LEN as u64, kind),
        };
        let end = offset.saturating_add(header.block_len());
        if end > self.len {
            return Ok(Ok(Found::Torn));
        }
        let mut trailer = [0; TRAILER_LEN];
        window.read(self, &mut trailer, end - TRAILER_LEN as u64)?;
        if trailer != header.trailer() {
            return self.torn_or(end, DamageKind::Trailer);
        }
        Ok(Ok(Found::Block(Box::new(header))))
    }

    /// Torn if the file is nothing but zeros from somewhere before `bound` on, otherwise `kind`.
    fn torn_or(
        &self,
        bound: u64,
        kind: DamageKind,
    ) -> Result<Result<Found, DamageKind>, LedgerError> {
        let zeros_from = self.trailing_zeros_from()?;
        let torn = zeros_from < bound && self.len - zeros_from >= ZERO_TAIL;
        Ok(if torn { Ok(Found::Torn) } else { Err(kind) })
    }

    /// Offset from which the file holds only zeros.
    fn trailing_zeros_from(&self) -> Result<u64, LedgerError> {
        let mut buffer = vec![0; 1 << 16];
        let mut end = self.len;
        while end > 0 {
            let start = end.saturating_sub(buffer.len() as u64);
            let chunk = &mut buffer[..(end - start) as usize];
            self.read_at(chunk, start)?;
            if let Some(position) = chunk.iter().rposition(|&byte| byte != 0) {
                return Ok(start + position as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    /// Reads the block at `offset`.
    pub(crate) fn block(
        &self,
        offset: u64,
        header: &BlockHeader,
    ) -> Result<Result<Block, DamageKind>, LedgerError> {
        let place = BlockAddress {
            first_entry: header.first_entry,
            segment: self.first_block,
            offset,
        };
        let body = self.body(offset, header)?;
        Ok(body.and_then(|body| Block::new(header.clone(), body, place)))
    }

    /// Reads the metadata and the stored payload of the block at `offset` and checks both hashes.
    pub(crate) fn body(
        &self,
        offset: u64,
        header: &BlockHeader,
    ) -> Result<Result<BlockBody, DamageKind>, LedgerError> {
        let metadata_at = offset + HEADER_LEN as u64;
        let mut metadata = vec![0; header.metadata_len as usize];
        self.read_at(&mut metadata, metadata_at)?;
        if Hash::of(&metadata) != header.metadata_hash {
            return Ok(Err(DamageKind::Metadata));
        }
        let mut payload = vec![0; header.payload_len as usize];
        self.read_at(&mut payload, metadata_at + metadata.len() as u64)?;
        if Hash::of(&payload) != header.payload_hash {
            return Ok(Err(DamageKind::Payload));
        }
        Ok(Ok(BlockBody { metadata, payload }))
    }

    /// Reads the entry at a position of the block at `offset`, with what stands in one frame with it.
    pub(crate) fn excerpt(
        &self,
        offset: u64,
        header: &BlockHeader,
        position: u32,
    ) -> Result<Result<Excerpt, DamageKind>, LedgerError> {
        let payload_at = offset + HEADER_LEN as u64 + u64::from(header.metadata_len);
        let read = |at: u64, length: usize| {
            let mut bytes = vec![0; length];
            self.read_at(&mut bytes, payload_at + at)?;
            Ok(bytes)
        };
        let head = read(0, TABLE_HEAD.min(header.payload_len as usize))?;
        let table_len = head.first_chunk().copied().and_then(FrameTable::len_of);
        let Some(table_len) = table_len else {
            let block = self.block(offset, header)?;
            return Ok(block.and_then(|block| {
                let mut parts = block.parts();
                parts.next().unwrap_or(Err(DamageKind::Entry))
            }));
        };
        if table_len as u64 > header.payload_len {
            return Ok(Err(DamageKind::Frames));
        }
        let table = read(0, table_len)?;
        let table = match FrameTable::decode(&table, header.raw_len, header.payload_len) {
            Ok(table) => table,
            Err(kind) => return Ok(Err(kind)),
        };
        let frame = |frame: &FrameBytes| {
            let (begin, end) = (frame.stored.start, frame.stored.end);
            let stored = read(u64::from(begin), (end - begin) as usize)?;
            Ok(decompress(&stored, frame.raw_len))
        };
        let (held, first) = table.holding(position);
        let seed = frame(&table.seed())?;
        let raw = frame(&held)?;
        Ok(seed.and_then(|seed| {
            let seed = *seed.first_chunk().ok_or(DamageKind::Frames)?;
            Excerpt::new(header.clone(), seed, (raw?, 0), first)
        }))
    }
}

/// A stretch of a segment read ahead while walking, so that a block costs less than one read. It is
/// not used by readers beside a writer, who could see a block half written.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    const LEN: u64 = 16 << 10;

    /// Fills `target` from `offset`; the file must reach so far.
    fn read(
        &mut self,
        segment: &Segment,
        target: &mut [u8],
        offset: u64,
    ) -> Result<(), LedgerError> {
        let end = offset + target.len() as u64;
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            let length = Self::LEN.min(segment.len.saturating_sub(offset));
            self.bytes.resize(length as usize, 0);
            self.start = offset;
            segment.read_at(&mut self.bytes, offset)?;
        }
        let from = (offset - self.start) as usize;
        match self.bytes.get(from..from + target.len()) {
            Some(bytes) => target.copy_from_slice(bytes),
            // Only where the caller asks beyond the file, which the read itself reports best.
            None => segment.read_at(target, offset)?,
        }
        Ok(())
    }
}

/// Whether `header` is the one that has to follow.
pub(crate) fn check_follows(header: &BlockHeader, expected: &Expected) -> Result<(), DamageKind> {
    if header.shard != expected.shard {
        return Err(DamageKind::Shard);
    }
    if header.number != expected.block {
        return Err(DamageKind::BlockNumber);
    }
    if header.previous != expected.previous {
        return Err(DamageKind::Chain);
    }
    if header.first_entry != expected.first_entry {
        return Err(DamageKind::FirstEntry);
    }
    Ok(())
}

/// What the next block must say of itself.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) shard: u16,
    pub(crate) block: u64,
    pub(crate) previous: Hash,
    pub(crate) first_entry: u64,
}

impl Expected {
    pub(crate) fn first(shard: u16) -> Self {
        let chain = Chain::empty(shard);
        Self {
            shard,
            block: 0,
            previous: chain.last_hash(),
            first_entry: 0,
        }
    }

    pub(crate) fn advance(&mut self, header: &BlockHeader) {
        self.block += 1;
        self.previous = header.hash();
        self.first_entry = header.tree_size();
    }
}

/// A torn tail that was found: an unfinished last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Number of the first block of the segment, which is its file name.
    pub segment: u64,
    /// Where the whole blocks end.
    pub offset: u64,
    /// How many bytes lie beyond.
    pub bytes: u64,
}

/// Walks all blocks of the ledger in `dir`, checking that each follows the one before it, and hands
/// each to `visit`, which may find more wrong with it. Returns the torn tail, if there is one.
pub(crate) fn walk(
    dir: &Path,
    shard: Option<u16>,
    mut visit: impl FnMut(&Visit<'_>) -> Result<Result<(), DamageKind>, LedgerError>,
) -> Result<Option<TornTail>, LedgerError> {
    let segments = list_segments(dir)?;
    let mut expected = Expected::first(shard.unwrap_or_default());
    let mut shard_known = shard.is_some();
    for (position, &first_block) in segments.iter().enumerate() {
        let is_last = position + 1 == segments.len();
        let segment = Segment::open(dir, first_block)?;
        let mut offset = 0;
        let mut window = Window::default();
        let damaged = |block: u64, offset: u64, kind| LedgerError::Damaged {
            segment: first_block,
            block,
            offset,
            kind,
        };
        if first_block != expected.block {
            return Err(damaged(expected.block, 0, DamageKind::Truncated));
        }
        loop {
            let block = expected.block;
            let found = segment
                .find(&mut window, offset)?
                .map_err(|kind| damaged(block, offset, kind))?;
            let header = match found {
                Found::Block(header) => header,
                Found::End => break,
                Found::Torn if is_last => {
                    let bytes = segment.len - offset;
                    return Ok(Some(TornTail {
                        segment: first_block,
                        offset,
                        bytes,
                    }));
                }
                Found::Torn => return Err(damaged(block, offset, DamageKind::Truncated)),
            };
            if !shard_known {
                expected.shard = header.shard;
                shard_known = true;
            }
            check_follows(&header, &expected).map_err(|kind| damaged(block, offset, kind))?;
            let visited = Visit {
                segment: &segment,
                is_last,
                offset,
                header: &header,
            };
            visit(&visited)?.map_err(|kind| damaged(block, offset, kind))?;
            expected.advance(&header);
            offset += header.block_len();
        }
    }
    Ok(None)
}

/// A block met on a walk.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) segment: &'a Segment,
    /// Whether the segment is the last one.
    pub(crate) is_last: bool,
    pub(crate) offset: u64,
    pub(crate) header: &'a BlockHeader,
}
