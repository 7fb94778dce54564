//! A file of one JSON record per line（NDJSON 文件）, plain or compressed by zstd.
//!
//! It has one partition; the offset is the line's number, the first being 0. Blank lines count, so
//! that an offset is always the number that an editor shows, less one.

use super::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use crate::clock::Clock;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A line is kept whole up to here; the wire's limit is far below, so a longer one is rejected
/// either way, and no line can fill the memory.
const MAX_KEPT: usize = 16 << 20;

/// A batch is handed over when it has so many bytes.
const BATCH_BYTES: usize = 8 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Opens a file for reading by lines, through zstd where its first bytes say so.
pub(crate) fn open_lines(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    if file.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let decoder = zstd::stream::read::Decoder::with_buffer(file)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 17, decoder)));
    }
    Ok(Box::new(file))
}

/// Reads one line without its end into `line`, keeping [`MAX_KEPT`] bytes at most. `false` at the
/// end of the file; a last line without an end is a line.
pub(crate) fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let kept = reader.take(MAX_KEPT as u64 + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(true);
    }
    if kept <= MAX_KEPT {
        return Ok(kept > 0);
    }
    line.truncate(MAX_KEPT);
    loop {
        let (skipped, ended) = {
            let buffer = reader.fill_buf()?;
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            }
        };
        reader.consume(skipped);
        if ended {
            return Ok(true);
        }
    }
}

/// Reads a file of NDJSON, optionally compressed by zstd.
pub struct FileSource {
    name: String,
    only: Partition,
    path: PathBuf,
    clock: Arc<dyn Clock>,
    reader: Option<Box<dyn BufRead + Send>>,
    next: Offset,
    finished: bool,
    paused: bool,
    line: Vec<u8>,
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl FileSource {
    /// A source of a feed under this name in the ledger; the file is opened by [`Source::seek`] or the first
    /// [`Source::poll`].
    pub fn new(
        feed: Feed,
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name: name.into(),
            only: Partition { feed, number: 0 },
            path: path.into(),
            clock,
            reader: None,
            next: Offset(0),
            finished: false,
            paused: false,
            line: Vec::new(),
        }
    }

    fn failed(&self, error: &io::Error) -> SourceError {
        let line = self.next.0 + 1;
        let path = self.path.display();
        SourceError::fatal(
            &self.name,
            format!("cannot read {path} at line {line}: {error}"),
        )
    }

    fn open_at(&mut self, position: Offset) -> Result<(), SourceError> {
        self.next = Offset(0);
        self.finished = false;
        let mut reader = open_lines(&self.path).map_err(|error| self.failed(&error))?;
        while self.next < position {
            match read_line(reader.as_mut(), &mut self.line) {
                Ok(true) => self.next = self.next.next(),
                Ok(false) => {
                    let (lines, path) = (self.next, self.path.display());
                    let message = format!(
                        "{path} has {lines} lines, but the ledger has read {position}; is this \
                         another file?"
                    );
                    return Err(SourceError::fatal(&self.name, message));
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.reader = Some(reader);
        Ok(())
    }

    fn fill(&mut self, batch: &mut SourceBatch, max: usize) -> Result<(), SourceError> {
        let now = self.clock.now();
        while batch.len() < max && batch.bytes() < BATCH_BYTES {
            let Some(reader) = self.reader.as_mut() else {
                return Ok(());
            };
            match read_line(reader.as_mut(), &mut self.line) {
                Ok(true) => {}
                Ok(false) => {
                    self.finished = true;
                    return Ok(());
                }
                Err(error) => return Err(self.failed(&error)),
            }
            // A byte order mark is no part of the first record.
            let value = match (self.next, self.line.strip_prefix(b"\xEF\xBB\xBF")) {
                (Offset(0), Some(rest)) => rest,
                (Offset(_), _) => &self.line,
            };
            if !value.trim_ascii().is_empty() {
                batch.push((self.only, self.next), now, None, value);
            }
            self.next = self.next.next();
        }
        Ok(())
    }
}

impl Source for FileSource {
    fn name(&self, _feed: Feed) -> &str {
        &self.name
    }

    fn partitions(&self) -> Vec<Partition> {
        vec![self.only]
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        let position = positions.get(&self.only).copied().unwrap_or(Offset(0));
        self.open_at(position)
    }

    fn poll(&mut self, max: usize, _wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        if self.paused {
            return Ok(batch);
        }
        if self.reader.is_none() {
            self.open_at(Offset(0))?;
        }
        if !self.finished {
            self.fill(&mut batch, max)?;
        }
        if self.finished {
            batch.reached_end.push(self.only);
            batch.finished = true;
        }
        Ok(batch)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused |= partitions.contains(&self.only);
        Ok(())
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused &= !partitions.contains(&self.only);
        Ok(())
    }

    fn durable(&mut self, _positions: &BTreeMap<Partition, Offset>) {}

    fn bounded(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLY: Partition = Partition::results(0);
    use crate::clock::ManualClock;
    use risk_domain::time::Timestamp;

    fn source(content: &[u8]) -> (tempfile::TempDir, FileSource) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.ndjson");
        std::fs::write(&path, content).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(5)));
        (
            directory,
            FileSource::new(Feed::Results, "file", path, clock),
        )
    }

    fn read(source: &mut FileSource, max: usize) -> Vec<(i64, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let batch = source.poll(max, Duration::ZERO).unwrap();
            assert!(batch.len() <= max);
            for record in batch.records() {
                all.push((record.offset.0, batch.value(record).to_vec()));
            }
            if batch.finished {
                assert_eq!(batch.reached_end, [ONLY]);
                return all;
            }
        }
    }

