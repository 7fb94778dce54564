//! Families: results that refer to one another, by correction (`supersedes`) or confirmation
//! (`confirms`).
//!
//! What a family adds to the evidence is a pure function of the set of its members that are known
//! at an epoch, so it does not matter in which order they arrived:
//!
//! * a correction counts only once its original is known, and replaces it;
//! * of several last versions the one observed last counts, then the one with the greater id;
//! * a laboratory result that confirms a fast test replaces it: it counts once, as a verified fast
//!   test at the time of the fast test; until that is known it stands on its own.

use crate::backing::Counting;
use crate::event_time::Epoch;
use crate::evidence::{Row, Stratum, Verdict};
use risk_domain::ids::InspectionId;
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One member, known or only referred to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) supersedes: Option<InspectionId>,
    pub(crate) confirms: Option<InspectionId>,
    pub(crate) known: Option<Known>,
}

/// What a known member says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) observed_at: Timestamp,
    pub(crate) epoch: Epoch,
    pub(crate) laboratory: bool,
    pub(crate) row: Option<Row>,
}

impl Member {
    pub(crate) fn known(result: &InspectionResult, epoch: Epoch, row: Option<Row>) -> Self {
        Self {
            supersedes: result.supersedes.clone(),
            confirms: result.confirms.clone(),
            known: Some(Known {
                observed_at: result.observed_at,
                epoch,
                laboratory: result.test.kind == TestKind::Laboratory,
                row,
            }),
        }
    }

