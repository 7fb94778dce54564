//! What looks like evasion（规避检查的迹象）: an enterprise that comes back under another number after a
//! failure, one that is clean only where the check could be foreseen, measurements heaped just within
//! the limit. A sign is a reason to look, never a finding: each names the results it rests on, and those
//! that rest on counts are cut so that the expected share of false ones stays within the policy's.

use super::{BurdenPolicy, Burdens, Fact};
use compact_str::CompactString;
use risk_domain::ids::{EnterpriseId, ItemCode};
use risk_domain::inspection::{InspectionResult, TestItem};
use risk_domain::time::Day;
use risk_stats::false_discovery::benjamini_hochberg;
use risk_stats::special::ln_choose;
use std::collections::{BTreeMap, BTreeSet};

/// The most ledger entries that one sign names.
const MOST_ENTRIES: usize = 50;
/// Results of either kind without which nobody is compared with himself.
const LEAST_COMPARED: u32 = 3;

/// What the sign is（迹象类别）.
#[doc(alias = "规避检查的迹象")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuspicionKind {
    /// 不合格后换证: another enterprise, never seen before, at the place of one that failed.
    Reregistered,
    /// 仅在可预见的检查中合格: conforming where the check could be foreseen, failing elsewhere.
    CleanWhenForeseen,
    /// 结果贴近限值: measurements heaped just within the limit.
    HeapedAtLimit,
}

impl SuspicionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [
        Self::Reregistered,
        Self::CleanWhenForeseen,
        Self::HeapedAtLimit,
    ];

    /// Its code in answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Reregistered => "reregistered",
            Self::CleanWhenForeseen => "clean_when_foreseen",
            Self::HeapedAtLimit => "heaped_at_limit",
        }
    }
}

/// One sign（迹象）.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicion {
    /// What.
    pub kind: SuspicionKind,
    /// Whose: an enterprise's number, or that of a laboratory or a team for heaped results.
    pub subject: CompactString,
    /// The enterprise that failed before, of one that came back under another number.
    pub before: Option<EnterpriseId>,
    /// The item whose measurements are heaped.
    pub item: Option<ItemCode>,
    /// How often chance alone would show as much, before it is taken into account how many were
    /// looked at; none for a sign that is a fact.
    pub p_value: Option<f64>,
    /// Ledger entries of the results that it rests on.
    pub entries: Vec<u64>,
    /// What was found, in Chinese.
    pub reason_zh: String,
    /// What was found, in English.
    pub reason_en: String,
}

/// A measurement within the policy's band around its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margin {
    fact: u32,
    observer: u32,
    item: u32,
    /// Measurement over limit, turned so that at most 1 is within it.
    ratio: f64,
}

/// Widest band that a policy may look at.
pub(super) const WIDEST_BAND: f64 = 0.2;

/// The number that a text begins with.
fn number(text: &str) -> Option<f64> {
    let is_part = |c: &char| c.is_ascii_digit() || *c == '.';
    let digits: String = text.trim_start().chars().take_while(is_part).collect();
    digits.parse().ok().filter(|number| *number > 0.0)
}

/// Measurement over limit, turned so that at most 1 is within it; none where either is no number or the
/// limit has two sides.
fn ratio(item: &TestItem) -> Option<f64> {
    let (measured, limit) = (item.measured.as_ref()?, item.limit.as_ref()?);
    let prefixed = |prefixes: &[&str]| {
        let limit = limit.trim();
        prefixes
            .iter()
            .find_map(|prefix| limit.strip_prefix(prefix).and_then(number))
    };
    let measured = number(measured)?;
    if let Some(most) = prefixed(&["≤", "≦", "<=", "<", "＜", "不大于", "不超过"]) {
        return Some(measured / most);
    }
    let least = prefixed(&["≥", "≧", ">=", ">", "＞", "不小于", "不低于"])?;
    Some(least / measured)
}

