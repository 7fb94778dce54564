//! A fit that is due（待拟合任务）: frozen at a weekly close, run by whoever comes first.
//!
//! The shell may run it beside the stream; where it has not, the next close does. The outcome is a
//! pure function of what was frozen, so nobody can tell who ran it.

use crate::event_time::Epoch;
use crate::logodds::snapshot::Numbers;
use crate::logodds::{self, Evidence, Frame, NO_GROUP, NO_OBSERVER, fit};
use crate::model::{Bins, Field, Model, Snapshot, week_of};
use crate::policy::Policy;
use crate::sampling::Numbered;
use crate::step::Engine;
use crate::subjects::{Subjects, ZONE};
use compact_str::CompactString;
use std::sync::{Arc, OnceLock};

/// All that a fit needs, in the order of names.
#[derive(Debug)]
pub struct FitTask {
    policy: Arc<Policy>,
    epoch: Epoch,
    as_of: u16,
    bins: Bins,
    warm: Option<Arc<logodds::Snapshot>>,
    /// Place of every base in the frame; [`NO_GROUP`] for one without evidence.
    places: Vec<u32>,
    /// Groups of the frame's targets, level by level, in the order of names.
    columns: Vec<Vec<u32>>,
    /// Weeks in which they exist, as far as the frame tells.
    lives: Vec<(u16, u16)>,
    /// Numbers in the snapshot in force, in the order of names.
    numbers: Numbers,
    fitted: OnceLock<Option<logodds::Snapshot>>,
}

impl FitTask {
    /// Fits, unless that is done already. Two callers wait for one fit.
    pub fn run(&self) {
        self.fitted();
    }

    /// What was found; none if the evidence and the settings do not fit together.
    pub(crate) fn fitted(&self) -> Option<&logodds::Snapshot> {
        self.fitted.get_or_init(|| self.fit()).as_ref()
    }

    fn fit(&self) -> Option<logodds::Snapshot> {
        let (all, fresh) = self.bins.all();
        let laboratories = ranks(&self.numbers.laboratories);
        let inspectors = ranks(&self.numbers.inspectors);
        let ordered = |mut rows: Vec<logodds::Row>| {
            for row in &mut rows {
                row.target = self.places[row.target as usize];
                row.laboratory = rank(&laboratories, row.laboratory);
                row.inspector = rank(&inspectors, row.inspector);
            }
            rows.sort_unstable();
            rows
        };
        let (all, fresh) = (ordered(all), ordered(fresh));
        let mut lives = self.lives.clone();
        for row in &all {
            if let Some((from, _)) = lives.get_mut(row.target as usize) {
                *from = row.week.min(*from);
            }
        }
        let mut frame = Frame::new(self.columns.len());
        let mut groups = vec![NO_GROUP; self.columns.len()];
        for (target, (from, until)) in lives.into_iter().enumerate() {
            for (slot, column) in groups.iter_mut().zip(&self.columns) {
                *slot = column[target];
            }
            frame.push(&groups, from, until);
        }
        let evidence = Evidence {
            fresh: Some(&fresh),
            ..Evidence::new(&frame, &all, self.as_of)
        };
        let warm = self.warm.as_ref();
        let warm = warm.map(|snapshot| snapshot.renumbered(&self.numbers));
        fit(&evidence, &self.policy.model.settings, warm.as_ref()).ok()
    }
}

/// Rank of each number; not every number has one.
fn ranks(order: &[u32]) -> Vec<u16> {
    let numbers = order.iter().max().map_or(0, |most| *most as usize + 1);
    let mut ranks = vec![NO_OBSERVER; numbers];
    for (rank, number) in (0..).zip(order) {
        if let Some(slot) = ranks.get_mut(*number as usize) {
            *slot = rank;
        }
    }
    ranks
}

fn rank(ranks: &[u16], number: u16) -> u16 {
    ranks
        .get(usize::from(number))
        .copied()
        .unwrap_or(NO_OBSERVER)
}

/// Groups of a level that have targets, in the order of their names.
struct Order {
    /// Number of the group of each rank.
    numbers: Vec<u32>,
    /// Rank of each number.
    ranks: Vec<u32>,
}

impl Order {
    fn of(field: Field, subjects: &Subjects) -> Self {
        let mut ranks = vec![NO_GROUP; field.count(subjects)];
        let mut named: Vec<(CompactString, u32)> = Vec::new();
        for (_, base) in subjects.linked() {
            let number = field.group(base, subjects);
            if let Some(slot) = ranks.get_mut(number as usize).filter(|at| **at == NO_GROUP) {
                *slot = 0;
                named.push((field.name(base, subjects), number));
            }
        }
        named.sort_unstable();
        let numbers: Vec<u32> = named.into_iter().map(|(_, number)| number).collect();
        for (rank, number) in (0..).zip(&numbers) {
            ranks[*number as usize] = rank;
        }
        Self { numbers, ranks }
    }

