//! Terms（期限）: how long, counted how, by which clause; and the clocks that run of them.

use super::machine::{Clock, From};
use risk_domain::calendar::{Calendar, CalendarDays, WorkingDays};
use risk_domain::named_scale;
use risk_domain::reference::Mark;
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use serde::{Deserialize, Serialize};

named_scale! {
    /// A term of a procedure（法定期限）. How long it is stands in the policy, by kind of case.
    #[doc(alias = "法定期限")]
    Term {
        /// 现场复测: the duplicate fast test.
        Duplicate = "duplicate",
        /// 现场指导.
        Guidance = "guidance",
        /// 实验室验证.
        LaboratoryVerification = "laboratory_verification",
        /// 整改.
        Rectification = "rectification",
        /// 整改最长期限.
        RectificationLongest = "rectification_longest",
        /// 回头看: the re-screen.
        Rescreen = "rescreen",
        /// 正式抽样.
        FormalSample = "formal_sample",
        /// 异议.
        Objection = "objection",
        /// 异议答复.
        ObjectionAnswer = "objection_answer",
        /// 复检手续.
        RetestFormalities = "retest_formalities",
        /// 确定复检机构.
        RetestLaboratory = "retest_laboratory",
        /// 改正.
        Correction = "correction",
        /// 复查.
        Recheck = "recheck",
        /// 再次复查起始.
        SecondRecheckOpens = "second_recheck_opens",
        /// 再次复查.
        SecondRecheck = "second_recheck",
        /// 告知.
        Notice = "notice",
        /// 申请复检.
        RetestApplication = "retest_application",
        /// 受理复检.
        RetestAcceptance = "retest_acceptance",
        /// 延长后的确定复检机构.
        RetestLaboratoryExtended = "retest_laboratory_extended",
        /// 备样移交.
        BackupTransfer = "backup_transfer",
        /// 复检结论.
        RetestReport = "retest_report",
        /// 抽样异议处理.
        SamplingReview = "sampling_review",
        /// 真实性异议处理.
        AuthenticityReview = "authenticity_review",
        /// 核查处置.
        Handling = "handling",
        /// 销毁.
        Destruction = "destruction",
        /// 线索核查.
        Verification = "verification",
        /// 延长后的线索核查.
        VerificationExtended = "verification_extended",
        /// 先行登记保存.
        PreservedEvidence = "preserved_evidence",
        /// 查封扣押.
        Seizure = "seizure",
        /// 延长后的查封扣押.
        SeizureExtended = "seizure_extended",
        /// 处罚决定.
        Decision = "decision",
        /// 公示.
        Publication = "publication",
        /// 公示期（三个月）.
        PublicShort = "public_short",
        /// 公示期（三年）.
        PublicLong = "public_long",
        /// 失信名单公布期.
        Listing = "listing",
        /// 可提前移出.
        EarlyRemoval = "early_removal",
        /// 撤下公示.
        TakeDown = "take_down",
        /// 告知举报人.
        TellReporter = "tell_reporter",
        /// 快检核查: the fast check that a complaint asks for.
        FastCheck = "fast_check",
    }
}

/// A length of time, and how it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// 小时: from the instant, to the instant.
    Hours(u16),
    /// 自然日.
    CalendarDays(CalendarDays),
    /// 工作日.
    WorkingDays(WorkingDays),
    /// 月: to the day of the same number, or the last of the month.
    Months(u16),
}

named_scale! {
    /// On which side of its last day a term ends.
    Bound {
        /// 内: the last day counts; on a day that is not worked it moves to the next that is.
        Within = "within",
        /// 后: what waits for it may begin on the day after; the last day does not move.
        After = "after",
        /// 前: the day of that number no longer counts; the last day does not move.
        Before = "before",
    }
}

/// A term as the policy has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRule {
    /// How long.
    pub span: Span,
    /// On which side it ends.
    pub bound: Bound,
    /// The clause, as `产品质量法 第十五条`; or that it is the bureau's own.
    pub basis: String,
    /// How sure.
    pub mark: Mark,
}

/// How days are counted: holidays, and the civil time of the city.
#[derive(Debug, Clone, Copy)]
pub struct Count<'a> {
    /// Which days are worked.
    pub calendar: &'a Calendar,
    /// Civil time.
    pub offset: CivilOffset,
}

/// A term that runs, stands still or has lapsed in a case（期限）.
#[doc(alias = "期限")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Which term.
    pub term: Term,
    /// What started it.
    pub started_at: Timestamp,
    /// The day from which days are counted; that day is not counted itself.
    pub counted_from: Day,
    /// The last day.
    pub last_day: Day,
    /// The first instant after it.
    pub lapses_at: Timestamp,
    /// An earlier last day that an officer set.
    pub set_to: Option<Day>,
    /// What pauses have added: milliseconds for a term of hours, days of its count for another.
    pub paused: i64,
    /// Since when it stands still.
    pub stopped_at: Option<Timestamp>,
    /// It has come to its end.
    pub lapsed: bool,
}

/// Why an officer's own last day does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadDay {
    BeforeStart,
    BeyondTerm,
}