impl Burdens {
    pub(super) fn admit_margins(&mut self, fact: u32, result: &InspectionResult) {
        for item in &result.items {
            let Some(ratio) = ratio(item).filter(|ratio| (ratio - 1.0).abs() <= WIDEST_BAND) else {
                continue;
            };
            let laboratory = result.test.lab_id.as_ref();
            let observer = laboratory.map_or(result.team_id.as_str(), |id| id.as_str());
            let observer = self.observers.of(&CompactString::new(observer));
            let item = self.items.of(&item.code);
            self.margins.push(Margin {
                fact,
                observer,
                item,
                ratio,
            });
        }
    }

    /// Signs of evasion in the results up to a day.
    pub fn suspicions(&self, on: Day, policy: &BurdenPolicy) -> Vec<Suspicion> {
        let mut all = self.reregistered(on, policy);
        all.extend(self.clean_when_foreseen(on, policy));
        all.extend(self.heaped(on, policy));
        all
    }

    /// Places where somebody failed, left, and somebody new came soon after.
    fn reregistered(&self, on: Day, policy: &BurdenPolicy) -> Vec<Suspicion> {
        let mut first_seen: Vec<Option<Day>> = vec![None; self.of_enterprise.len()];
        let mut at_place: BTreeMap<u32, Vec<&Fact>> = BTreeMap::new();
        for fact in &self.facts {
            if fact.day > on || !self.stands(fact) {
                continue;
            }
            if let Some(first) = first_seen.get_mut(fact.enterprise as usize) {
                *first = Some(first.map_or(fact.day, |day| day.min(fact.day)));
            }
            at_place.entry(fact.place).or_default().push(fact);
        }
        let mut found = Vec::new();
        for facts in at_place.values_mut() {
            facts.sort_by(|one, other| (one.day, &one.id).cmp(&(other.day, &other.id)));
            let numbered = facts.iter().enumerate();
            let last_at: BTreeMap<u32, usize> =
                numbered.map(|(at, fact)| (fact.enterprise, at)).collect();
            let mut seen = BTreeSet::new();
            let mut failure: Option<&Fact> = None;
            for (at, new) in facts.iter().enumerate() {
                // The first that was ever seen of it.
                let is_first = seen.insert(new.enterprise)
                    && first_seen.get(new.enterprise as usize) == Some(&Some(new.day));
                let soon = |failure: &&Fact| {
                    let left = last_at.get(&failure.enterprise) < Some(&at);
                    left && failure.day.plus(policy.reregistered_days) >= new.day
                };
                if let Some(failure) = failure.filter(soon).filter(|_| is_first) {
                    found.extend(self.came_back(failure, new));
                }
                if new.failed() {
                    failure = Some(new);
                }
            }
        }
        found.sort_by(|one, other| one.entries.cmp(&other.entries));
        found
    }

    fn came_back(&self, failure: &Fact, new: &Fact) -> Option<Suspicion> {
        let subject = self.enterprises.name(new.enterprise)?;
        let before = self.enterprises.name(failure.enterprise)?;
        let days = new.day.get() - failure.day.get();
        Some(Suspicion {
            kind: SuspicionKind::Reregistered,
            subject: CompactString::new(subject.as_str()),
            before: Some(before.clone()),
            item: None,
            p_value: None,
            entries: vec![failure.entry, new.entry],
            reason_zh: format!(
                "{before}在此处不合格（{}）后未再出现，{days}天后{subject}首次在同一处受检",
                failure.day
            ),
            reason_en: format!(
                "{before} failed here on {} and was not seen again; {subject}, never seen before, was at the same place {days} days later",
                failure.day
            ),
        })
    }

