//! Series of pass rates（合格率序列）, week by week, of the city, of every sector, product and zone, and
//! of every channel and class of enterprises.
//!
//! The close that puts a snapshot in force first tells what came since the one before: the results,
//! each held against what that snapshot foretold of it, and the mean over the frame. So nothing is
//! ever held against a model that had seen it. What is told stands in the ledger.

use crate::event_time::Epoch;
use crate::input::Effect;
use crate::model::week_of;
use crate::rates::{
    Course, FrameWeek, MixShift, ModeShift, Observation, Rates, Share, WeekTally, mix_shift,
};
use crate::step::Engine;
use crate::subjects::{Base, SubjectIx};
use compact_str::{CompactString, ToCompactString, format_compact};
use risk_domain::ids::EnterpriseClass;
use risk_domain::inspection::Channel;
use risk_domain::selection::SelectionMode;
use risk_domain::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Name of the whole city as a domain; every other domain is named as its subject is.
pub const CITY: &str = "city";

/// Kind of a domain of everything in one channel, before its code.
pub const CHANNEL: &str = "channel";

/// Kind of a domain of all enterprises of one class, before the class.
pub const CLASS: &str = "class";

/// Binary places of sums of probabilities.
const PLACES: f64 = 4_294_967_296.0;

/// What came since the snapshot in force was fitted（周合格率汇总）, domain by domain.
#[doc(alias = "周合格率汇总")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeekRates {
    /// The close that it was told of, the last of its week.
    pub epoch: Epoch,
    /// Its week.
    pub week: u16,
    /// By domain: the frame of the week, and what was tested, late reports of earlier weeks included.
    pub domains: BTreeMap<CompactString, (FrameWeek, Vec<WeekTally>)>,
}

/// What lasts of the means over the frame that are told of the same week（周常态水平）: what the snapshot would
/// foretell without seasons, recent weeks and remedies. A fit finds the level anew each week; against
/// this the course from week to week shows.
#[doc(alias = "周常态水平")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeekLevels {
    /// The week.
    pub week: u16,
    /// Mean probability over the frame, by domain.
    pub domains: BTreeMap<CompactString, f64>,
}

/// How far the means over the frame of an earlier week lay above what lasts（周走势）, as the snapshot in force
/// sees it, which has seen the weeks after it: what breaks out in a week shows in the results of the next
/// ones only.
#[doc(alias = "周走势")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeekCourses {
    /// The week.
    pub week: u16,
    /// Of the mean probability over the frame in the season of that week, by domain.
    pub domains: BTreeMap<CompactString, Course>,
}

/// Weeks after which a week's course is told anew. The recent effects of a snapshot weigh results by a
/// half-life of some weeks, so that they tell the best of the weeks before its end.
pub const HINDSIGHT: u16 = 4;

/// The weeks of one domain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    frames: BTreeMap<u16, FrameWeek>,
    tallies: Vec<WeekTally>,
    /// What lasts of the mean over the frame, by week.
    lasting: BTreeMap<u16, f64>,
    /// The mean over the frame as a share of what lasts, by week, as it was told last.
    courses: BTreeMap<u16, Course>,
}

impl Series {
    /// Weeks from the first with a result or a frame to the last that was told; empty before that.
    pub fn weeks(&self) -> Range<u16> {
        let frame = self.frames.keys().next().copied();
        let tally = self.tallies.first().map(|tally| tally.week);
        let first = frame.into_iter().chain(tally).min().unwrap_or(0);
        let last = self.frames.keys().next_back();
        first..last.map_or(first, |last| last + 1)
    }

    /// The frame of a week.
    pub fn frame(&self, week: u16) -> Option<FrameWeek> {
        self.frames.get(&week).copied()
    }

    /// What lasts of the mean over the frame of a week.
    pub fn lasting(&self, week: u16) -> Option<f64> {
        self.lasting.get(&week).copied()
    }

    /// The mean over the frame of a week as a share of what of it lasts: what the snapshot before the week
    /// foretold, and after [`HINDSIGHT`] weeks what one that has seen them found.
    pub fn course(&self, week: u16) -> Option<Course> {
        self.courses.get(&week).copied()
    }

    /// What was tested, by week and mode.
    pub fn tallies(&self) -> &[WeekTally] {
        &self.tallies
    }

    /// Rates of a period; none before the first week was told.
    pub fn rates(&self, period: Range<u16>) -> Option<Rates> {
        Rates::estimate(period, &self.tallies, &self.frames, &self.courses)
    }

