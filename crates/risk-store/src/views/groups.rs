//! Who is where（分组）: the order of subjects by probability, of a kind level by level and of its groups.
//!
//! Subjects of a kind that were seen in the very same zones and sectors are a **group**. A subject
//! stands in two orders only, that of its kind and level and that of its group, however deep its zone lies; what
//! is seen in a zone or a sector is found by merging the groups that it holds, and a whole kind by merging its levels. Which groups there are is
//! kept in memory; a group without subjects does no harm.

use super::query::SubjectQuery;
use super::{Damaged, Views, guard};
use crate::keys::{Key, Parts, Table};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::SubjectKind;
use risk_engine::Assessment;
use sled::Db;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

/// Between the ids of a group, which have no control characters; and between its zones and its sectors.
const NEXT_ID: char = '\u{1f}';
const SECTORS: char = '\u{1e}';
/// Groups that are merged for one question. More of them are nearly all there is: then the whole kind
/// is walked through, and what is elsewhere is passed over.
const MERGED: usize = 256;

/// What the key of a subject's place begins with, after its kind.
#[derive(Debug, Clone, Copy)]
enum Order<'a> {
    Level(RiskLevel),
    Group(&'a str),
}

impl Order<'_> {
    fn prefix(self, kind: SubjectKind) -> Key {
        let key = Key::of(Table::Probability).kind(kind);
        match self {
            Self::Level(level) => key.byte(0).text(level.code()),
            Self::Group(group) => key.byte(1).text(group),
        }
    }
}

fn group_of(assessment: &Assessment) -> String {
    let mut group = String::new();
    for zone in assessment.zones.iter() {
        group.push_str(zone.as_str());
        group.push(NEXT_ID);
    }
    group.push(SECTORS);
    for sector in assessment.sectors.iter() {
        group.push_str(sector.as_str());
        group.push(NEXT_ID);
    }
    group
}

/// Whether the subjects of a group may be asked for.
fn holds(group: &str, query: &SubjectQuery) -> bool {
    let (zones, sectors) = group.split_once(SECTORS).unwrap_or((group, ""));
    let among = |ids: &str, wanted: &str| ids.split(NEXT_ID).any(|id| id == wanted);
    let zone = query.zone.as_ref();
    let sector = query.sector.as_ref();
    zone.is_none_or(|zone| among(zones, zone.as_str()))
        && sector.is_none_or(|sector| among(sectors, sector.as_str()))
}

/// The groups that there are, each with its kind.
#[derive(Debug)]
pub(super) struct Groups(RwLock<BTreeSet<(SubjectKind, String)>>);

impl Groups {
    /// Finds the groups by leaping from one to the next.
    pub(super) fn load(db: &Db) -> Result<Self, Damaged> {
        guard(|| {
            let mut groups = BTreeSet::new();
            for kind in SubjectKind::ALL {
                let all = Key::of(Table::Probability).kind(*kind).byte(1);
                let mut from = Some(all.as_bytes().to_vec());
                while let Some(start) = from {
                    let Some((key, _)) = db.range(start..).next().transpose()? else {
                        break;
                    };
                    if !key.starts_with(all.as_bytes()) {
                        break;
                    }
                    let group = group_in(&key).ok_or_else(|| Damaged::because("a group's key"))?;
                    from = Order::Group(&group).prefix(*kind).after_prefix();
                    groups.insert((*kind, group));
                }
            }
            Ok(Self(RwLock::new(groups)))
        })
    }

    fn note(&self, kind: SubjectKind, group: String) {
        let group = (kind, group);
        let known = {
            let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
            groups.contains(&group)
        };
        if !known {
            let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
            groups.insert(group);
        }
    }
}

fn group_in(key: &[u8]) -> Option<String> {
    let mut parts = Parts::of(key, Table::Probability)?;
    parts.kind()?;
    parts.byte()?;
    parts.text()
}

impl Views {
    /// Keys under which an assessment is found by probability.
    pub(super) fn probability_keys(&self, assessment: &Assessment) -> [Vec<u8>; 2] {
        let subject = assessment.subject.to_string();
        let kind = assessment.subject.kind();
        let group = group_of(assessment);
        let orders = [Order::Level(assessment.level), Order::Group(&group)];
        let keys = orders.map(|order| {
            let key = order.prefix(kind).float_down(assessment.probability);
            key.text(&subject).into_bytes()
        });
        // Noted before the keys are written, so that nobody who asks in between misses them.
        self.groups.note(kind, group);
        keys
    }

    /// The orders to be merged for a question by probability, as prefixes of their keys.
    pub(super) fn orders(&self, kinds: &[SubjectKind], query: &SubjectQuery) -> Vec<Key> {
        let whole = || {
            let levels = RiskLevel::ALL.iter().copied();
            let asked = levels.filter(|level| query.level.is_none_or(|wanted| wanted == *level));
            let asked = asked.map(Order::Level);
            asked.flat_map(|level| kinds.iter().map(move |kind| level.prefix(*kind)))
        };
        if query.zone.is_none() && query.sector.is_none() {
            return whole().collect();
        }
        let groups = self.groups.0.read().unwrap_or_else(PoisonError::into_inner);
        let asked = groups
            .iter()
            .filter(|(kind, group)| kinds.contains(kind) && holds(group, query));
        let merged: Vec<Key> = asked
            .map(|(kind, group)| Order::Group(group).prefix(*kind))
            .take(MERGED + 1)
            .collect();
        if merged.len() > MERGED {
            whole().collect()
        } else {
            merged
        }
    }
}
