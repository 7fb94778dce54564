//! The model as the engine runs it: bins of results, the snapshot in force, and what has come since.
//!
//! A close adds its results to the bins and to the sums since the snapshot, both integers, so that
//! their order does not show and a correction takes away exactly what it replaces. A weekly close is
//! followed by a fit of all bins, which the next close puts in force. Groups and targets go by
//! numbers that depend on arrival; a fit orders them by name first, so its outcome does not.

use crate::event_time::Epoch;
use crate::evidence::{Row, Stratum};
use crate::fit_task::FitTask;
use crate::logodds::rows::Key;
use crate::logodds::snapshot::Numbers;
use crate::logodds::{self, Basis, NO_GROUP, Settings, SinceSnapshot, Verification};
use crate::sampling::{Numbered, Observers};
use crate::subjects::{Base, SubjectIx, Subjects};
use compact_str::CompactString;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Day;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Parameters fitted at a weekly close（参数快照）; they apply from the next close on. This is how they
/// stand in the ledger: groups and observers by name, effects in the order of the names.
#[doc(alias = "参数快照")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The close that they were fitted at.
    pub epoch: Epoch,
    /// Names of the groups of every level.
    pub groups: Vec<Vec<CompactString>>,
    /// Names of the laboratories.
    pub laboratories: Vec<CompactString>,
    /// Names of the inspector groups.
    pub inspectors: Vec<CompactString>,
    /// What was found.
    pub model: logodds::Snapshot,
}

/// What a level groups targets by. The codes are those of a policy's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Sector,
    Product,
    Zone,
    ProductZone,
    Enterprise,
    Cell,
}

impl Field {
    const ALL: [Self; 6] = [
        Self::Sector,
        Self::Product,
        Self::Zone,
        Self::ProductZone,
        Self::Enterprise,
        Self::Cell,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Sector => "sector",
            Self::Product => "product",
            Self::Zone => "zone",
            Self::ProductZone => "product_zone",
            Self::Enterprise => "enterprise",
            Self::Cell => "cell",
        }
    }

    /// The fields of a model's levels, in their order; none if a level has a name that is no field.
    pub(crate) fn of_levels(settings: &Settings) -> Option<SmallVec<[Self; 8]>> {
        let field = |level: &logodds::Level| {
            Self::ALL
                .into_iter()
                .find(|field| field.code() == level.name)
        };
        settings.levels.iter().map(field).collect()
    }

    /// Kind of the subjects that are its groups; a product in a zone is no subject.
    fn kind(self) -> Option<SubjectKind> {
        match self {
            Self::Sector => Some(SubjectKind::Sector),
            Self::Product => Some(SubjectKind::Product),
            Self::Zone => Some(SubjectKind::Zone),
            Self::ProductZone => None,
            Self::Enterprise => Some(SubjectKind::Enterprise),
            Self::Cell => Some(SubjectKind::Cell),
        }
    }

    /// How many groups there may be.
    pub(crate) fn count(self, subjects: &Subjects) -> usize {
        self.kind()
            .map_or(subjects.pairs().len(), |kind| subjects.count_of(kind))
    }

    /// Group of a target.
    pub(crate) fn group(self, base: &Base, subjects: &Subjects) -> u32 {
        match self {
            Self::Enterprise => subjects.ordinal(base.enterprise),
            Self::Cell => subjects.ordinal(base.cell),
            Self::Sector | Self::Product | Self::Zone | Self::ProductZone => {
                self.group_above(base.above, subjects)
            }
        }
    }

    /// Group of all targets that share what lies above them; none for an enterprise or a cell.
    pub(crate) fn group_above(self, above: u32, subjects: &Subjects) -> u32 {
        match self.owner_above(above, subjects) {
            Some(subject) => subjects.ordinal(subject),
            None if self == Self::ProductZone => subjects.pair_of(above),
            None => NO_GROUP,
        }
    }

    fn owner_above(self, above: u32, subjects: &Subjects) -> Option<SubjectIx> {
        let [product, sector, zone] = *subjects.above(above).first_chunk()?;
        match self {
            // A product without a sector stands in its place.
            Self::Sector => (sector != product).then_some(sector),
            Self::Product => Some(product),
            Self::Zone => Some(zone),
            Self::ProductZone | Self::Enterprise | Self::Cell => None,
        }
    }

    /// Name of a target's group; empty where it has none.
    pub(crate) fn name(self, base: &Base, subjects: &Subjects) -> CompactString {
        use compact_str::ToCompactString;
        let owner = match self {
            Self::Enterprise => Some(base.enterprise),
            Self::Cell => Some(base.cell),
            Self::Sector | Self::Product | Self::Zone | Self::ProductZone => {
                self.owner_above(base.above, subjects)
            }
        };
        match (owner, subjects.above(base.above).first_chunk::<3>()) {
            (Some(subject), _) => subjects.name(subject).to_compact_string(),
            (None, Some([product, _, zone])) if self == Self::ProductZone => {
                pair_name(subjects, *product, *zone)
            }
            (None, _) => CompactString::const_new(""),
        }
    }

    /// Numbers of the groups of these names; [`NO_GROUP`] for one that is not known.
    fn find(self, names: &[CompactString], subjects: &Subjects) -> Vec<u32> {
        if self == Self::ProductZone {
            let pairs = (0..).zip(subjects.pairs());
            let by_name: BTreeMap<CompactString, u32> = pairs
                .map(|(number, (product, zone))| (pair_name(subjects, *product, *zone), number))
                .collect();
            let number = |name| by_name.get(name).copied().unwrap_or(NO_GROUP);
            return names.iter().map(number).collect();
        }
        let number = |name: &CompactString| {
            let subject: Option<Subject> = name.parse().ok();
            let found = subject.and_then(|subject| subjects.find(&subject));
            found.map_or(NO_GROUP, |subject| subjects.ordinal(subject))
        };
        names.iter().map(number).collect()
    }
}

