//! Designs of the two modes that are drawn: strata, quotas and inclusion probabilities.

mod bounds;

use crate::limits::{Bound, Group, Limit, Limits};
use crate::policy::Rules;
use crate::pool::Pool;
use crate::standing::Standing;
use bounds::{Bounded, bounded, hosts, repair};
use compact_str::{CompactString, format_compact};
use risk_domain::selection::SelectionMode;
use risk_stats::allocation::{inclusion_probabilities, neyman, whole_shares};
use std::collections::BTreeMap;

/// How units are taken from a stratum（抽样方案）.
#[doc(alias = "抽样方案")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Pareto sampling（帕累托抽样）; with equal probabilities a simple random sample.
    Pareto,
    /// Systematic in random order（随机序系统抽样）: exact however few are drawn.
    Systematic,
}

impl Scheme {
    /// Its code in records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pareto => "pareto",
            Self::Systematic => "systematic",
        }
    }

    /// The scheme with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Pareto, Self::Systematic]
            .into_iter()
            .find(|scheme| scheme.code() == code)
    }
}

/// A unit of a stratum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StratumUnit {
    /// Its place in the pool.
    pub unit: u32,
    /// Its weight in the draw.
    pub weight: f64,
    /// Probability with which it is drawn.
    pub probability: f64,
}

/// A stratum（层）: units of which a fixed number is drawn.
#[doc(alias = "层")]
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// The mode that draws from it.
    pub mode: SelectionMode,
    /// Its name, unique within the mode.
    pub name: CompactString,
    /// How many are drawn.
    pub quota: u32,
    /// How.
    pub scheme: Scheme,
    /// Its units, in the order of the pool.
    pub units: Vec<StratumUnit>,
}

/// Strata of risk evaluations: all candidates, by fifths of their probabilities, more draws where they
/// differ more (Neyman). Rest periods do not count, so that the whole frame stays in view.
pub(crate) fn evaluations(pool: &Pool, rules: &Rules, budget: u32) -> Vec<Stratum> {
    let mut order: Vec<u32> = (0..pool.len() as u32).collect();
    order.sort_unstable_by(|one, other| {
        let p = |unit: &u32| pool.get(*unit).probability;
        p(one).total_cmp(&p(other)).then(one.cmp(other))
    });
    let budget = (budget as usize).min(order.len());
    let count = (rules.strata as usize).min(budget).min(order.len());
    if count == 0 {
        return Vec::new();
    }
    let cut = |at: usize| at * order.len() / count;
    let parts: Vec<&[u32]> = (0..count).map(|at| &order[cut(at)..cut(at + 1)]).collect();
    let sizes: Vec<f64> = parts.iter().map(|part| part.len() as f64).collect();
    let deviations: Vec<f64> = parts
        .iter()
        .map(|part| {
            let sum: f64 = part.iter().map(|unit| pool.get(*unit).probability).sum();
            let mean = sum / part.len() as f64;
            libm::sqrt(mean * (1.0 - mean))
        })
        .collect();
    let shares = neyman(&sizes, &deviations, budget as f64);
    // Sizes are above 0 and probabilities within (0, 1), which Neyman's rule asks for; without them
    // shares in proportion would do.
    let shares = shares.unwrap_or_else(|_| {
        let all: f64 = sizes.iter().sum();
        sizes
            .iter()
            .map(|size| budget as f64 * size / all)
            .collect()
    });
    let least = vec![1; count];
    let most: Vec<u64> = parts.iter().map(|part| part.len() as u64).collect();
    let quotas = within(whole_shares(&shares), &shares, &least, &most);
    (1..)
        .zip(parts.iter().zip(quotas))
        .map(|(number, (part, quota))| {
            let mut units: Vec<u32> = part.to_vec();
            units.sort_unstable();
            let probability = quota as f64 / units.len() as f64;
            let unit = |unit: u32| StratumUnit {
                unit,
                weight: 1.0,
                probability,
            };
            Stratum {
                mode: SelectionMode::RiskEvaluation,
                name: format_compact!("risk {number}/{count}"),
                quota: quota as u32,
                scheme: Scheme::Pareto,
                units: units.into_iter().map(unit).collect(),
            }
        })
        .collect()
}

