//! Least and greatest numbers of tests, whatever they are of.

use crate::policy::Rules;
use crate::pool::Pool;
use crate::strata::Unkept;
use crate::wire::request::{BoundRequest, Budgets, PlanRequest};
use compact_str::{CompactString, format_compact};
use risk_domain::ids::{EnterpriseId, MethodId, ProductCode, SectorCode, ZoneId};
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Whom a limit speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A zone with everything in it.
    Zone(ZoneId),
    /// A sector.
    Sector(SectorCode),
    /// A product.
    Product(ProductCode),
    /// An enterprise.
    Enterprise(EnterpriseId),
    /// A credit class.
    Class(CreditRiskClass),
    /// A bench of a laboratory.
    Bench {
        /// Its name.
        name: CompactString,
        /// Products that go to it.
        products: BTreeSet<ProductCode>,
        /// Sectors that go to it.
        sectors: BTreeSet<SectorCode>,
    },
    /// A fast-test method.
    Kit(MethodId),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone(id) => write!(f, "zone {id}"),
            Self::Sector(id) => write!(f, "sector {id}"),
            Self::Product(id) => write!(f, "product {id}"),
            Self::Enterprise(id) => write!(f, "enterprise {id}"),
            Self::Class(class) => write!(f, "class {class}"),
            Self::Bench { name, .. } => write!(f, "bench {name}"),
            Self::Kit(id) => write!(f, "kit {id}"),
        }
    }
}

/// Least or greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At least so many.
    AtLeast,
    /// At most so many.
    AtMost,
}

/// A number of tests that a group must have at least or may have at most（约束）.
#[doc(alias = "约束")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Field of the request that it comes from.
    pub field: &'static str,
    /// Whom it speaks of.
    pub group: Group,
    /// The mode that it speaks of; none for all.
    pub mode: Option<SelectionMode>,
    /// Least or greatest.
    pub bound: Bound,
    /// How many tests.
    pub tests: u32,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            group,
            tests,
            ..
        } = self;
        let bound = match self.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
        };
        write!(f, "{field}: {group} {bound} {tests}")?;
        match self.mode {
            Some(mode) => write!(f, " by {mode}"),
            None => Ok(()),
        }
    }
}

impl Limit {
    /// Whether tests of a mode count for it.
    pub(crate) fn counts(&self, mode: SelectionMode) -> bool {
        let of_group = match self.group {
            Group::Bench { .. } => mode != SelectionMode::FastTest,
            Group::Kit(_) => mode == SelectionMode::FastTest,
            Group::Zone(_)
            | Group::Sector(_)
            | Group::Product(_)
            | Group::Enterprise(_)
            | Group::Class(_) => true,
        };
        of_group && self.mode.is_none_or(|own| own == mode)
    }
}