fn pair_name(subjects: &Subjects, product: SubjectIx, zone: SubjectIx) -> CompactString {
    compact_str::format_compact!("{} {}", subjects.name(product), subjects.name(zone))
}

/// Groups of a target, level by level.
pub(crate) type Groups = SmallVec<[u32; 8]>;

/// Weeks since the one in which 1970 began, from Monday to Sunday.
pub(crate) fn week_of(day: Day) -> u16 {
    u16::try_from((day.get() + 3).div_euclid(7)).unwrap_or(0)
}

/// The Monday of a week.
pub(crate) fn monday_of(week: u16) -> Day {
    Day::new(i32::from(week) * 7 - 3)
}

/// The bin of a piece of evidence, if the model counts it at all.
pub(crate) fn bin_of(row: &Row) -> Option<logodds::Row> {
    match row.verdict.stratum {
        Stratum::RiskEvaluation
        | Stratum::SupervisoryCheck
        | Stratum::SpecialCheck
        | Stratum::FastScreen
        | Stratum::FastVerified
        | Stratum::EnforcementTest => {}
        // A follow-up is no routine history, a refusal no test, and a severity no result.
        Stratum::FollowUp | Stratum::Refusal | Stratum::Severity(_) => return None,
    }
    let sampling = row.sampling;
    let bin = logodds::Row {
        laboratory: sampling.laboratory,
        inspector: sampling.inspector,
        drawn: sampling.drawn,
        ..logodds::Row::new(
            row.base,
            week_of(row.sampled),
            sampling.mode,
            sampling.basis,
        )
    };
    let bin = bin.by_method(sampling.method, sampling.verification);
    Some(bin.counting(1, u32::from(row.verdict.nonconforming)))
}

/// Bins of results: those that the snapshot in force was fitted to, and those since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bins {
    pub(crate) settled: Arc<Vec<logodds::Row>>,
    pub(crate) added: Vec<logodds::Row>,
    pub(crate) taken: Vec<logodds::Row>,
}

impl Bins {
    /// What has come since the snapshot in force, and what was taken away of what it had seen.
    pub(crate) fn fresh(&self) -> (Vec<logodds::Row>, Vec<logodds::Row>) {
        less(self.added.clone(), &self.taken)
    }

    /// All bins, and those of them that are new.
    pub(crate) fn all(&self) -> (Vec<logodds::Row>, Vec<logodds::Row>) {
        let (fresh, older) = self.fresh();
        let mut all = Vec::with_capacity(self.settled.len() + fresh.len());
        all.extend_from_slice(&self.settled);
        all.extend_from_slice(&fresh);
        let (all, _) = less(logodds::merge(all), &older);
        (all, fresh)
    }