    fn placeholder() -> Self {
        Self {
            supersedes: None,
            confirms: None,
            known: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Family {
    members: BTreeMap<InspectionId, Member>,
    /// What this family has added to closed evidence.
    closed: Vec<Row>,
}

/// All families, by any member.
#[derive(Debug, Clone, Default)]
pub(crate) struct Families {
    of: BTreeMap<InspectionId, u32>,
    by_key: BTreeMap<u32, Family>,
    next: u32,
    /// What each family adds to epochs that are still open.
    open: BTreeMap<Epoch, BTreeMap<u32, Vec<Row>>>,
}

impl Families {
    pub(crate) fn contains(&self, id: &InspectionId) -> bool {
        !self.of.is_empty() && self.of.contains_key(id)
    }

    /// Whether the result itself is known here, not only referred to.
    pub(crate) fn knows(&self, id: &InspectionId) -> bool {
        self.member(id).is_some_and(|member| member.known.is_some())
    }

    /// Whether it is, of an epoch up to this one.
    pub(crate) fn knows_by(&self, id: &InspectionId, epoch: Epoch) -> bool {
        let known = self.member(id).and_then(|member| member.known.as_ref());
        known.is_some_and(|known| known.epoch <= epoch)
    }

    fn member(&self, id: &InspectionId) -> Option<&Member> {
        self.by_key.get(self.of.get(id)?)?.members.get(id)
    }

    /// Whether taking `result` would close a ring of corrections.
    pub(crate) fn would_cycle(&self, result: &InspectionResult) -> bool {
        let mut next = result.supersedes.as_ref();
        let mut seen = BTreeSet::new();
        while let Some(id) = next {
            if *id == result.inspection_id {
                return true;
            }
            if !seen.insert(id) {
                return false;
            }
            next = self
                .member(id)
                .and_then(|member| member.supersedes.as_ref());
        }
        false
    }

    /// Takes a member in and plans anew what its family adds to open epochs. `first_open` is the
    /// first epoch not yet closed; `counted` tells that the member's own row has been folded.
    pub(crate) fn admit(
        &mut self,
        id: &InspectionId,
        member: Member,
        first_open: Epoch,
        counted: bool,
    ) {
        let references = [member.supersedes.clone(), member.confirms.clone()];
        let key = self.family_of(id);
        if let Some(family) = self.by_key.get_mut(&key) {
            if counted {
                family
                    .closed
                    .extend(member.known.as_ref().and_then(|known| known.row));
            }
            family.members.insert(id.clone(), member);
        }
        for reference in references.into_iter().flatten() {
            let other = self.family_of(&reference);
            self.merge(key, other);
        }
        self.plan(key, first_open);
    }

    fn family_of(&mut self, id: &InspectionId) -> u32 {
        if let Some(key) = self.of.get(id) {
            return *key;
        }
        let key = self.next;
        self.next += 1;
        let members = BTreeMap::from([(id.clone(), Member::placeholder())]);
        self.by_key.insert(
            key,
            Family {
                members,
                closed: Vec::new(),
            },
        );
        self.of.insert(id.clone(), key);
        key
    }

    fn merge(&mut self, into: u32, from: u32) {
        if into == from {
            return;
        }
        let Some(absorbed) = self.by_key.remove(&from) else {
            return;
        };
        self.clear_plan(from);
        for id in absorbed.members.keys() {
            self.of.insert(id.clone(), into);
        }
        if let Some(family) = self.by_key.get_mut(&into) {
            family.members.extend(absorbed.members);
            family.closed.extend(absorbed.closed);
        }
    }

    fn clear_plan(&mut self, key: u32) {
        self.open.retain(|_, families| {
            families.remove(&key);
            !families.is_empty()
        });
    }

    /// Lays out what the family adds to each open epoch, from what has been counted on.
    fn plan(&mut self, key: u32, first_open: Epoch) {
        self.clear_plan(key);
        let Some(family) = self.by_key.get(&key) else {
            return;
        };
        let epochs: BTreeSet<Epoch> = family
            .members
            .values()
            .filter_map(|member| {
                member
                    .known
                    .as_ref()
                    .map(|known| known.epoch.max(first_open))
            })
            .collect();
        let mut counted = family.closed.clone();
        for epoch in epochs {
            let rows = family.rows_at(epoch);
            let change = difference(&counted, &rows);
            counted = rows;
            if !change.is_empty() {
                self.open.entry(epoch).or_default().insert(key, change);
            }
        }
    }

    /// Takes out what all families add at an epoch that closes, and counts it as closed.
    pub(crate) fn close(&mut self, epoch: Epoch) -> Vec<Row> {
        let Some(changes) = self.open.remove(&epoch) else {
            return Vec::new();
        };
        for key in changes.keys() {
            if let Some(family) = self.by_key.get_mut(key) {
                family.closed = family.rows_at(epoch);
            }
        }
        changes.into_values().flatten().collect()
    }

    /// How a member counts, by what is known at the end of `epoch`; none for a result without family.
    pub(crate) fn counting(&self, id: &InspectionId, epoch: Epoch) -> Option<Counting> {
        let family = self.by_key.get(self.of.get(id)?)?;
        Some(family.counting(id, epoch))
    }

    pub(crate) fn first_open(&self) -> Option<Epoch> {
        self.open.keys().next().copied()
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.open.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    /// Rows not yet closed.
    pub(crate) fn open_rows(&self) -> impl Iterator<Item = (Epoch, &Row)> {
        let per_epoch = self.open.iter();
        per_epoch
            .flat_map(|(epoch, families)| families.values().flatten().map(move |row| (*epoch, row)))
    }

    /// Every family's members and closed rows, for a checkpoint.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&BTreeMap<InspectionId, Member>, &[Row])> {
        self.by_key
            .values()
            .map(|family| (&family.members, family.closed.as_slice()))
    }

    /// Puts a family back from a checkpoint and plans its open epochs.
    pub(crate) fn restore(
        &mut self,
        members: BTreeMap<InspectionId, Member>,
        closed: Vec<Row>,
        first_open: Epoch,
    ) {
        let key = self.next;
        self.next += 1;
        self.of.extend(members.keys().map(|id| (id.clone(), key)));
        self.by_key.insert(key, Family { members, closed });
        self.plan(key, first_open);
    }

    /// Every member with what it refers to, by id: what the state hash and checkpoints cover.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&InspectionId, &Member)> {
        self.of.iter().filter_map(|(id, key)| {
            self.by_key
                .get(key)?
                .members
                .get(id)
                .map(|member| (id, member))
        })
    }
}

impl Family {
    /// The members known by the end of `epoch`.
    fn known_at(&self, epoch: Epoch) -> KnownMembers<'_> {
        let known = self.members.iter().filter_map(|(id, member)| {
            let known = member.known.as_ref()?;
            (known.epoch <= epoch).then_some((id, (member, known)))
        });
        known.collect()
    }

    /// How a member counts, by what is known at the end of `epoch`.
    fn counting(&self, id: &InspectionId, epoch: Epoch) -> Counting {
        let known = self.known_at(epoch);
        if !known.contains_key(id) {
            return Counting::NotClosed;
        }
        let effective = effective_versions(&known);
        let Some((_, own)) = effective.get(id) else {
            return match original_of(id, &known) {
                Some(_) => Counting::Replaced,
                None => Counting::Waiting,
            };
        };
        let verified = verifications(&known, &effective);
        if verified.spent.contains(id) {
            Counting::Confirms
        } else if own.row.is_none() {
            Counting::NoTest
        } else if verified.confirmed.contains_key(id) {
            Counting::Confirmed
        } else {
            Counting::Counted
        }
    }

    /// What the members known by the end of `epoch` add up to.
    fn rows_at(&self, epoch: Epoch) -> Vec<Row> {
        let known = self.known_at(epoch);
        let effective = effective_versions(&known);
        let Verifications { confirmed, spent } = verifications(&known, &effective);
        let row_of = |(id, (_, known)): (&&InspectionId, &(&Member, &Known))| -> Option<Row> {
            if spent.contains(*id) {
                return None;
            }
            let own = known.row?;
            let Some((_, laboratory)) = confirmed.get(*id) else {
                return Some(own);
            };
            let finding = effective[laboratory].1.row?;
            let positive = own.verdict.nonconforming;
            Some(Row {
                verdict: Verdict {
                    stratum: Stratum::FastVerified,
                    ..finding.verdict
                },
                sampling: own.sampling.verified(positive, finding.sampling.laboratory),
                ..own
            })
        };
        effective.iter().filter_map(row_of).collect()
    }
}

type KnownMembers<'a> = BTreeMap<&'a InspectionId, (&'a Member, &'a Known)>;

/// Which fast tests a laboratory confirmed, by which result; and all results that confirm one.
struct Verifications<'a> {
    confirmed: BTreeMap<&'a InspectionId, (Timestamp, &'a InspectionId)>,
    spent: BTreeSet<&'a InspectionId>,
}

