//! The pack of an alert: what changed of it, and the results that raised it.

use super::{MAX_MOVES, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use risk_domain::ids::{AlertId, InspectionId};
use risk_engine::MoveCause;
use std::collections::BTreeSet;

impl Packer<'_> {
    pub(super) fn alert(&self, id: &AlertId, reach: &mut Reach) -> Result<Option<Told>, PackError> {
        let moves = self.reader.alert_moves(id, MAX_MOVES)?;
        let moves: Vec<_> = moves
            .into_iter()
            .filter(|(at, _)| *at < reach.size)
            .collect();
        let Some((_, first)) = moves.first() else {
            return Ok(None);
        };
        let subject = first.subject.clone();
        let behind: BTreeSet<InspectionId> = moves
            .iter()
            .filter_map(|(_, moved)| match &moved.cause {
                MoveCause::Raised { inspection_id, .. } => inspection_id.clone(),
                MoveCause::Decided { .. } | MoveCause::SnoozeEnded => None,
            })
            .collect();
        // What raised it stands before what it raised.
        let below = moves.last().map_or(reach.size, |(at, _)| *at);
        let found = self.named((&subject, below), &behind, reach)?;
        let mut entries = self.entries(Role::Conclusion, moves.iter().map(|(at, _)| *at), reach)?;
        let statement = StatementDto::Alert(shown(&entries, "decision"));
        entries.extend(found.entries);
        Ok(Some(Told {
            about: AboutDto::Alert {
                alert: id.to_string(),
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