    fn settle(&mut self) {
        let (all, _) = self.all();
        *self = Self {
            settled: Arc::new(all),
            ..Self::default()
        };
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        let bins = [&*self.settled, &self.added, &self.taken];
        bins.map(|bins| bins.capacity() * size_of::<logodds::Row>())
            .into_iter()
            .sum()
    }
}

/// Merged bins less others, and what of the others could not be taken away.
fn less(
    mut from: Vec<logodds::Row>,
    taken: &[logodds::Row],
) -> (Vec<logodds::Row>, Vec<logodds::Row>) {
    let mut owed: BTreeMap<Key, logodds::Row> = taken.iter().map(|row| (row.key(), *row)).collect();
    if owed.is_empty() {
        return (from, Vec::new());
    }
    from.retain_mut(|row| {
        if let Some(debt) = owed.get_mut(&row.key()) {
            let pay = |have: &mut u32, debt: &mut u32| {
                let paid = (*have).min(*debt);
                *have -= paid;
                *debt -= paid;
            };
            pay(&mut row.results, &mut debt.results);
            pay(&mut row.nonconforming, &mut debt.nonconforming);
            pay(&mut row.tested, &mut debt.tested);
            pay(&mut row.failed, &mut debt.failed);
        }
        row.tested > 0
    });
    owed.retain(|_, debt| debt.tested > 0);
    (from, owed.into_values().collect())
}

/// The close whose snapshot is in force, and 128 bits of what stands of it in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    pub(crate) epoch: Epoch,
    pub(crate) digest: u128,
}

/// The model's state.
#[derive(Debug)]
pub(crate) struct Model {
    fields: SmallVec<[Field; 8]>,
    pub(crate) in_force: Option<InForce>,
    /// Of the policy's prior until a fit is in force. Groups and observers by number.
    pub(crate) snapshot: Arc<logodds::Snapshot>,
    pub(crate) bins: Bins,
    pub(crate) since: SinceSnapshot,
    pub(crate) observers: Observers,
    /// The fit that is due, once somebody asked for it.
    pub(crate) task: Option<Arc<FitTask>>,
}

impl Model {
    pub(crate) fn new(fields: SmallVec<[Field; 8]>, prior: &Arc<logodds::Snapshot>) -> Self {
        Self {
            fields,
            in_force: None,
            snapshot: Arc::clone(prior),
            bins: Bins::default(),
            since: SinceSnapshot::new(prior),
            observers: Observers::default(),
            task: None,
        }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Groups of a target.
    pub(crate) fn groups(&self, base: &Base, subjects: &Subjects) -> Groups {
        let group = |field: &Field| field.group(base, subjects);
        self.fields.iter().map(group).collect()
    }

    /// Counts what a close counted.
    pub(crate) fn count(&mut self, rows: &[Row], subjects: &Subjects) {
        let before = (self.bins.added.len(), self.bins.taken.len());
        let mut heard = Heard::new(&self.snapshot, &self.fields, subjects);
        for row in rows {
            let Some(bin) = bin_of(row) else { continue };
            self.observers.laboratories.count(bin.laboratory);
            self.observers.inspectors.count(bin.inspector);
            heard.add(&mut self.since, &bin, row.retracts);
            if row.retracts {
                self.bins.taken.push(bin);
            } else {
                self.bins.added.push(bin);
            }
        }
        let bins = &mut self.bins;
        for (bins, before) in [(&mut bins.added, before.0), (&mut bins.taken, before.1)] {
            if bins.len() > before {
                *bins = logodds::merge(std::mem::take(bins));
            }
        }
    }

    /// Sums of rows that no close has counted yet, under the snapshot in force.
    pub(crate) fn open<'a>(
        &self,
        rows: impl Iterator<Item = &'a Row>,
        subjects: &Subjects,
    ) -> SinceSnapshot {
        let mut since = SinceSnapshot::new(&self.snapshot);
        let mut heard = Heard::new(&self.snapshot, &self.fields, subjects);
        for row in rows {
            if let Some(bin) = bin_of(row) {
                heard.add(&mut since, &bin, row.retracts);
            }
        }
        since
    }

