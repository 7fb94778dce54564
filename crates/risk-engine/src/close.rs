//! Closes（关期）: what belongs to an epoch is counted, and subjects are judged.
//!
//! A close judges from epochs up to its own only, whatever has been read beyond; so after it nothing
//! depends on how partitions interleaved. A daily close judges what it counted, the last of a week
//! everything. The close after it puts the parameters in force that were fitted to all it had seen.

use crate::alert::{self, Alert, Behind, Raising};
use crate::appraise::{Judged, Surroundings};
use crate::assessment::Assessment;
use crate::event_time::Epoch;
use crate::evidence::Tallies;
use crate::input::{Effect, Recorder};
use crate::model::week_of;
use crate::paged::Paged;
use crate::spread::spread;
use crate::step::{Engine, Standing, SubjectState};
use crate::subjects::{SubjectIx, name_begins};
use risk_domain::scales::RiskLevel;

/// Assessments that stand in memory at a time while a close writes them out.
const WRITTEN_AT_ONCE: usize = 65_536;

/// The alert of a level that rose, and where it belongs.
type Rise = (Alert, Raising);

/// What a thread wrote out of a close.
struct Written<R: Recorder> {
    assessments: R::Assessments,
    standings: Vec<(SubjectIx, Standing)>,
    /// Alerts of levels that rose.
    rises: Vec<Rise>,
}

impl<R: Recorder> Default for Written<R> {
    fn default() -> Self {
        Self {
            assessments: R::Assessments::default(),
            standings: Vec::new(),
            rises: Vec::new(),
        }
    }
}

impl Engine {
    /// Closes what the watermark allows. When a source `ended` and none holds, all that was seen closes.
    pub(crate) fn close_due(&mut self, ended: bool, recorder: &mut impl Recorder) {
        let by_watermark = self
            .clocks
            .slowest()
            .map(|slowest| self.calendar.closable(slowest));
        let through = if ended && !self.clocks.any_holds() {
            let seen = self.clocks.fastest().map(|at| self.calendar.epoch_of(at));
            seen.max(by_watermark)
        } else {
            by_watermark
        };
        let Some(through) = through else {
            return;
        };
        if self.closed_through.is_some_and(|closed| closed >= through) {
            return;
        }
        while let Some(epoch) = self.next_close(through) {
            self.close(epoch, recorder);
        }
        self.closed_through = Some(through);
    }

    /// The next epoch to close, up to `through`: one with evidence, or the end of a week.
    pub(crate) fn next_close(&self, through: Epoch) -> Option<Epoch> {
        self.next_close_after(self.last_closed, through)
    }

    /// The same after an epoch, as if it were the last that closed.
    pub(crate) fn next_close_after(&self, last: Option<Epoch>, through: Epoch) -> Option<Epoch> {
        let with_rows = |first: Option<Epoch>, second: Option<Epoch>| match (first, second) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let next = match last {
            None => {
                let rows = with_rows(self.pending.first(), self.families.first_open());
                let told = with_rows(self.frame.first_open(), self.decisions.first_due());
                with_rows(with_rows(rows, told), self.signals.first_due())?
            }
            Some(last) => {
                let from = last.next();
                let rows = with_rows(self.pending.next_from(from), self.families.next_from(from));
                let rows = with_rows(rows, self.frame.next_from(from));
                let rows = with_rows(rows, self.decisions.next_from(from));
                let rows = with_rows(rows, self.signals.next_from(from));
                let week_end = self.calendar.week_end(from);
                rows.map_or(week_end, |rows| rows.min(week_end))
            }
        };
        (next <= through).then_some(next)
    }

    fn close(&mut self, epoch: Epoch, recorder: &mut impl Recorder) {
        let mut effects = Vec::new();
        self.conclude_rates(&mut effects);
        if let Some(snapshot) = self.take_fit() {
            self.conclude(Effect::SnapshotFitted(Box::new(snapshot)), &mut effects);
        }
        self.tell_waking(epoch, &mut effects);
        let complained = self.signals.due_by(epoch);
        let paths = self.paths_due(epoch);
        let refused = self.refused_references(epoch);
        let touched = self.conclude(Effect::EpochClosed(epoch), &mut effects);
        let refused = refused.into_iter().map(Box::new);
        effects.extend(refused.map(Effect::ReferenceRefused));
        self.raise_complaints(&complained, epoch, &mut effects);
        self.raise_paths(&paths, epoch, &mut effects);
        let weekly = self.calendar.ends_week(epoch);
        if weekly {
            self.warn(epoch, &mut effects);
            self.raise_items(epoch, &mut effects);
            self.remind_of_duties(epoch, &mut effects);
        }
        recorder.record_all(&mut effects);
        let judged: Vec<SubjectIx> = if weekly {
            self.subjects.all().collect()
        } else {
            touched
        };
        let rises = self.assess(&judged, epoch, recorder);
        for (rise, raising) in rises.into_iter().flatten() {
            self.raise_as(raising, rise, Behind::Record, &mut effects);
        }
        recorder.record_all(&mut effects);
    }

