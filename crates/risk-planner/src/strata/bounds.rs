//! Bounds of quotas: minima and caps over parts, and quotas moved until they are kept.

use super::{Stratum, Unkept};
use crate::limits::{Bound, Limit, Limits};
use risk_domain::selection::SelectionMode;
use std::collections::BTreeMap;

/// Bounds of the sum of quotas over some parts.
pub(super) struct Bounded {
    pub(super) limit: usize,
    pub(super) parts: Vec<usize>,
    pub(super) least: u64,
    pub(super) most: u64,
}

/// What a limit asks of the parts it counts, once evaluations have taken theirs.
pub(super) fn bounded(
    at: usize,
    limit: &Limit,
    parts: &BTreeMap<Vec<usize>, Vec<usize>>,
    evaluations: &[Stratum],
    limits: &Limits,
) -> Bounded {
    let within = parts.keys().enumerate();
    let within = within
        .filter(|(_, of)| of.contains(&at))
        .map(|(part, _)| part);
    // Evaluations are drawn first and take what they take; what is expected of them is kept free.
    let taken: f64 = if limit.counts(SelectionMode::RiskEvaluation) {
        let units = evaluations.iter().flat_map(|stratum| &stratum.units);
        let of_limit = units.filter(|unit| limits.of(unit.unit).contains(&(at as u16)));
        of_limit.map(|unit| unit.probability).sum()
    } else {
        0.0
    };
    let (least, most) = match limit.bound {
        Bound::AtLeast => (u64::from(limit.tests), u64::MAX),
        Bound::AtMost => {
            let kept = libm::ceil(taken) as u64;
            (0, u64::from(limit.tests).saturating_sub(kept))
        }
    };
    Bounded {
        limit: at,
        parts: within.collect(),
        least,
        most,
    }
}

/// From which part's quota each part is drawn: its own, or, where its share was rounded to none, the
/// greatest that it takes nothing certain from, so that whoever may be drawn has a chance to be. None where a
/// cap leaves nothing, or every other quota is held by a minimum.
pub(super) fn hosts(quotas: &[u64], bounds: &[Bounded]) -> Vec<Option<usize>> {
    let closed = |part: usize| {
        let mut of = bounds.iter().filter(|of| of.parts.contains(&part));
        of.any(|of| of.most == 0)
    };
    let takes_from = |part: usize, host: usize| {
        let held = |of: &&Bounded| of.least > 0 && of.parts.contains(&host);
        bounds
            .iter()
            .filter(held)
            .all(|of| of.parts.contains(&part))
    };
    let host = |part: usize| {
        if quotas[part] > 0 {
            return Some(part);
        }
        let open = (0..quotas.len()).filter(|host| quotas[*host] > 0 && takes_from(part, *host));
        open.max_by_key(|host| (quotas[*host], std::cmp::Reverse(*host)))
            .filter(|_| !closed(part))
    };
    (0..quotas.len()).map(host).collect()
}

/// Takes away what is above the caps, where the quota is furthest above its share.
fn keep_caps(quotas: &mut [u64], shares: &[f64], bounds: &[Bounded]) {
    for bound in bounds {
        let sum = |quotas: &[u64]| -> u64 { bound.parts.iter().map(|part| quotas[*part]).sum() };
        while sum(quotas) > bound.most {
            let apart = |part: usize| shares[part] - quotas[part] as f64;
            let from = bound.parts.iter().copied().filter(|part| quotas[*part] > 0);
            let from = from
                .min_by(|one, other| apart(*one).total_cmp(&apart(*other)).then(one.cmp(other)));
            match from {
                Some(part) => quotas[part] -= 1,
                None => break,
            }
        }
    }
}

/// Moves quotas until the bounds are kept. A cap that pushes draws out where no other part can take
/// them leaves draws out; a minimum that cannot be reached is told.
pub(super) fn repair(
    mut quotas: Vec<u64>,
    shares: &[f64],
    most: &[u64],
    bounds: &[Bounded],
) -> (Vec<u64>, Vec<Unkept>) {
    let sum = |bound: &Bounded, quotas: &[u64]| -> u64 {
        bound.parts.iter().map(|part| quotas[*part]).sum()
    };
    let apart = |part: usize, quotas: &[u64]| shares[part] - quotas[part] as f64;
    let may_gain = |part: usize, quotas: &[u64]| {
        quotas[part] < most[part]
            && bounds
                .iter()
                .all(|of| !of.parts.contains(&part) || sum(of, quotas) < of.most)
    };
    let total: u64 = quotas.iter().sum();
    keep_caps(&mut quotas, shares, bounds);
    let mut unkept = Vec::new();
    for bound in bounds {
        while sum(bound, &quotas) < bound.least {
            let best = |parts: &mut dyn Iterator<Item = usize>, quotas: &[u64]| {
                parts.max_by(|one, other| {
                    apart(*one, quotas)
                        .total_cmp(&apart(*other, quotas))
                        .then(other.cmp(one))
                })
            };
            // Room in the whole budget, or a donor that no minimum holds.
            let room = quotas.iter().sum::<u64>() < total;
            let donor = (0..quotas.len())
                .filter(|part| quotas[*part] > 0 && !bound.parts.contains(part))
                .filter(|part| {
                    bounds
                        .iter()
                        .all(|of| !of.parts.contains(part) || sum(of, &quotas) > of.least)
                })
                .min_by(|one, other| {
                    apart(*one, &quotas)
                        .total_cmp(&apart(*other, &quotas))
                        .then(one.cmp(other))
                });
            let mut without = quotas.clone();
            if !room {
                let Some(donor) = donor else { break };
                without[donor] -= 1;
            }
            let mut gaining = bound
                .parts
                .iter()
                .copied()
                .filter(|part| may_gain(*part, &without));
            let Some(to) = best(&mut gaining, &without) else {
                break;
            };
            without[to] += 1;
            quotas = without;
        }
        let reached = sum(bound, &quotas);
        if reached < bound.least {
            unkept.push(Unkept {
                limit: bound.limit,
                nearest: reached as u32,
            });
        }
    }
    // What the caps pushed out goes where there is room.
    while quotas.iter().sum::<u64>() < total {
        let places = (0..quotas.len()).filter(|part| may_gain(*part, &quotas));
        let to = places.max_by(|one, other| {
            apart(*one, &quotas)
                .total_cmp(&apart(*other, &quotas))
                .then(other.cmp(one))
        });
        match to {
            Some(part) => quotas[part] += 1,
            None => break,
        }
    }
    (quotas, unkept)
}