    /// Puts a recorded snapshot in force: what came before it is settled.
    pub(crate) fn adopt(&mut self, recorded: &Snapshot, subjects: &Subjects) {
        let turned = |found: Vec<u32>, count: usize| {
            let mut numbers = vec![NO_GROUP; count];
            for (rank, number) in (0..).zip(found) {
                if let Some(slot) = numbers.get_mut(number as usize) {
                    *slot = rank;
                }
            }
            numbers
        };
        let levels = self.fields.iter().zip(&recorded.groups);
        let groups = levels
            .map(|(field, names)| turned(field.find(names, subjects), field.count(subjects)))
            .collect();
        let observers = |names: &[CompactString], known: &mut Numbered| {
            let found = names.iter().map(|name| u32::from(known.number(name)));
            let found = found.collect();
            turned(found, known.len())
        };
        let numbers = Numbers {
            groups,
            laboratories: observers(&recorded.laboratories, &mut self.observers.laboratories),
            inspectors: observers(&recorded.inspectors, &mut self.observers.inspectors),
        };
        let bytes = postcard::to_stdvec(recorded).unwrap_or_default();
        self.in_force = Some(InForce {
            epoch: recorded.epoch,
            digest: xxhash_rust::xxh3::xxh3_128(&bytes),
        });
        self.snapshot = Arc::new(recorded.model.renumbered(&numbers));
        self.bins.settle();
        self.since = SinceSnapshot::new(&self.snapshot);
        self.task = None;
    }

    /// Puts back what a checkpoint held; the sums since the snapshot follow from it.
    pub(crate) fn restore(
        &mut self,
        in_force: Option<InForce>,
        snapshot: Option<logodds::Snapshot>,
        subjects: &Subjects,
    ) {
        self.in_force = in_force;
        if let Some(snapshot) = snapshot {
            self.snapshot = Arc::new(snapshot);
        }
        let mut since = SinceSnapshot::new(&self.snapshot);
        let mut heard = Heard::new(&self.snapshot, &self.fields, subjects);
        for (bins, taken) in [(&self.bins.added, false), (&self.bins.taken, true)] {
            // One result after the other: rounding is of each.
            for single in bins.iter().flat_map(singles) {
                heard.add(&mut since, &single, taken);
            }
        }
        self.since = since;
    }
}

/// Takes results into sums since a snapshot. Those of a target mostly come one after another, so that
/// what is expected of it is found once.
struct Heard<'a> {
    snapshot: &'a logodds::Snapshot,
    fields: &'a [Field],
    subjects: &'a Subjects,
    /// The last target and mode, its groups, and its log-odds.
    last: Option<((u32, u8), Groups, f64)>,
}

impl<'a> Heard<'a> {
    fn new(snapshot: &'a logodds::Snapshot, fields: &'a [Field], subjects: &'a Subjects) -> Self {
        Self {
            snapshot,
            fields,
            subjects,
            last: None,
        }
    }

    fn add(&mut self, since: &mut SinceSnapshot, bin: &logodds::Row, retracts: bool) {
        let of = (bin.target, bin.mode);
        let (_, groups, log_odds) = match self.last.take() {
            Some(last) if last.0 == of => self.last.insert(last),
            Some(_) | None => {
                let base = self.subjects.base(bin.target);
                let groups = self
                    .fields
                    .iter()
                    .map(|field| field.group(base, self.subjects));
                let groups: Groups = groups.collect();
                let log_odds = self.snapshot.in_mode(bin.mode, &groups);
                self.last.insert((of, groups, log_odds))
            }
        };
        let sum = self.snapshot.surprise_at(bin, *log_odds);
        since.combine(sum, groups, if retracts { -1 } else { 1 });
    }
}

/// The results of a bin, one by one.
fn singles(bin: &logodds::Row) -> impl Iterator<Item = logodds::Row> + use<> {
    let bin = *bin;
    (0..bin.results).map(move |at| bin.counting(1, u32::from(at < bin.nonconforming)))
}

/// Basis by its number in checkpoints.
pub(crate) const BASES: [Basis; 3] = [Basis::Ignorable, Basis::Random, Basis::Informative];
/// Verification by its number in checkpoints.
pub(crate) const VERIFICATIONS: [Verification; 3] = [
    Verification::None,
    Verification::OfPositive,
    Verification::OfNegative,
];
