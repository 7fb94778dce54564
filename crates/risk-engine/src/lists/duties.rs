//! Records of duty（日管控、周排查、月调度）: which are there, with and without a risk found, and which are missing.
//!
//! Records are owed from the first one on that an enterprise told. A missing one is reminded of, then
//! ordered to be made good.

use super::{DutySettings, Lists};
use risk_domain::calendar::Calendar;
use risk_domain::ids::EnterpriseId;
use risk_domain::named_scale;
use risk_domain::signal::{Duty, DutyRecord};
use risk_domain::time::{CivilOffset, Day};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The longest time that one list looks back, in days.
const LONGEST: i32 = 3660;

named_scale! {
    /// What follows from missing records（缺失处理）.
    #[doc(alias = "缺失处理")]
    DutyStep {
        /// 无.
        None = "none",
        /// 提醒.
        Remind = "remind",
        /// 责令改正.
        Order = "order",
    }
}

/// Records of one duty of one enterprise（主体责任台账）.
#[doc(alias = "主体责任台账")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyRow {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// Which duty.
    pub duty: Duty,
    /// The first day that was ever recorded.
    pub since: Day,
    /// The last.
    pub last: Day,
    /// Days, weeks or months with a record.
    pub recorded: u32,
    /// Of which without any risk found（零风险）.
    pub zero_risk: u32,
    /// First days of the days, weeks or months without a record, the oldest first.
    pub missing: Vec<Day>,
    /// How many are missing of those still asked for, whatever the window: by them it is reminded and ordered.
    pub missing_lately: u32,
    /// What follows from those.
    pub step: DutyStep,
}

/// The first day of the day, week or month of a duty in which a day lies.
fn period_of(duty: Duty, day: Day) -> Day {
    match duty {
        Duty::Daily => day,
        Duty::Weekly => day.week_start(),
        Duty::Monthly => {
            let (year, month) = day.year_month();
            Day::from_ymd(year, month, 1).unwrap_or(day)
        }
    }
}

/// The first day after a period.
fn after(duty: Duty, period: Day) -> Day {
    match duty {
        Duty::Daily => period.plus(1),
        Duty::Weekly => period.plus(7),
        Duty::Monthly => period.plus_months(1),
    }
}

/// First days of the days, weeks or months of a duty from `begin` on whose record is missing at the end of
/// a day, the oldest first; `records` are the first and last days that are recorded.
pub(crate) fn missed(
    duty: Duty,
    records: &[(Day, Day)],
    (begin, on): (Day, Day),
    settings: &DutySettings,
    calendar: &Calendar,
) -> Vec<Day> {
    let (grace, all) = match duty {
        Duty::Daily => (settings.daily_grace, settings.daily_on_days_off),
        Duty::Weekly => (settings.weekly_grace, true),
        Duty::Monthly => (settings.monthly_grace, true),
    };
    let mut records = records.to_vec();
    records.sort_unstable();
    let mut begun = records.iter().peekable();
    // The last day of all records that have begun by the end of a period.
    let mut reached = None;
    let mut missing = Vec::new();
    let mut period = period_of(duty, begin);
    // What ended so long ago that its grace is over.
    while after(duty, period).plus(grace) <= on {
        let owed = all || calendar.is_working_day(period);
        let end = after(duty, period);
        while let Some((_, until)) = begun.next_if(|(from, _)| *from < end) {
            reached = reached.max(Some(*until));
        }
        if owed && reached < Some(period) {
            missing.push(period);
        }
        period = end;
    }
    missing
}

/// The first day of which a record is still asked for at the end of a day: what was missed before is past.
pub(crate) fn asked_from(on: Day, settings: &DutySettings) -> Day {
    on.plus(-i32::from(settings.remind_days))
}

/// What follows from so many missing records that are still asked for.
pub(crate) fn step_of(missing: usize, settings: &DutySettings) -> DutyStep {
    let reached = |count: u32| missing >= count as usize;
    if reached(settings.order_after) {
        DutyStep::Order
    } else if reached(settings.remind_after) {
        DutyStep::Remind
    } else {
        DutyStep::None
    }
}

impl Lists {
    /// Enterprises that told records of duty, in the order of their ids, from one on.
    pub fn on_duty(
        &self,
        from: Option<&EnterpriseId>,
    ) -> impl Iterator<Item = &EnterpriseId> + use<'_> {
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let told = self
            .duties
            .range::<EnterpriseId, _>((from, Bound::Unbounded));
        told.map(|(enterprise, _)| enterprise)
    }

    /// Records of duty of one enterprise by the end of a day, in the order of duties, of a window that ends
    /// there and begins on `from` where that is given. A record that was told later stands in the place of
    /// an earlier one for the same days.
    pub fn duties_of(
        &self,
        enterprise: &EnterpriseId,
        (from, on): (Option<Day>, Day),
        settings: &DutySettings,
        calendar: &Calendar,
        offset: CivilOffset,
    ) -> Vec<DutyRow> {
        let before = offset.start_of(on.plus(1));
        let told = self.duties.get(enterprise).into_iter().flatten();
        let told = told.filter(|((at, _), _)| *at < before);
        let told: Vec<&DutyRecord> = told.map(|(_, record)| record).collect();
        let row = |duty: &Duty| {
            let own: Vec<&DutyRecord> = told
                .iter()
                .copied()
                .filter(|record| record.duty == *duty)
                .collect();
            row_of(enterprise, *duty, &own, (from, on), settings, calendar)
        };
        Duty::ALL.iter().filter_map(row).collect()
    }
}

fn row_of(
    enterprise: &EnterpriseId,
    duty: Duty,
    told: &[&DutyRecord],
    (from, on): (Option<Day>, Day),
    settings: &DutySettings,
    calendar: &Calendar,
) -> Option<DutyRow> {
    let since = told.iter().map(|record| record.from).min()?;
    let last = told.iter().map(|record| record.until).max()?;
    let begin = from.map_or(since, |from| from.max(since));
    let begin = period_of(duty, begin.max(on.plus(-LONGEST)));
    // Of each period, whether a risk was found.
    let mut recorded: BTreeMap<Day, bool> = BTreeMap::new();
    for record in told {
        let mut period = period_of(duty, record.from.max(begin));
        while period <= record.until.min(on) {
            let end = after(duty, period);
            let risk = record.risks.iter().any(|day| *day >= period && *day < end);
            recorded.insert(period, risk);
            period = end;
        }
    }
    let records: Vec<(Day, Day)> = told.iter().map(|told| (told.from, told.until)).collect();
    let missing = missed(duty, &records, (begin, on), settings, calendar);
    let lately = since.max(asked_from(on, settings));
    let lately = missed(duty, &records, (lately, on), settings, calendar).len();
    let step = step_of(lately, settings);
    Some(DutyRow {
        enterprise: enterprise.clone(),
        duty,
        since,
        last,
        recorded: recorded.len() as u32,
        zero_risk: recorded.values().filter(|risk| !**risk).count() as u32,
        missing,
        missing_lately: lately as u32,
        step,
    })
}
