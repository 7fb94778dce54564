//! Results in bulk, for load: cheap to make, just under 600 bytes as JSON, in the order of report.
//!
//! They carry no hidden truth; the demo city is for that.

use compact_str::{CompactString, format_compact};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{
    AgencyId, EnterpriseId, IdError, InspectionId, ItemCode, ProductCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome, ProductRef, SampleCounts, SiteRef,
    TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::reference::Reference;
use risk_domain::scales::Severity;
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use std::collections::BTreeMap;

/// Results a subject gets over the whole time, unless said otherwise.
const RESULTS_PER_SUBJECT: u64 = 10;
/// Bounds of a random number of 32 bits below which a share of draws lies: 1 in 10 fails.
const FAILS: u32 = u32::MAX / 10;

/// Which enterprises results are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// All alike.
    Uniform,
    /// A few have most of them: the share of results of the first x of all is the cube root of x.
    Skewed,
}

/// Results of `subjects` enterprises over some days; `observed_at` never falls, ids are unique.
#[derive(Debug)]
pub struct BulkStream {
    random: ChaCha12Rng,
    subjects: u32,
    skew: Skew,
    start: Timestamp,
    span_millis: i64,
    total: u64,
    next: u64,
    zones: Vec<ZoneId>,
    products: Vec<(ProductCode, CompactString)>,
    teams: Vec<TeamId>,
    agency: Agency,
    items: [TestItem; 2],
}

impl BulkStream {
    /// Ten results for each subject, spread evenly over the days.
    pub fn new(seed: u64, subjects: u32, start_day: Day, days: u32) -> Result<Self, IdError> {
        let zones = ["itc-1-f1", "itc-2-f1", "itc-3-f1", "itc-4-f1", "itc-5-f1"];
        let products = [
            ("TOY-PL", "塑胶玩具"),
            ("ST-PEN", "书写笔、记号笔"),
            ("JEW-IMI", "仿真饰品"),
        ];
        // No more than a record needs, to stay near 500 bytes.
        let item = |verdict: Verdict| -> Result<TestItem, IdError> {
            Ok(TestItem {
                code: ItemCode::new("phthalates")?,
                name: CompactString::const_new("邻苯二甲酸酯"),
                clause: None,
                method: None,
                measured: None,
                limit: None,
                unit: None,
                verdict,
                hazard: None,
                severity: (verdict == Verdict::Nonconforming).then_some(Severity::Three),
            })
        };
        Ok(Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            subjects: subjects.max(1),
            skew: Skew::Uniform,
            start: CivilOffset::CHINA.start_of(start_day),
            span_millis: i64::from(days.max(1)) * DAY_MILLIS,
            total: u64::from(subjects.max(1)) * RESULTS_PER_SUBJECT,
            next: 0,
            zones: zones
                .into_iter()
                .map(ZoneId::new)
                .collect::<Result<_, _>>()?,
            products: products
                .into_iter()
                .map(|(code, name)| Ok((ProductCode::new(code)?, CompactString::const_new(name))))
                .collect::<Result<_, IdError>>()?,
            teams: (1..=12)
                .map(|team| TeamId::new(format_compact!("T{team:02}")))
                .collect::<Result<_, _>>()?,
            agency: Agency {
                id: AgencyId::new("330782")?,
                level: AgencyLevel::County,
            },
            items: [item(Verdict::Conforming)?, item(Verdict::Nonconforming)?],
        })
    }

    /// So many results in all.
    #[must_use]
    pub fn results(mut self, total: u64) -> Self {
        self.total = total;
        self
    }

    /// Another distribution over enterprises.
    #[must_use]
    pub fn skew(mut self, skew: Skew) -> Self {
        self.skew = skew;
        self
    }

    /// Zones and products of the reference data; an empty list keeps the built-in one.
    #[must_use]
    pub fn places(
        mut self,
        zones: Vec<ZoneId>,
        products: Vec<(ProductCode, CompactString)>,
    ) -> Self {
        if !zones.is_empty() {
            self.zones = zones;
        }
        if !products.is_empty() {
            self.products = products;
        }
        self
    }

    /// The zones and products of the reference data in which something is sold.
    #[must_use]
    pub fn of(self, reference: &Reference) -> Self {
        let sold = reference
            .zones
            .iter()
            .filter(|zone| !zone.products.is_empty());
        let products = reference.products.values();
        self.places(
            sold.map(|zone| zone.id.clone()).collect(),
            products
                .map(|of| (of.code.clone(), of.name_zh.clone()))
                .collect(),
        )
    }

    fn subject(&mut self) -> u32 {
        match self.skew {
            Skew::Uniform => self.random.random_range(0..self.subjects),
            Skew::Skewed => {
                let share: f64 = self.random.random();
                (share * share * share * f64::from(self.subjects)) as u32
            }
        }
    }

    fn result(&mut self) -> Option<InspectionResult> {
        let number = self.next;
        let subject = self.subject();
        let draw = self.random.next_u64();
        let failed = (draw as u32) < FAILS;
        let elapsed =
            i128::from(number) * i128::from(self.span_millis) / i128::from(self.total.max(1));
        // Whole seconds, as reports have them.
        let observed_at = self.start.plus_millis(elapsed as i64 / 1_000 * 1_000);
        let delay = 3 + (draw >> 32 & 7) as i64;
        // A subject keeps its zone and its product.
        let zone = self.zones.get(subject as usize % self.zones.len())?;
        let (product, name) = self
            .products
            .get(subject as usize / 5 % self.products.len())?;
        let team = self.teams.get(subject as usize % self.teams.len())?;
        Some(InspectionResult {
            inspection_id: InspectionId::new(numbered(b'L', number)).ok()?,
            supersedes: None,
            sampled_at: observed_at.plus_millis(-delay * DAY_MILLIS),
            tested_at: None,
            observed_at,
            mode: SelectionMode::SupervisoryCheck,
            agency: self.agency.clone(),
            team_id: team.clone(),
            selection: Selection {
                basis: SelectionBasis::Random,
                draw_id: None,
                inclusion_probability: None,
                campaign_id: None,
            },
            site: SiteRef {
                site_id: SiteId::new(numbered(b'S', u64::from(subject))).ok()?,
                enterprise_id: EnterpriseId::new(numbered(b'E', u64::from(subject))).ok()?,
                name: CompactString::const_new("模拟商行"),
                zone_id: zone.clone(),
                booth: None,
                channel: Channel::Market,
                platform: None,
            },
            producer: None,
            supplier: None,
            product: ProductRef {
                category: product.clone(),
                name: name.clone(),
                brand: None,
                model: None,
                standard: None,
                lot_no: None,
                lot_size: None,
                gtin: None,
            },
            sample: SampleCounts {
                tested: 2,
                backup: 1,
                defective: u32::from(failed),
                cost_fen: None,
            },
            test: TestRef {
                kind: TestKind::Laboratory,
                method_id: None,
                lab_id: None,
            },
            outcome: if failed {
                Outcome::Nonconforming
            } else {
                Outcome::Conforming
            },
            items: vec![self.items.get(usize::from(failed))?.clone()],
            confirms: None,
            follow_up_of: None,
            case_id: None,
            extra: BTreeMap::new(),
        })
    }
}

