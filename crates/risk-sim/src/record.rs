//! From a sample and its hidden quality to the result that the bureau reads.

use crate::frame::{CityFrame, TradeItem, TradeProduct};
use crate::population::{Cell, Maker, Population};
use crate::workdays::{WorkDays, at, office_minute, year};
use compact_str::{CompactString, format_compact};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{
    AgencyId, CampaignId, DrawId, IdError, InspectionId, ItemCode, LabId, MethodId, TeamId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, InspectionResult, Outcome, Producer, ProductRef, SampleCounts, SiteRef,
    TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::selection::{InclusionProbability, Selection, SelectionBasis, SelectionMode};
use risk_domain::time::{CivilOffset, Day, Timestamp};
use std::collections::BTreeMap;

/// Share of failed tests by severity, 1 to 4, where a product has items of each.
const SEVERITY_MIX: [f64; 4] = [0.55, 0.30, 0.12, 0.03];
/// Share of an outbreak's failures that show in the outbreak's own item.
const OUTBREAK_ITEM: f64 = 0.7;

/// What was decided and what is so before anything is written down.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) cell: usize,
    pub(crate) mode: SelectionMode,
    pub(crate) basis: SelectionBasis,
    pub(crate) inclusion: Option<f64>,
    pub(crate) draw: Option<DrawId>,
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) follow_up_of: Option<InspectionId>,
    pub(crate) sampled_at: Timestamp,
}

impl Visit {
    /// A visit that no draw, campaign or failure led to; its time is still to be set.
    pub(crate) fn plain(cell: usize, mode: SelectionMode, basis: SelectionBasis) -> Self {
        Self {
            cell,
            mode,
            basis,
            inclusion: None,
            draw: None,
            campaign: None,
            follow_up_of: None,
            sampled_at: Timestamp::MIN,
        }
    }
}

/// What the test shows.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    /// The item that an outbreak breaks here.
    pub(crate) likely_item: Option<ItemCode>,
}

