//! The numbers of reports, of what the engine and its views hold.

mod handling;

use super::scope::Scope;
use super::{ReportError, ReportKind, Stored};
use crate::dto::{
    AssessmentDto, BasisDto, Names, NoticeDto, PassRateDto, PeriodRatesDto, PlanDto, ReportDto,
    ReportPartDto, ReportPlanDto, ReportQualityDto, ZoneSheetDto,
};
use crate::rates::told_of;
use risk_domain::ids::{DrawId, ZoneId};
use risk_domain::inspection::Outcome;
use risk_domain::reference::Reference;
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::subject::Subject;
use risk_domain::time::{Day, Timestamp};
use risk_engine::lists::Lists;
use risk_engine::rates::{Period, Rate};
use risk_engine::series::{CITY, Series};
use risk_engine::{Assessment, DrawnResults, Engine, FrameSource};
use std::ops::Range;

/// Results of equal weight below which a rate says too little.
pub(crate) const LEAST_EFFECTIVE: f64 = 30.0;
/// Periods of a history.
const HISTORY: usize = 13;

/// What reports are made of.
pub(crate) struct Sources<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) reference: &'a Reference,
    pub(crate) lists: &'a Lists,
    pub(crate) drawn: &'a DrawnResults,
    pub(crate) stored: &'a Stored,
}

/// A stretch of weeks, and its instants.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) weeks: Range<u16>,
    pub(crate) from: Day,
    pub(crate) until: Day,
    starts: Timestamp,
    ends: Timestamp,
}

impl Span {
    fn holds(&self, at: Timestamp) -> bool {
        at >= self.starts && at < self.ends
    }

    /// Whether something that began then, and ended then if it did, was under way at the end.
    fn ends_within(&self, began: Timestamp, ended: Option<Timestamp>) -> bool {
        began < self.ends && ended.is_none_or(|ended| ended >= self.ends)
    }
}

