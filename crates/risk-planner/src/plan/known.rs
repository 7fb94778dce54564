//! What a plan knows of open alerts and credit classes, and what it makes of it.

use super::Line;
use crate::pool::Pool;
use crate::target::Target;
use crate::wire::request::{Alerted, PlanRequest};
use risk_domain::ids::EnterpriseId;
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use std::collections::{BTreeMap, BTreeSet};

/// How far the enterprises of a credit class are inspected, and what a plan adds（信用分类抽查进度）.
#[doc(alias = "信用分类抽查进度")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioReached {
    /// Which class.
    pub class: CreditRiskClass,
    /// Its enterprises.
    pub enterprises: u32,
    /// Of which visited within the window before the plan.
    pub inspected: u32,
    /// Enterprises of it that the plan's supervisory checks go to, visited before or not.
    pub planned: u32,
    /// Least share that is to be visited.
    pub from: f64,
    /// Greatest share.
    pub to: f64,
}

/// What lines add to each class that is known.
pub(super) fn reached(pool: &Pool, lines: &[Line]) -> Vec<RatioReached> {
    let mut planned: BTreeMap<CreditRiskClass, BTreeSet<&str>> = BTreeMap::new();
    let checks = lines
        .iter()
        .filter(|line| line.mode == SelectionMode::SupervisoryCheck);
    for line in checks {
        let known = pool.find(&line.target).map(|at| &pool.candidates()[at]);
        if let Some(class) = known.and_then(|of| of.class) {
            let of_class = planned.entry(class).or_default();
            of_class.insert(line.target.enterprise.as_str());
        }
    }
    let ratios = pool.surroundings().ratios.iter();
    ratios
        .map(|(class, ratio)| RatioReached {
            class: *class,
            enterprises: ratio.enterprises,
            inspected: ratio.inspected,
            planned: planned.get(class).map_or(0, |of| of.len() as u32),
            from: ratio.from,
            to: ratio.to,
        })
        .collect()
}

/// By unit, whether an open alert speaks of it, as the pool or the request says.
pub(super) fn alerted(request: &PlanRequest, pool: &Pool) -> Vec<bool> {
    let speaks = |of: &Alerted, target: &Target| {
        of.site.as_ref().is_none_or(|site| *site == target.site)
            && of
                .product
                .as_ref()
                .is_none_or(|product| *product == target.product)
    };
    let mut named: BTreeMap<&EnterpriseId, Vec<&Alerted>> = BTreeMap::new();
    for one in &request.alerts {
        named.entry(&one.enterprise).or_default().push(one);
    }
    let is_alerted = |of: &crate::Candidate| {
        let own = named.get(&of.target.enterprise).into_iter().flatten();
        let mut own = own;
        of.alerted || own.any(|one| speaks(one, &of.target))
    };
    pool.candidates().iter().map(is_alerted).collect()
}