/// Quotas kept within bounds with their sum unchanged, as far as the bounds allow; a unit moves to
/// where the share is furthest above the quota, and from where it is furthest below.
fn within(mut quotas: Vec<u64>, shares: &[f64], least: &[u64], most: &[u64]) -> Vec<u64> {
    let total: u64 = quotas.iter().sum();
    for (quota, (least, most)) in quotas.iter_mut().zip(least.iter().zip(most)) {
        *quota = (*quota).max(*least).min(*most);
    }
    loop {
        let sum: u64 = quotas.iter().sum();
        let apart = |at: usize, quotas: &[u64]| shares[at] - quotas[at] as f64;
        let places = 0..quotas.len();
        let moved = match sum.cmp(&total) {
            std::cmp::Ordering::Equal => return quotas,
            std::cmp::Ordering::Less => places
                .filter(|at| quotas[*at] < most[*at])
                .max_by(|one, other| {
                    apart(*one, &quotas)
                        .total_cmp(&apart(*other, &quotas))
                        .then(other.cmp(one))
                })
                .map(|at| (at, true)),
            std::cmp::Ordering::Greater => places
                .filter(|at| quotas[*at] > least[*at])
                .min_by(|one, other| {
                    apart(*one, &quotas)
                        .total_cmp(&apart(*other, &quotas))
                        .then(one.cmp(other))
                })
                .map(|at| (at, false)),
        };
        match moved {
            Some((at, true)) => quotas[at] += 1,
            Some((at, false)) => quotas[at] -= 1,
            None => return quotas,
        }
    }
}

/// Weights of supervisory checks: (floor·mean + (1 − floor)·own) of harm^γ, times the class's weight,
/// less for those that rest. Those whom the law spares are not in.
pub(crate) fn check_weights(pool: &Pool, rules: &Rules, standing: &[Standing]) -> Vec<(u32, f64)> {
    let harm = |unit: u32| {
        let candidate = pool.get(unit);
        let harm = if rules.harm_weighted {
            candidate.harm
        } else {
            1.0
        };
        libm::pow(candidate.probability * harm, rules.gamma)
    };
    let open: Vec<u32> = (0..)
        .zip(standing)
        .filter(|(_, standing)| !matches!(standing, Standing::Barred(_)))
        .map(|(unit, _)| unit)
        .collect();
    let mut sizes: Vec<f64> = open.iter().map(|unit| harm(*unit)).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len().max(1) as f64;
    if mean <= 0.0 {
        // Nothing does harm: all are alike.
        sizes.fill(1.0);
    }
    let base = if mean > 0.0 { mean } else { 1.0 };
    let weight = |(unit, size): (u32, f64)| {
        let class = pool.get(unit).class;
        let class = class.and_then(|class| rules.class_weights.get(&class).copied());
        let rest = match standing[unit as usize] {
            Standing::Resting(_) => rules.resting_weight,
            Standing::Eligible | Standing::Barred(_) => 1.0,
        };
        let mixed = rules.floor * base + (1.0 - rules.floor) * size;
        (unit, mixed * class.unwrap_or(1.0) * rest)
    };
    open.into_iter().zip(sizes).map(weight).collect()
}

