//! Identifiers: one type each, so that an enterprise can never stand where a site is meant.

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The longest identifier accepted, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has no characters.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("must be at most {MAX_ID_BYTES} bytes of UTF-8")]
    TooLong,
    /// The text has a control character, or begins or ends with white space.
    #[error("must not contain control characters nor begin or end with white space")]
    BadCharacter,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong);
    }
    // Nearly every identifier is plain ASCII, which one quick pass tells.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let edges_clean =
        !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace);
    if edges_clean && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(IdError::BadCharacter)
    }
}

macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "CompactString")]
        pub struct $name(CompactString);

        impl $name {
            /// Accepts 1 to [`MAX_ID_BYTES`] bytes without control characters or outer white space.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                check(text.as_ref())?;
                Ok(Self(CompactString::new(text.as_ref())))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<CompactString> for $name {
            type Error = IdError;
            fn try_from(text: CompactString) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl Serialize for $name {
            // What serde derives would copy the text first.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl From<$name> for CompactString {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

string_ids! {
    /// One inspection result（检验结果编号）, unique for ever.
    InspectionId,
    /// An enterprise（企业统一社会信用代码或登记号）: producer, seller or supplier.
    EnterpriseId,
    /// A site（场所、商位）: a booth, shop, workshop or online shop.
    SiteId,
    /// A place of the zone tree（区域）.
    ZoneId,
    /// A sector（行业）.
    SectorCode,
    /// A product of the catalogue（产品代码）.
    ProductCode,
    /// A hazard type（危害类型）.
    HazardCode,
    /// A test item of the catalogue（检验项目代码）.
    ItemCode,
    /// A test method or fast-test kit（检验方法、快检方法）.
    MethodId,
    /// An agency（市场监管机关）.
    AgencyId,
    /// A team of samplers（抽样小组）.
    TeamId,
    /// A laboratory（检验机构）.
    LabId,
    /// A committed random draw（随机抽取）.
    DrawId,
    /// A campaign（抽查任务、专项行动）.
    CampaignId,
    /// A case（案件）.
    CaseId,
    /// An alert（预警）: 32 hexadecimal digits, a hash of what raised it.
    AlertId,
    /// The version of a risk policy（策略版本）.
    PolicyVersion,
    /// A statement of the register（登记信息编号）.
    UpdateId,
    /// A signal（信号编号）.
    SignalId,
    /// A command of an officer（命令编号）.
    CommandId,
    /// An officer's number or account（人员编号）.
    ActorId,
    /// A class of enterprises, as the register tells them apart（企业类别）.
    EnterpriseClass,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_cannot_be_told_apart_on_paper() {
        assert_eq!(EnterpriseId::new("").unwrap_err(), IdError::Empty);
        assert_eq!(EnterpriseId::new(" E1").unwrap_err(), IdError::BadCharacter);
        assert_eq!(
            EnterpriseId::new("E\u{0}1").unwrap_err(),
            IdError::BadCharacter
        );
        assert_eq!(
            EnterpriseId::new("长".repeat(43)).unwrap_err(),
            IdError::TooLong
        );
        assert_eq!(
            EnterpriseId::new("义乌：1号").unwrap().as_str(),
            "义乌：1号"
        );
    }
}