    fn rank(&self, number: u32) -> u32 {
        self.ranks.get(number as usize).copied().unwrap_or(NO_GROUP)
    }
}

/// Observers of counted results, in the order of their names.
fn by_name(known: &Numbered) -> Vec<u32> {
    known.counted().map(u32::from).collect()
}

impl Engine {
    /// The weekly close whose evidence no snapshot has seen yet.
    pub(crate) fn fit_due(&self) -> Option<Epoch> {
        let last = self.last_closed?;
        let seen = self.model.in_force.map(|in_force| in_force.epoch);
        let any = self.model.in_force.is_some() || !self.model.bins.added.is_empty();
        (self.calendar.ends_week(last) && seen < Some(last) && any).then_some(last)
    }

    /// The fit that is due, if any. Whoever runs it saves the next close the time.
    pub fn fit_task(&mut self) -> Option<Arc<FitTask>> {
        let epoch = self.fit_due()?;
        if let Some(task) = &self.model.task {
            return Some(Arc::clone(task));
        }
        let task = Arc::new(self.freeze(epoch));
        self.model.task = Some(Arc::clone(&task));
        Some(task)
    }

    fn freeze(&self, epoch: Epoch) -> FitTask {
        let (subjects, model) = (&self.subjects, &self.model);
        let fields = model.fields();
        let orders: Vec<Order> = fields
            .iter()
            .map(|field| Order::of(*field, subjects))
            .collect();
        let mut targets: Vec<(SmallGroups, u32)> = subjects
            .linked()
            .map(|(number, base)| {
                let ranks = fields.iter().zip(&orders);
                let ranks = ranks.map(|(field, order)| order.rank(field.group(base, subjects)));
                (ranks.collect(), number)
            })
            .collect();
        // Targets of the same groups, such as an enterprise's booths, stand in the order of sites.
        targets.sort_unstable_by(|(one, first), (other, second)| {
            let names = |base: u32| {
                let base = subjects.base(base);
                let zone = subjects.above(base.above).get(ZONE);
                let all = [Some(&base.site), Some(&base.cell), zone];
                all.map(|subject| subject.map(|subject| subjects.name(*subject)))
            };
            one.cmp(other)
                .then_with(|| names(*first).cmp(&names(*second)))
        });
        let mut places = vec![NO_GROUP; subjects.base_count()];
        let mut columns = vec![Vec::with_capacity(targets.len()); fields.len()];
        let mut lives = Vec::with_capacity(targets.len());
        for (place, (ranks, base)) in (0..).zip(&targets) {
            places[*base as usize] = place;
            lives.push(self.frame.weeks(*base));
            for (column, rank) in columns.iter_mut().zip(ranks) {
                column.push(*rank);
            }
        }
        FitTask {
            policy: Arc::clone(&self.policy),
            epoch,
            as_of: week_of(self.calendar.day_of(epoch)),
            bins: model.bins.clone(),
            warm: model.in_force.map(|_| Arc::clone(&model.snapshot)),
            places,
            columns,
            lives,
            numbers: Numbers {
                groups: orders.into_iter().map(|order| order.numbers).collect(),
                laboratories: by_name(&model.observers.laboratories),
                inspectors: by_name(&model.observers.inspectors),
            },
            fitted: OnceLock::new(),
        }
    }

    /// What the fit that is due found, as it stands in the ledger.
    pub(crate) fn take_fit(&mut self) -> Option<Snapshot> {
        let task = self.fit_task()?;
        let model = task.fitted()?.clone();
        Some(name_groups(&task, model, &self.model, &self.subjects))
    }
}

type SmallGroups = smallvec::SmallVec<[u32; 8]>;

fn name_groups(
    task: &FitTask,
    fitted: logodds::Snapshot,
    model: &Model,
    subjects: &Subjects,
) -> Snapshot {
    let mut names: Vec<Vec<CompactString>> = task
        .numbers
        .groups
        .iter()
        .map(|numbers| vec![CompactString::const_new(""); numbers.len()])
        .collect();
    for (number, base) in subjects.linked() {
        let place = task.places.get(number as usize).copied();
        for ((column, names), field) in task.columns.iter().zip(&mut names).zip(model.fields()) {
            let rank = place.and_then(|place| column.get(place as usize));
            let slot = rank.and_then(|rank| names.get_mut(*rank as usize));
            if let Some(slot) = slot.filter(|slot| slot.is_empty()) {
                *slot = field.name(base, subjects);
            }
        }
    }
    let observers = |numbers: &[u32], known: &Numbered| {
        let name = |number: &u32| CompactString::new(known.name(*number as u16));
        numbers.iter().map(name).collect()
    };
    let known = &model.observers;
    Snapshot {
        epoch: task.epoch,
        groups: names,
        laboratories: observers(&task.numbers.laboratories, &known.laboratories),
        inspectors: observers(&task.numbers.inspectors, &known.inspectors),
        model: fitted,
    }
}
