//! Evidence: integer sums per subject, a commutative monoid.
//!
//! Every result becomes at most one [`Row`], held by its epoch until that closes, and is then added
//! to the sums of each subject it touches: cell, enterprise, site, product, sector, and every zone
//! above the booth. Sums decay in sampled time by integer weights, so neither the order of arrival
//! nor the partition can show in them, and a correction subtracts exactly what it replaces.

use crate::event_time::Epoch;
use crate::taxonomy::Taxonomy;
use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;
use risk_domain::subject::Subject;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use risk_stats::decay::{ForwardDecay, Generation};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// A kind of evidence that is kept apart from every other（证据层）. The codes are frozen.
#[doc(alias = "证据层")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stratum {
    /// 风险评价.
    RiskEvaluation,
    /// 监督抽查.
    SupervisoryCheck,
    /// 专项抽查.
    SpecialCheck,
    /// 快检: a screen that no laboratory has confirmed.
    FastScreen,
    /// 快检, replaced by its laboratory confirmation.
    FastVerified,
    /// 执法抽检.
    EnforcementTest,
    /// 跟踪: follow-ups of an earlier failure, outside routine history.
    FollowUp,
    /// 拒检: refusals, which are no tests.
    Refusal,
    /// Failures whose worst item had this severity.
    Severity(Severity),
}

impl Stratum {
    /// Every stratum.
    pub const ALL: [Self; 12] = [
        Self::RiskEvaluation,
        Self::SupervisoryCheck,
        Self::SpecialCheck,
        Self::FastScreen,
        Self::FastVerified,
        Self::EnforcementTest,
        Self::FollowUp,
        Self::Refusal,
        Self::Severity(Severity::One),
        Self::Severity(Severity::Two),
        Self::Severity(Severity::Three),
        Self::Severity(Severity::Four),
    ];

    /// Name in records and messages.
    pub fn code(self) -> &'static str {
        match self {
            Self::RiskEvaluation => "risk_evaluation",
            Self::SupervisoryCheck => "supervisory_check",
            Self::SpecialCheck => "special_check",
            Self::FastScreen => "fast_screen",
            Self::FastVerified => "fast_verified",
            Self::EnforcementTest => "enforcement_test",
            Self::FollowUp => "follow_up",
            Self::Refusal => "refusal",
            Self::Severity(Severity::One) => "severity_1",
            Self::Severity(Severity::Two) => "severity_2",
            Self::Severity(Severity::Three) => "severity_3",
            Self::Severity(Severity::Four) => "severity_4",
        }
    }
}

/// What one result says, before it is known to whom: its stratum and verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) stratum: Stratum,
    pub(crate) nonconforming: bool,
    pub(crate) severity: Option<Severity>,
}

impl Verdict {
    /// What a result says as evidence; `None` for an event without a test or a refusal.
    pub(crate) fn of(result: &InspectionResult) -> Option<Self> {
        let nonconforming = match result.outcome {
            Outcome::Conforming => false,
            Outcome::Nonconforming => true,
            Outcome::Refused => {
                return Some(Self { stratum: Stratum::Refusal, nonconforming: false, severity: None });
            }
            Outcome::Terminated
            | Outcome::NotSampled
            | Outcome::RejectedByLab
            | Outcome::Untestable => return None,
        };
        let stratum = if result.follows_up() {
            Stratum::FollowUp
        } else {
            match (result.mode, result.test.kind) {
                (SelectionMode::FastTest, TestKind::Laboratory) => Stratum::FastVerified,
                (_, TestKind::Rapid) => Stratum::FastScreen,
                (SelectionMode::RiskEvaluation, TestKind::Laboratory) => Stratum::RiskEvaluation,
                (SelectionMode::SupervisoryCheck, TestKind::Laboratory) => Stratum::SupervisoryCheck,
                (SelectionMode::SpecialCheck, TestKind::Laboratory) => Stratum::SpecialCheck,
                (SelectionMode::EnforcementTest, TestKind::Laboratory) => Stratum::EnforcementTest,
            }
        };
        // A screen is no finding yet: it says nothing about how grave failures are.
        let severity = match stratum {
            Stratum::FastScreen => None,
            _tested => result.worst_severity().filter(|_| nonconforming),
        };
        Some(Self { stratum, nonconforming, severity })
    }
}

