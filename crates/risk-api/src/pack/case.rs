//! The pack of a case: what changed in it, what officers decided, and the results behind it.

use super::{MAX_MOVES, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use risk_domain::ids::{CaseId, CommandId, InspectionId, SignalId};
use risk_engine::CaseMove;
use risk_engine::case::Cause;
use std::collections::BTreeSet;

/// What the moves of a case name: results, signals, and commands that brought them about.
#[derive(Debug, Default)]
struct Named {
    results: BTreeSet<InspectionId>,
    signals: BTreeSet<SignalId>,
    commands: BTreeSet<CommandId>,
}

impl Named {
    fn of(moves: &[(u64, CaseMove)]) -> Self {
        let mut named = Self::default();
        for (_, moved) in moves {
            named.results.insert(moved.case.opened_by.clone());
            for event in &moved.case.events {
                match event.cause.clone() {
                    Cause::Result(id) => drop(named.results.insert(id)),
                    Cause::Command(id) => drop(named.commands.insert(id)),
                    Cause::Signal(id) => drop(named.signals.insert(id)),
                    Cause::Term(_) => {}
                }
            }
        }
        // What a complaint opened, or what went on from that, names it where others name a result.
        let heard = |id: &InspectionId| named.signals.iter().any(|of| of.as_str() == id.as_str());
        let results = std::mem::take(&mut named.results);
        named.results = results.into_iter().filter(|id| !heard(id)).collect();
        named
    }
}

impl Packer<'_> {
    pub(super) fn case(&self, id: &CaseId, reach: &mut Reach) -> Result<Option<Told>, PackError> {
        let moves = self.reader.case_moves(id, MAX_MOVES)?;
        let moves: Vec<_> = moves
            .into_iter()
            .filter(|(at, _)| *at < reach.size)
            .collect();
        let Some((_, first)) = moves.first() else {
            return Ok(None);
        };
        let subject = first.case.key.subject();
        reach.party = Some(subject.clone());
        let named = Named::of(&moves);
        let found = self.named(&named.results, reach)?;
        let mut entries = self.entries(Role::Conclusion, moves.iter().map(|(at, _)| *at), reach)?;
        let statement = StatementDto::Case(shown(&entries, "decision"));
        let mut decided = BTreeSet::new();
        for command in &named.commands {
            let entry = self.reader.command_entry(command)?;
            decided.extend(entry.filter(|entry| *entry < reach.size));
        }
        entries.extend(self.entries(Role::Decision, decided, reach)?);
        entries.extend(self.signals(&named.signals, reach)?);
        entries.extend(found.entries);
        Ok(Some(Told {
            about: AboutDto::Case {
                case: id.to_string(),
                subject: subject.to_string(),
            },
            statement,
            counterfactual: None,
            comparables: Vec::new(),
            entries,
            more_results: found.more,
            counted_results: None,
            documents: Vec::new(),
        }))
    }
}
