//! One inspection result（检验结果）: what was taken where, from whom, how it was tested, what came out.

use crate::ids::{
    AgencyId, CaseId, EnterpriseId, HazardCode, InspectionId, ItemCode, LabId, MethodId,
    ProductCode, SiteId, TeamId, ZoneId,
};
use crate::scales::{Severity, named_scale};
use crate::selection::{Selection, SelectionBasis, SelectionMode};
use crate::time::Timestamp;
use compact_str::CompactString;
use std::collections::BTreeMap;

named_scale! {
    /// What came of one sampling event（抽样检验结论）. Not a yes or no.
    #[doc(alias = "抽样检验结论")]
    Outcome {
        /// 合格: no tested item failed.
        Conforming = "conforming",
        /// 不合格: at least one item failed.
        Nonconforming = "nonconforming",
        /// 拒检: the inspected party refused.
        Refused = "refused",
        /// 终止抽样: stopped for evident illegality.
        Terminated = "terminated",
        /// 未抽到: closed, moved, or too little stock.
        NotSampled = "not_sampled",
        /// 样品拒收: the laboratory refused the sample.
        RejectedByLab = "rejected_by_lab",
        /// 无法检验: no conclusion could be reached.
        Untestable = "untestable",
    }
}

named_scale! {
    /// Level of the agency that ordered the check（机关层级）.
    #[doc(alias = "机关层级")]
    AgencyLevel {
        /// 国家级.
        National = "national",
        /// 省级.
        Provincial = "provincial",
        /// 市级.
        Municipal = "municipal",
        /// 县级.
        County = "county",
    }
}

named_scale! {
    /// Where in the chain the goods were（环节）. Failure rates differ several-fold between channels.
    #[doc(alias = "环节")]
    Channel {
        /// 生产.
        Production = "production",
        /// 实体店.
        Retail = "retail",
        /// 集中交易市场.
        Market = "market",
        /// 电子商务.
        Ecommerce = "ecommerce",
    }
}

named_scale! {
    /// Laboratory or rapid test（实验室检验、快速检测）.
    #[doc(alias = "检验方式")]
    TestKind {
        /// 实验室检验.
        Laboratory = "laboratory",
        /// 快速检测.
        Rapid = "rapid",
    }
}

named_scale! {
    /// Verdict on one item（单项判定）.
    #[doc(alias = "单项判定")]
    Verdict {
        /// 符合.
        Conforming = "conforming",
        /// 不符合.
        Nonconforming = "nonconforming",
        /// 不判定.
        NotJudged = "not_judged",
    }
}

/// The agency that ordered the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// Which agency.
    pub id: AgencyId,
    /// Its level.
    pub level: AgencyLevel,
}

/// The place where the sample was taken（被抽样场所）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRef {
    /// Which site.
    pub site_id: SiteId,
    /// The enterprise that was inspected there.
    pub enterprise_id: EnterpriseId,
    /// Its public name.
    pub name: CompactString,
    /// The zone it lies in.
    pub zone_id: ZoneId,
    /// Booth number or address within the zone.
    pub booth: Option<CompactString>,
    /// Link of the chain.
    pub channel: Channel,
    /// Online platform, where there is one.
    pub platform: Option<CompactString>,
}

/// The nominal producer（标称生产者）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Its registry number, when known.
    pub enterprise_id: Option<EnterpriseId>,
    /// Its public name.
    pub name: CompactString,
    /// Where it is registered.
    pub region: Option<CompactString>,
}

/// The product on the sample's label（样品信息）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRef {
    /// Code of the catalogue.
    pub category: ProductCode,
    /// Name on the label.
    pub name: CompactString,
    /// Trademark.
    pub brand: Option<CompactString>,
    /// Model or specification.
    pub model: Option<CompactString>,
    /// Standard that the product declares.
    pub standard: Option<CompactString>,
    /// Batch number.
    pub lot_no: Option<CompactString>,
    /// Units in the batch.
    pub lot_size: Option<u32>,
    /// Global trade item number.
    pub gtin: Option<CompactString>,
}