/// Writes results and numbers them.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    pub(crate) frame: &'a CityFrame,
    pub(crate) population: &'a Population,
    pub(crate) days: WorkDays,
    numbers: BTreeMap<i32, u32>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(frame: &'a CityFrame, population: &'a Population, days: WorkDays) -> Self {
        Self {
            frame,
            population,
            days,
            numbers: BTreeMap::new(),
        }
    }

    fn number(&mut self, sampled: Day) -> Result<InspectionId, IdError> {
        let year = year(sampled);
        let number = self.numbers.entry(year).or_default();
        *number += 1;
        InspectionId::new(format_compact!("YW-{year}-{number:06}"))
    }

    /// Writes the result of a visit; `None` when the cell is unknown.
    pub(crate) fn write(
        &mut self,
        visit: Visit,
        finding: &Finding,
        random: &mut ChaCha12Rng,
    ) -> Result<Option<InspectionResult>, IdError> {
        let (frame, population) = (self.frame, self.population);
        let Some(cell) = population.cells.get(visit.cell) else {
            return Ok(None);
        };
        let known = frame.products.get(cell.product);
        let seller = population.enterprises.get(cell.enterprise);
        let (Some(product), Some(seller)) = (known, seller) else {
            return Ok(None);
        };
        let Some(zone) = frame.zones.get(seller.zone) else {
            return Ok(None);
        };
        let sampled = CivilOffset::CHINA.day_of(visit.sampled_at);
        let rapid = visit.mode == SelectionMode::FastTest;
        let maker = cell
            .makers
            .choose(random)
            .and_then(|at| population.makers.get(*at));
        let (tested_at, observed_at) = self.times(&visit, finding.outcome, random);
        let result = InspectionResult {
            inspection_id: self.number(sampled)?,
            supersedes: None,
            sampled_at: visit.sampled_at,
            tested_at,
            observed_at,
            mode: visit.mode,
            agency: agency(visit.mode, random)?,
            team_id: TeamId::new(format_compact!(
                "T{:02}",
                1 + (cell.market * 3 + random.random_range(0..3)) % 12
            ))?,
            selection: Selection {
                basis: visit.basis,
                draw_id: visit.draw,
                inclusion_probability: visit
                    .inclusion
                    .and_then(|value| InclusionProbability::new(value).ok()),
                campaign_id: visit.campaign,
            },
            site: SiteRef {
                site_id: seller.site.clone(),
                enterprise_id: seller.id.clone(),
                name: seller.name.clone(),
                zone_id: zone.id.clone(),
                booth: Some(seller.booth.clone()),
                channel: seller.channel,
                platform: seller.platform.clone(),
            },
            producer: maker.map(|maker| Producer {
                enterprise_id: maker.id.clone(),
                name: maker.name.clone(),
                region: Some(maker.region.clone()),
            }),
            supplier: population
                .suppliers
                .get(cell.supplier)
                .map(|supplier| supplier.id.clone()),
            product: label(product, maker, sampled, random),
            sample: SampleCounts::default(),
            test: how_tested(product, cell, rapid)?,
            outcome: finding.outcome,
            items: Vec::new(),
            confirms: None,
            follow_up_of: visit.follow_up_of,
            case_id: None,
            extra: BTreeMap::new(),
        };
        Ok(Some(fill(result, product, finding, random)))
    }

    /// The laboratory's result on goods that were screened on the spot just before（复核）.
    pub(crate) fn confirm(
        &mut self,
        screen: &InspectionResult,
        cell: usize,
        finding: &Finding,
        random: &mut ChaCha12Rng,
    ) -> Result<Option<InspectionResult>, IdError> {
        let Some(cell) = self.population.cells.get(cell) else {
            return Ok(None);
        };
        let Some(product) = self.frame.products.get(cell.product) else {
            return Ok(None);
        };
        let sampled_at = screen
            .sampled_at
            .plus_millis(random.random_range(30..60) * 60_000);
        let sampled = CivilOffset::CHINA.day_of(sampled_at);
        let (tested_at, observed_at) = self.laboratory_times(sampled, random);
        let result = InspectionResult {
            inspection_id: self.number(sampled)?,
            sampled_at,
            tested_at: Some(tested_at),
            observed_at,
            outcome: finding.outcome,
            test: how_tested(product, cell, false)?,
            items: Vec::new(),
            confirms: Some(screen.inspection_id.clone()),
            ..screen.clone()
        };
        Ok(Some(fill(result, product, finding, random)))
    }

    fn times(
        &self,
        visit: &Visit,
        outcome: Outcome,
        random: &mut ChaCha12Rng,
    ) -> (Option<Timestamp>, Timestamp) {
        let minutes = |range: std::ops::Range<i64>, random: &mut ChaCha12Rng| {
            random.random_range(range) * 60_000
        };
        match outcome {
            // Nothing was taken: the team reports from its way back.
            Outcome::Refused | Outcome::Terminated | Outcome::NotSampled => {
                (None, visit.sampled_at.plus_millis(minutes(10..120, random)))
            }
            Outcome::RejectedByLab => {
                let sampled = CivilOffset::CHINA.day_of(visit.sampled_at);
                let refused = self.days.after(sampled, random.random_range(1..=3));
                (None, at(refused, office_minute(random)))
            }
            Outcome::Conforming | Outcome::Nonconforming | Outcome::Untestable
                if visit.mode == SelectionMode::FastTest =>
            {
                let tested = visit.sampled_at.plus_millis(minutes(5..25, random));
                (Some(tested), tested.plus_millis(minutes(5..60, random)))
            }
            Outcome::Conforming | Outcome::Nonconforming | Outcome::Untestable => {
                let sampled = CivilOffset::CHINA.day_of(visit.sampled_at);
                let (tested, observed) = self.laboratory_times(sampled, random);
                (Some(tested), observed)
            }
        }
    }

    /// Reported 3 to 20 working days after sampling, nine on the average; tested before that.
    fn laboratory_times(&self, sampled: Day, random: &mut ChaCha12Rng) -> (Timestamp, Timestamp) {
        let slow: f64 = random.random();
        let days = 3 + (slow * slow * 18.0) as usize;
        let tested = self.days.after(sampled, random.random_range(1..days));
        let reported = self.days.after(sampled, days.min(20));
        (
            at(tested, office_minute(random)),
            at(reported, office_minute(random)),
        )
    }
}

