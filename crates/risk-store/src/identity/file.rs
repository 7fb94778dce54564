//! Sealed files of the identity index（标识文件）: sorted records in pages of 4 KiB, and beside them a
//! small file with the filter and the first key of every page, which is what memory holds.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::filter::{DESCRIPTOR, PageFilter};
use super::{IdHash, IdentityError, Record, Seen};

pub(crate) const PAGE: usize = 4096;
const RECORD: usize = 40;
const PAGE_HEAD: usize = 16;
/// Records in a full page.
pub(crate) const PAGE_RECORDS: usize = (PAGE - PAGE_HEAD) / RECORD;
/// Pages under one filter (about a million ids): building a filter takes 26 bytes of passing memory
/// an id, and this bounds it whatever the size of the file.
const FILTER_PAGES: usize = 10_280;
const MAGIC: [u8; 8] = *b"SpotIds\x9d";
const FILTER_MAGIC: [u8; 8] = *b"SpotIdf\x9d";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 38;

/// Which entries of the ledger a file covers: `from` inclusive, `to` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Covered {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Covered {
    fn name(self) -> String {
        format!("{:020}-{:020}", self.from, self.to)
    }

    pub(crate) fn records_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.ids", self.name()))
    }

    pub(crate) fn filter_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.filter", self.name()))
    }

    /// Reads the range from the name of an `.ids` file.
    pub(crate) fn from_path(path: &Path) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".ids")?;
        let (from, to) = stem.split_once('-')?;
        if from.len() != 20 || to.len() != 20 {
            return None;
        }
        Some(Self {
            from: from.parse().ok()?,
            to: to.parse().ok()?,
        })
    }
}

/// A sealed file, open for look-ups.
pub(crate) struct SealedFile {
    pub(crate) covered: Covered,
    pub(crate) records: u64,
    pub(crate) path: PathBuf,
    file: File,
    /// High half of the first key of every page.
    first_keys: Vec<u64>,
    filters: Vec<PageFilter>,
}

/// How a look-up in a sealed file went.
pub(crate) struct FileLookup {
    pub(crate) seen: Option<Seen>,
    pub(crate) page_reads: u64,
}

impl SealedFile {
    /// Opens the file for `covered`; a filter that is missing or damaged is built again from the
    /// records, and the second value says so.
    pub(crate) fn open(dir: &Path, covered: Covered) -> Result<(Self, bool), IdentityError> {
        let path = covered.records_path(dir);
        let file = File::open(&path).map_err(IdentityError::io("open", &path))?;
        let length = file
            .metadata()
            .map_err(IdentityError::io("inspect", &path))?
            .len();
        let mut head = [0; HEAD_LEN];
        let damaged = || IdentityError::Damaged { path: path.clone() };
        file.read_exact_at(&mut head, 0).map_err(|_| damaged())?;
        let records = decode_head(&head, MAGIC, covered).ok_or_else(damaged)?;
        let pages = records.div_ceil(PAGE_RECORDS as u64);
        if records == 0 || length != (pages + 1) * PAGE as u64 {
            return Err(damaged());
        }
        let mut sealed = Self {
            covered,
            records,
            path,
            file,
            first_keys: Vec::new(),
            filters: Vec::new(),
        };
        if sealed.load_filter(dir).is_some() {
            return Ok((sealed, false));
        }
        let mut summary = Summary::default();
        for record in sealed.scan()? {
            summary.add(&record?)?;
        }
        summary.write(dir, covered, records)?;
        (sealed.first_keys, sealed.filters) = (summary.first_keys, summary.filters);
        Ok((sealed, true))
    }

