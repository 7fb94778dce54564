//! What a reader of grades and rates should be wary of（模型提示）: evidence of the kind that the model's
//! figures rest on is missing.

use crate::series::{CITY, draws_at_random};
use crate::step::Engine;
use risk_domain::selection::SelectionMode;
use std::ops::Range;

/// Weeks that are looked back over.
const WEEKS: u16 = 26;
/// Random results in these weeks below which probabilities drift unseen.
const FEWEST: i64 = 50;

/// Something to be wary of（模型提示）.
#[doc(alias = "模型提示")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caution {
    /// Too few risk evaluations with known inclusion probabilities: the calibration starves, and
    /// nothing corrects pass rates.
    CalibrationStarves {
        /// How many there were in the last half year.
        results: i64,
    },
    /// A mode that should draw at random did not say with what probability any target was drawn.
    NoRandomShare {
        /// The mode.
        mode: SelectionMode,
    },
    /// A fast-test method tells too little: sensitivity + specificity − 1 is below .2.
    MethodRefused {
        /// The method.
        method: String,
    },
}

impl Caution {
    /// In Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::CalibrationStarves { results } => format!(
                "近 {WEEKS} 周仅有 {results} 个已知入样概率的风险评价结果（至少应有 {FEWEST} 个），概率校准不足。"
            ),
            Self::NoRandomShare { mode } => format!(
                "近 {WEEKS} 周{}没有记录入样概率的随机抽样，不能用于校正合格率。",
                mode.zh()
            ),
            Self::MethodRefused { method } => {
                format!("快检方法 {method} 的灵敏度与特异度之和过低，其结果未被采用。")
            }
        }
    }

    /// In English.
    pub fn en(&self) -> String {
        match self {
            Self::CalibrationStarves { results } => format!(
                "Only {results} risk evaluations with known inclusion probabilities in the last {WEEKS} weeks (at least {FEWEST} are needed): the calibration starves."
            ),
            Self::NoRandomShare { mode } => format!(
                "No result of mode {mode} in the last {WEEKS} weeks has a known inclusion probability: none can correct a pass rate."
            ),
            Self::MethodRefused { method } => format!(
                "Fast-test method {method} tells too little (sensitivity + specificity − 1 is below .2): its results are not used."
            ),
        }
    }
}

impl Engine {
    /// What to be wary of, as of the last week that was told; nothing before the first.
    pub fn cautions(&self) -> Vec<Caution> {
        let mut cautions = Vec::new();
        if let Some(city) = self.series(CITY) {
            let told = city.weeks();
            let last: Range<u16> = told.end.saturating_sub(WEEKS).max(told.start)..told.end;
            let counts = |mode| city.drawn(mode, &last);
            let (_, drawn) = counts(SelectionMode::RiskEvaluation);
            if drawn < FEWEST {
                cautions.push(Caution::CalibrationStarves { results: drawn });
            }
            for mode in SelectionMode::ALL
                .iter()
                .copied()
                .filter(|mode| draws_at_random(*mode))
            {
                let (results, drawn) = counts(mode);
                if results > 0 && drawn == 0 {
                    cautions.push(Caution::NoRandomShare { mode });
                }
            }
        }
        if self.model.in_force.is_some() {
            let methods = self.model.snapshot.methods.iter();
            let refused = methods.filter(|method| method.refused);
            cautions.extend(refused.map(|method| Caution::MethodRefused {
                method: method.name.to_string(),
            }));
        }
        cautions
    }
}
