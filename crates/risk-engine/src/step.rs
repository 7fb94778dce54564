//! The one door: an input goes in, what follows from it comes out.
//!
//! `step` judges: it takes an input into the evidence, closes the epochs that the watermark allows,
//! and states what it concludes as [`Effect`]s. `fold` does not judge: it takes recorded inputs
//! into the evidence and applies recorded effects. Both share every line that changes the state.

mod command;

use crate::alert::{self, Alerts};
use crate::appraise::decided;
use crate::assessment::Assessment;
use crate::case::Cases;
use crate::decisions::Decisions;
use crate::digest::{self, StateHash};
use crate::duties::Duties;
use crate::event_time::{Clocks, Epoch, EpochCalendar, PartitionIx, SourcePartition};
use crate::evidence::{Pending, Row, Tallies, Verdict};
use crate::family::{Families, Member};
use crate::frame::{Frame, Known, place_of};
use crate::grade;
use crate::hazard_items::HazardItems;
use crate::input::{
    Accepted, Effect, EngineRejection, Input, Linked, Outcome, Recorded, Recorder, ResultInput,
    Step,
};
use crate::model::Model;
use crate::paged::Paged;
use crate::plans::Plans;
use crate::policy::Policy;
use crate::problems::Problems;
use crate::references::References;
use crate::sampling::Sampling;
use crate::series::AllSeries;
use crate::signals::Signals;
use crate::subjects::{Found, SubjectIx, Subjects};
use crate::supply::SupplyPaths;
use crate::taxonomy::Taxonomy;
use crate::warning::Warning;
use risk_domain::ids::{CommandId, InspectionId};
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Timestamp;
use risk_stats::decay::ForwardDecay;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands of a subject after the last close that changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) epoch: Epoch,
    pub(crate) level: RiskLevel,
    /// The level that was estimated; another where officers decided.
    pub(crate) estimated: RiskLevel,
    /// Of the decision that gives the level; 0 where none does.
    pub(crate) decided: u64,
    pub(crate) watch: bool,
    pub(crate) inherited: bool,
    pub(crate) band: i32,
    pub(crate) digest: u64,
}

impl Standing {
    /// What stands once this was concluded.
    pub(crate) fn of(assessment: &Assessment) -> Self {
        Self {
            epoch: assessment.epoch,
            level: assessment.level,
            estimated: assessment.estimated_level(),
            decided: decided(assessment.decision.as_ref()),
            watch: assessment.watch,
            inherited: assessment.inherited,
            band: assessment.band,
            digest: digest::of_assessment(assessment),
        }
    }
}

/// State of one subject.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubjectState {
    pub(crate) tallies: Tallies,
    pub(crate) standing: Option<Standing>,
}

/// The engine（风险引擎）: a policy, a taxonomy, and the state.
#[derive(Debug)]
pub struct Engine {
    pub(crate) policy: Arc<Policy>,
    pub(crate) bounds: grade::Bounds,
    pub(crate) calendar: EpochCalendar,
    pub(crate) decay: ForwardDecay,
    pub(crate) taxonomy: Taxonomy,
    pub(crate) subjects: Subjects,
    pub(crate) states: Paged<SubjectState>,
    /// How many subjects of a kind have which recorded level.
    pub(crate) graded: BTreeMap<(SubjectKind, RiskLevel), u64>,
    pub(crate) pending: Pending,
    pub(crate) families: Families,
    pub(crate) clocks: Clocks,
    pub(crate) last_closed: Option<Epoch>,
    /// Up to here nothing is left to close: nothing need be looked for until the watermark moves on,
    /// a family changes, or a record falls so far back.
    pub(crate) closed_through: Option<Epoch>,
    pub(crate) frame: Frame,
    pub(crate) decisions: Decisions,
    /// Commands on alerts, cases, problems and plans, with digests of their content.
    pub(crate) acted: BTreeMap<CommandId, u64>,
    pub(crate) model: Model,
    pub(crate) series: AllSeries,
    pub(crate) warning: Warning,
    pub(crate) alerts: Alerts,
    pub(crate) signals: Signals,
    pub(crate) paths: SupplyPaths,
    pub(crate) items: HazardItems,
    /// Records of duty that enterprises told.
    pub(crate) duties: Duties,
    /// The epoch of what was taken in last: what is raised by it belongs there. Set by every input and
    /// close that can raise something.
    pub(crate) placed: Epoch,
    pub(crate) cases: Cases,
    pub(crate) problems: Problems,
    pub(crate) plans: Plans,
    pub(crate) references: References,
}