fn agency(mode: SelectionMode, random: &mut ChaCha12Rng) -> Result<Agency, IdError> {
    let higher = match mode {
        SelectionMode::RiskEvaluation | SelectionMode::SupervisoryCheck => random.random_bool(0.1),
        SelectionMode::SpecialCheck | SelectionMode::FastTest | SelectionMode::EnforcementTest => {
            false
        }
    };
    let (id, level) = match (higher, higher && random.random_bool(0.5)) {
        (false, _) => ("330782", AgencyLevel::County),
        (true, false) => ("330700", AgencyLevel::Municipal),
        (true, true) => ("330000", AgencyLevel::Provincial),
    };
    Ok(Agency {
        id: AgencyId::new(id)?,
        level,
    })
}

fn how_tested(product: &TradeProduct, cell: &Cell, rapid: bool) -> Result<TestRef, IdError> {
    if rapid {
        let kit = product
            .kit
            .clone()
            .map_or_else(|| MethodId::new("kit-general"), Ok)?;
        return Ok(TestRef {
            kind: TestKind::Rapid,
            method_id: Some(kit),
            lab_id: None,
        });
    }
    Ok(TestRef {
        kind: TestKind::Laboratory,
        method_id: None,
        lab_id: Some(LabId::new(format_compact!(
            "LAB-{:02}",
            1 + cell.sector % 6
        ))?),
    })
}

fn label(
    product: &TradeProduct,
    maker: Option<&Maker>,
    sampled: Day,
    random: &mut ChaCha12Rng,
) -> ProductRef {
    // A maker's batch is that of a month, so that several booths carry the same one.
    let made = sampled.plus(-30 * random.random_range(1..=4));
    let text = made.to_string();
    let month: CompactString = text.split('-').take(2).collect();
    let line = random.random_range(1..=2);
    ProductRef {
        category: product.code.clone(),
        name: product.name.clone(),
        brand: maker.map(|maker| maker.brand.clone()),
        model: maker.and_then(|maker| maker.models.choose(random).cloned()),
        standard: product.standard.clone(),
        lot_no: random
            .random_bool(0.9)
            .then(|| format_compact!("{month}{line:02}")),
        lot_size: Some(random.random_range(2..250) * 20),
        gtin: None,
    }
}

/// Counts and items, as the outcome has them.
fn fill(
    mut result: InspectionResult,
    product: &TradeProduct,
    finding: &Finding,
    random: &mut ChaCha12Rng,
) -> InspectionResult {
    let rapid = result.test.kind == TestKind::Rapid;
    let (tested, backup) = if rapid { (1, 0) } else { product.units };
    let price = u64::from(tested + backup) * random.random_range(400..6_000);
    let taken = SampleCounts {
        tested,
        backup,
        defective: 0,
        cost_fen: (!rapid).then_some(price),
    };
    match finding.outcome {
        Outcome::Conforming => {
            result.sample = taken;
            result.items = items(product, (0, rapid), None, random);
        }
        Outcome::Nonconforming => {
            result.sample = taken;
            result.sample.defective = if tested > 1 && random.random_bool(0.5) {
                tested.div_ceil(2)
            } else {
                1
            };
            let failures = 1 + usize::from(!rapid && random.random_bool(0.25));
            result.items = items(
                product,
                (failures, rapid),
                finding.likely_item.as_ref(),
                random,
            );
        }
        Outcome::Untestable | Outcome::RejectedByLab => {
            result.sample = SampleCounts { tested: 0, ..taken };
        }
        Outcome::Refused | Outcome::Terminated | Outcome::NotSampled => {}
    }
    result
}

