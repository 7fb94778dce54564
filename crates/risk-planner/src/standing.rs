//! Who may be tested now, who rests, and whom the law spares.

use crate::policy::Rules;
use crate::pool::Candidate;
use risk_domain::time::Day;

/// Why a target rests（休整）: it may still be drawn, with a small weight, but not be targeted.
#[doc(alias = "休整")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resting {
    /// It was visited within the rest period.
    Visited,
    /// Its enterprise had as many visits as the window allows.
    EnterpriseVisits,
}

/// Why a target may not be checked（不得重复抽查）: it is out of the pools of supervisory and special checks.
#[doc(alias = "不得重复抽查")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Barred {
    /// The same agency checked the same article within the guard（产品质量监督抽查管理暂行办法 第八条）.
    Checked,
    /// An agency above did（产品质量法 第十五条）.
    CheckedAbove,
}

/// How a target stands on a day（抽查资格）.
#[doc(alias = "抽查资格")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may be drawn and targeted.
    Eligible,
    /// It rests.
    Resting(Resting),
    /// It may not be checked. It may be evaluated and screened, which are no checks by law.
    Barred(Barred),
}

impl Standing {
    /// The standing of a candidate on the day of a plan.
    pub fn of(candidate: &Candidate, rules: &Rules, day: Day) -> Self {
        let within = |last: Option<Day>, days: u32| {
            last.is_some_and(|last| i64::from(day.get()) - i64::from(last.get()) <= i64::from(days))
        };
        if within(candidate.checked_above, rules.repeat_guard_days) {
            Self::Barred(Barred::CheckedAbove)
        } else if within(candidate.checked, rules.repeat_guard_days) {
            Self::Barred(Barred::Checked)
        } else if within(candidate.last_visit, rules.rest_days) {
            Self::Resting(Resting::Visited)
        } else if candidate.enterprise_visits >= rules.enterprise_visits {
            Self::Resting(Resting::EnterpriseVisits)
        } else {
            Self::Eligible
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PlanningPolicy;
    use crate::pool::tests::candidate;

    #[test]
    fn rest_and_guard_hold_on_their_last_day_and_not_after() {
        let rules = PlanningPolicy::builtin().unwrap().rules.clone();
        let day = Day::from_ymd(2026, 11, 30).unwrap();
        let ago = |days: u32| Some(day.plus(-(days as i32)));
        let plain = candidate("E1", "P1", 0.1);
        assert_eq!(Standing::of(&plain, &rules, day), Standing::Eligible);
        for (days, expected) in [
            (rules.rest_days, Standing::Resting(Resting::Visited)),
            (rules.rest_days + 1, Standing::Eligible),
        ] {
            let visited = Candidate {
                last_visit: ago(days),
                ..plain.clone()
            };
            assert_eq!(Standing::of(&visited, &rules, day), expected, "{days} days");
        }
        for (days, expected) in [
            (
                rules.repeat_guard_days,
                Standing::Barred(Barred::CheckedAbove),
            ),
            (rules.repeat_guard_days + 1, Standing::Eligible),
        ] {
            let above = Candidate {
                checked_above: ago(days),
                ..plain.clone()
            };
            assert_eq!(Standing::of(&above, &rules, day), expected, "{days} days");
        }
        let own = Candidate {
            checked: ago(10),
            ..plain.clone()
        };
        assert_eq!(
            Standing::of(&own, &rules, day),
            Standing::Barred(Barred::Checked)
        );
        for (visits, expected) in [
            (rules.enterprise_visits - 1, Standing::Eligible),
            (
                rules.enterprise_visits,
                Standing::Resting(Resting::EnterpriseVisits),
            ),
        ] {
            let burdened = Candidate {
                enterprise_visits: visits,
                ..plain.clone()
            };
            assert_eq!(Standing::of(&burdened, &rules, day), expected);
        }
    }
}
