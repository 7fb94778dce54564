//! Work on the identity index that may run on another thread（后台作业）: sealing and merging.

use std::path::PathBuf;
use std::sync::Arc;

use super::file::{Covered, Scan, SealedFile, write_sealed};
use super::fresh::FreshIds;
use super::{IdentityError, Record};

/// Work to be run away from the index（后台作业）. At most one is out at a time.
#[doc(alias = "后台作业")]
pub struct Job {
    pub(crate) dir: PathBuf,
    pub(crate) covered: Covered,
    pub(crate) work: Work,
}

pub(crate) enum Work {
    Seal(Arc<FreshIds>),
    Merge(Vec<Arc<SealedFile>>),
}

/// A file that a [`Job`] wrote, to be handed to [`super::IdentityIndex::install`].
pub struct Finished {
    pub(crate) file: SealedFile,
    pub(crate) was_seal: bool,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Job")
            .field("covered", &self.covered)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Finished")
            .field("path", &self.file.path)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// Does the work: reads and writes files, touches nothing that look-ups use.
    pub fn run(self) -> Result<Finished, IdentityError> {
        match self.work {
            Work::Seal(table) => {
                let of_covered = |record: &&Record| record.entry() < self.covered.to;
                let records = table.records().iter().filter(of_covered);
                let mut records: Vec<Record> = records.copied().collect();
                records.sort_unstable_by_key(Record::id);
                let file = write_sealed(&self.dir, self.covered, records.into_iter().map(Ok))?;
                Ok(Finished {
                    file,
                    was_seal: true,
                })
            }
            Work::Merge(inputs) => {
                let merged = Merge::new(&inputs)?;
                let file = write_sealed(&self.dir, self.covered, merged)?;
                Ok(Finished {
                    file,
                    was_seal: false,
                })
            }
        }
    }
}

/// Merges sorted files, oldest first; of an id in several, the newest file's record stays.
struct Merge {
    inputs: Vec<(Option<Record>, Scan)>,
    /// An input that failed ends the merge.
    error: Option<IdentityError>,
}

impl Merge {
    fn new(files: &[Arc<SealedFile>]) -> Result<Self, IdentityError> {
        let mut inputs = Vec::with_capacity(files.len());
        for file in files {
            let mut scan = file.scan()?;
            inputs.push((scan.next().transpose()?, scan));
        }
        Ok(Self {
            inputs,
            error: None,
        })
    }
}

impl Iterator for Merge {
    type Item = Result<Record, IdentityError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            self.inputs.clear();
            return Some(Err(error));
        }
        let least = self
            .inputs
            .iter()
            .filter_map(|(head, _)| *head)
            .map(|head| head.id())
            .min()?;
        let mut newest = None;
        for (head, scan) in &mut self.inputs {
            if head.is_some_and(|head| head.id() == least) {
                newest = *head;
                match scan.next().transpose() {
                    Ok(next) => *head = next,
                    Err(error) => self.error = Some(error),
                }
            }
        }
        newest.map(Ok)
    }
}
