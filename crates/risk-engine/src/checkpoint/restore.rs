//! From a checkpoint's frames back to the state.

use super::{
    CheckpointError, Frame, Kept, MemberParts, RowParts, StandingParts, SubjectParts, Sum, VERSION,
};
use crate::event_time::{Clocks, Epoch};
use crate::evidence::{Row, Stratum, Tallies, Tally, Verdict};
use crate::family::{Known, Member};
use crate::model::{BASES, InForce, VERIFICATIONS};
use crate::policy::Policy;
use crate::sampling::{Numbered, Sampling};
use crate::step::{Engine, Standing, SubjectState};
use crate::subjects::SubjectIx;
use crate::taxonomy::Taxonomy;
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::Severity;
use risk_domain::subject::Subject;
use risk_stats::decay::Generation;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

fn stratum(number: u8) -> Result<Stratum, CheckpointError> {
    Stratum::ALL
        .get(usize::from(number))
        .copied()
        .ok_or(CheckpointError::Damaged)
}

fn row(parts: RowParts, bases: usize) -> Result<Row, CheckpointError> {
    let (base, sampled, number, nonconforming, severity, channel, retracts, sampling) = parts;
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
        channel,
        retracts,
    })
}

/// What stands in pieces, over several frames.
#[derive(Default)]
struct Pieces {
    snapshot: Vec<u8>,
    warning: Vec<u8>,
    alerts: Vec<u8>,
    signals: Vec<u8>,
}

impl Engine {
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
            calendar: head.calendar,
        };
        let mut engine = Self::new(policy, taxonomy).map_err(|_error| CheckpointError::Policy)?;
        engine.clocks = Clocks::restore(head.clocks, head.ticked);
        engine.last_closed = head.last_closed;
        let observers = &mut engine.model.observers;
        observers.laboratories = Numbered::restore(head.laboratories);
        observers.inspectors = Numbered::restore(head.inspectors);
        let (mut settled, mut pieces, mut ended) = (Vec::new(), Pieces::default(), false);
        for bytes in frames {
            match decode(&bytes)? {
                Frame::Head(_) => return Err(CheckpointError::Damaged),
                Frame::Subjects(subjects) => engine.restore_subjects(subjects)?,
                Frame::Bases(bases) => engine.restore_bases(bases)?,
                Frame::Targets(targets) => engine.frame.restore_targets(targets),
                Frame::Entries(entries) => engine.restore_entries(entries)?,
                Frame::Commands(commands) => {
                    for (epoch, command) in commands {
                        engine.decisions.restore(epoch, command);
                    }
                }
                Frame::Acted(acted) => engine.acted.extend(acted),
                Frame::Due(due) => engine.restore_due(due)?,
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
                Frame::Snapshot(piece) => pieces.snapshot.extend(piece),
                Frame::Warning(piece) => pieces.warning.extend(piece),
                Frame::Alerts(piece) => pieces.alerts.extend(piece),
                Frame::Signals(piece) => pieces.signals.extend(piece),
                Frame::Series(domain, series) => {
                    engine.series.insert(domain, series);
                }
                Frame::Docket(docket) => engine.cases.restore(*docket),
                Frame::Unsettled(unsettled, gone) => {
                    engine.cases.restore_unsettled(unsettled, gone);
                }
                Frame::End => ended = true,
            }
        }
        engine.model.bins.settled = Arc::new(settled);
        engine.restore_pieces(head.in_force, &pieces)?;
        if ended {
            Ok(engine)
        } else {
            Err(CheckpointError::Damaged)
        }
    }

    fn restore_pieces(
        &mut self,
        in_force: Option<InForce>,
        pieces: &Pieces,
    ) -> Result<(), CheckpointError> {
        self.warning = decode(&pieces.warning)?;
        self.alerts = decode(&pieces.alerts)?;
        self.alerts.list_anew();
        (
            self.signals,
            self.paths,
            self.problems,
            self.references,
            self.items,
            self.duties,
            self.plans,
        ) = decode(&pieces.signals)?;
        let snapshot = match in_force {
            Some(_) => Some(decode(&pieces.snapshot)?),
            None => None,
        };
        let Self {
            model, subjects, ..
        } = self;
        model.restore(in_force, snapshot, subjects);
        Ok(())
    }

    fn restore_bases(&mut self, bases: Vec<(Vec<u32>, bool)>) -> Result<(), CheckpointError> {
        for (subjects, linked) in bases {
            let subjects: Vec<_> = subjects.into_iter().map(SubjectIx).collect();
            if !self.subjects.restore_base(&subjects, linked) {
                return Err(CheckpointError::Damaged);
            }
        }
        Ok(())
    }

    fn restore_due(&mut self, due: Vec<(Epoch, String)>) -> Result<(), CheckpointError> {
        for (epoch, subject) in due {
            let subject = subject.parse().map_err(|_error| CheckpointError::Damaged)?;
            self.decisions.restore_due(epoch, subject);
        }
        Ok(())
    }

    fn restore_entries(
        &mut self,
        entries: Vec<(Option<Epoch>, RegistryEntry)>,
    ) -> Result<(), CheckpointError> {
        for (epoch, entry) in entries {
            let site = Subject::Site(entry.site_id.clone());
            match (epoch, self.subjects.find(&site)) {
                (Some(epoch), _) => self.frame.admit(epoch, entry),
                (None, Some(site)) => self.frame.restore(site, entry),
                (None, None) => return Err(CheckpointError::Damaged),
            }
        }
        Ok(())
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
            let standing = parts.standing.map(|parts: StandingParts| {
                let (epoch, level, estimated, decided, watch, inherited, band, digest) = parts;
                Standing {
                    epoch,
                    level,
                    estimated,
                    decided,
                    watch,
                    inherited,
                    band,
                    digest,
                }
            });
            let at = SubjectIx(self.states.len() as u32);
            self.states.push(SubjectState {
                tallies: Tallies::from_sums(sums),
                standing: None,
            });
            if let Some(standing) = standing {
                self.stand(at, standing);
            }
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