fn verifications<'a>(known: &KnownMembers<'a>, effective: &KnownMembers<'a>) -> Verifications<'a> {
    let mut confirmed: BTreeMap<&InspectionId, (Timestamp, &InspectionId)> = BTreeMap::new();
    let mut spent: BTreeSet<&InspectionId> = BTreeSet::new();
    for (id, (member, laboratory)) in effective {
        let Some(target) = member.confirms.as_ref() else {
            continue;
        };
        let Some(screen) = effective_of(target, known, effective) else {
            continue;
        };
        let is_screen = known[screen]
            .1
            .row
            .is_some_and(|row| row.verdict.stratum == Stratum::FastScreen);
        if !laboratory.laboratory || laboratory.row.is_none() || !is_screen {
            continue;
        }
        spent.insert(id);
        let last = confirmed
            .entry(screen)
            .or_insert((laboratory.observed_at, id));
        *last = (*last).max((laboratory.observed_at, id));
    }
    Verifications { confirmed, spent }
}

/// Of each group of versions the one that counts: the last one observed among those that nothing
/// known supersedes and whose chain back to an original is complete.
fn effective_versions<'a>(known: &KnownMembers<'a>) -> KnownMembers<'a> {
    let superseded: BTreeSet<&InspectionId> = known
        .values()
        .filter_map(|(member, _)| member.supersedes.as_ref())
        .collect();
    let mut best: BTreeMap<&InspectionId, (Timestamp, &'a InspectionId)> = BTreeMap::new();
    for (id, (_, entry)) in known {
        if superseded.contains(id) {
            continue;
        }
        if let Some(original) = original_of(id, known) {
            let candidate = (entry.observed_at, *id);
            let last = best.entry(original).or_insert(candidate);
            *last = (*last).max(candidate);
        }
    }
    best.into_values().map(|(_, id)| (id, known[id])).collect()
}

/// The original at the start of a chain of corrections; `None` while a link is missing.
fn original_of<'a>(id: &'a InspectionId, known: &KnownMembers<'a>) -> Option<&'a InspectionId> {
    let mut at = id;
    for _ in 0..=known.len() {
        match known.get(at)?.0.supersedes.as_ref() {
            Some(earlier) => at = earlier,
            None => return known.get_key_value(at).map(|(id, _)| *id),
        }
    }
    None
}

/// The version that counts of the result that `target` names.
fn effective_of<'a>(
    target: &'a InspectionId,
    known: &KnownMembers<'a>,
    effective: &KnownMembers<'a>,
) -> Option<&'a InspectionId> {
    let original = original_of(target, known)?;
    effective
        .keys()
        .copied()
        .find(|id| original_of(id, known) == Some(original))
}

/// What must be added to `before` to get `after`.
fn difference(before: &[Row], after: &[Row]) -> Vec<Row> {
    let mut left = before.to_vec();
    let mut change = Vec::new();
    for row in after {
        if let Some(at) = left.iter().position(|other| other == row) {
            left.swap_remove(at);
        } else {
            change.push(*row);
        }
    }
    change.extend(left.into_iter().map(Row::retraction));
    change
}
