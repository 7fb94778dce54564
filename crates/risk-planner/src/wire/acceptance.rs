//! The part of a campaign that asks for acceptance plans.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many units a campaign takes of each lot or stock, and how many of them may fail（抽样方案申请）.
#[doc(alias = "抽样方案申请")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "standard", deny_unknown_fields)]
pub enum AcceptanceRequest {
    /// GB/T 2828.1: a lot is accepted or not（批验收）. Single sampling, normal inspection.
    #[serde(rename = "2828.1")]
    Lot {
        /// Acceptance quality limit（接收质量限）, in percent nonconforming: one of the standard's values, 0.01 to 10.
        #[schema(example = 2.5)]
        aql: f64,
        /// Inspection level（检验水平）: S-1 to S-4, I, II or III; default: II.
        #[schema(value_type = Option<String>)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<CompactString>,
        /// Units of each lot（批量）, at least 2; default: the volume that the register has of the target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lot_size: Option<u32>,
    },
    /// GB/T 2828.4: what is declared of a stock is contradicted or not（声称质量水平核查）; nothing is accepted.
    #[serde(rename = "2828.4")]
    Declared {
        /// Declared quality level（声称质量水平）, in percent nonconforming, above 0 and below 100.
        #[schema(example = 1.0)]
        dql: f64,
        /// Discrimination level（判别水平）: 0, I, II or III; default: I.
        #[schema(value_type = Option<String>)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<CompactString>,
        /// Units of each stock（核查总体量）, at least 2; default: the volume that the register has of the target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lot_size: Option<u32>,
    },
}
