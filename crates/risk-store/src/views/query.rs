//! Questions to the views（查询）, each a page at a time.

use super::row::{GradeRow, grade_key};
use super::{Damaged, Views, cursor};
use crate::error::StoreError;
use crate::keys::{Key, Parts, Table};
use crate::records::{DeadLetter, RejectionSummary};
use risk_domain::ids::{AlertId, HazardCode, SectorCode, ZoneId};
use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Timestamp;
use risk_engine::{Alert, AlertMoved, AlertRule, Assessment, CaseMove};
use serde::de::DeserializeOwned;
use sled::IVec;
use std::collections::BTreeMap;

/// Rows looked at for one page. A page may therefore hold fewer rows than asked for and still have
/// a next one; only a page without `next` is the last.
const SCANNED_ROWS: usize = 20_000;

/// One page of a list（分页）.
#[doc(alias = "分页")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Which subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectQuery {
    /// Of this kind.
    pub kind: Option<SubjectKind>,
    /// Seen in this zone or below it.
    pub zone: Option<ZoneId>,
    /// Seen in this sector.
    pub sector: Option<SectorCode>,
    /// Graded so.
    pub level: Option<RiskLevel>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectOrder {
    /// The most probable failure first.
    ProbabilityDesc,
    /// The least probable failure first.
    ProbabilityAsc,
    /// By name, which begins with the kind.
    Name,
}

/// Which raises of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Of this level.
    pub level: Option<AlertLevel>,
    /// About this subject.
    pub subject: Option<Subject>,
    /// Raised by this rule.
    pub rule: Option<AlertRule>,
    /// Raised at this instant of the data's time, or later.
    pub since: Option<Timestamp>,
    /// Raised at this instant, or earlier.
    pub until: Option<Timestamp>,
    /// Of this hazard, or of none.
    pub hazard: Option<Option<HazardCode>>,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterQuery {
    /// Rejected for this reason.
    pub code: Option<String>,
}

/// An outgoing event.
#[derive(Debug, Clone, PartialEq)]
pub enum OutEvent {
    /// A subject's recorded level changed.
    Grade(Box<Assessment>),
    /// An alert opened, or something of it changed.
    Alert(Box<AlertMoved>),
    /// A record was rejected.
    DeadLetter(Box<DeadLetter>),
    /// A case was opened, went on, or had something noted.
    Case(Box<CaseMove>),
}

/// A dead letter as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// Its ledger entry, under which the record itself is found.
    pub entry: u64,
    /// What is known of it without the record.
    pub summary: RejectionSummary,
}

/// How the views stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewStats {
    /// All ledger entries below this one are shown.
    pub position: u64,
    /// Entries of the ledger that are durable.
    pub ledger_entries: u64,
    /// Blocks of the ledger that are durable.
    pub ledger_blocks: u64,
    /// Bytes of the views on disk.
    pub view_bytes: u64,
    /// Dead letters by reason code.
    pub dead_letters: BTreeMap<String, u64>,
}

/// One way through the views: the tables to merge, and where each page ends.
#[derive(Clone)]
pub(super) struct Walk {
    prefixes: Vec<Key>,
    backwards: bool,
    /// The end of the key after which the page begins.
    after: Option<Vec<u8>>,
    limit: usize,
}

/// Rows of a walk with the ends of their keys, and whether more may follow.
pub(super) struct Walked<T> {
    rows: Vec<T>,
    last: Option<Vec<u8>>,
    more: bool,
}

impl<T> Walked<T> {
    pub(super) fn page(self, list: u32) -> Page<T> {
        let last = self.last.filter(|_| self.more);
        Page {
            next: last.map(|last| cursor::encode(list, &last)),
            items: self.rows,
        }
    }
}

type Row = sled::Result<(IVec, IVec)>;

/// What a row of a walk is to its page.
pub(super) enum Pick<T> {
    Take(T),
    Pass,
    /// Neither this row nor any after it.
    Stop,
}

impl Views {
    pub(super) fn decoded<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Damaged> {
        match self.db.get(key)? {
            Some(value) => Ok(Some(postcard::from_bytes(&value)?)),
            None => Ok(None),
        }
    }

    pub(super) fn dead_letter_counts(&self) -> Result<BTreeMap<String, u64>, Damaged> {
        let mut counts = BTreeMap::new();
        for row in self.db.scan_prefix([Table::DeadLetterCount as u8]) {
            let (key, value) = row?;
            let parts = Parts::of(&key, Table::DeadLetterCount);
            let code = parts.and_then(|mut parts| parts.text());
            let count = <[u8; 8]>::try_from(value.as_ref()).ok();
            let (Some(code), Some(count)) = (code, count) else {
                return Err(Damaged::because("a count that cannot be read"));
            };
            counts.insert(code, u64::from_be_bytes(count));
        }
        Ok(counts)
    }