    /// Enterprises that fail less where a check can be foreseen than others do.
    fn clean_when_foreseen(&self, on: Day, policy: &BurdenPolicy) -> Vec<Suspicion> {
        let mut of: Vec<Compared> = vec![Compared::default(); self.of_enterprise.len()];
        let mut city = Compared::default();
        for fact in &self.facts {
            if fact.day <= on && fact.tested() && self.stands(fact) {
                if let Some(of) = of.get_mut(fact.enterprise as usize) {
                    of.add(fact);
                }
                city.add(fact);
            }
        }
        // How much more often unforeseen checks fail in the whole city: they go where failures are.
        let half = |count: u32| f64::from(count) + 0.5;
        let ln_odds = |sums: &Sums| libm::log(half(sums.failed) / half(sums.tested - sums.failed));
        let usual = ln_odds(&city.foreseen) - ln_odds(&city.unforeseen);
        let compared = (0..).zip(of).filter(|(_, of)| {
            of.foreseen.tested >= LEAST_COMPARED && of.unforeseen.tested >= LEAST_COMPARED
        });
        let compared = compared.map(|(enterprise, of): (u32, _)| {
            let p = lower_tail(of.foreseen, of.unforeseen, usual);
            (p, (enterprise, of))
        });
        let told = believed(compared.collect(), policy).into_iter();
        let told = told.filter_map(|(p, (enterprise, compared))| {
            let (foreseen, unforeseen) = (compared.foreseen, compared.unforeseen);
            let subject = self.enterprises.name(enterprise)?;
            let facts = self.facts_of(enterprise, on).filter(|fact| fact.tested());
            Some(Suspicion {
                kind: SuspicionKind::CleanWhenForeseen,
                subject: CompactString::new(subject.as_str()),
                before: None,
                item: None,
                p_value: Some(p),
                entries: facts.map(|fact| fact.entry).take(MOST_ENTRIES).collect(),
                reason_zh: format!(
                    "可预见的检查{}批次中不合格{}批次，不可预见的检查{}批次中不合格{}批次；与全市的差别相比，出于偶然的概率为{p:.2e}",
                    foreseen.tested, foreseen.failed, unforeseen.tested, unforeseen.failed
                ),
                reason_en: format!(
                    "{} of {} failed where the check could be foreseen, {} of {} where it could not; beyond what is usual in the city, chance shows as much with probability {p:.2e}",
                    foreseen.failed, foreseen.tested, unforeseen.failed, unforeseen.tested
                ),
            })
        });
        sorted(told.collect())
    }

    /// Observers of whose measurements near a limit more lie within it than beyond it. Where nobody
    /// helps, as many lie just on either side.
    fn heaped(&self, on: Day, policy: &BurdenPolicy) -> Vec<Suspicion> {
        let mut sums: BTreeMap<(u32, u32), (u32, u32, Vec<u64>)> = BTreeMap::new();
        for margin in &self.margins {
            let Some(fact) = self.facts.get(margin.fact as usize) else {
                continue;
            };
            let near = (margin.ratio - 1.0).abs() <= policy.heap_band;
            if !near || fact.day > on || !self.stands(fact) {
                continue;
            }
            let (within, beyond, entries) = sums.entry((margin.observer, margin.item)).or_default();
            if margin.ratio <= 1.0 {
                *within += 1;
                if entries.len() < MOST_ENTRIES {
                    entries.push(fact.entry);
                }
            } else {
                *beyond += 1;
            }
        }
        let heaps = sums.into_iter().map(|(of, (within, beyond, entries))| {
            let p = upper_half_tail(within, within + beyond);
            (p, (of, within, beyond, entries))
        });
        let told = believed(heaps.collect(), policy).into_iter();
        let told = told.filter_map(|(p, ((observer, item), within, beyond, entries))| {
            let all = within + beyond;
            let observer = self.observers.name(observer)?;
            let item = self.items.name(item)?;
            let percent = policy.heap_band * 100.0;
            Some(Suspicion {
                kind: SuspicionKind::HeapedAtLimit,
                subject: observer.clone(),
                before: None,
                item: Some(item.clone()),
                p_value: Some(p),
                entries,
                reason_zh: format!(
                    "项目{item}在限值上下{percent:.0}%以内的{all}个结果中{within}个恰在限值以内；出于偶然的概率为{p:.2e}"
                ),
                reason_en: format!(
                    "of {all} measurements of {item} within {percent:.0} % of the limit, {within} lie just within it; chance shows as much with probability {p:.2e}"
                ),
            })
        });
        sorted(told.collect())
    }
}