/// A subject's number within one engine. Numbers depend on arrival and never leave the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubjectIx(pub(crate) u32);

/// One result as evidence, or its retraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// What is touched: an entry of [`Subjects::bases`].
    pub(crate) base: u32,
    pub(crate) sampled: Day,
    pub(crate) verdict: Verdict,
    pub(crate) retracts: bool,
}

impl Row {
    /// The row that undoes this one.
    pub(crate) fn retraction(self) -> Self {
        Self { retracts: !self.retracts, ..self }
    }
}

/// Sums of one stratum and one generation of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) stratum: Stratum,
    pub(crate) generation: Generation,
    /// Results and nonconforming results, not decayed.
    pub(crate) count: i32,
    pub(crate) nonconforming: i32,
    /// The same, by integer decay weights.
    pub(crate) weight: i128,
    pub(crate) nonconforming_weight: i128,
}

/// Sums of one subject, ordered by stratum and generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tallies(Vec<Tally>);

impl Tallies {
    /// No evidence.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Adds one row.
    pub(crate) fn add(&mut self, row: &Row, decay: &ForwardDecay) {
        let Verdict { stratum, nonconforming, severity } = row.verdict;
        self.add_one(row, stratum, nonconforming, decay);
        if let Some(severity) = severity {
            self.add_one(row, Stratum::Severity(severity), true, decay);
        }
    }

    fn add_one(&mut self, row: &Row, stratum: Stratum, nonconforming: bool, decay: &ForwardDecay) {
        let (generation, weight) = decay.weight(row.sampled.get());
        let sign = if row.retracts { -1 } else { 1 };
        let weight = weight as i128 * i128::from(sign);
        let added = Tally {
            stratum,
            generation,
            count: sign,
            nonconforming: if nonconforming { sign } else { 0 },
            weight,
            nonconforming_weight: if nonconforming { weight } else { 0 },
        };
        self.merge_one(added);
    }

    pub(crate) fn merge_one(&mut self, added: Tally) {
        let key = (added.stratum, added.generation);
        match self.0.binary_search_by_key(&key, |tally| (tally.stratum, tally.generation)) {
            Ok(at) => {
                if let Some(tally) = self.0.get_mut(at) {
                    tally.count += added.count;
                    tally.nonconforming += added.nonconforming;
                    tally.weight += added.weight;
                    tally.nonconforming_weight += added.nonconforming_weight;
                }
            }
            Err(at) => self.0.insert(at, added),
        }
    }

    /// The sums that are not zero, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tally> {
        let is_zero = |tally: &&Tally| {
            tally.count != 0
                || tally.nonconforming != 0
                || tally.weight != 0
                || tally.nonconforming_weight != 0
        };
        self.0.iter().filter(is_zero)
    }

    /// Decayed counts of one stratum at a day: results and nonconforming results.
    pub(crate) fn decayed(&self, stratum: Stratum, decay: &ForwardDecay, at: Day) -> (f64, f64) {
        let of_stratum = self.0.iter().filter(|tally| tally.stratum == stratum);
        of_stratum.fold((0.0, 0.0), |(n, d), tally| {
            let scale = |sum| decay.value(tally.generation, sum, at.get());
            (n + scale(tally.weight), d + scale(tally.nonconforming_weight))
        })
    }

    /// Plain counts of one stratum: results and nonconforming results.
    pub(crate) fn counts(&self, stratum: Stratum) -> (i32, i32) {
        let of_stratum = self.0.iter().filter(|tally| tally.stratum == stratum);
        of_stratum.fold((0, 0), |(n, d), tally| (n + tally.count, d + tally.nonconforming))
    }
}

/// What one result touches.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Cell, enterprise, site, product, sector, then zones from the innermost out.
    pub(crate) subjects: Box<[SubjectIx]>,
}

impl Base {
    const CELL: usize = 0;
    const ENTERPRISE: usize = 1;
    const SITE: usize = 2;
    const ZONE: usize = 5;
}

/// All subjects, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    names: Vec<Subject>,
    by_name: HashTable<u32>,
    bases: Vec<Base>,
    by_parts: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// For each subject, what it is compared with and made of.
    kin: Vec<Kin>,
    titles: Vec<Title>,
}

