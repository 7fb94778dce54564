//! What a team needs to know of a line: items to test, samples to take, method, legal basis.

use crate::plan::Line;
use crate::policy::{LegalBasis, PlanningPolicy};
use compact_str::CompactString;
use risk_domain::ids::MethodId;
use risk_domain::reference::Reference;
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;

/// Items that a line names at most.
const ITEMS: usize = 5;

/// An item to look at（检验重点）.
#[doc(alias = "检验重点")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FocusItem {
    /// Its name in Chinese.
    pub zh: CompactString,
    /// In English.
    pub en: CompactString,
    /// Severity of the injury that a failure may cause.
    pub severity: Severity,
}

/// What a team needs to know of a line（执行说明）.
#[doc(alias = "执行说明")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The product's Chinese name; its code where the catalogue lacks it.
    pub product_zh: CompactString,
    /// Its English name.
    pub product_en: CompactString,
    /// The governing standard.
    pub standard: Option<CompactString>,
    /// The items with the gravest hazards first.
    pub items: Vec<FocusItem>,
    /// Fast-test method.
    pub method: Option<MethodId>,
    /// Units to test（检验样品）; fast tests take none.
    pub check: u32,
    /// Units to keep as backup（备用样品）.
    pub backup: u32,
    /// What a unit is.
    pub unit: CompactString,
    /// On which law it stands.
    pub basis: LegalBasis,
}

impl Detail {
    /// The detail of a line; none for a mode without a legal basis, which no policy has.
    pub fn of(line: &Line, reference: &Reference, policy: &PlanningPolicy) -> Option<Self> {
        let basis = policy.basis.get(&line.mode)?.clone();
        let screened = line.mode == SelectionMode::FastTest;
        let code = CompactString::from(line.target.product.as_str());
        let Some(product) = reference.products.get(&line.target.product) else {
            let (check, backup) = samples(line, u32::from(!screened), 0);
            return Some(Self {
                product_zh: code.clone(),
                product_en: code,
                standard: None,
                items: Vec::new(),
                method: None,
                check,
                backup,
                unit: CompactString::default(),
                basis,
            });
        };
        let mut items: Vec<FocusItem> = product
            .items
            .iter()
            .map(|item| FocusItem {
                zh: item.name_zh.clone(),
                en: item.name_en.clone(),
                severity: item.severity,
            })
            .collect();
        items.sort_by_key(|item| std::cmp::Reverse(item.severity));
        items.truncate(ITEMS);
        // An evaluation is bought as a consumer would; only checks keep a backup sample.
        let keeps_backup = match line.mode {
            SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::EnforcementTest => true,
            SelectionMode::RiskEvaluation | SelectionMode::FastTest => false,
        };
        let (check, backup) = samples(
            line,
            if screened { 0 } else { product.sample_check },
            if keeps_backup {
                product.sample_backup
            } else {
                0
            },
        );
        Some(Self {
            product_zh: product.name_zh.clone(),
            product_en: product.name_en.clone(),
            standard: product.standards.first().cloned(),
            items,
            method: product.methods.first().filter(|_| screened).cloned(),
            check,
            backup,
            unit: product.sample_unit.clone(),
            basis,
        })
    }
}

/// Units to test and to keep as backup, of a product that asks for so many of each. An acceptance plan says how
/// many are tested; the backup keeps the product's proportion, as far as the lot has more.
fn samples(line: &Line, check: u32, backup: u32) -> (u32, u32) {
    let Some(plan) = &line.acceptance else {
        return (check, backup);
    };
    let kept = u64::from(plan.sample) * u64::from(backup);
    let kept = kept.div_ceil(u64::from(check.max(1)));
    let left = plan.lot_size.saturating_sub(plan.sample);
    (plan.sample, kept.min(u64::from(left)) as u32)
}
