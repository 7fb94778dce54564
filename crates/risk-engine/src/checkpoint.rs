//! Checkpoints: the whole state as bytes, so that a start need not fold the ledger from its beginning.
//!
//! A checkpoint is a view: it names its version and its policy, and one that does not fit is thrown
//! away and the ledger folded instead. It is a sequence of frames, each its length and its content.

use crate::event_time::{ClockParts, Clocks, Epoch};
use crate::evidence::{Row, Stratum, Tallies, Tally, Verdict};
use crate::family::{Known, Member};
use crate::logodds;
use crate::model::{BASES, InForce, VERIFICATIONS};
use crate::policy::Policy;
use crate::sampling::{Numbered, Sampling};
use crate::series::Series;
use crate::step::{Engine, Standing, SubjectState};
use crate::subjects::SubjectIx;
use crate::taxonomy::Taxonomy;
use compact_str::CompactString;
use risk_domain::ids::{AlertId, InspectionId, ProductCode, SectorCode, ZoneId};
use risk_domain::scales::{RiskLevel, Severity};
use risk_domain::time::{Day, Timestamp};
use risk_stats::decay::Generation;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Version of this encoding.
const VERSION: u32 = 2;
/// Subjects, bases or rows a frame.
const FRAME: usize = 512;
/// Bytes of the snapshot a frame.
const PIECE: usize = 64 * 1024;

/// Why a checkpoint cannot be used. None of these loses anything: the ledger has it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Another version wrote it.
    #[error("the checkpoint was written by another version")]
    Version,
    /// It was made under another policy.
    #[error("the checkpoint was made under another policy")]
    Policy,
    /// Its bytes do not decode, or refer to what is not there.
    #[error("the checkpoint is damaged")]
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    policy_hash: String,
    zones: BTreeMap<ZoneId, Option<ZoneId>>,
    products: BTreeMap<ProductCode, (SectorCode, Option<[f64; 4]>)>,
    clocks: Vec<ClockParts>,
    ticked: Option<Timestamp>,
    last_closed: Option<Epoch>,
    in_force: Option<InForce>,
    laboratories: Vec<(CompactString, bool)>,
    inspectors: Vec<(CompactString, bool)>,
    alerts: BTreeMap<AlertId, u64>,
}

/// Stratum, generation, count, nonconforming, and the two decayed sums.
type Sum = (u8, i32, i32, i32, i128, i128);
/// Mode, basis, method, verification, laboratory, inspector group, inclusion probability.
type SamplingParts = (u8, u8, u8, u8, u16, u16, u16);
/// Base, sampled day, stratum, nonconforming, severity (0 for none), retracts, sampling.
type RowParts = (u32, Day, u8, bool, u8, bool, SamplingParts);

#[derive(Serialize, Deserialize)]
struct SubjectParts {
    name: String,
    title: Option<(Timestamp, String)>,
    sums: Vec<Sum>,
    standing: Option<(Epoch, RiskLevel, bool, bool, i32, u64)>,
}

