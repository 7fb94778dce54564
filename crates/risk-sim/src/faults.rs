//! What goes wrong on the way: results sent twice, corrected later, or overtaken by others.

use compact_str::{CompactString, format_compact};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{IdError, InspectionId};
use risk_domain::inspection::{InspectionResult, Outcome, Verdict};
use risk_domain::time::{DAY_MILLIS, Timestamp};

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRates {
    /// Share of results delivered twice, unchanged.
    pub duplicates: f64,
    /// Share of results that a correction replaces some days later.
    pub corrections: f64,
    /// Share of deliveries that come later than their turn.
    pub delayed: f64,
    /// How much later at most, in milliseconds of `observed_at`.
    pub lateness_millis: i64,
}

impl Default for FaultRates {
    /// 1 % twice, 0.3 % corrected, 5 % out of turn by at most an hour.
    fn default() -> Self {
        Self {
            duplicates: 0.01,
            corrections: 0.003,
            delayed: 0.05,
            lateness_millis: 3_600_000,
        }
    }
}

/// Why a delivery is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The result itself.
    Original,
    /// The same content once more（重复）.
    Duplicate,
    /// Another content under a new id that supersedes the first（更正）.
    Correction,
}

/// One delivery, in the order in which they arrive.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What arrives.
    pub result: InspectionResult,
    /// Why.
    pub kind: DeliveryKind,
}

/// Results as they arrive over a faulty way. Whatever arrives out of turn comes after no result
/// whose `observed_at` is later by more than the lateness.
///
/// A correction whose report would come after the last of `results` is left out.
pub fn with_faults(
    results: &[InspectionResult],
    seed: u64,
    rates: &FaultRates,
) -> Result<Vec<Delivery>, IdError> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let last = results.iter().map(|result| result.observed_at).max();
    let mut queue: Vec<(Timestamp, usize, Delivery)> = Vec::with_capacity(results.len());
    let mut send = |due: Timestamp, kind: DeliveryKind, result: InspectionResult| {
        queue.push((due, queue.len(), Delivery { result, kind }));
    };
    for result in results {
        let delayed = random.random_bool(rates.delayed.clamp(0.0, 1.0));
        let due = turn(result.observed_at, delayed, rates, &mut random);
        send(due, DeliveryKind::Original, result.clone());
        if random.random_bool(rates.duplicates.clamp(0.0, 1.0)) {
            let due = turn(result.observed_at, true, rates, &mut random);
            send(due, DeliveryKind::Duplicate, result.clone());
        }
        if random.random_bool(rates.corrections.clamp(0.0, 1.0)) {
            let corrected = correct(result, &mut random)?;
            if last.is_some_and(|last| corrected.observed_at <= last) {
                send(corrected.observed_at, DeliveryKind::Correction, corrected);
            }
        }
    }
    queue.sort_by_key(|(due, order, _)| (*due, *order));
    Ok(queue.into_iter().map(|(_, _, delivery)| delivery).collect())
}

fn turn(at: Timestamp, delayed: bool, rates: &FaultRates, random: &mut ChaCha12Rng) -> Timestamp {
    if delayed && rates.lateness_millis > 0 {
        at.plus_millis(random.random_range(0..=rates.lateness_millis))
    } else {
        at
    }
}

/// A result withdrawn after objection becomes conforming; of others the label was read wrong.
fn correct(
    result: &InspectionResult,
    random: &mut ChaCha12Rng,
) -> Result<InspectionResult, IdError> {
    let id = &result.inspection_id;
    let mut corrected = InspectionResult {
        inspection_id: InspectionId::new(format_compact!("{id}-G1"))?,
        supersedes: Some(id.clone()),
        observed_at: result
            .observed_at
            .plus_millis(random.random_range(1..=10) * DAY_MILLIS),
        ..result.clone()
    };
    if result.outcome == Outcome::Nonconforming {
        corrected.outcome = Outcome::Conforming;
        corrected.sample.defective = 0;
        for item in &mut corrected.items {
            item.verdict = Verdict::Conforming;
            item.measured = Some(CompactString::const_new("符合"));
        }
    } else {
        corrected.product.lot_no =
            Some(format_compact!("G{}", random.random_range(10_000..99_999)));
    }
    Ok(corrected)
}

#[cfg(test)]
mod tests;
