//! The subjects of risk（风险对象）: what is graded.

use crate::ids::{EnterpriseId, IdError, ProductCode, SectorCode, SiteId, ZoneId};
use crate::scales::named_scale;
use std::fmt;
use std::str::FromStr;

named_scale! {
    /// Kind of subject（风险对象类别）.
    #[doc(alias = "风险对象类别")]
    SubjectKind {
        /// 产品: a code of the catalogue.
        Product = "product",
        /// 企业.
        Enterprise = "enterprise",
        /// 场所、商位.
        Site = "site",
        /// 区域.
        Zone = "zone",
        /// 行业.
        Sector = "sector",
        /// 企业×产品.
        Cell = "cell",
    }
}

/// One subject of risk（风险对象）.
///
/// Its text form is `kind:part` or `cell:enterprise:product`; a `%`, `:` or `/` inside a part is
/// written as `%25`, `%3A` or `%2F`, so that any identifier can be read back.
#[doc(alias = "风险对象")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A product of the catalogue.
    Product(ProductCode),
    /// An enterprise.
    Enterprise(EnterpriseId),
    /// A booth or another site.
    Site(SiteId),
    /// A zone of the tree, with everything below it.
    Zone(ZoneId),
    /// A sector.
    Sector(SectorCode),
    /// One product at one enterprise.
    Cell(EnterpriseId, ProductCode),
}

/// Why a text names no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// The part before the first colon is no kind.
    #[error("must begin with product:, enterprise:, site:, zone:, sector: or cell:")]
    UnknownKind,
    /// Too few or too many parts.
    #[error("must have one part after the kind, and two after cell:")]
    WrongParts,
    /// A percent sign that begins no known escape.
    #[error("must escape %, : and / within a part as %25, %3A and %2F")]
    BadEscape,
    /// A part that is no identifier.
    #[error("{0}")]
    BadId(#[from] IdError),
}

impl Subject {
    /// Its kind.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Product(_) => SubjectKind::Product,
            Self::Enterprise(_) => SubjectKind::Enterprise,
            Self::Site(_) => SubjectKind::Site,
            Self::Zone(_) => SubjectKind::Zone,
            Self::Sector(_) => SubjectKind::Sector,
            Self::Cell(..) => SubjectKind::Cell,
        }
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    for character in part.chars() {
        match character {
            '%' => f.write_str("%25")?,
            ':' => f.write_str("%3A")?,
            '/' => f.write_str("%2F")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

fn read_part(part: &str) -> Result<String, SubjectError> {
    let mut pieces = part.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (character, rest) = if let Some(rest) = piece.strip_prefix("25") {
            ('%', rest)
        } else if let Some(rest) = piece.strip_prefix("3A") {
            (':', rest)
        } else if let Some(rest) = piece.strip_prefix("2F") {
            ('/', rest)
        } else {
            return Err(SubjectError::BadEscape);
        };
        text.push(character);
        text.push_str(rest);
    }
    Ok(text)
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            Self::Product(id) => write_part(f, id.as_str()),
            Self::Enterprise(id) => write_part(f, id.as_str()),
            Self::Site(id) => write_part(f, id.as_str()),
            Self::Zone(id) => write_part(f, id.as_str()),
            Self::Sector(id) => write_part(f, id.as_str()),
            Self::Cell(enterprise, product) => {
                write_part(f, enterprise.as_str())?;
                f.write_str(":")?;
                write_part(f, product.as_str())
            }
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let (kind, rest) = text.split_once(':').ok_or(SubjectError::UnknownKind)?;
        let kind = SubjectKind::from_code(kind).ok_or(SubjectError::UnknownKind)?;
        let parts = rest
            .split(':')
            .map(read_part)
            .collect::<Result<Vec<_>, _>>()?;
        match (kind, parts.as_slice()) {
            (SubjectKind::Product, [id]) => Ok(Self::Product(ProductCode::new(id)?)),
            (SubjectKind::Enterprise, [id]) => Ok(Self::Enterprise(EnterpriseId::new(id)?)),
            (SubjectKind::Site, [id]) => Ok(Self::Site(SiteId::new(id)?)),
            (SubjectKind::Zone, [id]) => Ok(Self::Zone(ZoneId::new(id)?)),
            (SubjectKind::Sector, [id]) => Ok(Self::Sector(SectorCode::new(id)?)),
            (SubjectKind::Cell, [enterprise, product]) => Ok(Self::Cell(
                EnterpriseId::new(enterprise)?,
                ProductCode::new(product)?,
            )),
            (
                SubjectKind::Product
                | SubjectKind::Enterprise
                | SubjectKind::Site
                | SubjectKind::Zone
                | SubjectKind::Sector
                | SubjectKind::Cell,
                _,
            ) => Err(SubjectError::WrongParts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_subject_reads_back_from_its_text(a in "[^\\s\\p{Cc}][%:/义a-z0-9]{0,20}", b in "[%:/A-Z]{1,9}") {
            for subject in [
                Subject::Enterprise(EnterpriseId::new(&a).unwrap()),
                Subject::Cell(EnterpriseId::new(&a).unwrap(), ProductCode::new(&b).unwrap()),
            ] {
                prop_assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
            }
        }
    }

    #[test]
    fn texts_that_name_no_subject_say_why() {
        assert_eq!(
            "booth:1".parse::<Subject>().unwrap_err(),
            SubjectError::UnknownKind
        );
        assert_eq!(
            "cell:E1".parse::<Subject>().unwrap_err(),
            SubjectError::WrongParts
        );
        assert_eq!(
            "site:%41".parse::<Subject>().unwrap_err(),
            SubjectError::BadEscape
        );
        assert_eq!(
            "site:".parse::<Subject>().unwrap_err(),
            SubjectError::BadId(IdError::Empty)
        );
    }
}