    /// Walks several tables at once, in the order of what follows their prefixes.
    pub(super) fn walk<T>(
        &self,
        walk: &Walk,
        mut pick: impl FnMut(&[u8], &[u8]) -> Result<Pick<T>, Damaged>,
    ) -> Result<Walked<T>, Damaged> {
        let mut tables = Vec::new();
        for prefix in &walk.prefixes {
            let mut rows = self.rows(walk, prefix);
            tables.push((prefix.as_bytes().len(), rows.next().transpose()?, rows));
        }
        let mut walked = Walked {
            rows: Vec::new(),
            last: None,
            more: false,
        };
        for scanned in 0.. {
            let heads = tables.iter().enumerate().filter_map(|(at, table)| {
                let (prefix, Some((key, _)), _) = table else {
                    return None;
                };
                Some((key.get(*prefix..)?, at))
            });
            let first = if walk.backwards {
                heads.max()
            } else {
                heads.min()
            };
            let Some((_, at)) = first else {
                break;
            };
            if walked.rows.len() == walk.limit || scanned == SCANNED_ROWS {
                walked.more = true;
                break;
            }
            let Some((prefix, head, rows)) = tables.get_mut(at) else {
                break;
            };
            let next = rows.next().transpose()?;
            let Some((key, value)) = std::mem::replace(head, next) else {
                break;
            };
            match pick(&key, &value)? {
                Pick::Take(row) => walked.rows.push(row),
                Pick::Pass => {}
                Pick::Stop => break,
            }
            walked.last = key.get(*prefix..).map(<[u8]>::to_vec);
        }
        Ok(walked)
    }

    fn rows(&self, walk: &Walk, prefix: &Key) -> Box<dyn Iterator<Item = Row>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = Included(prefix.as_bytes().to_vec());
        let end = prefix.after_prefix().map_or(Unbounded, Excluded);
        let after = walk.after.as_ref();
        let place = after.map(|after| Excluded(prefix.clone().bytes(after).into_bytes()));
        if walk.backwards {
            let range = (start, place.unwrap_or(end));
            Box::new(self.db.range::<Vec<u8>, _>(range).rev())
        } else {
            let range = (place.unwrap_or(start), end);
            Box::new(self.db.range::<Vec<u8>, _>(range))
        }
    }

    pub(crate) fn subject(&self, subject: &Subject) -> Result<Option<Assessment>, Damaged> {
        let row = self.db.get(grade_key(subject))?;
        row.map(|row| GradeRow::assessment_of(&row)).transpose()
    }

    pub(crate) fn alert(&self, id: &AlertId) -> Result<Option<Alert>, Damaged> {
        self.decoded(Key::of(Table::Alert).text(id.as_str()).as_bytes())
    }

    /// What changed of an alert, each with its entry, in the ledger's order; the last `max` of it.
    pub(crate) fn alert_moves(
        &self,
        id: &AlertId,
        max: usize,
    ) -> Result<Vec<(u64, AlertMoved)>, Damaged> {
        let prefix = Key::of(Table::AlertMove).text(id.as_str());
        let rows = self.db.scan_prefix(prefix.as_bytes()).rev().take(max);
        let moves = rows.map(|row| {
            let (key, value) = row?;
            let mut parts = Parts::of(&key, Table::AlertMove);
            let entry = parts.as_mut().and_then(|parts| {
                parts.text()?;
                parts.number()
            });
            let entry = entry.ok_or_else(|| Damaged::because("a key of an alert's move"))?;
            Ok((entry, postcard::from_bytes(&value)?))
        });
        let mut moves = moves.collect::<Result<Vec<_>, Damaged>>()?;
        moves.reverse();
        Ok(moves)
    }

    pub(crate) fn shown_to(&self) -> Result<u64, Damaged> {
        self.position()
    }

    pub(crate) fn bytes_on_disk(&self) -> Result<u64, Damaged> {
        Ok(self.db.size_on_disk()?)
    }

    pub(crate) fn counts(&self) -> Result<BTreeMap<String, u64>, Damaged> {
        self.dead_letter_counts()
    }
}

/// Which subjects, and in which order.
pub(crate) struct Subjects {
    query: SubjectQuery,
    order: SubjectOrder,
}

/// A list that is asked for page by page: its walk, its number, its filter.
pub(crate) struct List<Q> {
    query: Q,
    number: u32,
    walk: Walk,
}

impl<Q> List<Q> {
    pub(super) fn query(&self) -> &Q {
        &self.query
    }

    pub(super) fn walk(&self) -> &Walk {
        &self.walk
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn new(
        query: Q,
        name: &str,
        prefixes: Vec<Key>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let list = cursor::list(name);
        let after = cursor
            .map(|cursor| cursor::decode(list, cursor))
            .transpose()?;
        Ok(Self {
            query,
            number: list,
            walk: Walk {
                prefixes,
                backwards: false,
                after,
                limit,
            },
        })
    }
}

impl List<Subjects> {
    pub(crate) fn subjects(
        query: SubjectQuery,
        order: SubjectOrder,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let name = format!("subjects {query:?} {order:?}");
        let asked = Subjects { query, order };
        // Which tables there are to merge is known when a page is asked for.
        let mut list = Self::new(asked, &name, Vec::new(), limit, cursor)?;
        list.walk.backwards = order == SubjectOrder::ProbabilityAsc;
        Ok(list)
    }