/// Units taken（样品数量）.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SampleCounts {
    /// Units tested.
    pub tested: u32,
    /// Units kept as backup（备用样品）.
    pub backup: u32,
    /// Units found nonconforming, at most `tested`.
    pub defective: u32,
    /// What the samples cost, in fen.
    pub cost_fen: Option<u64>,
}

/// How the sample was tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRef {
    /// Laboratory or rapid.
    pub kind: TestKind,
    /// Method or kit.
    pub method_id: Option<MethodId>,
    /// Laboratory.
    pub lab_id: Option<LabId>,
}

/// One tested item（检验项目）.
#[derive(Debug, Clone, PartialEq)]
pub struct TestItem {
    /// Code of the catalogue.
    pub code: ItemCode,
    /// Name in the report.
    pub name: CompactString,
    /// Clause of the standard（条款）.
    pub clause: Option<CompactString>,
    /// Test method.
    pub method: Option<CompactString>,
    /// What was measured, as reported: a number, a range or words.
    pub measured: Option<CompactString>,
    /// The limit it was held against.
    pub limit: Option<CompactString>,
    /// Unit of both.
    pub unit: Option<CompactString>,
    /// Verdict.
    pub verdict: Verdict,
    /// Hazard of a failure.
    pub hazard: Option<HazardCode>,
    /// Severity of the injury a failure may cause.
    pub severity: Option<Severity>,
}

/// One inspection result（检验结果）, as reported.
///
/// Three times: `sampled_at` (when the world was so) drives decay and seasons, `tested_at` is the
/// laboratory's, `observed_at` (when the report reached the bureau) drives closes and lateness.
#[doc(alias = "检验结果")]
#[derive(Debug, Clone, PartialEq)]
pub struct InspectionResult {
    /// Unique for ever.
    pub inspection_id: InspectionId,
    /// The result that this one replaces（更正）.
    pub supersedes: Option<InspectionId>,
    /// When the sample was taken.
    pub sampled_at: Timestamp,
    /// When it was tested.
    pub tested_at: Option<Timestamp>,
    /// When the report reached the bureau.
    pub observed_at: Timestamp,
    /// Which of the five modes.
    pub mode: SelectionMode,
    /// Who ordered it.
    pub agency: Agency,
    /// Which team took the sample.
    pub team_id: TeamId,
    /// How the target was selected.
    pub selection: Selection,
    /// Where.
    pub site: SiteRef,
    /// Nominal producer.
    pub producer: Option<Producer>,
    /// Who supplied the seller.
    pub supplier: Option<EnterpriseId>,
    /// What.
    pub product: ProductRef,
    /// How many units.
    pub sample: SampleCounts,
    /// How it was tested.
    pub test: TestRef,
    /// What came out.
    pub outcome: Outcome,
    /// Item by item.
    pub items: Vec<TestItem>,
    /// The fast test that this laboratory result confirms（复核）.
    pub confirms: Option<InspectionId>,
    /// The failure that this check follows up（跟踪）.
    pub follow_up_of: Option<InspectionId>,
    /// The case it belongs to.
    pub case_id: Option<CaseId>,
    /// Further categorical fields that a record set brings, by name.
    pub extra: BTreeMap<CompactString, CompactString>,
}

impl InspectionResult {
    /// Whether this check follows an earlier failure; such results stay out of routine history.
    pub fn follows_up(&self) -> bool {
        self.follow_up_of.is_some() || self.selection.basis == SelectionBasis::FollowUp
    }

    /// The gravest severity among the items that failed.
    pub fn worst_severity(&self) -> Option<Severity> {
        self.failed_items().filter_map(|item| item.severity).max()
    }

    /// The items that failed.
    pub fn failed_items(&self) -> impl Iterator<Item = &TestItem> {
        self.items
            .iter()
            .filter(|item| item.verdict == Verdict::Nonconforming)
    }
}