    fn load_filter(&mut self, dir: &Path) -> Option<()> {
        let bytes = fs::read(self.covered.filter_path(dir)).ok()?;
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body).to_be_bytes() != *checksum {
            return None;
        }
        let (head, mut rest) = body.split_first_chunk::<HEAD_LEN>()?;
        if decode_head(head, FILTER_MAGIC, self.covered)? != self.records {
            return None;
        }
        let pages = self.records.div_ceil(PAGE_RECORDS as u64) as usize;
        let (first_keys, remaining) = rest.split_at_checked(pages * 8)?;
        rest = remaining;
        let (keys, _) = first_keys.as_chunks::<8>();
        self.first_keys = keys.iter().map(|key| u64::from_be_bytes(*key)).collect();
        while !rest.is_empty() {
            let (descriptor, remaining) = rest.split_first_chunk::<DESCRIPTOR>()?;
            let (length, remaining) = remaining.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            let (fingerprints, remaining) = remaining.split_at_checked(length)?;
            self.filters
                .push(PageFilter::from_parts(*descriptor, fingerprints));
            rest = remaining;
        }
        (self.filters.len() == pages.div_ceil(FILTER_PAGES)).then_some(())
    }

    /// Whether the file may hold an id, as its filters say.
    pub(crate) fn may_hold(&self, id: IdHash) -> bool {
        let (high, low) = id.halves();
        let first_key = |filter: usize| self.first_keys.get(filter * FILTER_PAGES).copied();
        let holds = |filter: usize| {
            let filter = self.filters.get(filter);
            filter.is_some_and(|filter| filter.contains(low))
        };
        // A file has a filter or a few; the last that begins at or before the id is the one.
        let mut at = self.filters.len().saturating_sub(1);
        while at > 0 && first_key(at).is_some_and(|key| key > high) {
            at -= 1;
        }
        // Records that share the high half with a page's first may also stand on the page before.
        holds(at) || (at > 0 && first_key(at) == Some(high) && holds(at - 1))
    }

    /// Looks an id up: one filter probe, and a page read only if the filter says yes.
    pub(crate) fn lookup(&self, id: IdHash) -> Result<FileLookup, IdentityError> {
        let mut page_reads = 0;
        if !self.may_hold(id) {
            return Ok(FileLookup {
                seen: None,
                page_reads,
            });
        }
        let (high, low) = id.halves();
        // Records that share the high half with a page's first may also stand on the page before.
        let first = self
            .first_keys
            .partition_point(|&key| key < high)
            .saturating_sub(1);
        let end = self.first_keys.partition_point(|&key| key <= high);
        for page in (first..end).rev() {
            let filter = self.filters.get(page / FILTER_PAGES);
            if !filter.is_some_and(|filter| filter.contains(low)) {
                continue;
            }
            page_reads += 1;
            let mut bytes = [0; PAGE];
            let records = self.read_page(page, &mut bytes)?;
            if let Ok(position) =
                records.binary_search_by_key(&id, |bytes| Record::decode(bytes).id())
            {
                let seen = Record::decode(&records[position]).seen();
                return Ok(FileLookup {
                    seen: Some(seen),
                    page_reads,
                });
            }
        }
        Ok(FileLookup {
            seen: None,
            page_reads,
        })
    }

    fn read_page<'a>(
        &self,
        page: usize,
        bytes: &'a mut [u8; PAGE],
    ) -> Result<&'a [[u8; RECORD]], IdentityError> {
        let offset = (page as u64 + 1) * PAGE as u64;
        self.file
            .read_exact_at(bytes, offset)
            .map_err(IdentityError::io("read", &self.path))?;
        page_records(bytes).ok_or_else(|| IdentityError::Damaged {
            path: self.path.clone(),
        })
    }

    /// All records in order of id, read sequentially.
    pub(crate) fn scan(&self) -> Result<Scan, IdentityError> {
        let mut file = File::open(&self.path).map_err(IdentityError::io("open", &self.path))?;
        let mut head = [0; PAGE];
        file.read_exact(&mut head)
            .map_err(IdentityError::io("read", &self.path))?;
        let pages = self.records.div_ceil(PAGE_RECORDS as u64);
        Ok(Scan {
            file,
            path: self.path.clone(),
            pages,
            buffer: Vec::new(),
            at: 0,
            left: self.records,
        })
    }

    /// Bytes of memory that the file takes while open.
    pub(crate) fn memory(&self) -> usize {
        let filters: usize = self.filters.iter().map(PageFilter::memory).sum();
        filters + self.first_keys.len() * 8 + self.filters.len() * size_of::<PageFilter>()
    }
}

