//! How a target came to be tested: the mode, the basis, and the logged inclusion probability.

use crate::ids::{CampaignId, DrawId};
use crate::scales::named_scale;
use serde::{Deserialize, Serialize};

named_scale! {
    /// One of the five modes（五位一体）. Their legal natures and selection biases differ, so they
    /// are never pooled without a correction.
    #[doc(alias = "五位一体")]
    SelectionMode {
        /// 风险评价: random, estimates.
        RiskEvaluation = "risk_evaluation",
        /// 监督抽查: double-random with known inclusion probabilities.
        SupervisoryCheck = "supervisory_check",
        /// 专项抽查: targeted campaigns.
        SpecialCheck = "special_check",
        /// 快检快处: on-site screening by an imperfect test.
        FastTest = "fast_test",
        /// 执法抽检: driven by tips and evidence.
        EnforcementTest = "enforcement_test",
    }
}

impl SelectionMode {
    /// The mode's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::RiskEvaluation => "风险评价",
            Self::SupervisoryCheck => "监督抽查",
            Self::SpecialCheck => "专项抽查",
            Self::FastTest => "快检快处",
            Self::EnforcementTest => "执法抽检",
        }
    }
}

named_scale! {
    /// Why this target was taken（抽取依据）.
    #[doc(alias = "抽取依据")]
    SelectionBasis {
        /// Drawn at random（随机）.
        Random = "random",
        /// Chosen by risk or campaign（定向）.
        Targeted = "targeted",
        /// Follows an earlier failure（跟踪、回头看）.
        FollowUp = "follow_up",
        /// Follows a complaint or report（投诉举报）.
        Complaint = "complaint",
        /// Every unit was taken（全覆盖）.
        Census = "census",
    }
}

/// Probability with which the unit was drawn（入样概率）, in (0, 1].
#[doc(alias = "入样概率")]
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct InclusionProbability(f64);

/// A value outside (0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be greater than 0 and at most 1")]
pub struct InclusionProbabilityError;

impl InclusionProbability {
    /// Accepts a finite value in (0, 1].
    pub fn new(value: f64) -> Result<Self, InclusionProbabilityError> {
        if value > 0.0 && value <= 1.0 {
            Ok(Self(value))
        } else {
            Err(InclusionProbabilityError)
        }
    }

    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for InclusionProbability {
    type Error = InclusionProbabilityError;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<InclusionProbability> for f64 {
    fn from(value: InclusionProbability) -> Self {
        value.0
    }
}

/// How this unit was selected（抽取记录）.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Why it was taken.
    pub basis: SelectionBasis,
    /// The committed draw it came from.
    pub draw_id: Option<DrawId>,
    /// Probability with which it was drawn; absent where selection was not random.
    pub inclusion_probability: Option<InclusionProbability>,
    /// The campaign it belongs to.
    pub campaign_id: Option<CampaignId>,
}