    /// Tests and failures of a period in all modes.
    fn share(&self, period: &Range<u16>) -> Share {
        let within = self
            .tallies
            .iter()
            .filter(|tally| period.contains(&tally.week));
        let (tests, failures) = within.fold((0, 0), |(tests, failures), tally| {
            (tests + tally.results, failures + tally.failures)
        });
        Share {
            tests: tests.max(0) as f64,
            failures: failures.max(0) as f64,
        }
    }

    /// Results of a mode in some weeks, and how many of them have a known inclusion probability.
    pub(crate) fn drawn(&self, mode: SelectionMode, weeks: &Range<u16>) -> (i64, i64) {
        let of_mode = self.tallies.iter().filter(|tally| tally.mode == mode);
        let within = of_mode.filter(|tally| weeks.contains(&tally.week));
        within.fold((0, 0), |(results, drawn), tally| {
            (results + tally.results, drawn + tally.drawn)
        })
    }

    fn add(&mut self, week: u16, frame: FrameWeek, tallies: &[WeekTally]) {
        self.frames.insert(week, frame);
        for tally in tallies {
            let key = |tally: &WeekTally| (tally.week, tally.mode);
            match self.tallies.binary_search_by_key(&key(tally), key) {
                Ok(at) => self.tallies[at].merge(tally),
                Err(at) => self.tallies.insert(at, *tally),
            }
        }
    }
}

/// All series, by domain.
pub(crate) type AllSeries = BTreeMap<CompactString, Series>;

/// Whether a mode's draws are from the whole frame. A campaign draws from what it aims at, a fast test
/// from where the team is.
pub(crate) fn draws_at_random(mode: SelectionMode) -> bool {
    match mode {
        SelectionMode::RiskEvaluation | SelectionMode::SupervisoryCheck => true,
        SelectionMode::SpecialCheck | SelectionMode::FastTest | SelectionMode::EnforcementTest => {
            false
        }
    }
}

/// Sums of one domain while a week is told.
#[derive(Debug, Clone, Default)]
struct Told {
    targets: u32,
    predicted: i128,
    lasting: i128,
    /// In the season of [`HINDSIGHT`] weeks before.
    earlier: i128,
    tallies: BTreeMap<(u16, SelectionMode), WeekTally>,
}

/// Sums while a week is told: by what products, sectors and zones share, and of the domains that are
/// no subjects, by their kind and code.
struct Sums<'a> {
    engine: &'a Engine,
    by_above: Vec<Told>,
    by_name: BTreeMap<(&'static str, &'a str), Told>,
}

impl<'a> Sums<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            by_above: vec![Told::default(); engine.subjects.above_count()],
            by_name: BTreeMap::new(),
        }
    }

    /// Adds to everything that a target is summed in.
    fn add(&mut self, number: u32, base: &Base, add: impl Fn(&mut Told)) {
        if let Some(told) = self.by_above.get_mut(base.above as usize) {
            add(told);
        }
        let frame = &self.engine.frame;
        let channel = frame.channel(number).map(Channel::code);
        let entry = frame.entry(base.site);
        let class = entry.and_then(|entry| entry.class.as_ref());
        let named = [
            (CHANNEL, channel),
            (CLASS, class.map(EnterpriseClass::as_str)),
        ];
        for (kind, code) in named {
            if let Some(code) = code {
                add(self.by_name.entry((kind, code)).or_default());
            }
        }
    }
}

/// All that a close tells of a week.
pub(crate) struct ToldWeek {
    rates: WeekRates,
    levels: WeekLevels,
    /// Of [`HINDSIGHT`] weeks before.
    courses: WeekCourses,
}

impl ToldWeek {
    fn new(epoch: Epoch, week: u16) -> Self {
        Self {
            rates: WeekRates {
                epoch,
                week,
                domains: BTreeMap::new(),
            },
            levels: WeekLevels {
                week,
                domains: BTreeMap::new(),
            },
            courses: WeekCourses {
                week: week.saturating_sub(HINDSIGHT),
                domains: BTreeMap::new(),
            },
        }
    }
}

impl Told {
    fn is_empty(&self) -> bool {
        self.targets == 0 && self.tallies.is_empty()
    }