#[derive(Serialize, Deserialize)]
struct MemberParts {
    id: InspectionId,
    supersedes: Option<InspectionId>,
    confirms: Option<InspectionId>,
    known: Option<(Timestamp, Epoch, bool, Option<RowParts>)>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
enum Kept {
    Settled,
    Added,
    Taken,
}

#[derive(Serialize, Deserialize)]
enum Frame {
    Head(Box<Head>),
    Subjects(Vec<SubjectParts>),
    Bases(Vec<(Vec<u32>, bool)>),
    Pending(Vec<(Epoch, RowParts)>),
    Families(Vec<(Vec<MemberParts>, Vec<RowParts>)>),
    /// Bins that the snapshot in force has seen, that came since, that were taken away since.
    Bins(Kept, Vec<logodds::Row>),
    /// A piece of the snapshot in force.
    Snapshot(Vec<u8>),
    /// The weeks of a domain.
    Series(CompactString, Series),
    End,
}

fn row_parts(row: &Row) -> RowParts {
    let severity = row.verdict.severity.map_or(0, Severity::get);
    let stratum = row.verdict.stratum.number();
    (
        row.base,
        row.sampled,
        stratum,
        row.verdict.nonconforming,
        severity,
        row.retracts,
        (
            row.sampling.mode,
            row.sampling.basis as u8,
            row.sampling.method,
            row.sampling.verification as u8,
            row.sampling.laboratory,
            row.sampling.inspector,
            row.sampling.drawn,
        ),
    )
}

fn stratum(number: u8) -> Result<Stratum, CheckpointError> {
    Stratum::ALL
        .get(usize::from(number))
        .copied()
        .ok_or(CheckpointError::Damaged)
}

fn row(parts: RowParts, bases: usize) -> Result<Row, CheckpointError> {
    let (base, sampled, number, nonconforming, severity, retracts, sampling) = parts;
    let (mode, basis, method, verification, laboratory, inspector, drawn) = sampling;
    if base as usize >= bases {
        return Err(CheckpointError::Damaged);
    }
    let verdict = Verdict {
        stratum: stratum(number)?,
        nonconforming,
        severity: Severity::try_from(severity).ok(),
    };
    Ok(Row {
        base,
        sampled,
        verdict,
        sampling: Sampling {
            mode,
            basis: *BASES
                .get(usize::from(basis))
                .ok_or(CheckpointError::Damaged)?,
            method,
            verification: *VERIFICATIONS
                .get(usize::from(verification))
                .ok_or(CheckpointError::Damaged)?,
            laboratory,
            inspector,
            drawn,
        },
        retracts,
    })
}

impl Engine {
    /// Writes the state, frame by frame, in pieces of some 10 to 100 KiB.
    pub fn checkpoint(&self, sink: &mut dyn FnMut(Vec<u8>)) -> Result<(), CheckpointError> {
        let mut put = |frame: &Frame| -> Result<(), CheckpointError> {
            sink(postcard::to_stdvec(frame).map_err(|_error| CheckpointError::Damaged)?);
            Ok(())
        };
        let (clocks, ticked) = self.clocks.parts();
        put(&Frame::Head(Box::new(Head {
            version: VERSION,
            policy_hash: self.policy.hash.clone(),
            zones: self.taxonomy.zones.clone(),
            products: self.taxonomy.products.clone(),
            clocks,
            ticked,
            last_closed: self.last_closed,
            in_force: self.model.in_force,
            laboratories: self.model.observers.laboratories.parts(),
            inspectors: self.model.observers.inspectors.parts(),
            alerts: self.alerts.clone(),
        })))?;
        let subjects: Vec<SubjectIx> = self.subjects.all().collect();
        for chunk in subjects.chunks(FRAME) {
            put(&Frame::Subjects(
                chunk.iter().map(|at| self.subject_parts(*at)).collect(),
            ))?;
        }
        let numbers = |at: Vec<SubjectIx>| at.into_iter().map(|at| at.0).collect::<Vec<u32>>();
        let bases: Vec<_> = self
            .subjects
            .bases()
            .map(|(at, linked)| (numbers(at), linked))
            .collect();
        for chunk in bases.chunks(FRAME) {
            put(&Frame::Bases(chunk.to_vec()))?;
        }
        let pending: Vec<_> = self
            .pending
            .iter()
            .map(|(epoch, row)| (epoch, row_parts(row)))
            .collect();
        for chunk in pending.chunks(8 * FRAME) {
            put(&Frame::Pending(chunk.to_vec()))?;
        }
        for family in self.families.parts() {
            let members = family.0.iter().map(|(id, member)| MemberParts {
                id: id.clone(),
                supersedes: member.supersedes.clone(),
                confirms: member.confirms.clone(),
                known: member.known.as_ref().map(|known| {
                    (
                        known.observed_at,
                        known.epoch,
                        known.laboratory,
                        known.row.as_ref().map(row_parts),
                    )
                }),
            });
            let closed = family.1.iter().map(row_parts).collect();
            put(&Frame::Families(vec![(members.collect(), closed)]))?;
        }
        let bins = &self.model.bins;
        let kept = [
            (Kept::Settled, &*bins.settled),
            (Kept::Added, &bins.added),
            (Kept::Taken, &bins.taken),
        ];
        for (kept, bins) in kept {
            for chunk in bins.chunks(8 * FRAME) {
                put(&Frame::Bins(kept, chunk.to_vec()))?;
            }
        }
        if self.model.in_force.is_some() {
            let snapshot = postcard::to_stdvec(&*self.model.snapshot);
            let snapshot = snapshot.map_err(|_error| CheckpointError::Damaged)?;
            for piece in snapshot.chunks(PIECE) {
                put(&Frame::Snapshot(piece.to_vec()))?;
            }
        }
        for (domain, series) in &self.series {
            put(&Frame::Series(domain.clone(), series.clone()))?;
        }
        put(&Frame::End)
    }

    fn subject_parts(&self, at: SubjectIx) -> SubjectParts {
        let state = self.state(at);
        let sum = |tally: &Tally| {
            (
                tally.stratum.number(),
                tally.generation.0,
                tally.count,
                tally.nonconforming,
                tally.weight,
                tally.nonconforming_weight,
            )
        };
        SubjectParts {
            name: self.subjects.name(at).to_string(),
            title: self
                .subjects
                .dated_title(at)
                .map(|(at, title)| (at, title.to_owned())),
            sums: state.tallies.iter().map(sum).collect(),
            standing: state.standing.map(|standing| {
                let Standing {
                    epoch,
                    level,
                    watch,
                    inherited,
                    band,
                    digest,
                } = standing;
                (epoch, level, watch, inherited, band, digest)
            }),
        }
    }

