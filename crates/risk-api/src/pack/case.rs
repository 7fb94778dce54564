//! The pack of a case: what changed in it, what officers decided, and the results behind it.

use super::{MAX_MOVES, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use risk_domain::ids::{CaseId, CommandId, InspectionId, SignalId};
use risk_engine::CaseMove;
use risk_engine::case::Cause;
use std::collections::BTreeSet;

/// What the moves of a case name.
#[derive(Default)]
struct Named {
    results: BTreeSet<InspectionId>,
    /// Commands that brought moves about.
    commands: BTreeSet<CommandId>,
    signals: BTreeSet<SignalId>,
}

fn named(moves: &[(u64, CaseMove)]) -> Named {
    let mut named = Named::default();
    for (_, moved) in moves {
        named.results.insert(moved.case.opened_by.clone());
        for event in &moved.case.events {
            match &event.cause {
                Cause::Result(id) => {
                    named.results.insert(id.clone());
                }
                Cause::Command(id) => {
                    named.commands.insert(id.clone());
                }
                Cause::Signal(id) => {
                    named.signals.insert(id.clone());
                }
                Cause::Term(_) => {}
            }
        }
    }
    named
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
        let of = named(&moves);
        let found = self.named((&subject, reach.size), &of.results, reach)?;
        let mut entries = self.entries(Role::Conclusion, moves.iter().map(|(at, _)| *at), reach)?;
        let statement = StatementDto::Case(shown(&entries, "decision"));
        let mut decided = BTreeSet::new();
        for command in &of.commands {
            let entry = self.reader.command_entry(command)?;
            decided.extend(entry.filter(|entry| *entry < reach.size));
        }
        entries.extend(self.entries(Role::Decision, decided, reach)?);
        entries.extend(self.signals(&of.signals, reach)?);
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
            documents: Vec::new(),
        }))
    }
}