    /// Judges subjects and records what changed, in the order of names; returns the alerts of levels
    /// that rose, in parts. Of a million assessments only some stand there at a time, in the recorder's form.
    fn assess<R: Recorder>(
        &mut self,
        subjects: &[SubjectIx],
        epoch: Epoch,
        recorder: &mut R,
    ) -> Vec<Vec<Rise>> {
        let this = &*self;
        let outlook = this.outlook(None).of_all(subjects);
        let occasion = this.occasion(epoch);
        let changed = spread(subjects.len(), |part| {
            let part = subjects.get(part).into_iter().flatten();
            let judged = part.filter_map(|subject| {
                let judged = this.judge(&outlook, &occasion, *subject)?;
                Some((name_begins(this.subjects.name(*subject)), *subject, judged))
            });
            judged.collect::<Vec<_>>()
        });
        // Numbers of subjects depend on arrival, names do not.
        let mut order: Vec<&(_, SubjectIx, Judged)> = changed.iter().flatten().collect();
        order.sort_unstable_by(|(one, first, _), (other, second, _)| {
            let name = |subject: &SubjectIx| this.subjects.name(*subject);
            one.cmp(other).then_with(|| name(first).cmp(name(second)))
        });
        let mut standings = Vec::with_capacity(order.len());
        let mut rises = Vec::new();
        for some in order.chunks(WRITTEN_AT_ONCE) {
            let written = spread(some.len(), |part| {
                let mut written = Written::<R>::default();
                let mut around = Surroundings::default();
                for (_, subject, judged) in some.get(part).into_iter().flatten() {
                    let at = (&occasion, &mut around);
                    if let Some(assessment) = this.written_out(&outlook, at, *subject, judged) {
                        this.write(*subject, assessment, &mut written);
                    }
                }
                written
            });
            for part in written {
                standings.extend(part.standings);
                rises.push(part.rises);
                recorder.assessed(part.assessments);
            }
        }
        for (subject, standing) in standings {
            self.stand(subject, standing);
        }
        rises
    }

    /// Adds what was concluded of a subject, and what follows from it.
    fn write<R: Recorder>(
        &self,
        subject: SubjectIx,
        assessment: Assessment,
        written: &mut Written<R>,
    ) {
        let before = self.state(subject).standing;
        let before = before.map_or(RiskLevel::Undetermined, |standing| standing.estimated);
        let ended_at = self.calendar.end_of(assessment.epoch);
        let rise = alert::of_rise(before, &assessment, ended_at, &self.policy);
        written.rises.extend(rise.map(|rise| {
            let raising = Raising::of(&rise, &Behind::Record);
            (rise, raising)
        }));
        written.standings.push((subject, Standing::of(&assessment)));
        R::gather(&mut written.assessments, assessment);
    }

    pub(crate) fn conclude(&mut self, effect: Effect, effects: &mut Vec<Effect>) -> Vec<SubjectIx> {
        let touched = self.apply(&effect);
        effects.push(effect);
        touched
    }

