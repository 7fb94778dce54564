//! Scales. Those that share letters are different types with no way from one to another.

/// Severity of an injury（伤害程度）, 1 slight to 4 fatal.
///
/// Source: Decision 2010/15/EU, table 3; GB/T 22760-2020 names 微弱, 一般, 严重, 非常严重.
#[doc(alias = "伤害程度")]
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub enum Severity {
    /// First aid, usually fully reversible（微弱）.
    One = 1,
    /// A visit to accident and emergency（一般）.
    Two = 2,
    /// Hospital, lasting loss（严重）.
    Three = 3,
    /// Fatal or gravely disabling（非常严重）.
    Four = 4,
}

/// A severity outside 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1, 2, 3 or 4")]
pub struct SeverityError;

impl Severity {
    /// All severities, the slightest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// 1 to 4.
    pub fn get(self) -> u8 {
        self as u8
    }

    /// 0 to 3, for arrays by severity.
    pub fn index(self) -> usize {
        self as usize - 1
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.get()
    }
}

impl TryFrom<u8> for Severity {
    type Error = SeverityError;

    fn try_from(value: u8) -> Result<Self, SeverityError> {
        match value {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            4 => Ok(Self::Four),
            0 | 5.. => Err(SeverityError),
        }
    }
}

/// A closed scale of codes: the enum, every value, and the way from and to its code.
#[macro_export]
macro_rules! named_scale {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the scale.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value's code in messages, records and labels.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The value with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
pub use named_scale;

named_scale! {
    /// Risk level（风险等级）. "No data" is a level of its own, never "low".
    #[doc(alias = "风险等级")]
    RiskLevel {
        /// No own evidence（数据不足）.
        Undetermined = "undetermined",
        /// 低.
        Low = "low",
        /// 中.
        Medium = "medium",
        /// 高.
        High = "high",
        /// 严重.
        Serious = "serious",
    }
}

impl RiskLevel {
    /// The level's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Undetermined => "数据不足",
            Self::Low => "低",
            Self::Medium => "中",
            Self::High => "高",
            Self::Serious => "严重",
        }
    }
}

named_scale! {
    /// Alert level（预警级别）, one the gravest; colours are labels only.
    ///
    /// Source: 突发事件应对法, levels one to four: red, orange, yellow, blue.
    #[doc(alias = "预警级别")]
    AlertLevel {
        /// 一级（红）.
        One = "one",
        /// 二级（橙）.
        Two = "two",
        /// 三级（黄）.
        Three = "three",
        /// 四级（蓝）.
        Four = "four",
    }
}

named_scale! {
    /// Role of a person（角色）: what they may see and decide.
    #[doc(alias = "角色")]
    Role {
        /// 查看: sees, decides nothing.
        Viewer = "viewer",
        /// 市场开办者: sees its own zones.
        ZoneManager = "zone_manager",
        /// 计划: draws up sampling plans.
        Planner = "planner",
        /// 执法人员: decides.
        Officer = "officer",
        /// 审批: decides, and agrees to what others decided.
        Approver = "approver",
        /// 管理员.
        Administrator = "administrator",
        /// 数据接入: a system that posts results and what the register says; sees and decides nothing.
        Feeder = "feeder",
    }
}

named_scale! {
    /// Credit risk class of an enterprise（企业信用风险分类）. Not [`FoodOperatorRiskLevel`].
    #[doc(alias = "企业信用风险分类")]
    CreditRiskClass {
        /// 信用风险低.
        A = "A",
        /// 信用风险一般.
        B = "B",
        /// 信用风险较高.
        C = "C",
        /// 信用风险高.
        D = "D",
    }
}

named_scale! {
    /// Risk level of a food operator（食品经营风险等级）, A low to D high.
    #[doc(alias = "食品经营风险等级")]
    FoodOperatorRiskLevel {
        /// 低风险.
        A = "A",
        /// 较低.
        B = "B",
        /// 较高.
        C = "C",
        /// 高风险.
        D = "D",
    }
}

named_scale! {
    /// Priority of a product hazard（危害优先级）, A the gravest.
    #[doc(alias = "危害优先级")]
    HazardPriority {
        /// Death or grievous injury is likely.
        A = "A",
        /// Death or grievous injury is possible, or serious injury likely.
        B = "B",
        /// Serious injury is possible, or moderate injury likely.
        C = "C",
    }
}

named_scale! {
    /// Class of a nonconformity（A/B/C 类不合格）in acceptance sampling, GB/T 2828.1.
    #[doc(alias = "不合格分类")]
    NonconformityClass {
        /// Of the highest concern.
        A = "A",
        /// Of a lower concern than A.
        B = "B",
        /// Of a lower concern than B.
        C = "C",
    }
}