/// Records of a page whose checksum holds.
fn page_records(bytes: &[u8; PAGE]) -> Option<&[[u8; RECORD]]> {
    let (checksum, body) = bytes.split_first_chunk::<4>()?;
    if crc32c::crc32c(body).to_be_bytes() != *checksum {
        return None;
    }
    let (count, _) = body.split_first_chunk::<2>()?;
    let (records, _) = bytes[PAGE_HEAD..].as_chunks::<RECORD>();
    records.get(..usize::from(u16::from_be_bytes(*count)))
}

/// Sequential reader of a sealed file's records.
pub(crate) struct Scan {
    file: File,
    path: PathBuf,
    pages: u64,
    buffer: Vec<Record>,
    at: usize,
    left: u64,
}

impl Scan {
    fn fill(&mut self) -> Result<(), IdentityError> {
        // 64 pages at a time: large reads, small memory.
        let pages = self.pages.min(64);
        let mut bytes = vec![0; pages as usize * PAGE];
        self.file
            .read_exact(&mut bytes)
            .map_err(IdentityError::io("read", &self.path))?;
        self.pages -= pages;
        self.buffer.clear();
        self.at = 0;
        let (chunks, _) = bytes.as_chunks::<PAGE>();
        for page in chunks {
            let records = page_records(page);
            let records = records.ok_or_else(|| IdentityError::Damaged {
                path: self.path.clone(),
            })?;
            self.buffer.extend(records.iter().map(Record::decode));
        }
        Ok(())
    }
}

impl Iterator for Scan {
    type Item = Result<Record, IdentityError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.buffer.len() {
            if self.pages == 0 {
                // Fewer records than the header promised: a page lost some.
                let short = std::mem::take(&mut self.left) > 0;
                return short.then(|| {
                    Err(IdentityError::Damaged {
                        path: self.path.clone(),
                    })
                });
            }
            if let Err(error) = self.fill() {
                (self.pages, self.left) = (0, 0);
                self.buffer.clear();
                self.at = 0;
                return Some(Err(error));
            }
        }
        let record = *self.buffer.get(self.at)?;
        self.at += 1;
        self.left = self.left.saturating_sub(1);
        Some(Ok(record))
    }
}

/// First keys and filters, collected while records pass.
#[derive(Default)]
struct Summary {
    records: u64,
    first_keys: Vec<u64>,
    filters: Vec<PageFilter>,
    keys: Vec<u64>,
}

impl Summary {
    fn add(&mut self, record: &Record) -> Result<(), IdentityError> {
        let (high, low) = record.id().halves();
        if self.records.is_multiple_of(PAGE_RECORDS as u64) {
            if self.first_keys.len().is_multiple_of(FILTER_PAGES) {
                self.close_filter()?;
            }
            self.first_keys.push(high);
        }
        self.keys.push(low);
        self.records += 1;
        Ok(())
    }

    fn close_filter(&mut self) -> Result<(), IdentityError> {
        if !self.keys.is_empty() {
            self.filters.push(PageFilter::build(&mut self.keys)?);
            self.keys.clear();
        }
        Ok(())
    }