impl Sources<'_> {
    /// The period that a day lies in; the last one that is complete where no day is told.
    pub(crate) fn span(&self, kind: ReportKind, day: Option<Day>) -> Result<Span, ReportError> {
        let told = self.engine.series(CITY);
        let told = told.map(Series::weeks);
        let told = told.filter(|told| !told.is_empty());
        let told = told.ok_or(ReportError::NothingClosed)?;
        let period = kind.period();
        let last = period.around(told.end - 1);
        let weeks = match day {
            Some(day) => period.around(Period::week_of(day)),
            None if last.end <= told.end => last,
            None => period.around(last.start.saturating_sub(1)),
        };
        let (from, until) = Period::days(&weeks);
        if weeks.start >= told.end || weeks.end <= told.start {
            let (first, _) = Period::days(&told);
            let (_, end) = Period::days(&told);
            return Err(ReportError::NoSuchPeriod {
                from,
                until,
                first,
                end,
            });
        }
        let offset = self.engine.policy().time.offset;
        Ok(Span {
            starts: offset.start_of(from),
            ends: offset.start_of(until),
            weeks,
            from,
            until,
        })
    }

    fn basis(&self, span: &Span) -> BasisDto {
        let told = self.engine.series(CITY);
        let policy = self.engine.policy();
        let as_of = self.engine.last_closed();
        BasisDto {
            from: span.from.to_string(),
            until: span.until.to_string(),
            complete: told.is_some_and(|told| span.weeks.end <= told.weeks().end),
            ledger_entries: self.stored.entries,
            as_of: as_of.map_or_else(String::new, |(_, end)| end.to_string()),
            policy_version: policy.version.to_string(),
            policy_hash: policy.hash.clone(),
        }
    }

    pub(crate) fn names(&self, scope: &Scope) -> (String, String) {
        let city = self
            .reference
            .zones
            .iter()
            .find(|zone| zone.parent.is_none());
        let (zh, en) = match scope.subject() {
            Some(subject) => {
                let names = Names::of(&subject, self.engine, self.reference);
                (names.zh, names.en)
            }
            None => (
                city.map(|zone| zone.name_zh.to_string()),
                city.map(|zone| zone.name_en.to_string()),
            ),
        };
        let zh = zh.unwrap_or_else(|| scope.domain());
        let en = en.unwrap_or_else(|| zh.clone());
        (zh, en)
    }

    /// Everything of a domain and a period.
    pub(crate) fn report(
        &self,
        kind: ReportKind,
        scope: &Scope,
        span: &Span,
    ) -> Result<ReportDto, ReportError> {
        let domain = scope.domain();
        let unknown = || ReportError::NothingOf(domain.clone());
        let (periods, at) = self.periods(&domain, kind, span).ok_or_else(unknown)?;
        let told = |at| told_of(self.engine, &domain, &periods, at);
        let rates = told(at).ok_or_else(unknown)?;
        let history = (at.saturating_sub(HISTORY - 1)..=at).filter_map(told);
        let history: Vec<PeriodRatesDto> = history.collect();
        let frame = self.engine.frame_source();
        let uncorrected = history.iter().any(|one| one.design.is_none());
        let (name, name_en) = self.names(scope);
        let city = *scope == Scope::City;
        let extent = scope.extent(self.engine);
        let (cases, due) = self.cases(&extent, span);
        Ok(ReportDto {
            kind: kind.code().to_owned(),
            notices: NoticeDto::of_rates(frame, uncorrected, &self.engine.cautions()),
            name,
            name_en,
            basis: self.basis(span),
            least_effective: LEAST_EFFECTIVE,
            raw: self.raw(&domain, span),
            rates,
            history,
            parts: self.parts(scope, kind, span),
            alerts: self.alerts(&extent, span),
            cases,
            due,
            lists: self.lists(&extent, span),
            plans: if city { self.plans(span) } else { Vec::new() },
            quality: self.quality(&domain, city, span),
            domain,
        })
    }

    /// What a zone manager is shown of their zone, of which a grade may have been recorded.
    pub(crate) fn sheet(
        &self,
        zone: ZoneId,
        recorded: Option<&Assessment>,
        span: &Span,
    ) -> ZoneSheetDto {
        let subject = Subject::Zone(zone.clone());
        let grade = recorded.map(|grade| {
            let names = Names::of(&subject, self.engine, self.reference);
            AssessmentDto::new(grade, names, self.engine.end_of(grade.epoch), false)
        });
        let scope = &Scope::Zone(zone);
        let (name, name_en) = self.names(scope);
        let extent = scope.extent(self.engine);
        let (cases, due) = self.cases(&extent, span);
        ZoneSheetDto {
            zone: scope.domain(),
            name,
            name_en,
            basis: self.basis(span),
            grade,
            alerts: self.alerts(&extent, span),
            cases,
            due,
            lists: self.lists(&extent, span),
        }
    }

    /// The periods of a domain, and the place of this one among them.
    fn periods(
        &self,
        domain: &str,
        kind: ReportKind,
        span: &Span,
    ) -> Option<(Vec<Range<u16>>, usize)> {
        let periods = kind.period().over(self.engine.series(domain)?.weeks());
        let at = periods.iter().position(|weeks| *weeks == span.weeks)?;
        Some((periods, at))
    }

    fn raw(&self, domain: &str, span: &Span) -> Option<PassRateDto> {
        let tallies = self.engine.series(domain)?.tallies().iter();
        let within = tallies.filter(|tally| span.weeks.contains(&tally.week));
        let (failures, results) = within.fold((0, 0), |(failures, results), tally| {
            (failures + tally.failures, results + tally.results)
        });
        let count = |of: i64| u64::try_from(of).unwrap_or(0);
        Rate::of_counts(count(failures), count(results)).map(Into::into)
    }

    fn parts(&self, scope: &Scope, kind: ReportKind, span: &Span) -> Vec<ReportPartDto> {
        let root = self
            .reference
            .zones
            .iter()
            .find(|zone| zone.parent.is_none());
        let is_part = |part: &Subject| match (scope, part) {
            (Scope::City, Subject::Sector(_)) => true,
            (Scope::City, Subject::Zone(zone)) => {
                let of = self.reference.zones.get(zone);
                let above = of.and_then(|zone| zone.parent.as_ref());
                above.is_some() && above == root.map(|root| &root.id)
            }
            (Scope::Sector(sector), Subject::Product(product)) => {
                self.engine.taxonomy().sector_of(product) == Some(sector)
            }
            (Scope::Zone(zone), Subject::Zone(part)) => {
                let of = self.reference.zones.get(part);
                of.and_then(|part| part.parent.as_ref()) == Some(zone)
            }
            _ => false,
        };
        let domains = self.engine.series_domains().map(|(name, _)| name);
        let mut parts = Vec::new();
        for domain in domains {
            let Some(subject) = domain.parse::<Subject>().ok().filter(is_part) else {
                continue;
            };
            let found = self.periods(domain, kind, span);
            let rates = found.and_then(|(periods, at)| told_of(self.engine, domain, &periods, at));
            // A part in which nothing was tested, and of which nothing can be said, has no row.
            let Some(rates) = rates.filter(|rates| rates.design.is_some() || !rates.raw.is_empty())
            else {
                continue;
            };
            let names = Names::of(&subject, self.engine, self.reference);
            let name = names.zh.unwrap_or_else(|| domain.to_owned());
            parts.push(ReportPartDto {
                name_en: names.en.unwrap_or_else(|| name.clone()),
                name,
                raw: self.raw(domain, span),
                rates,
                domain: domain.to_owned(),
            });
        }
        parts
    }

    fn plans(&self, span: &Span) -> Vec<ReportPlanDto> {
        let within = |plan: &&PlanDto| {
            let day = plan.day.parse::<Day>();
            day.is_ok_and(|day| day >= span.from && day < span.until)
        };
        let told = |plan: &PlanDto| {
            let list = plan.list.as_ref()?;
            let random = SelectionBasis::Random.code();
            let drawn = list
                .lines
                .iter()
                .filter(|line| line.selection.basis == random);
            let reported = self.drawn.of(&DrawId::new(&plan.plan_id).ok()?);
            let failures = reported
                .iter()
                .filter(|one| one.outcome == Outcome::Nonconforming);
            let failures = failures.count() as u64;
            let conforming = reported
                .iter()
                .filter(|one| one.outcome == Outcome::Conforming);
            let done = failures + conforming.count() as u64;
            Some(ReportPlanDto {
                plan_id: plan.plan_id.clone(),
                day: plan.day.clone(),
                tests: list.lines.len() as u64,
                drawn: drawn.clone().count() as u64,
                done,
                failures,
                expected: drawn.map(|line| line.expected_finds).sum(),
            })
        };
        let mut plans: Vec<_> = self
            .stored
            .plans
            .iter()
            .filter(within)
            .filter_map(told)
            .collect();
        plans.sort_by(|one, other| (&one.day, &one.plan_id).cmp(&(&other.day, &other.plan_id)));
        plans
    }

    fn quality(&self, domain: &str, city: bool, span: &Span) -> ReportQualityDto {
        let random = [
            SelectionMode::RiskEvaluation,
            SelectionMode::SupervisoryCheck,
        ];
        let tallies = self.engine.series(domain).map(Series::tallies);
        let within = tallies.into_iter().flatten();
        let within = within.filter(|tally| span.weeks.contains(&tally.week));
        let (mut results, mut of_random, mut drawn) = (0, 0, 0);
        for tally in within {
            results += tally.results;
            if random.contains(&tally.mode) {
                of_random += tally.results;
                drawn += tally.drawn;
            }
        }
        let count = |of: i64| u64::try_from(of).unwrap_or(0);
        ReportQualityDto {
            results: count(results),
            random: count(of_random),
            with_probability: count(drawn),
            unregistered: match self.engine.frame_source() {
                FrameSource::Seen => None,
                FrameSource::Register { unregistered, .. } => city.then(|| u64::from(unregistered)),
            },
            dead_letters: city.then(|| self.stored.dead_letters.clone()),
        }
    }
}