/// `letter` and the number; by hand, as formatting is most of the cost.
fn numbered(letter: u8, mut number: u64) -> CompactString {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    let mut text = CompactString::with_capacity(1 + used);
    text.push(char::from(letter));
    text.extend(
        digits
            .iter()
            .skip(digits.len() - used)
            .map(|digit| char::from(*digit)),
    );
    text
}

impl Iterator for BulkStream {
    type Item = InspectionResult;

    fn next(&mut self) -> Option<InspectionResult> {
        if self.next >= self.total {
            return None;
        }
        let result = self.result();
        self.next += 1;
        result
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.total.saturating_sub(self.next) as usize;
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const SEED: u64 = 31;

    fn stream(seed: u64) -> BulkStream {
        println!("seed {seed}");
        BulkStream::new(seed, 500, Day::from_ymd(2025, 1, 6).unwrap(), 365).unwrap()
    }

    #[test]
    fn results_come_in_order_and_once() {
        let results: Vec<_> = stream(SEED).collect();
        assert_eq!(results.len(), 5_000);
        assert!(results.is_sorted_by_key(|of| of.observed_at));
        let ids: BTreeSet<_> = results.iter().map(|of| &of.inspection_id).collect();
        assert_eq!(ids.len(), results.len());
        let failed = results
            .iter()
            .filter(|of| of.outcome == Outcome::Nonconforming)
            .count();
        assert!((400..600).contains(&failed), "{failed}");
        for result in &results {
            assert!(result.sampled_at < result.observed_at);
            assert_eq!(
                result.failed_items().count() as u32,
                result.sample.defective
            );
        }
        let end = CivilOffset::CHINA.start_of(Day::from_ymd(2026, 1, 6).unwrap());
        assert!(results.last().unwrap().observed_at < end);
    }

    #[test]
    fn a_seed_is_a_stream_and_a_total_is_a_prefix_of_subjects() {
        assert!(stream(SEED).eq(stream(SEED)));
        assert!(!stream(SEED).eq(stream(SEED + 1)));
        assert_eq!(stream(SEED).results(17).count(), 17);
    }

    #[test]
    fn zones_products_and_items_are_those_of_the_reference_data() {
        let reference = Reference::builtin().unwrap();
        for results in [stream(SEED), stream(SEED).of(&reference)] {
            let mut seen = BTreeSet::new();
            for result in results {
                assert!(reference.zones.get(&result.site.zone_id).is_some());
                let product = reference.products.get(&result.product.category);
                assert_eq!(product.unwrap().name_zh, result.product.name);
                seen.insert(result.site.zone_id);
            }
            assert!(seen.len() >= 5);
        }
    }

    #[test]
    fn skewed_streams_have_heavy_subjects() {
        let heaviest = |skew| {
            let mut counts: BTreeMap<EnterpriseId, u32> = BTreeMap::new();
            for result in stream(SEED).skew(skew) {
                *counts.entry(result.site.enterprise_id).or_default() += 1;
            }
            counts.into_values().max().unwrap()
        };
        let (uniform, skewed) = (heaviest(Skew::Uniform), heaviest(Skew::Skewed));
        assert!(uniform < 40 && skewed > 200, "{uniform} {skewed}");
    }

    #[test]
    fn numbers_are_written_in_full() {
        assert_eq!(numbered(b'L', 0), "L0");
        assert_eq!(numbered(b'L', 1_234_567), "L1234567");
        assert_eq!(numbered(b'L', 12_345_678_901), "L12345678901");
    }
}