/// Failed items first, then those that conform.
fn items(
    product: &TradeProduct,
    (failures, rapid): (usize, bool),
    likely: Option<&ItemCode>,
    random: &mut ChaCha12Rng,
) -> Vec<TestItem> {
    let mut open: Vec<&TradeItem> = product.items.iter().collect();
    let mut chosen = Vec::new();
    for _ in 0..failures {
        let broken = likely
            .filter(|_| random.random_bool(OUTBREAK_ITEM))
            .and_then(|code| open.iter().position(|item| item.code == *code));
        let at = broken.or_else(|| by_severity(&open, random));
        if let Some(at) = at {
            chosen.push(written(open.swap_remove(at), true, random));
        }
    }
    let total = match (rapid, failures) {
        (true, 0) => 1,
        (true, _) => chosen.len(),
        (false, 0) => random.random_range(2..=4),
        (false, _) => chosen.len() + random.random_range(1..=3),
    };
    while chosen.len() < total && !open.is_empty() {
        let at = random.random_range(0..open.len());
        chosen.push(written(open.swap_remove(at), false, random));
    }
    chosen
}

fn by_severity(open: &[&TradeItem], random: &mut ChaCha12Rng) -> Option<usize> {
    let weight = |item: &TradeItem| {
        SEVERITY_MIX
            .get(item.severity.index())
            .copied()
            .unwrap_or(0.1)
    };
    let total: f64 = open.iter().map(|item| weight(item)).sum();
    let mut left = random.random::<f64>() * total;
    for (at, item) in open.iter().enumerate() {
        left -= weight(item);
        if left <= 0.0 {
            return Some(at);
        }
    }
    open.len().checked_sub(1)
}

fn written(item: &TradeItem, fails: bool, random: &mut ChaCha12Rng) -> TestItem {
    TestItem {
        code: item.code.clone(),
        name: item.name.clone(),
        clause: item.clause.clone(),
        method: None,
        measured: Some(measured(item.limit.as_deref(), fails, random)),
        limit: item.limit.clone(),
        unit: item.unit.clone(),
        verdict: if fails {
            Verdict::Nonconforming
        } else {
            Verdict::Conforming
        },
        hazard: item.hazard.clone(),
        severity: Some(item.severity),
    }
}

/// A number on the right side of a one-sided limit, words where the limit is none.
fn measured(limit: Option<&str>, fails: bool, random: &mut ChaCha12Rng) -> CompactString {
    let words = CompactString::const_new(if fails { "不符合" } else { "符合" });
    let Some((at_most, bound)) = limit.and_then(one_sided) else {
        return words;
    };
    let factor = match (at_most, fails) {
        (true, true) => random.random_range(1.15..4.0),
        (true, false) => random.random_range(0.05..0.90),
        (false, true) => random.random_range(0.30..0.90),
        (false, false) => random.random_range(1.05..2.0),
    };
    let value = bound * factor;
    if bound >= 50.0 {
        format_compact!("{value:.0}")
    } else if bound >= 1.0 {
        format_compact!("{value:.2}")
    } else {
        format_compact!("{value:.4}")
    }
}

/// Reads `≤ 0.1`, `<25 km/h` or `≥4.5 N`: whether it is a greatest value, and the value.
fn one_sided(limit: &str) -> Option<(bool, f64)> {
    let limit = limit.trim();
    let (at_most, rest) = match limit.strip_prefix(['≤', '<', '＜', '≦']) {
        Some(rest) => (true, rest),
        None => (false, limit.strip_prefix(['≥', '>', '＞', '≧'])?),
    };
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(|character| character.is_ascii_digit() || *character == '.')
        .collect();
    digits
        .parse()
        .ok()
        .filter(|bound| *bound > 0.0)
        .map(|bound| (at_most, bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_are_one_sided_are_read() {
        assert_eq!(one_sided("≤0.1"), Some((true, 0.1)));
        assert_eq!(one_sided("< 25 km/h"), Some((true, 25.0)));
        assert_eq!(one_sided("≥4.5N"), Some((false, 4.5)));
        assert_eq!(one_sided("6.0～8.5"), None);
        assert_eq!(one_sided("不得检出"), None);
    }
}
