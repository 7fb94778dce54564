//! The part of a request that asks for a race of two lists.

use crate::target::Target;
use compact_str::CompactString;
use risk_domain::ids::{EnterpriseId, ProductCode, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A race of an experts' list with the engine's（清单对比）. Plans of several weeks that name the same race run it
/// together; its terms, the end among them, are committed to with the first.
#[doc(alias = "清单对比")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaceRequest {
    /// Its id: letters, digits and hyphens.
    #[schema(value_type = String)]
    pub id: CompactString,
    /// Special checks of each list in this plan. A target on both is tested once.
    pub tests: u32,
    /// Judged tests of each list, over all plans of the race, after which it ends. The same in all of them.
    pub ends_after: u32,
    /// What is counted. The same in all plans of the race.
    #[serde(default)]
    pub measure: RaceMeasure,
    /// The experts' list, the first choice first. A target that may not be visited now is passed over, so a
    /// few more than `tests` are of use.
    pub experts: Vec<RaceTarget>,
}

/// What a race counts（对比指标）.
#[doc(alias = "对比指标")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RaceMeasure {
    /// Failures that a laboratory proved, a judged test.
    #[default]
    ProvedFailures,
}

/// A target of the experts' list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaceTarget {
    /// Who is inspected.
    #[schema(value_type = String)]
    pub enterprise: EnterpriseId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// What is taken there.
    #[schema(value_type = String)]
    pub product: ProductCode,
}

impl RaceTarget {
    /// What it sends a team to.
    pub fn target(&self) -> Target {
        Target {
            enterprise: self.enterprise.clone(),
            site: self.site.clone(),
            product: self.product.clone(),
        }
    }
}
