//! Checkpoints: the whole state as bytes, so that a start need not fold the ledger from its beginning.
//!
//! A checkpoint is a view: it names its version and its policy, and one that does not fit is thrown
//! away and the ledger folded instead. It is a sequence of frames, each its length and its content.

use crate::assessment::Snapshot;
use crate::event_time::{ClockParts, Clocks, Epoch};
use crate::evidence::{Row, Stratum, Tallies, Tally, Verdict};
use crate::family::{Known, Member};
use crate::model::Parameters;
use crate::policy::Policy;
use crate::step::{Engine, Standing, SubjectState};
use crate::subjects::SubjectIx;
use crate::taxonomy::Taxonomy;
use risk_domain::ids::{AlertId, InspectionId, ProductCode, SectorCode, ZoneId};
use risk_domain::scales::{RiskLevel, Severity};
use risk_domain::time::{Day, Timestamp};
use risk_stats::decay::Generation;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Version of this encoding.
const VERSION: u32 = 1;
/// Subjects, bases or rows a frame.
const FRAME: usize = 512;

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
    in_force: Option<Box<Snapshot>>,
    fitted: Option<Box<Snapshot>>,
    parameters_of: Option<Epoch>,
    alerts: BTreeMap<AlertId, u64>,
}

/// Stratum, generation, count, nonconforming, and the two decayed sums.
type Sum = (u8, i32, i32, i32, i128, i128);
/// Base, sampled day, stratum, nonconforming, severity (0 for none), retracts.
type RowParts = (u32, Day, u8, bool, u8, bool);

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

#[derive(Serialize, Deserialize)]
enum Frame {
    Head(Box<Head>),
    Subjects(Vec<SubjectParts>),
    Bases(Vec<(Vec<u32>, bool)>),
    Pending(Vec<(Epoch, RowParts)>),
    Families(Vec<(Vec<MemberParts>, Vec<RowParts>)>),
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
    )
}

fn stratum(number: u8) -> Result<Stratum, CheckpointError> {
    Stratum::ALL
        .get(usize::from(number))
        .copied()
        .ok_or(CheckpointError::Damaged)
}

fn row(parts: RowParts, bases: usize) -> Result<Row, CheckpointError> {
    let (base, sampled, number, nonconforming, severity, retracts) = parts;
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
            in_force: self.in_force.clone(),
            fitted: self.fitted.clone(),
            parameters_of: self.parameters.fitted,
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
        let mut ended = false;
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
                Frame::End => ended = true,
            }
        }
        // The snapshot whose parameters were in force, which may be the one fitted last.
        let in_force = [head.in_force.as_deref(), head.fitted.as_deref()]
            .into_iter()
            .flatten();
        if let Some(snapshot) = in_force
            .rev()
            .find(|snapshot| Some(snapshot.epoch) == head.parameters_of)
        {
            engine.parameters =
                Parameters::of_snapshot(snapshot, &engine.subjects, &engine.policy.prior);
        }
        engine.in_force = head.in_force;
        engine.fitted = head.fitted;
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