impl Engine {
    /// An engine without evidence. Fails only on a half-life that the policy already refuses.
    pub fn new(
        policy: Arc<Policy>,
        taxonomy: Taxonomy,
    ) -> Result<Self, risk_stats::decay::HalfLifeError> {
        let decay = ForwardDecay::new(policy.time.half_life_days)?;
        Ok(Self {
            bounds: grade::Bounds::of(&policy.grade),
            calendar: EpochCalendar { time: policy.time },
            decay,
            taxonomy,
            subjects: Subjects::default(),
            states: Paged::default(),
            graded: BTreeMap::new(),
            pending: Pending::default(),
            families: Families::default(),
            clocks: Clocks::default(),
            last_closed: None,
            closed_through: None,
            frame: Frame::default(),
            decisions: Decisions::default(),
            acted: BTreeMap::new(),
            model: Model::new(policy.model.fields.clone(), &policy.model.prior),
            series: AllSeries::new(),
            warning: Warning::default(),
            alerts: Alerts::default(),
            signals: Signals::default(),
            paths: SupplyPaths::default(),
            items: HazardItems::default(),
            duties: Duties::default(),
            placed: Epoch(i64::MIN),
            cases: Cases::default(),
            problems: Problems::default(),
            plans: Plans::default(),
            references: References::default(),
            policy,
        })
    }

    /// The public name of an enterprise or a site, as the result observed last gave it.
    pub fn title(&self, subject: &Subject) -> Option<&str> {
        self.subjects
            .find(subject)
            .and_then(|at| self.subjects.title(at))
    }