    fn merge(&mut self, other: &Self) {
        self.targets += other.targets;
        self.predicted += other.predicted;
        self.lasting += other.lasting;
        self.earlier += other.earlier;
        for (key, tally) in &other.tallies {
            let sum = self.tallies.entry(*key);
            sum.or_insert_with(|| WeekTally::new(key.0, key.1))
                .merge(tally);
        }
    }

    fn mean(&self, sum: i128) -> f64 {
        sum as f64 / PLACES / f64::from(self.targets.max(1))
    }

    fn finish(self, name: CompactString, week: &mut ToldWeek) {
        let frame = FrameWeek {
            targets: self.targets,
            predicted: self.mean(self.predicted),
        };
        if self.targets > 0 {
            let lasting = self.mean(self.lasting);
            week.levels.domains.insert(name.clone(), lasting);
            if let Some(course) = Course::new(self.mean(self.earlier), lasting) {
                week.courses.domains.insert(name.clone(), course);
            }
        }
        let tallies = self.tallies.into_values().collect();
        week.rates.domains.insert(name, (frame, tallies));
    }
}

impl Engine {
    /// The series of a domain: [`CITY`], or a sector, a product or a zone by its text.
    pub fn series(&self, domain: &str) -> Option<&Series> {
        self.series.get(domain)
    }

    /// Every domain with a series.
    pub fn series_domains(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.series
            .iter()
            .map(|(name, series)| (name.as_str(), series))
    }

    /// Why the raw rate of a domain changed between two periods: the city by its sectors, a sector by
    /// its products, a zone by the zones in it. None where it has no such parts, or no tests.
    pub fn mix_shift(
        &self,
        domain: &str,
        before: &Range<u16>,
        after: &Range<u16>,
    ) -> Option<MixShift> {
        let subject: Option<Subject> = domain.parse().ok();
        let parts = self.series.iter().filter(|(name, _)| {
            let Ok(part) = name.parse::<Subject>() else {
                return false;
            };
            match (&subject, &part) {
                (None, Subject::Sector(_)) => domain == CITY,
                (Some(Subject::Sector(sector)), Subject::Product(product)) => {
                    self.taxonomy.sector_of(product) == Some(sector)
                }
                (Some(Subject::Zone(zone)), Subject::Zone(inner)) => {
                    self.taxonomy.zones.get(inner).and_then(Option::as_ref) == Some(zone)
                }
                _other => false,
            }
        });
        let parts: Vec<(&CompactString, &Series)> = parts.collect();
        let shares = |period: &Range<u16>| -> BTreeMap<&CompactString, Share> {
            let parts = parts.iter();
            parts
                .map(|(name, series)| (*name, series.share(period)))
                .collect()
        };
        mix_shift(&shares(before), &shares(after))
    }

    /// What came since the snapshot in force, if a fit is due that will have seen it.
    pub(crate) fn tell_rates(&self) -> Option<ToldWeek> {
        let epoch = self.fit_due()?;
        let week = week_of(self.calendar.day_of(epoch));
        let model = &self.model;
        let snapshot = &model.snapshot;
        let mut waves: BTreeMap<u16, [f64; 4]> = BTreeMap::new();
        let mut told_of = |groups: &[u32], week: u16| {
            let of_week = waves.entry(week);
            let waves = *of_week.or_insert_with(|| snapshot.waves(Some(week)));
            snapshot.told(groups, waves, &[])
        };
        let mut sums = Sums::new(self);
        let in_frame = self.subjects.linked();
        for (number, base) in in_frame.filter(|(number, _)| self.frame.weight(*number) > 0) {
            let groups = model.groups(base, &self.subjects);
            let told = told_of(&groups, week);
            let then = told_of(&groups, week.saturating_sub(HINDSIGHT));
            let fixed = |probability: f64| libm::round(probability * PLACES) as i128;
            let predicted = fixed(snapshot.probability_of(&told));
            let lasting = fixed(snapshot.lasting_probability_of(&told));
            let earlier = fixed(snapshot.probability_of(&then));
            sums.add(number, base, |sum| {
                sum.targets += 1;
                sum.predicted += predicted;
                sum.lasting += lasting;
                sum.earlier += earlier;
            });
        }
        let shifts: Vec<ModeShift> = self.mode_shifts().collect();
        let (fresh, taken) = model.bins.fresh();
        let signed = fresh.iter().map(|bin| (bin, 1));
        for (bin, sign) in signed.chain(taken.iter().map(|bin| (bin, -1))) {
            let base = self.subjects.base(bin.target);
            let Some(mode) = SelectionMode::ALL.get(usize::from(bin.mode)).copied() else {
                continue;
            };
            let groups = model.groups(base, &self.subjects);
            let probability = snapshot.probability_of(&told_of(&groups, bin.week));
            let mut tally = WeekTally::new(bin.week, mode);
            let shift = shifts.get(usize::from(bin.mode)).copied();
            let shift = shift.filter(|_| draws_at_random(mode));
            let failures = i64::from(bin.nonconforming);
            for (failed, times) in [(true, failures), (false, i64::from(bin.results) - failures)] {
                let unit = Observation {
                    failed,
                    inclusion: shift.and_then(|_| bin.inclusion()),
                    predicted: probability,
                };
                tally.add(&unit, shift.unwrap_or(ModeShift::NONE), sign * times);
            }
            sums.add(bin.target, base, |told| {
                let sum = told.tallies.entry((bin.week, mode));
                sum.or_insert_with(|| WeekTally::new(bin.week, mode))
                    .merge(&tally);
            });
        }
        let mut of_week = ToldWeek::new(epoch, week);
        for (name, told) in self.by_domain(sums) {
            told.finish(name, &mut of_week);
        }
        Some(of_week)
    }