/// What a subject lies in and is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kin {
    /// A cell's product and enterprise, a product's sector, a zone's parent; none at the top.
    pub(crate) parents: Vec<SubjectIx>,
    /// An enterprise's and a site's cells.
    pub(crate) cells: Vec<SubjectIx>,
    /// Where it was seen: the innermost zones of cells, enterprises and sites.
    pub(crate) zones: Vec<SubjectIx>,
}

/// A subject's public name, as the result observed last gave it.
#[derive(Debug, Clone, Default)]
struct Title {
    name: CompactString,
    observed_at: Option<Timestamp>,
}

impl Subjects {
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn name(&self, subject: SubjectIx) -> &Subject {
        &self.names[subject.0 as usize]
    }

    pub(crate) fn kin(&self, subject: SubjectIx) -> &Kin {
        &self.kin[subject.0 as usize]
    }

    pub(crate) fn base(&self, base: u32) -> &Base {
        &self.bases[base as usize]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = SubjectIx> + use<> {
        (0..self.names.len() as u32).map(SubjectIx)
    }

    pub(crate) fn find(&self, subject: &Subject) -> Option<SubjectIx> {
        let hash = self.hasher.hash_one(subject);
        let found = self.by_name.find(hash, |at| self.names[*at as usize] == *subject);
        found.map(|at| SubjectIx(*at))
    }

    pub(crate) fn intern(&mut self, subject: &Subject) -> SubjectIx {
        if let Some(found) = self.find(subject) {
            return found;
        }
        let at = self.names.len() as u32;
        self.names.push(subject.clone());
        self.kin.push(Kin::default());
        self.titles.push(Title::default());
        let hash = self.hasher.hash_one(subject);
        let Self { names, by_name, hasher, .. } = self;
        by_name.insert_unique(hash, at, |at| hasher.hash_one(&names[*at as usize]));
        SubjectIx(at)
    }

    /// 64 bits of a subject's name, the same in every engine.
    pub(crate) fn name_hash(&self, subject: SubjectIx) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.name(subject).to_string().as_bytes())
    }

    /// The public name of an enterprise or a site.
    pub(crate) fn title(&self, subject: SubjectIx) -> Option<&str> {
        let title = &self.titles[subject.0 as usize];
        title.observed_at.map(|_| title.name.as_str())
    }

    /// Keeps the name that the result observed last gives to the enterprise and the site.
    fn entitle(&mut self, base: u32, result: &InspectionResult) {
        let subjects = &self.bases[base as usize].subjects;
        for subject in [subjects[Base::ENTERPRISE], subjects[Base::SITE]] {
            let title = &mut self.titles[subject.0 as usize];
            let newer = (title.observed_at, &title.name) < (Some(result.observed_at), &result.site.name);
            if newer {
                title.observed_at = Some(result.observed_at);
                if title.name != result.site.name {
                    title.name = result.site.name.clone();
                }
            }
        }
    }

    /// A zone and everything it lies in.
    pub(crate) fn zone_and_above(&self, zone: SubjectIx) -> Vec<SubjectIx> {
        let mut path = vec![zone];
        while let Some(parent) = path.last().and_then(|last| self.kin(*last).parents.first()) {
            if path.contains(parent) {
                break;
            }
            path.push(*parent);
        }
        path
    }

    /// The base of a result, made on first sight.
    pub(crate) fn base_of(&mut self, result: &InspectionResult, taxonomy: &Taxonomy) -> u32 {
        let hash = self.parts_hash(result);
        let found = self.by_parts.find(hash, |at| self.is_base_of(*at, result));
        if let Some(found) = found {
            return *found;
        }
        let base = self.new_base(result, taxonomy);
        let at = self.bases.len() as u32;
        self.bases.push(base);
        let mut hashes = std::mem::take(&mut self.by_parts);
        hashes.insert_unique(hash, at, |at| self.base_hash(*at));
        self.by_parts = hashes;
        at
    }

    fn parts_hash(&self, result: &InspectionResult) -> u64 {
        let site = &result.site;
        let product = &result.product.category;
        self.hasher.hash_one((&site.enterprise_id, &site.site_id, &site.zone_id, product))
    }

    fn base_hash(&self, at: u32) -> u64 {
        let subjects = &self.bases[at as usize].subjects;
        let parts = (
            self.name(subjects[Base::CELL]),
            self.name(subjects[Base::SITE]),
            self.name(subjects[Base::ZONE]),
        );
        match parts {
            (Subject::Cell(enterprise, product), Subject::Site(site), Subject::Zone(zone)) => {
                self.hasher.hash_one((enterprise, site, zone, product))
            }
            _other => 0,
        }
    }

    fn is_base_of(&self, at: u32, result: &InspectionResult) -> bool {
        let subjects = &self.bases[at as usize].subjects;
        let cell = matches!(
            self.name(subjects[Base::CELL]),
            Subject::Cell(enterprise, product)
                if *enterprise == result.site.enterprise_id && *product == result.product.category
        );
        let site = matches!(self.name(subjects[Base::SITE]), Subject::Site(id) if *id == result.site.site_id);
        let zone = matches!(self.name(subjects[Base::ZONE]), Subject::Zone(id) if *id == result.site.zone_id);
        cell && site && zone
    }

    fn new_base(&mut self, result: &InspectionResult, taxonomy: &Taxonomy) -> Base {
        let enterprise_id = &result.site.enterprise_id;
        let product_id = &result.product.category;
        let cell = self.intern(&Subject::Cell(enterprise_id.clone(), product_id.clone()));
        let enterprise = self.intern(&Subject::Enterprise(enterprise_id.clone()));
        let site = self.intern(&Subject::Site(result.site.site_id.clone()));
        let product = self.intern(&Subject::Product(product_id.clone()));
        let sector = taxonomy.sector_of(product_id).cloned().map(Subject::Sector);
        let sector = sector.map(|sector| self.intern(&sector));
        let zones: Vec<SubjectIx> = taxonomy
            .zone_path(&result.site.zone_id)
            .into_iter()
            .map(|zone| self.intern(&Subject::Zone(zone)))
            .collect();

        self.kin[cell.0 as usize].parents = vec![product, enterprise];
        for owner in [enterprise, site] {
            let cells = &mut self.kin[owner.0 as usize].cells;
            if let Err(at) = cells.binary_search(&cell) {
                cells.insert(at, cell);
            }
        }
        for seen in [cell, enterprise, site] {
            let places = &mut self.kin[seen.0 as usize].zones;
            places.extend(zones.first());
            places.sort();
            places.dedup();
        }
        self.kin[product.0 as usize].parents = sector.into_iter().collect();
        for pair in zones.windows(2) {
            if let [zone, parent] = pair {
                self.kin[zone.0 as usize].parents = vec![*parent];
            }
        }
        // A product without a sector stands in the sector's place, so that zones keep theirs; the
        // doubled entry is dropped when rows are added.
        let mut subjects = vec![cell, enterprise, site, product, sector.unwrap_or(product)];
        subjects.extend(zones);
        Base { subjects: subjects.into_boxed_slice() }
    }
}