    /// Reads a state back. `frames` are those that [`Self::checkpoint`] gave, in order.
    pub fn restore(
        policy: Arc<Policy>,
        mut frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Self, CheckpointError> {
        let Some(Frame::Head(head)) = frames.next().map(|bytes| decode(&bytes)).transpose()? else {
            return Err(CheckpointError::Damaged);
        };
        if head.version != VERSION {
            return Err(CheckpointError::Version);
        }
        if head.policy_hash != policy.hash {
            return Err(CheckpointError::Policy);
        }
        let taxonomy = Taxonomy {
            zones: head.zones,
            products: head.products,
        };
        let mut engine = Self::new(policy, taxonomy).map_err(|_error| CheckpointError::Policy)?;
        engine.clocks = Clocks::restore(head.clocks, head.ticked);
        engine.last_closed = head.last_closed;
        engine.alerts = head.alerts;
        let observers = &mut engine.model.observers;
        observers.laboratories = Numbered::restore(head.laboratories);
        observers.inspectors = Numbered::restore(head.inspectors);
        let (mut settled, mut snapshot, mut ended) = (Vec::new(), Vec::new(), false);
        for bytes in frames {
            match decode(&bytes)? {
                Frame::Head(_) => return Err(CheckpointError::Damaged),
                Frame::Subjects(subjects) => engine.restore_subjects(subjects)?,
                Frame::Bases(bases) => {
                    for (subjects, linked) in bases {
                        let subjects: Vec<_> = subjects.into_iter().map(SubjectIx).collect();
                        if !engine.subjects.restore_base(&subjects, linked) {
                            return Err(CheckpointError::Damaged);
                        }
                    }
                }
                Frame::Pending(rows) => {
                    for (epoch, parts) in rows {
                        let row = row(parts, engine.subjects.base_count())?;
                        engine.pending.push(epoch, row);
                    }
                }
                Frame::Families(families) => engine.restore_families(families)?,
                Frame::Bins(kept, bins) => {
                    let bases = engine.subjects.base_count();
                    if bins.iter().any(|bin| bin.target as usize >= bases) {
                        return Err(CheckpointError::Damaged);
                    }
                    match kept {
                        Kept::Settled => settled.extend(bins),
                        Kept::Added => engine.model.bins.added.extend(bins),
                        Kept::Taken => engine.model.bins.taken.extend(bins),
                    }
                }
                Frame::Snapshot(piece) => snapshot.extend(piece),
                Frame::Series(domain, series) => {
                    engine.series.insert(domain, series);
                }
                Frame::End => ended = true,
            }
        }
        engine.model.bins.settled = Arc::new(settled);
        let snapshot = match head.in_force {
            Some(_) => Some(decode(&snapshot)?),
            None => None,
        };
        let Engine {
            model, subjects, ..
        } = &mut engine;
        model.restore(head.in_force, snapshot, subjects);
        if ended {
            Ok(engine)
        } else {
            Err(CheckpointError::Damaged)
        }
    }

    fn restore_subjects(&mut self, subjects: Vec<SubjectParts>) -> Result<(), CheckpointError> {
        for parts in subjects {
            let name = parts
                .name
                .parse()
                .map_err(|_error| CheckpointError::Damaged)?;
            let title = parts
                .title
                .as_ref()
                .map(|(at, title)| (*at, title.as_str()));
            self.subjects.restore_subject(&name, title);
            let tally =
                |(number, generation, count, nonconforming, weight, nonconforming_weight): Sum| {
                    let stratum = stratum(number)?;
                    let generation = Generation(generation);
                    Ok(Tally {
                        stratum,
                        generation,
                        count,
                        nonconforming,
                        weight,
                        nonconforming_weight,
                    })
                };
            let sums = parts
                .sums
                .into_iter()
                .map(tally)
                .collect::<Result<Vec<_>, CheckpointError>>()?;
            let standing = parts
                .standing
                .map(|(epoch, level, watch, inherited, band, digest)| Standing {
                    epoch,
                    level,
                    watch,
                    inherited,
                    band,
                    digest,
                });
            self.states.push(SubjectState {
                tallies: Tallies::from_sums(sums),
                standing,
            });
        }
        Ok(())
    }

    fn restore_families(
        &mut self,
        families: Vec<(Vec<MemberParts>, Vec<RowParts>)>,
    ) -> Result<(), CheckpointError> {
        let bases = self.subjects.base_count();
        for (members, closed) in families {
            let mut restored = BTreeMap::new();
            for parts in members {
                let known = match parts.known {
                    Some((observed_at, epoch, laboratory, own)) => {
                        let row = own.map(|own| row(own, bases)).transpose()?;
                        Some(Known {
                            observed_at,
                            epoch,
                            laboratory,
                            row,
                        })
                    }
                    None => None,
                };
                let member = Member {
                    supersedes: parts.supersedes,
                    confirms: parts.confirms,
                    known,
                };
                restored.insert(parts.id, member);
            }
            let closed = closed
                .into_iter()
                .map(|parts| row(parts, bases))
                .collect::<Result<_, _>>()?;
            let first_open = self.first_open();
            self.families.restore(restored, closed, first_open);
        }
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CheckpointError> {
    postcard::from_bytes(bytes).map_err(|_error| CheckpointError::Damaged)
}