/// Strata of supervisory checks. Groups that limits speak of are strata of their own, so that what is
/// drawn of them is certain; all else is one. Also the limits that cannot be kept.
pub(crate) fn checks(
    pool: &Pool,
    rules: &Rules,
    weights: &[(u32, f64)],
    budget: u32,
    limits: &Limits,
    evaluations: &[Stratum],
) -> (Vec<Stratum>, Vec<Unkept>) {
    let mode = SelectionMode::SupervisoryCheck;
    let budget = (budget as usize).min(weights.len());
    if budget == 0 {
        return (Vec::new(), unkept_without_draws(limits));
    }
    let sizes: Vec<f64> = weights.iter().map(|(_, weight)| *weight).collect();
    let expected = inclusion_probabilities(&sizes, budget).unwrap_or_default();
    let family = family(limits);
    let own = |limit: &usize| family.contains(limit);
    // The parts: units by the limits of the family that they belong to.
    let mut parts: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (at, (unit, _)) in weights.iter().enumerate() {
        let of: Vec<usize> = limits.counted(*unit, mode).filter(own).collect();
        parts.entry(of).or_default().push(at);
    }
    let shares: Vec<f64> = parts
        .values()
        .map(|part| {
            part.iter()
                .map(|at| expected.get(*at).copied().unwrap_or(0.0))
                .sum()
        })
        .collect();
    let bounds: Vec<Bounded> = family
        .iter()
        .map(|at| bounded(*at, &limits.all[*at], &parts, evaluations, limits))
        .collect();
    let most: Vec<u64> = parts.values().map(|part| part.len() as u64).collect();
    let start = within(whole_shares(&shares), &shares, &vec![0; most.len()], &most);
    let (quotas, unkept) = repair(start, &shares, &most, &bounds);
    let mut strata = Vec::new();
    let hosts = hosts(&quotas, &bounds);
    for (host, (of, quota)) in parts.keys().zip(&quotas).enumerate() {
        let quota = *quota;
        if quota == 0 {
            continue;
        }
        let joined = parts.values().zip(&hosts);
        let joined = joined.filter(|(_, of)| **of == Some(host));
        let mut part: Vec<usize> = joined.flat_map(|(part, _)| part.iter().copied()).collect();
        part.sort_unstable();
        let sizes: Vec<f64> = part.iter().map(|at| weights[*at].1).collect();
        let Ok(probabilities) = inclusion_probabilities(&sizes, quota as usize) else {
            continue;
        };
        let name = stratum_name(of, limits, pool);
        let guests = hosts.iter().filter(|of| **of == Some(host)).count() > 1;
        let name = if guests && !of.is_empty() {
            format_compact!("{name} and others")
        } else {
            name
        };
        let units = part
            .iter()
            .zip(probabilities)
            .map(|(at, probability)| StratumUnit {
                unit: weights[*at].0,
                weight: weights[*at].1,
                probability,
            });
        strata.push(Stratum {
            mode,
            name,
            quota: quota as u32,
            scheme: if quota < u64::from(rules.small_sample) {
                Scheme::Systematic
            } else {
                Scheme::Pareto
            },
            units: units.collect(),
        });
    }
    (strata, unkept)
}

/// A limit that the strata of checks cannot keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unkept {
    /// Place of the limit.
    pub(crate) limit: usize,
    /// What can be kept.
    pub(crate) nearest: u32,
}

/// Minima of checks where none are drawn.
fn unkept_without_draws(limits: &Limits) -> Vec<Unkept> {
    let family = limits.all.iter().enumerate().filter(|(_, limit)| {
        limit.bound == Bound::AtLeast
            && limit.tests > 0
            && limit.mode == Some(SelectionMode::SupervisoryCheck)
    });
    family
        .map(|(limit, _)| Unkept { limit, nearest: 0 })
        .collect()
}

/// The limits that strata are made of: those of one kind, so that they nest. Zones before classes,
/// sectors and products.
fn family(limits: &Limits) -> Vec<usize> {
    let mode = SelectionMode::SupervisoryCheck;
    let binds = |limit: &Limit| {
        limit.counts(mode) && (limit.bound == Bound::AtMost || limit.mode == Some(mode))
    };
    let kinds: [fn(&Group) -> bool; 5] = [
        |group| matches!(group, Group::Zone(_)),
        |group| matches!(group, Group::Class(_)),
        |group| matches!(group, Group::Sector(_)),
        |group| matches!(group, Group::Product(_)),
        |group| matches!(group, Group::Bench { .. }),
    ];
    let of_kind = |kind: &fn(&Group) -> bool| -> Vec<usize> {
        let all = limits.all.iter().enumerate();
        all.filter(|(_, limit)| kind(&limit.group) && binds(limit))
            .map(|(at, _)| at)
            .collect()
    };
    kinds
        .iter()
        .map(of_kind)
        .find(|family| !family.is_empty())
        .unwrap_or_default()
}

fn stratum_name(of: &[usize], limits: &Limits, pool: &Pool) -> CompactString {
    let innermost = of
        .iter()
        .map(|at| &limits.all[*at].group)
        .max_by_key(|group| {
            // The innermost of nested zones has the longest way up.
            if let Group::Zone(zone) = group {
                pool.zone_path(zone).count()
            } else {
                0
            }
        });
    innermost.map_or_else(
        || CompactString::from("all others"),
        |group| format_compact!("{group}"),
    )
}