    #[test]
    fn lines_are_records_and_blank_lines_keep_their_number() {
        let (_directory, mut source) = source(b"\xEF\xBB\xBF{1}\n\n{2}\r\n  \n{3}");
        let all = read(&mut source, 2);
        let expected = [(0, &b"{1}"[..]), (2, b"{2}\r"), (4, b"{3}")];
        assert_eq!(all, expected.map(|(offset, line)| (offset, line.to_vec())));
    }

    #[test]
    fn reading_goes_on_where_the_ledger_stands() {
        let (_directory, mut source) = source(b"a\nb\nc\nd\n");
        source.seek(&BTreeMap::from([(ONLY, Offset(2))])).unwrap();
        assert_eq!(
            read(&mut source, 10),
            [(2, b"c".to_vec()), (3, b"d".to_vec())]
        );
        let beyond = source
            .seek(&BTreeMap::from([(ONLY, Offset(9))]))
            .unwrap_err();
        assert!(!beyond.can_retry());
        assert!(beyond.to_string().contains("has 4 lines"), "{beyond}");
    }

    #[test]
    fn a_pause_holds_the_file() {
        let (_directory, mut source) = source(b"a\n");
        source.pause(&[ONLY]).unwrap();
        let batch = source.poll(9, Duration::ZERO).unwrap();
        assert!(batch.is_empty() && !batch.finished);
        source.resume(&[ONLY]).unwrap();
        assert_eq!(read(&mut source, 9).len(), 1);
    }

    #[test]
    fn zstd_is_told_by_its_first_bytes_and_a_cut_file_is_an_error() {
        let lines = "{\"n\":1}\n".repeat(5000);
        let packed = zstd::encode_all(lines.as_bytes(), 3).unwrap();
        let (_directory, mut whole) = source(&packed);
        assert_eq!(read(&mut whole, 700).len(), 5000);
        let (_directory, mut cut) = source(&packed[..packed.len() - 9]);
        let mut last = Ok(());
        for _ in 0..100 {
            match cut.poll(100, Duration::ZERO) {
                Ok(batch) if batch.finished => break,
                Ok(_) => {}
                Err(error) => {
                    last = Err(error);
                    break;
                }
            }
        }
        assert!(last.unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut content = vec![b'x'; MAX_KEPT + 100_000];
        content.extend_from_slice(b"\nnext\n");
        let (_directory, mut source) = source(&content);
        let all = read(&mut source, 10);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].1.len(), MAX_KEPT);
        assert_eq!(all[1], (1, b"next".to_vec()));
    }

    #[test]
    fn a_missing_file_is_named() {
        let (directory, mut source) = source(b"");
        std::fs::remove_file(directory.path().join("results.ndjson")).unwrap();
        let error = source.poll(1, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("results.ndjson"), "{error}");
    }
}
