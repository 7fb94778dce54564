//! Checkpoints: the whole state as bytes, so that a start need not fold the ledger from its beginning.
//!
//! A checkpoint is a view: it names its version and its policy, and one that does not fit is thrown
//! away and the ledger folded instead. It is a sequence of frames, each its length and its content.

mod restore;

use crate::case::{Docketed, Unsettled};
use crate::event_time::{ClockParts, Epoch};
use crate::evidence::{Row, Tally};
use crate::frame::InFrame;
use crate::logodds;
use crate::model::InForce;
use crate::series::Series;
use crate::step::{Engine, Standing};
use crate::subjects::SubjectIx;
use compact_str::CompactString;
use risk_domain::calendar::Calendar;
use risk_domain::decision::GradeCommand;
use risk_domain::ids::{CaseId, CommandId, InspectionId, ProductCode, SectorCode, ZoneId};
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::{RiskLevel, Severity};
use risk_domain::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of this encoding.
const VERSION: u32 = 14;
/// Subjects, bases or rows a frame.
const FRAME: usize = 512;
/// Bytes of the snapshot, of early warning and of alerts a frame.
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
    calendar: Calendar,
    clocks: Vec<ClockParts>,
    ticked: Option<Timestamp>,
    last_closed: Option<Epoch>,
    in_force: Option<InForce>,
    laboratories: Vec<(CompactString, bool)>,
    inspectors: Vec<(CompactString, bool)>,
}

/// Stratum, generation, count, nonconforming, and the two decayed sums.
type Sum = (u8, i32, i32, i32, i128, i128);
/// Mode, basis, method, verification, laboratory, inspector group, inclusion probability.
type SamplingParts = (u8, u8, u8, u8, u16, u16, u16);
/// Base, sampled day, stratum, nonconforming, severity (0 for none), channel, retracts, sampling.
type RowParts = (u32, Day, u8, bool, u8, u8, bool, SamplingParts);

/// Epoch, level, estimated level, digest of the decision, watch, inherited, band, digest.
type StandingParts = (Epoch, RiskLevel, RiskLevel, u64, bool, bool, i32, u64);

#[derive(Serialize, Deserialize)]
struct SubjectParts {
    name: String,
    title: Option<(Timestamp, String)>,
    sums: Vec<Sum>,
    standing: Option<StandingParts>,
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
    /// What stands of bases in the frame, in their order.
    Targets(Vec<InFrame>),
    /// Entries of the register: with their epoch while it is open.
    Entries(Vec<(Option<Epoch>, RegistryEntry)>),
    /// Commands on grades with their epochs.
    Commands(Vec<(Epoch, GradeCommand)>),
    /// Subjects that a decision lets be judged with an epoch.
    Due(Vec<(Epoch, String)>),
    Pending(Vec<(Epoch, RowParts)>),
    Families(Vec<(Vec<MemberParts>, Vec<RowParts>)>),
    /// Bins that the snapshot in force has seen, that came since, that were taken away since.
    Bins(Kept, Vec<logodds::Row>),
    /// A piece of the snapshot in force.
    Snapshot(Vec<u8>),
    /// A piece of early warning.
    Warning(Vec<u8>),
    /// The weeks of a domain.
    Series(CompactString, Series),
    /// Commands on alerts, cases, problems and plans, with digests of their content.
    Acted(Vec<(CommandId, u64)>),
    /// The facts and cases of a docket.
    Docket(Box<Docketed>),
    /// Results that wait for others, and ids of cases that later facts did away with.
    Unsettled(Unsettled, Vec<(CaseId, u32)>),
    /// A piece of the alerts.
    Alerts(Vec<u8>),
    /// A piece of the signals, the supply paths, the problems, the references, the counts of items, the
    /// records of duty and the plans.
    Signals(Vec<u8>),
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
        row.channel,
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

/// Takes a frame to where checkpoints are kept.
type Put<'a> = dyn FnMut(&Frame) -> Result<(), CheckpointError> + 'a;

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
            calendar: self.taxonomy.calendar.clone(),
            clocks,
            ticked,
            last_closed: self.last_closed,
            in_force: self.model.in_force,
            laboratories: self.model.observers.laboratories.parts(),
            inspectors: self.model.observers.inspectors.parts(),
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
        self.write_frame(&mut put)?;
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
        self.write_model(&mut put)?;
        for docket in self.cases.parts() {
            put(&Frame::Docket(Box::new(docket)))?;
        }
        let (unsettled, gone) = self.cases.unsettled();
        put(&Frame::Unsettled(unsettled, gone))?;
        put(&Frame::End)
    }

    fn write_frame(&self, put: &mut Put<'_>) -> Result<(), CheckpointError> {
        let (open, entries, targets) = self.frame.parts();
        for chunk in targets.chunks(8 * FRAME) {
            put(&Frame::Targets(chunk.to_vec()))?;
        }
        let open = open.map(|(epoch, entry)| (Some(epoch), entry));
        let entries = entries.map(|entry| (None, entry)).chain(open);
        let entries = entries.map(|(epoch, entry)| (epoch, entry.clone()));
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            put(&Frame::Entries(entries.by_ref().take(FRAME).collect()))?;
        }
        let commands: Vec<_> = self.decisions.parts().cloned().collect();
        for chunk in commands.chunks(FRAME) {
            put(&Frame::Commands(chunk.to_vec()))?;
        }
        let acted: Vec<_> = self.acted.iter().collect();
        for chunk in acted.chunks(8 * FRAME) {
            let chunk = chunk.iter().map(|(id, digest)| ((*id).clone(), **digest));
            put(&Frame::Acted(chunk.collect()))?;
        }
        let due = self.decisions.due();
        let due: Vec<_> = due.map(|(epoch, of)| (epoch, of.to_string())).collect();
        for chunk in due.chunks(FRAME) {
            put(&Frame::Due(chunk.to_vec()))?;
        }
        Ok(())
    }

    fn write_model(&self, put: &mut Put<'_>) -> Result<(), CheckpointError> {
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
        let warning = postcard::to_stdvec(&self.warning);
        let warning = warning.map_err(|_error| CheckpointError::Damaged)?;
        for piece in warning.chunks(PIECE) {
            put(&Frame::Warning(piece.to_vec()))?;
        }
        let alerts = postcard::to_stdvec(&self.alerts);
        let alerts = alerts.map_err(|_error| CheckpointError::Damaged)?;
        for piece in alerts.chunks(PIECE) {
            put(&Frame::Alerts(piece.to_vec()))?;
        }
        let signals = postcard::to_stdvec(&(
            &self.signals,
            &self.paths,
            &self.problems,
            &self.references,
            &self.items,
            &self.duties,
            &self.plans,
        ));
        let signals = signals.map_err(|_error| CheckpointError::Damaged)?;
        for piece in signals.chunks(PIECE) {
            put(&Frame::Signals(piece.to_vec()))?;
        }
        for (domain, series) in &self.series {
            put(&Frame::Series(domain.clone(), series.clone()))?;
        }
        Ok(())
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
                    estimated,
                    decided,
                    watch,
                    inherited,
                    band,
                    digest,
                } = standing;
                (
                    epoch, level, estimated, decided, watch, inherited, band, digest,
                )
            }),
        }
    }
}