/// Rows by the epoch that will close them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    rows: BTreeMap<Epoch, Vec<Row>>,
}

impl Pending {
    pub(crate) fn push(&mut self, epoch: Epoch, row: Row) {
        self.rows.entry(epoch).or_default().push(row);
    }

    /// Takes one row back that was pushed before its epoch closed.
    pub(crate) fn take_back(&mut self, epoch: Epoch, row: Row) -> bool {
        let Some(rows) = self.rows.get_mut(&epoch) else {
            return false;
        };
        let found = rows.iter().position(|other| *other == row);
        found.is_some_and(|at| {
            rows.swap_remove(at);
            true
        })
    }

    pub(crate) fn first(&self) -> Option<Epoch> {
        self.rows.keys().next().copied()
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.rows.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    pub(crate) fn remove(&mut self, epoch: Epoch) -> Vec<Row> {
        self.rows.remove(&epoch).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Epoch, &Row)> {
        self.rows.iter().flat_map(|(epoch, rows)| rows.iter().map(|row| (*epoch, row)))
    }
}

/// The row of a result, if it is evidence at all.
pub(crate) fn row_of(
    result: &InspectionResult,
    subjects: &mut Subjects,
    taxonomy: &Taxonomy,
    offset: CivilOffset,
) -> Option<Row> {
    let base = subjects.base_of(result, taxonomy);
    subjects.entitle(base, result);
    let verdict = Verdict::of(result)?;
    Some(Row { base, sampled: offset.day_of(result.sampled_at), verdict, retracts: false })
}