    fn wants(&self, assessment: &Assessment) -> bool {
        let SubjectQuery {
            kind: _,
            zone,
            sector,
            level,
        } = &self.query.query;
        zone.as_ref()
            .is_none_or(|zone| assessment.zones.contains(zone))
            && sector
                .as_ref()
                .is_none_or(|sector| assessment.sectors.contains(sector))
            && level.is_none_or(|level| assessment.level == level)
    }

    fn prefixes(&self, views: &Views) -> Vec<Key> {
        let Subjects { query, order } = &self.query;
        let kinds = match query.kind {
            Some(kind) => vec![kind],
            None => SubjectKind::ALL.to_vec(),
        };
        match order {
            SubjectOrder::Name => {
                let grades = kinds.iter().map(|kind| Key::of(Table::Grade).kind(*kind));
                grades.collect()
            }
            SubjectOrder::ProbabilityDesc | SubjectOrder::ProbabilityAsc => {
                views.orders(&kinds, query)
            }
        }
    }

    pub(crate) fn page(&self, views: &Views) -> Result<Page<Assessment>, Damaged> {
        let walk = Walk {
            prefixes: self.prefixes(views),
            ..self.walk.clone()
        };
        let walked = views.walk(&walk, |key, value| {
            let found = if key.first() == Some(&(Table::Grade as u8)) {
                Some(GradeRow::assessment_of(value)?)
            } else {
                let subject = subject_of(key).ok_or_else(|| Damaged::because("an index key"))?;
                views.subject(&subject)?
            };
            // A grade that moved since the index was read is found under its new place.
            let found = found.filter(|assessment| self.wants(assessment));
            Ok(found.map_or(Pick::Pass, Pick::Take))
        })?;
        Ok(walked.page(self.number))
    }
}

fn subject_of(key: &[u8]) -> Option<Subject> {
    let mut parts = Parts::of(key, Table::Probability)?;
    parts.kind()?;
    parts.byte()?;
    parts.text()?;
    parts.float_down()?;
    parts.text()?.parse().ok()
}

impl List<AlertQuery> {
    pub(crate) fn alerts(
        query: AlertQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let prefix = match &query.subject {
            Some(subject) => Key::of(Table::AlertOfSubject).text(&subject.to_string()),
            None => Key::of(Table::AlertByTime),
        };
        let name = format!("alerts {query:?}");
        Self::new(query, &name, vec![prefix], limit, cursor)
    }

    pub(crate) fn page(&self, views: &Views) -> Result<Page<Alert>, Damaged> {
        let AlertQuery {
            level,
            subject: _,
            rule,
            since,
            until,
            hazard,
        } = &self.query;
        let walked = views.walk(&self.walk, |key, _| {
            let (raised, id) = raised_of(key).ok_or_else(|| Damaged::because("an alert key"))?;
            if since.is_some_and(|since| raised < since.millis()) {
                return Ok(Pick::Stop);
            }
            if until.is_some_and(|until| raised > until.millis()) {
                return Ok(Pick::Pass);
            }
            let alert = views
                .alert(&id)?
                .ok_or_else(|| Damaged::because("an alert key without alert"))?;
            let wanted = level.is_none_or(|level| alert.level == level)
                && rule.is_none_or(|rule| alert.rule == rule)
                && hazard.as_ref().is_none_or(|hazard| alert.hazard == *hazard);
            Ok(if wanted {
                Pick::Take(alert)
            } else {
                Pick::Pass
            })
        })?;
        Ok(walked.page(self.number))
    }
}

fn raised_of(key: &[u8]) -> Option<(i64, AlertId)> {
    let mut parts = if let Some(parts) = Parts::of(key, Table::AlertByTime) {
        parts
    } else {
        let mut parts = Parts::of(key, Table::AlertOfSubject)?;
        parts.text()?;
        parts
    };
    let raised = parts.signed_down()?;
    Some((raised, AlertId::new(parts.text()?).ok()?))
}

impl List<DeadLetterQuery> {
    pub(crate) fn dead_letters(
        query: DeadLetterQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let prefix = Key::of(Table::DeadLetter);
        let name = format!("dead letters {query:?}");
        Self::new(query, &name, vec![prefix], limit, cursor)
    }

    pub(crate) fn page(&self, views: &Views) -> Result<Page<DeadLetterRow>, Damaged> {
        let walked = views.walk(&self.walk, |key, value| {
            let summary: RejectionSummary = postcard::from_bytes(value)?;
            let code = self.query.code.as_ref();
            if code.is_some_and(|code| summary.code != *code) {
                return Ok(Pick::Pass);
            }
            let parts = Parts::of(key, Table::DeadLetter);
            let entry = parts.and_then(|mut parts| parts.number_down());
            Ok(Pick::Take(DeadLetterRow {
                entry: entry.ok_or_else(|| Damaged::because("a dead letter's key"))?,
                summary,
            }))
        })?;
        Ok(walked.page(self.number))
    }
}
