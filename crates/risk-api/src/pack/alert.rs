//! The pack of an alert: what changed of it, what raised it, and the results behind that.

use super::{MAX_MOVES, MAX_RAISES, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use risk_domain::ids::{AlertId, InspectionId, SignalId};
use risk_domain::time::Timestamp;
use risk_engine::{AlertMoved, AlertRule, AlertState, MoveCause};
use risk_store::Raise;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// From when it was raised first until it was closed, as far as its moves go.
fn span(first: &AlertMoved, last: &AlertMoved) -> RangeInclusive<Timestamp> {
    let closed = last.state == AlertState::Closed;
    let until = if closed { last.at } else { Timestamp::MAX };
    first.at..=until
}

/// Whether a raise rests on what is known of its subject, and names nothing of it.
fn is_of_subject(raise: &Raise) -> bool {
    let names_records = !(raise.results.is_empty() && raise.signals.is_empty());
    !(names_records || raise.alert.rule == AlertRule::DutyMissed)
}

impl Packer<'_> {
    pub(super) fn alert(&self, id: &AlertId, reach: &mut Reach) -> Result<Option<Told>, PackError> {
        let moves = self.reader.alert_moves(id, MAX_MOVES)?;
        let moves: Vec<_> = moves
            .into_iter()
            .filter(|(at, _)| *at < reach.size)
            .collect();
        let (Some((_, first)), Some((_, last))) = (moves.first(), moves.last()) else {
            return Ok(None);
        };
        let subject = first.subject.clone();
        reach.party = Some(subject.clone());
        let of = (&subject, first.hazard.as_ref());
        let span = span(first, last);
        let (raises, more_raises) = self.reader.raises(of, &span, reach.size, MAX_RAISES)?;
        let mut behind: BTreeSet<InspectionId> = BTreeSet::new();
        for (_, moved) in &moves {
            if let MoveCause::Raised { inspection_id, .. } = &moved.cause {
                behind.extend(inspection_id.clone());
            }
        }
        behind.extend(raises.iter().flat_map(|raise| raise.results.clone()));
        let mut found = self.named(&behind, reach)?;
        let heard: BTreeSet<SignalId> = raises
            .iter()
            .flat_map(|raise| raise.signals.clone())
            .collect();
        let of_subject = raises.iter().rev().find(|raise| is_of_subject(raise));
        if let Some(raise) = of_subject {
            let within = (&subject, raise.alert.zone.as_ref());
            let known = self.of_subject(within, raise.entry, reach)?;
            found.take_in(known);
        }
        let mut entries = self.entries(Role::Conclusion, moves.iter().map(|(at, _)| *at), reach)?;
        let statement = StatementDto::Alert(shown(&entries, "decision"));
        let raised = raises.iter().map(|raise| raise.entry);
        entries.extend(self.entries(Role::Raise, raised, reach)?);
        entries.extend(self.signals(&heard, reach)?);
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
            more_results: found.more || more_raises,
            counted_results: None,
            documents: Vec::new(),
        }))
    }
}