    fn write(&mut self, dir: &Path, covered: Covered, records: u64) -> Result<(), IdentityError> {
        self.close_filter()?;
        self.keys = Vec::new();
        let mut bytes = encode_head(FILTER_MAGIC, covered, records).to_vec();
        for key in &self.first_keys {
            bytes.extend_from_slice(&key.to_be_bytes());
        }
        for filter in &self.filters {
            bytes.extend_from_slice(&filter.descriptor);
            bytes.extend_from_slice(&(filter.fingerprints().len() as u64).to_be_bytes());
            bytes.extend_from_slice(filter.fingerprints());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        // No fsync and no rename: a filter that is not whole fails its checksum and is built again.
        let path = covered.filter_path(dir);
        fs::write(&path, &bytes).map_err(IdentityError::io("write", &path))
    }
}

/// Writes a sealed file from records in strictly rising order of id, durably, and opens it.
pub(crate) fn write_sealed(
    dir: &Path,
    covered: Covered,
    records: impl Iterator<Item = Result<Record, IdentityError>>,
) -> Result<SealedFile, IdentityError> {
    let path = covered.records_path(dir);
    let temporary = path.with_extension("tmp");
    let io = |action| IdentityError::io(action, &temporary);
    let file = File::create(&temporary).map_err(io("create"))?;
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    writer.write_all(&[0; PAGE]).map_err(io("write"))?;

    let mut summary = Summary::default();
    let mut page = Page::default();
    for record in records {
        let record = record?;
        summary.add(&record)?;
        if page.push(&record) {
            writer.write_all(&page.take()).map_err(io("write"))?;
        }
    }
    if page.count > 0 {
        writer.write_all(&page.take()).map_err(io("write"))?;
    }
    let file = writer
        .into_inner()
        .map_err(|error| io("write")(error.into_error()))?;
    let head = encode_head(MAGIC, covered, summary.records);
    file.write_all_at(&head, 0).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))?;
    fs::rename(&temporary, &path).map_err(io("rename"))?;
    let handle = File::open(dir).map_err(IdentityError::io("open", dir))?;
    handle.sync_all().map_err(IdentityError::io("sync", dir))?;

    summary.write(dir, covered, summary.records)?;
    let file = File::open(&path).map_err(IdentityError::io("open", &path))?;
    Ok(SealedFile {
        covered,
        records: summary.records,
        path,
        file,
        first_keys: summary.first_keys,
        filters: summary.filters,
    })
}

/// A page being filled.
struct Page {
    bytes: [u8; PAGE],
    count: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            bytes: [0; PAGE],
            count: 0,
        }
    }
}

impl Page {
    /// Adds a record; true if the page is now full.
    fn push(&mut self, record: &Record) -> bool {
        let at = PAGE_HEAD + self.count * RECORD;
        self.bytes[at..at + RECORD].copy_from_slice(&record.encode());
        self.count += 1;
        self.count == PAGE_RECORDS
    }

    fn take(&mut self) -> [u8; PAGE] {
        let mut bytes = std::mem::replace(&mut self.bytes, [0; PAGE]);
        bytes[4..6].copy_from_slice(&(self.count as u16).to_be_bytes());
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_be_bytes());
        self.count = 0;
        bytes
    }
}

impl Record {
    fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let (chunks, _) = bytes.as_chunks_mut::<8>();
        for (chunk, word) in chunks.iter_mut().zip(self.0) {
            *chunk = word.to_be_bytes();
        }
        bytes
    }

    fn decode(bytes: &[u8; RECORD]) -> Self {
        let mut words = [0; 5];
        let (chunks, _) = bytes.as_chunks::<8>();
        for (word, chunk) in words.iter_mut().zip(chunks) {
            *word = u64::from_be_bytes(*chunk);
        }
        Self(words)
    }
}

fn encode_head(magic: [u8; 8], covered: Covered, records: u64) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(&magic);
    head[8..10].copy_from_slice(&VERSION.to_be_bytes());
    head[10..18].copy_from_slice(&covered.from.to_be_bytes());
    head[18..26].copy_from_slice(&covered.to.to_be_bytes());
    head[26..34].copy_from_slice(&records.to_be_bytes());
    let checksum = crc32c::crc32c(&head[..34]);
    head[34..].copy_from_slice(&checksum.to_be_bytes());
    head
}

/// Number of records, if the head is whole and is the one that `encode_head` would write.
fn decode_head(head: &[u8; HEAD_LEN], magic: [u8; 8], covered: Covered) -> Option<u64> {
    let (count, _) = head[26..].split_first_chunk::<8>()?;
    let records = u64::from_be_bytes(*count);
    (*head == encode_head(magic, covered, records)).then_some(records)
}
