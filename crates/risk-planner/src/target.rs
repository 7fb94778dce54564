//! What a line of a plan sends a team to.

use risk_domain::ids::{EnterpriseId, IdError, ProductCode, SiteId};
use std::fmt;
use std::str::FromStr;

/// What a line of a plan sends a team to（抽查对象）: one product at one site of an enterprise.
///
/// Its text form is `enterprise/site/product`; a `%` or `/` inside a part is written as `%25` or
/// `%2F`, so that any target can be read back and no two look the same.
#[doc(alias = "抽查对象")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Who is inspected.
    pub enterprise: EnterpriseId,
    /// Where.
    pub site: SiteId,
    /// What is taken there.
    pub product: ProductCode,
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not three parts.
    #[error("must be enterprise/site/product")]
    Parts,
    /// A percent sign that begins no known escape.
    #[error("must escape % and / within a part as %25 and %2F")]
    Escape,
    /// A part that is no identifier.
    #[error("{0}")]
    Id(#[from] IdError),
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    if !part.contains(['%', '/']) {
        return f.write_str(part);
    }
    for character in part.chars() {
        match character {
            '%' => f.write_str("%25")?,
            '/' => f.write_str("%2F")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

fn read_part(part: &str) -> Result<String, TargetError> {
    let mut pieces = part.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (character, rest) = if let Some(rest) = piece.strip_prefix("25") {
            ('%', rest)
        } else if let Some(rest) = piece.strip_prefix("2F") {
            ('/', rest)
        } else {
            return Err(TargetError::Escape);
        };
        text.push(character);
        text.push_str(rest);
    }
    Ok(text)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, self.enterprise.as_str())?;
        f.write_str("/")?;
        write_part(f, self.site.as_str())?;
        f.write_str("/")?;
        write_part(f, self.product.as_str())
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let parts: Vec<&str> = text.split('/').collect();
        let [enterprise, site, product] = parts.as_slice() else {
            return Err(TargetError::Parts);
        };
        Ok(Self {
            enterprise: EnterpriseId::new(read_part(enterprise)?)?,
            site: SiteId::new(read_part(site)?)?,
            product: ProductCode::new(read_part(product)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_target_reads_back_from_its_text(a in "[^\\s\\p{Cc}][%/义a-z0-9]{0,20}", b in "[%/:A-Z]{1,9}") {
            let target = Target {
                enterprise: EnterpriseId::new(&a).unwrap(),
                site: SiteId::new(&b).unwrap(),
                product: ProductCode::new(&a).unwrap(),
            };
            prop_assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
    }

    #[test]
    fn texts_that_name_no_target_say_why() {
        assert_eq!("E/S".parse::<Target>().unwrap_err(), TargetError::Parts);
        assert_eq!(
            "E/S%41/P".parse::<Target>().unwrap_err(),
            TargetError::Escape
        );
        assert_eq!(
            "E//P".parse::<Target>().unwrap_err(),
            TargetError::Id(IdError::Empty)
        );
    }
}
