//! The pack of a case: what changed in it, what officers decided, and the results behind it.

use super::{MAX_MOVES, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use risk_domain::ids::{CaseId, CommandId, InspectionId};
use risk_engine::CaseMove;
use risk_engine::case::Cause;
use std::collections::BTreeSet;

/// What the moves of a case name: results, and commands that brought them about.
fn named(moves: &[(u64, CaseMove)]) -> (BTreeSet<InspectionId>, BTreeSet<CommandId>) {
    let (mut results, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for (_, moved) in moves {
        results.insert(moved.case.opened_by.clone());
        for event in &moved.case.events {
            match &event.cause {
                Cause::Result(id) => {
                    results.insert(id.clone());
                }
                Cause::Command(id) => {
                    commands.insert(id.clone());
                }
                Cause::Term(_) | Cause::Signal(_) => {}
            }
        }
    }
    (results, commands)
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
        let (behind, commands) = named(&moves);
        let found = self.named(&behind, reach)?;
        let mut entries = self.entries(Role::Conclusion, moves.iter().map(|(at, _)| *at), reach)?;
        let statement = StatementDto::Case(shown(&entries, "decision"));
        let mut decided = BTreeSet::new();
        for command in &commands {
            let entry = self.reader.command_entry(command)?;
            decided.extend(entry.filter(|entry| *entry < reach.size));
        }
        entries.extend(self.entries(Role::Decision, decided, reach)?);
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