    /// Applies an effect; the only place where conclusions change the state. Returns the subjects
    /// whose evidence a close counted.
    pub(crate) fn apply(&mut self, effect: &Effect) -> Vec<SubjectIx> {
        match effect {
            Effect::EpochClosed(epoch) => {
                let ended_at = self.calendar.end_of(*epoch);
                let terms = self.policy.alert.standing;
                self.alerts.settle(*epoch, ended_at, &terms);
                self.placed = *epoch;
                self.signals.settle(*epoch);
                let since = (self.paths_from(*epoch), self.paths_since(*epoch));
                self.paths.settle(*epoch, since);
                self.references.settle(*epoch);
                self.items.settle(*epoch, self.items_since(*epoch));
                self.settle_duties(*epoch);
                return self.count(*epoch);
            }
            Effect::Assessed(assessment) => {
                let subject = self.subjects.intern(&assessment.subject);
                self.stand(subject, Standing::of(assessment));
            }
            Effect::AlertRaised(alert) => self.take_raise(alert, &Behind::Record),
            Effect::SignalRaised(raised) => {
                self.take_raise(&raised.alert, &Behind::Signals(raised.signals.clone()));
            }
            Effect::ResultsRaised(raised) => {
                self.take_raise(&raised.alert, &Behind::Results(raised.inspections.clone()));
            }
            Effect::AlertTermsSet(terms) => self.alerts.set_terms(**terms),
            // What moved it stands in the raises and commands; what refers to nothing is told only.
            Effect::AlertMoved(_) | Effect::ReferenceRefused(_) => {}
            Effect::RatesTold(told) => self.extend_series(told),
            Effect::LevelsTold(told) => self.extend_levels(told),
            Effect::CoursesTold(told) => self.extend_courses(told),
            Effect::WeekWatched(settings) => {
                // What it alerted stands recorded beside it.
                self.watch(settings);
            }
            Effect::CaseMoved(moved) => self.cases.apply(moved, 0),
            Effect::CaseInserted(insert) => self.cases.apply(&insert.moved, insert.stays),
            Effect::CaseGone(id) => self.cases.apply_gone(id),
            Effect::SnapshotFitted(snapshot) => {
                self.model.adopt(snapshot, &self.subjects);
            }
        }
        Vec::new()
    }

    fn take_raise(&mut self, alert: &Alert, behind: &Behind) {
        let (raising, terms) = (Raising::of(alert, behind), self.policy.alert.standing);
        self.alerts
            .raise(self.placed, (alert, behind), raising, &terms);
    }

    /// Puts what stands of a subject in the place of what stood before, and counts it.
    pub(crate) fn stand(&mut self, subject: SubjectIx, standing: Standing) {
        self.states.fill(self.subjects.len(), SubjectState::default);
        let Some(state) = self.states.get_mut(subject.0 as usize) else {
            return;
        };
        let kind = self.subjects.kind(subject);
        if let Some(before) = state.standing.replace(standing) {
            let count = self.graded.entry((kind, before.level)).or_default();
            *count = count.saturating_sub(1);
        }
        *self.graded.entry((kind, standing.level)).or_default() += 1;
    }

    /// Counts what belongs to an epoch that closes.
    fn count(&mut self, epoch: Epoch) -> Vec<SubjectIx> {
        let mut rows = self.pending.remove(epoch);
        rows.extend(self.families.close(epoch));
        // Rows of one base together: sums are added to each subject once, however many rows.
        rows.sort_unstable_by_key(|row| row.base);
        self.states.fill(self.subjects.len(), SubjectState::default);
        let mut touched = Vec::new();
        let mut add = |states: &mut Paged<SubjectState>, subject: SubjectIx, sums: &Tallies| {
            if let Some(state) = states.get_mut(subject.0 as usize) {
                state.tallies.merge(sums);
                touched.push(subject);
            }
        };
        let week = week_of(self.calendar.day_of(epoch));
        let mut above = vec![Tallies::NONE; self.subjects.above_count()];
        for of_base in rows.chunk_by(|one, other| one.base == other.base) {
            let Some(first) = of_base.first() else {
                continue;
            };
            self.subjects.link(first.base);
            let channel = of_base.iter().map(|row| row.channel).min();
            let channel = channel.unwrap_or(u8::MAX);
            self.frame.test(first.base, channel, &self.subjects, week);
            let mut sums = Tallies::NONE;
            for row in of_base {
                sums.add(row, &self.decay);
            }
            let base = self.subjects.base(first.base);
            for subject in base.own() {
                add(&mut self.states, subject, &sums);
            }
            if let Some(shared) = above.get_mut(base.above as usize) {
                shared.merge(&sums);
            }
        }
        for (at, sums) in above
            .iter()
            .enumerate()
            .filter(|(_, sums)| !sums.is_untouched())
        {
            let subjects = self.subjects.above(at as u32);
            for (place, subject) in subjects.iter().enumerate() {
                // A product without a sector stands twice; it is counted once.
                if !subjects
                    .iter()
                    .take(place)
                    .any(|earlier| earlier == subject)
                {
                    add(&mut self.states, *subject, sums);
                }
            }
        }
        self.model.count(&rows, &self.subjects);
        self.take_entries(epoch);
        let due = self.decisions.take_due(epoch);
        touched.extend(due.iter().filter_map(|subject| self.subjects.find(subject)));
        self.last_closed = Some(epoch);
        self.cases.close(epoch);
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}