    /// Whether a result ever touched this subject.
    pub fn knows(&self, subject: &Subject) -> bool {
        self.subjects.find(subject).is_some()
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What lies within what.
    pub fn taxonomy(&self) -> &Taxonomy {
        &self.taxonomy
    }

    /// A partition's number, for [`ResultInput`].
    pub fn partition(&mut self, name: &SourcePartition) -> PartitionIx {
        self.clocks.index_of(name)
    }

    /// The results that `result` refers to and that the engine must be shown with it.
    pub fn missing_links(&self, result: &InspectionResult) -> Vec<InspectionId> {
        let links = [&result.supersedes, &result.confirms].into_iter().flatten();
        let missing = links.filter(|id| !self.families.knows(id));
        missing.cloned().collect()
    }

    /// Partitions too far ahead of the slowest; the shell pauses them until they are not.
    pub fn too_far_ahead(&self) -> Vec<SourcePartition> {
        self.clocks.too_far_ahead(self.policy.time.max_ahead_millis)
    }

    /// The latest `observed_at` of every partition, by name.
    pub fn partition_clocks(&self) -> impl Iterator<Item = (&SourcePartition, Option<Timestamp>)> {
        self.clocks.all()
    }

    /// Whether a tick at `now` would close an epoch or let a term of a case lapse, with no partition holding the watermark. The
    /// shell records a tick only then, or when a partition has gone idle.
    pub fn would_close(&self, now: Timestamp) -> bool {
        let lapses = self.cases.next_lapse().is_some_and(|at| at <= now);
        let closes = || self.next_close(self.calendar.closable(now)).is_some();
        !self.clocks.any_holds() && (lapses || closes())
    }

    /// The instant of the next tick, at or before `now`: that by which one epoch closes, where several would.
    /// Ticks by these, the shell closes what a tick at `now` would close, with time for others in between.
    pub fn next_tick(&self, now: Timestamp) -> Timestamp {
        let through = self.calendar.closable(now);
        let first = self.next_close(through);
        let several = |first: &Epoch| self.next_close_after(Some(*first), through).is_some();
        let first = first.filter(several);
        first.map_or(now, |first| self.calendar.closable_at(first))
    }

    /// The last epoch that closed, and its end.
    pub fn last_closed(&self) -> Option<(Epoch, Timestamp)> {
        self.last_closed
            .map(|epoch| (epoch, self.calendar.end_of(epoch)))
    }

    /// The first instant after an epoch.
    pub fn end_of(&self, epoch: Epoch) -> Timestamp {
        self.calendar.end_of(epoch)
    }

    pub(crate) fn state(&self, subject: SubjectIx) -> &SubjectState {
        static NONE: SubjectState = SubjectState {
            tallies: Tallies::NONE,
            standing: None,
        };
        self.states.get(subject.0 as usize).unwrap_or(&NONE)
    }

    /// Number of subjects, by kind and recorded level.
    pub fn subject_counts(&self) -> BTreeMap<(SubjectKind, RiskLevel), u64> {
        let mut counts = self.graded.clone();
        for &kind in SubjectKind::ALL {
            let graded = self.graded.iter().filter(|((of, _), _)| *of == kind);
            let graded: u64 = graded.map(|(_, count)| count).sum();
            // What was never graded counts as undetermined.
            let rest = (self.subjects.count_of(kind) as u64).saturating_sub(graded);
            *counts.entry((kind, RiskLevel::Undetermined)).or_default() += rest;
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// Equal states have equal hashes, however they were reached.
    pub fn state_hash(&self) -> StateHash {
        digest::state_hash(self)
    }

    /// Takes an input and concludes what follows from it, all at once.
    pub fn step(&mut self, input: &Input<'_>) -> Step {
        let mut effects = Vec::new();
        let outcome = self.step_into(input, &mut effects);
        Step { outcome, effects }
    }

    /// Takes an input and hands what follows from it to `recorder`, one after the other, so that the
    /// conclusions of a close need not all be held at a time. They are applied to the state already.
    pub fn step_into(&mut self, input: &Input<'_>, recorder: &mut impl Recorder) -> Outcome {
        let mut effects = Vec::new();
        let outcome = match input {
            Input::Result(result) => self.step_result(result, &mut effects),
            Input::Registry { partition, entry } => self.step_entry(partition, entry),
            Input::Command { partition, command } => {
                self.step_command(partition, command, &mut effects)
            }
            Input::Signal { partition, signal } => {
                self.step_signal(partition, signal, &mut effects)
            }
            Input::Register(_) | Input::Hold(_) | Input::Tick { .. } | Input::Ended(_) => {
                self.admit_input(input);
                Outcome::Accepted(Accepted {
                    epoch: None,
                    late: false,
                })
            }
        };
        recorder.outcome(&outcome);
        self.judge_cases(&mut effects);
        recorder.record_all(&mut effects);
        self.close_due(matches!(input, Input::Ended(_)), recorder);
        self.lapse_due(&mut effects);
        recorder.record_all(&mut effects);
        outcome
    }

    /// Applies a recorded fact without judging.
    pub fn fold(&mut self, recorded: &Recorded<'_>) {
        match recorded {
            Recorded::Result {
                partition,
                result,
                epoch,
                linked,
            } => {
                let partition = self.clocks.index_of(partition);
                self.admit_result(partition, (result, Found::default()), *epoch, linked);
            }
            Recorded::Registry {
                partition,
                entry,
                epoch,
            } => {
                let partition = self.clocks.index_of(partition);
                self.admit_entry(partition, entry, *epoch);
            }
            Recorded::Command {
                partition,
                command,
                epoch,
            } => {
                let partition = self.clocks.index_of(partition);
                self.admit_command(partition, command, *epoch);
            }
            Recorded::Signal {
                partition,
                signal,
                epoch,
            } => {
                let partition = self.clocks.index_of(partition);
                self.admit_signal(partition, signal, *epoch);
            }
            Recorded::Input(input) => self.admit_input(input),
            Recorded::Effect(effect) => {
                self.apply(effect);
            }
        }
        // What followed stands recorded beside it.
        self.cases.judged();
    }

    fn step_result(&mut self, input: &ResultInput<'_>, effects: &mut Vec<Effect>) -> Outcome {
        let result = input.result;
        match input.seen {
            Some(seen) if seen == input.digest => return Outcome::Duplicate,
            Some(_) => return Outcome::Rejected(EngineRejection::IdentityConflict),
            None => {}
        }
        if self.families.would_cycle(result) {
            return Outcome::Rejected(EngineRejection::CorrectionCycle);
        }
        let clock = self.clocks.latest(input.partition);
        let (own, late) = self.calendar.assign(result.observed_at, clock);
        let epoch = own.max(self.first_open());
        self.admit_result(input.partition, (result, input.found), epoch, input.linked);
        for alert in alert::of_record(result, &self.policy) {
            self.raise(Box::new(alert), effects);
        }
        Outcome::Accepted(Accepted {
            epoch: Some(epoch),
            late: late || epoch > own,
        })
    }

    fn step_entry(&mut self, partition: &SourcePartition, entry: &RegistryEntry) -> Outcome {
        match self.frame.knows(entry, &self.subjects) {
            Known::Same => return Outcome::Duplicate,
            Known::Other => return Outcome::Rejected(EngineRejection::IdentityConflict),
            Known::No => {}
        }
        let partition = self.clocks.index_of(partition);
        let clock = self.clocks.latest(partition);
        let (own, late) = self.calendar.assign(entry.observed_at, clock);
        let epoch = own.max(self.first_open());
        self.admit_entry(partition, entry, epoch);
        Outcome::Accepted(Accepted {
            epoch: Some(epoch),
            late: late || epoch > own,
        })
    }

    /// Takes in what the register says; the close of its epoch puts it in force.
    fn admit_entry(&mut self, partition: PartitionIx, entry: &RegistryEntry, epoch: Epoch) {
        self.closed_through = self.closed_through.filter(|closed| *closed < epoch);
        self.frame.admit(epoch, entry.clone());
        self.clocks.advance(partition, entry.observed_at);
    }

    pub(crate) fn first_open(&self) -> Epoch {
        self.last_closed.map_or(Epoch(i64::MIN), Epoch::next)
    }

    /// Takes an accepted result into the evidence. The encoding of evidence is frozen per version.
    fn admit_result(
        &mut self,
        partition: PartitionIx,
        (result, found): (&InspectionResult, Found),
        epoch: Epoch,
        linked: &[Linked],
    ) {
        self.placed = epoch;
        self.paths.admit(result, epoch);
        self.items.admit(result, epoch);
        self.references.admit(result, self.reference_due(epoch));
        for link in linked {
            self.admit_link(link);
        }
        let row = self.row_of(result, found);
        let related = result.supersedes.is_some()
            || result.confirms.is_some()
            || self.families.contains(&result.inspection_id);
        if related {
            let member = Member::known(result, epoch, row);
            self.families
                .admit(&result.inspection_id, member, self.first_open(), false);
            self.closed_through = None;
        } else if let Some(row) = row {
            // So late that it falls into what was passed over without evidence.
            self.closed_through = self.closed_through.filter(|closed| *closed < epoch);
            self.pending.push(epoch, row);
        }
        self.cases
            .admit_result(result, epoch, &self.policy, &self.taxonomy);
        self.clocks.advance(partition, result.observed_at);
    }

    /// Makes a family member of a result that stood on its own so far.
    fn admit_link(&mut self, link: &Linked) {
        let id = &link.result.inspection_id;
        if self.families.knows(id) {
            return;
        }
        let row = self.row_of(&link.result, Found::default());
        let counted = link.epoch < self.first_open();
        if let (false, Some(row)) = (counted, row) {
            self.pending.take_back(link.epoch, row);
        }
        let member = Member::known(&link.result, link.epoch, row);
        self.families.admit(id, member, self.first_open(), counted);
    }

    /// What a result says as evidence, if it says anything.
    fn row_of(&mut self, result: &InspectionResult, found: Found) -> Option<Row> {
        let base = found.base;
        let base = base.unwrap_or_else(|| self.subjects.base_of(result, &self.taxonomy));
        self.subjects.entitle_base(base, result);
        let verdict = Verdict::of(result)?;
        let (settings, observers) = (&self.policy.model.settings, &mut self.model.observers);
        Some(Row {
            base,
            sampled: self.policy.time.offset.day_of(result.sampled_at),
            verdict,
            sampling: Sampling::of(result, settings, observers),
            channel: place_of(result.site.channel),
            retracts: false,
        })
    }

    fn admit_input(&mut self, input: &Input<'_>) {
        match input {
            Input::Result(_)
            | Input::Registry { .. }
            | Input::Command { .. }
            | Input::Signal { .. } => {}
            Input::Register(registration) => self.taxonomy.register(registration),
            Input::Hold(partitions) => {
                for name in *partitions {
                    let partition = self.clocks.index_of(name);
                    self.clocks.hold(partition);
                }
            }
            Input::Tick { now, idle } => {
                self.release(idle);
                // While a partition holds, its clock tells the time.
                if !self.clocks.any_holds() {
                    self.clocks.tick(*now);
                }
            }
            Input::Ended(partitions) => self.release(partitions),
        }
    }

    fn release(&mut self, partitions: &[SourcePartition]) {
        for name in partitions {
            let partition = self.clocks.index_of(name);
            self.clocks.release(partition);
        }
    }
}
