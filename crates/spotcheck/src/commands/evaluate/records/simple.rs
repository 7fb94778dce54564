//! Simple ways to foretell a failure（简单方法）, which a model must beat: what a bureau does with a table.

use super::Numbered;
use risk_stats::shrink::BetaPosterior;
use std::collections::BTreeMap;

/// Weeks between two fits of the beta-binomial.
const REFIT: u16 = 4;
/// Results that an enterprise's smoothed rate is drawn to its category by, and a category's to all.
const TO_CATEGORY: f64 = 5.0;
const TO_ALL: f64 = 50.0;
/// Half-life of the smoothed rate's counts, in weeks.
const HALF_LIFE: f64 = 104.0;

/// Simple ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Simple {
    RawRate,
    LastResult,
    BetaBinomial,
    SmoothedRate,
}

impl Simple {
    pub(super) const ALL: [Self; 4] = [
        Self::RawRate,
        Self::LastResult,
        Self::BetaBinomial,
        Self::SmoothedRate,
    ];

    /// Code, Chinese and English name.
    pub(super) fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RawRate => ("raw_rate", "原始不合格率", "raw rate"),
            Self::LastResult => ("last_result", "上次结果", "last result"),
            Self::BetaBinomial => ("beta_binomial", "贝塔二项收缩", "beta-binomial"),
            Self::SmoothedRate => ("smoothed_rate", "平滑不合格率", "smoothed rate"),
        }
    }
}

/// Counts that fade: what a week is old counts half after [`HALF_LIFE`] weeks.
#[derive(Debug, Clone, Copy, Default)]
struct Fading {
    week: u16,
    results: f64,
    failures: f64,
}

impl Fading {
    fn at(self, week: u16) -> (f64, f64) {
        let age = f64::from(week.saturating_sub(self.week));
        let left = 0.5_f64.powf(age / HALF_LIFE);
        (self.results * left, self.failures * left)
    }

    fn add(&mut self, week: u16, failed: bool) {
        let (results, failures) = self.at(week);
        *self = Self {
            week: week.max(self.week),
            results: results + 1.0,
            failures: failures + f64::from(u8::from(failed)),
        };
    }

    /// Its share, drawn to another by so many results.
    fn share(self, week: u16, strength: f64, to: f64) -> f64 {
        let (results, failures) = self.at(week);
        (failures + strength * to) / (results + strength)
    }
}

/// What is known of an enterprise.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    results: u64,
    failures: u64,
    last: Option<bool>,
    fading: Fading,
}

/// Everything that the simple ways remember of routine results.
#[derive(Debug, Default)]
pub(super) struct Memory {
    enterprises: BTreeMap<u32, Record>,
    categories: BTreeMap<u32, Fading>,
    all: Fading,
    /// Results and failures by what the last result of the same enterprise was.
    by_last: BTreeMap<Option<bool>, (u64, u64)>,
    beta: Option<(u16, BetaPosterior)>,
}

impl Memory {
    pub(super) fn learn(&mut self, one: &Numbered) {
        let record = self.enterprises.entry(one.enterprise).or_default();
        let (results, failures) = self.by_last.entry(record.last).or_default();
        *results += 1;
        *failures += u64::from(one.failed);
        record.results += 1;
        record.failures += u64::from(one.failed);
        record.last = Some(one.failed);
        record.fading.add(one.week, one.failed);
        let category = self.categories.entry(one.category).or_default();
        category.add(one.week, one.failed);
        self.all.add(one.week, one.failed);
    }

    /// Probabilities of a failure, in the order of [`Simple::ALL`].
    pub(super) fn foretell(&mut self, one: &Numbered) -> [f64; Simple::ALL.len()] {
        self.refit(one.week);
        let (results, failures) = (self.all.results, self.all.failures);
        let overall = (failures + 0.5) / (results + 1.0);
        let record = self.enterprises.get(&one.enterprise);
        let record = record.copied().unwrap_or_default();
        Simple::ALL.map(|way| match way {
            Simple::RawRate if record.results == 0 => overall,
            Simple::RawRate => record.failures as f64 / record.results as f64,
            Simple::LastResult => {
                let known = self.by_last.get(&record.last).copied();
                let (results, failures) = known.unwrap_or_default();
                (failures as f64 + overall) / (results as f64 + 1.0)
            }
            Simple::BetaBinomial => {
                let posterior = self.beta.as_ref();
                let posterior =
                    posterior.map(|(_, beta)| beta.after(record.results, record.failures).mean());
                posterior.unwrap_or(overall)
            }
            Simple::SmoothedRate => {
                let category = self.categories.get(&one.category);
                let category = category.copied().unwrap_or_default();
                let category = category.share(one.week, TO_ALL, overall);
                record.fading.share(one.week, TO_CATEGORY, category)
            }
        })
    }

    fn refit(&mut self, week: u16) {
        let fresh = self.beta.as_ref();
        if fresh.is_some_and(|(at, _)| week < at + REFIT) {
            return;
        }
        let records = self.enterprises.values();
        let counts: Vec<(u64, u64)> = records
            .map(|record| (record.results, record.failures))
            .collect();
        self.beta = BetaPosterior::fit(&counts).map(|beta| (week, beta));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::time::Day;

    fn one(week: u16, enterprise: u32, failed: bool) -> Numbered {
        Numbered {
            day: Day::new(i32::from(week) * 7),
            week,
            items: vec![(0, failed)],
            enterprise,
            category: 0,
            routine: true,
            failed,
            inspector: 0,
        }
    }

    #[test]
    fn each_way_tells_what_its_name_says() {
        let mut memory = Memory::default();
        for (week, enterprise, failed) in [
            (0, 1, true),
            (1, 1, false),
            (2, 1, true),
            (2, 2, false),
            (3, 2, false),
            (4, 2, false),
        ] {
            memory.learn(&one(week, enterprise, failed));
        }
        let [raw, last, beta, smoothed] = memory.foretell(&one(5, 1, false));
        assert!((raw - 2.0 / 3.0).abs() < 1e-12);
        // After a failure came one pass and nothing else; the overall share is 2.5 / 7 at least.
        assert!(last < 0.25, "{last}");
        let [other, .., other_smoothed] = memory.foretell(&one(5, 2, false));
        assert!(other == 0.0 && other_smoothed < smoothed && smoothed < raw);
        assert!((0.0..1.0).contains(&beta));
        let [new, ..] = memory.foretell(&one(5, 9, false));
        assert!((new - 2.5 / 7.0).abs() < 0.02, "{new}");
    }
}