fn plus_months(day: Day, months: u16) -> Day {
    let (year, month) = day.year_month();
    let first = Day::from_ymd(year, month, 1).unwrap_or(day);
    let of_month = day.get() - first.get();
    let count = i32::from(year) * 12 + i32::from(month) - 1 + i32::from(months);
    let start = |count: i32| {
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        Day::from_ymd(year as i16, month as i8, 1)
    };
    match (start(count), start(count + 1)) {
        (Some(first), Some(next)) => first.plus(of_month.min(next.get() - first.get() - 1)),
        (Some(_) | None, _) => day.plus(i32::from(months) * 30),
    }
}

impl TermRule {
    /// The last day of the term, and the first instant after it.
    fn ends(
        &self,
        started_at: Timestamp,
        from: Day,
        paused: i64,
        count: Count<'_>,
    ) -> (Day, Timestamp) {
        let days = |own: u16| u16::try_from(i64::from(own) + paused).unwrap_or(u16::MAX);
        let unmoved = match self.span {
            Span::Hours(hours) => {
                let end = started_at.plus_millis(i64::from(hours) * 3_600_000 + paused);
                return (count.offset.day_of(end), end.plus_millis(1));
            }
            Span::WorkingDays(WorkingDays(own)) => count
                .calendar
                .deadline_working(from, WorkingDays(days(own))),
            Span::CalendarDays(CalendarDays(own)) => from.plus(i32::from(days(own))),
            Span::Months(months) => plus_months(from, months).plus(i32::from(days(0))),
        };
        let last = match self.bound {
            Bound::After => unmoved,
            Bound::Before => unmoved.plus(-1),
            // No days from the day that `unmoved` is: only the move past days off.
            Bound::Within => count.calendar.deadline_calendar(unmoved, CalendarDays(0)),
        };
        (last, count.offset.start_of(last.plus(1)))
    }

    /// What a pause adds, in the term's own count.
    fn paused_between(&self, stopped_at: Timestamp, at: Timestamp, count: Count<'_>) -> i64 {
        let (from, to) = (count.offset.day_of(stopped_at), count.offset.day_of(at));
        match self.span {
            Span::Hours(_) => at.millis_since(stopped_at).max(0),
            Span::CalendarDays(_) | Span::Months(_) => i64::from((to.get() - from.get()).max(0)),
            Span::WorkingDays(_) => {
                let days = from.get()..to.get();
                let worked = days.filter(|day| count.calendar.is_working_day(Day::new(*day)));
                worked.count() as i64
            }
        }
    }

    /// Whether every day of a term from this day on lies in a year whose holidays are known.
    pub fn covered(&self, deadline: &Deadline, calendar: &Calendar) -> bool {
        match self.span {
            Span::Hours(_) => true,
            Span::CalendarDays(_) | Span::WorkingDays(_) | Span::Months(_) => {
                calendar.covers(deadline.counted_from) && calendar.covers(deadline.last_day)
            }
        }
    }
}

impl Deadline {
    /// Starts a clock. `others` are the clocks that ran before.
    pub(super) fn start(
        clock: Clock,
        rule: &TermRule,
        at: Timestamp,
        others: &[Self],
        count: Count<'_>,
    ) -> Self {
        let extended = match clock.from {
            From::Act => None,
            From::EndOf(term) => others.iter().find(|other| other.term == term),
        };
        let counted_from = extended.map_or(count.offset.day_of(at), |other| other.last_day);
        let (last_day, lapses_at) = rule.ends(at, counted_from, 0, count);
        Self {
            term: clock.term,
            started_at: at,
            counted_from,
            last_day,
            lapses_at,
            set_to: None,
            paused: 0,
            stopped_at: None,
            lapsed: false,
        }
    }

    /// When it will lapse, unless it stands still or has lapsed.
    pub fn next_lapse(&self) -> Option<Timestamp> {
        (!self.lapsed && self.stopped_at.is_none()).then_some(self.lapses_at)
    }

    /// An officer's own last day: not before the start, not beyond the term.
    pub(super) fn set(&mut self, day: Day, count: Count<'_>) -> Result<(), BadDay> {
        if day < count.offset.day_of(self.started_at) {
            return Err(BadDay::BeforeStart);
        }
        if day > self.last_day {
            return Err(BadDay::BeyondTerm);
        }
        self.set_to = Some(day);
        self.last_day = day;
        self.lapses_at = count.offset.start_of(day.plus(1));
        Ok(())
    }

    pub(super) fn stop(&mut self, at: Timestamp) {
        if !self.lapsed && self.stopped_at.is_none() {
            self.stopped_at = Some(at);
        }
    }

    pub(super) fn go_on(&mut self, at: Timestamp, rule: &TermRule, count: Count<'_>) {
        let Some(stopped_at) = self.stopped_at.take() else {
            return;
        };
        let more = rule.paused_between(stopped_at, at, count);
        self.paused += more;
        match self.set_to {
            Some(day) if more > 0 => {
                let days = i32::try_from(match rule.span {
                    Span::Hours(_) => more.div_euclid(DAY_MILLIS),
                    Span::CalendarDays(_) | Span::WorkingDays(_) | Span::Months(_) => more,
                });
                let later = day.plus(days.unwrap_or(i32::MAX));
                self.set_to = Some(later);
                self.last_day = later;
                self.lapses_at = count.offset.start_of(later.plus(1));
            }
            Some(_) => {}
            None => {
                let ends = rule.ends(self.started_at, self.counted_from, self.paused, count);
                (self.last_day, self.lapses_at) = ends;
            }
        }
    }
}