    fn by_domain(&self, sums: Sums<'_>) -> BTreeMap<CompactString, Told> {
        let mut city = Told::default();
        let mut found: BTreeMap<SubjectIx, Told> = BTreeMap::new();
        let by_above = (0..).zip(&sums.by_above);
        for (above, told) in by_above.filter(|(_, told)| !told.is_empty()) {
            city.merge(told);
            let subjects = self.subjects.above(above);
            for (place, subject) in subjects.iter().enumerate() {
                // A product without a sector stands twice; it is counted once.
                if !subjects.iter().take(place).any(|other| other == subject) {
                    found.entry(*subject).or_default().merge(told);
                }
            }
        }
        let named = found.into_iter().map(|(subject, told)| {
            let name = self.subjects.name(subject).to_compact_string();
            (name, told)
        });
        let mut domains: BTreeMap<_, _> = named.collect();
        let shared = sums.by_name.into_iter();
        domains.extend(shared.map(|((kind, code), told)| (format_compact!("{kind}:{code}"), told)));
        domains.insert(CompactString::const_new(CITY), city);
        domains
    }

    /// Shifts of the modes.
    fn mode_shifts(&self) -> impl Iterator<Item = ModeShift> {
        let settings = self.policy.model.settings.modes.iter();
        let modes = settings.zip(&self.model.snapshot.modes);
        modes.map(|(mode, effect)| match mode.variance {
            None => ModeShift::NONE,
            Some(_) => ModeShift {
                mean: effect.mean,
                deviation: libm::sqrt(effect.variance),
            },
        })
    }

    /// Takes in what a close told.
    pub(crate) fn extend_series(&mut self, told: &WeekRates) {
        for (domain, (frame, tallies)) in &told.domains {
            let series = self.series.entry(domain.clone()).or_default();
            series.add(told.week, *frame, tallies);
        }
    }

    /// Takes in what a close told of what lasts.
    pub(crate) fn extend_levels(&mut self, told: &WeekLevels) {
        for (domain, lasting) in &told.domains {
            let series = self.series.entry(domain.clone()).or_default();
            series.lasting.insert(told.week, *lasting);
            let frame = series.frames.get(&told.week);
            let course = frame.and_then(|frame| Course::new(frame.predicted, *lasting));
            if let Some(course) = course {
                series.courses.insert(told.week, course);
            }
        }
    }

    /// Takes in what a close told of the course of an earlier week.
    pub(crate) fn extend_courses(&mut self, told: &WeekCourses) {
        for (domain, course) in &told.domains {
            let series = self.series.entry(domain.clone()).or_default();
            series.courses.insert(told.week, *course);
        }
    }

    /// Tells the rates of the week that a fit is due for, before the fit's snapshot is in force.
    pub(crate) fn conclude_rates(&mut self, effects: &mut Vec<Effect>) {
        if let Some(told) = self.tell_rates() {
            self.conclude(Effect::RatesTold(Box::new(told.rates)), effects);
            self.conclude(Effect::LevelsTold(Box::new(told.levels)), effects);
            self.conclude(Effect::CoursesTold(Box::new(told.courses)), effects);
        }
    }
}