/// Tests and failures.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    tested: u32,
    failed: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Compared {
    foreseen: Sums,
    unforeseen: Sums,
}

impl Compared {
    fn add(&mut self, fact: &Fact) {
        let sums = if fact.unforeseen {
            &mut self.unforeseen
        } else {
            &mut self.foreseen
        };
        sums.tested += 1;
        sums.failed += u32::from(fact.failed());
    }
}

/// Those that are believed of all that were looked at for signs of one kind, each by its probability.
fn believed<T>(mut all: Vec<(f64, T)>, policy: &BurdenPolicy) -> Vec<(f64, T)> {
    let p_values: Vec<f64> = all.iter().map(|(p, _)| *p).collect();
    // A tail probability lies within [0, 1], so nothing is refused.
    let adjusted = benjamini_hochberg(&p_values).unwrap_or_default();
    let mut adjusted = adjusted.into_iter();
    all.retain(|_| {
        let adjusted = adjusted.next();
        adjusted.is_some_and(|p| p <= policy.false_share)
    });
    all
}

/// The least probable by chance first.
fn sorted(mut signs: Vec<Suspicion>) -> Vec<Suspicion> {
    signs.sort_by(|one, other| {
        let p = |sign: &Suspicion| sign.p_value.unwrap_or(1.0);
        let by_name = (&one.subject, &one.item).cmp(&(&other.subject, &other.item));
        p(one).total_cmp(&p(other)).then(by_name)
    });
    signs
}

/// Probability that at most as many of the foreseen tests fail, given how many fail in all, where the
/// log odds ratio of foreseen to unforeseen is `usual`: the lower tail of Fisher's noncentral
/// hypergeometric distribution.
fn lower_tail(foreseen: Sums, unforeseen: Sums, usual: f64) -> f64 {
    let all = foreseen.failed + unforeseen.failed;
    let least = all.saturating_sub(unforeseen.tested);
    let most = all.min(foreseen.tested);
    let ln_weight = |failed: u32| {
        ln_choose(u64::from(foreseen.tested), u64::from(failed))
            + ln_choose(u64::from(unforeseen.tested), u64::from(all - failed))
            + f64::from(failed) * usual
    };
    let top = (least..=most).map(ln_weight).fold(f64::MIN, f64::max);
    let weight = |failed: u32| libm::exp(ln_weight(failed) - top);
    let tail: f64 = (least..=foreseen.failed).map(weight).sum();
    let total: f64 = (least..=most).map(weight).sum();
    (tail / total).clamp(0.0, 1.0)
}

/// Probability that at least `count` of `all` fall on one of two equally likely sides.
fn upper_half_tail(count: u32, all: u32) -> f64 {
    let ln_half = f64::from(all) * -std::f64::consts::LN_2;
    let term = |k: u32| libm::exp(ln_choose(u64::from(all), u64::from(k)) + ln_half);
    (count..=all).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        // Fisher's tea: all four of eight cups told apart, one-sided 1/70.
        let (four, none) = (
            Sums {
                tested: 4,
                failed: 4,
            },
            Sums {
                tested: 4,
                failed: 0,
            },
        );
        assert!((lower_tail(none, four, 0.0) - 1.0 / 70.0).abs() < 1e-12);
        assert!((lower_tail(four, none, 0.0) - 1.0).abs() < 1e-12);
        // 8 or more heads of 10: 56/1024.
        assert!((upper_half_tail(8, 10) - 56.0 / 1024.0).abs() < 1e-12);
        assert!((upper_half_tail(0, 10) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_usual_difference_is_no_sign() {
        let (foreseen, unforeseen) = (
            Sums {
                tested: 20,
                failed: 2,
            },
            Sums {
                tested: 20,
                failed: 8,
            },
        );
        let alone = lower_tail(foreseen, unforeseen, 0.0);
        let usual = lower_tail(foreseen, unforeseen, -1.8);
        assert!(alone < 0.05 && usual > 0.3, "{alone} {usual}");
    }
}