/// A limit that cannot be kept, those that stand against it, and what could be（约束冲突）.
#[doc(alias = "约束冲突")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// What cannot be kept.
    pub limit: String,
    /// The greatest number that can be reached for a least one, or the least for a greatest one: the
    /// nearest relaxation.
    pub nearest: u32,
    /// What stands against it.
    pub against: Vec<String>,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` clashes with ", self.limit)?;
        for (at, other) in self.against.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}`{other}`")?;
        }
        write!(f, "; {} can be kept", self.nearest)
    }
}

/// A field of the request that says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct FieldError {
    /// Which field.
    pub field: String,
    /// The rule that it breaks.
    pub rule: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
        }
    }
}

/// The field under which limits stand that credit classes bring with them.
pub(crate) const RATIOS: &str = "class_ratios";

impl Limit {
    /// Whether nobody asked for it: it comes from what is known of credit classes, and a plan that cannot
    /// keep it says so rather than be refused.
    pub(crate) fn is_derived(&self) -> bool {
        self.field == RATIOS
    }
}

/// Limits, and to which of them each unit of the pool belongs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) all: Vec<Limit>,
    /// By unit; empty where there are no limits.
    members: Vec<SmallVec<[u16; 4]>>,
}

impl Limits {
    /// The limits of a request.
    pub(crate) fn new(
        request: &PlanRequest,
        rules: &Rules,
        pool: &Pool,
    ) -> Result<Self, FieldError> {
        let mut all = Vec::new();
        bounds(&request.minima, "minima", Bound::AtLeast, pool, &mut all)?;
        bounds(&request.caps, "caps", Bound::AtMost, pool, &mut all)?;
        for (zone, days) in &request.team_days {
            known_zone(zone, "team_days", pool)?;
            if !(days.is_finite() && *days >= 0.0) {
                return Err(FieldError::new(
                    format!("team_days.{zone}"),
                    "must be finite and not negative",
                ));
            }
            let visits = libm::floor(days * f64::from(rules.visits_per_team_day));
            all.push(at_most(
                "team_days",
                Group::Zone(zone.clone()),
                visits as u32,
            ));
        }
        for bench in &request.benches {
            if bench.products.is_empty() && bench.sectors.is_empty() {
                return Err(FieldError::new(
                    format!("benches.{}", bench.name),
                    "must name products or sectors",
                ));
            }
            let group = Group::Bench {
                name: bench.name.clone(),
                products: bench.products.iter().cloned().collect(),
                sectors: bench.sectors.iter().cloned().collect(),
            };
            all.push(at_most("benches", group, bench.tests));
        }
        for (kit, tests) in &request.kits {
            all.push(at_most("kits", Group::Kit(kit.clone()), *tests));
        }
        for (class, share) in &request.class_shares {
            if !(0.0..=1.0).contains(share) {
                return Err(FieldError::new(
                    format!("class_shares.{class}"),
                    "must lie from 0 to 1",
                ));
            }
            let of_class = |of: &&crate::Candidate| of.class == Some(*class);
            let size = pool.candidates().iter().filter(of_class).count();
            let most = libm::floor(share * size as f64) as u32;
            all.push(at_most("class_shares", Group::Class(*class), most));
        }
        ratios(request, rules.plan_days, pool, &mut all);
        if all.len() > usize::from(u16::MAX) {
            return Err(FieldError::new("limits", "must be at most 65535"));
        }
        let members = members(&all, pool);
        Ok(Self { all, members })
    }

    /// A limit that the strata of checks cannot keep, and what stands against it.
    pub(crate) fn unkept(&self, unkept: Unkept, budgets: &Budgets) -> Clash {
        let limit = &self.all[unkept.limit];
        let others = self.all.iter().enumerate().filter(|(at, other)| {
            *at != unkept.limit
                && other.counts(SelectionMode::SupervisoryCheck)
                && std::mem::discriminant(&other.group) == std::mem::discriminant(&limit.group)
        });
        let mut against = names(others.map(|(_, other)| other));
        against.push(format!(
            "budgets.supervisory_check: {}",
            budgets.supervisory_check
        ));
        Clash {
            limit: limit.to_string(),
            nearest: unkept.nearest,
            against,
        }
    }

    /// Places of the limits that a unit belongs to, whatever the mode.
    pub(crate) fn of(&self, unit: u32) -> &[u16] {
        self.members
            .get(unit as usize)
            .map_or(&[], SmallVec::as_slice)
    }

    /// Places of the limits that a test of a unit in a mode counts for.
    pub(crate) fn counted(
        &self,
        unit: u32,
        mode: SelectionMode,
    ) -> impl Iterator<Item = usize> + '_ {
        let of = self.of(unit).iter().map(|at| usize::from(*at));
        of.filter(move |at| self.all[*at].counts(mode))
    }
}

/// What credit classes ask of supervisory checks: the ratios are those of double-random checks. A cap that
/// no budget reaches binds nobody, and would only part the draw.
fn ratios(request: &PlanRequest, plan_days: u32, pool: &Pool, all: &mut Vec<Limit>) {
    let told = pool.surroundings().ratios.iter();
    for (class, ratio) in told.filter(|(class, _)| !request.class_shares.contains_key(class)) {
        let budget = request.budgets.supervisory_check;
        let limit = |bound, tests| Limit {
            field: RATIOS,
            group: Group::Class(*class),
            mode: Some(SelectionMode::SupervisoryCheck),
            bound,
            tests,
        };
        if ratio.room() < budget {
            all.push(limit(Bound::AtMost, ratio.room()));
        }
        let owed = ratio.owed(plan_days).min(ratio.room());
        if owed > 0 && budget > 0 {
            all.push(limit(Bound::AtLeast, owed));
        }
    }
}

fn at_most(field: &'static str, group: Group, tests: u32) -> Limit {
    Limit {
        field,
        group,
        mode: None,
        bound: Bound::AtMost,
        tests,
    }
}

fn known_zone(zone: &ZoneId, field: &str, pool: &Pool) -> Result<(), FieldError> {
    if pool.knows_zone(zone) {
        Ok(())
    } else {
        let rule = format!("names zone {zone}, which neither register nor reference data has");
        Err(FieldError::new(field, rule))
    }
}

fn bounds(
    asked: &[BoundRequest],
    field: &'static str,
    bound: Bound,
    pool: &Pool,
    all: &mut Vec<Limit>,
) -> Result<(), FieldError> {
    for (at, one) in asked.iter().enumerate() {
        let at = format!("{field}[{at}]");
        let groups = [
            one.zone.clone().map(Group::Zone),
            one.sector.clone().map(Group::Sector),
            one.product.clone().map(Group::Product),
            one.enterprise.clone().map(Group::Enterprise),
            one.class.map(Group::Class),
        ];
        let mut named = groups.into_iter().flatten();
        let (Some(group), None) = (named.next(), named.next()) else {
            return Err(FieldError::new(
                at,
                "must name exactly one of zone, sector, product, enterprise and class",
            ));
        };
        if let Group::Zone(zone) = &group {
            known_zone(zone, &format!("{at}.zone"), pool)?;
        }
        all.push(Limit {
            field,
            group,
            mode: one.mode,
            bound,
            tests: one.tests,
        });
    }
    Ok(())
}

fn members(limits: &[Limit], pool: &Pool) -> Vec<SmallVec<[u16; 4]>> {
    if limits.is_empty() {
        return Vec::new();
    }
    let mut by_group: BTreeMap<&Group, SmallVec<[u16; 2]>> = BTreeMap::new();
    let mut benches = Vec::new();
    for (at, limit) in (0_u16..).zip(limits) {
        if let Group::Bench {
            products, sectors, ..
        } = &limit.group
        {
            benches.push((at, products, sectors));
        } else {
            by_group.entry(&limit.group).or_default().push(at);
        }
    }
    let of = |candidate: &crate::Candidate| {
        let mut found: SmallVec<[u16; 4]> = SmallVec::new();
        let mut take = |group: Group| {
            if let Some(at) = by_group.get(&group) {
                found.extend(at.iter().copied());
            }
        };
        for zone in pool.zone_path(&candidate.zone) {
            take(Group::Zone(zone.clone()));
        }
        take(Group::Sector(candidate.sector.clone()));
        take(Group::Product(candidate.target.product.clone()));
        take(Group::Enterprise(candidate.target.enterprise.clone()));
        if let Some(class) = candidate.class {
            take(Group::Class(class));
        }
        if let Some(kit) = pool.kit(&candidate.target.product) {
            take(Group::Kit(kit.clone()));
        }
        for (at, products, sectors) in &benches {
            if products.contains(&candidate.target.product) || sectors.contains(&candidate.sector) {
                found.push(*at);
            }
        }
        found.sort_unstable();
        found
    };
    pool.candidates().iter().map(of).collect()
}

/// Names of limits, for a message.
pub(crate) fn names<'a>(limits: impl Iterator<Item = &'a Limit>) -> Vec<String> {
    limits
        .map(|limit| format_compact!("{limit}").into())
        .collect()
}
