//! An article（同一产品）: what the rule against repeated checks calls the same product.

use crate::ids::EnterpriseId;
use crate::inspection::InspectionResult;
use compact_str::CompactString;
use std::fmt;

/// One article（同一产品）: the same producer, product standard, trademark and model. Order 18 of the
/// State Administration for Market Regulation, article 8, forbids the same agency to check it twice
/// within six months.
#[doc(alias = "同一产品")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Article {
    /// The producer: its registry number, or its name where no number is known.
    pub producer: CompactString,
    /// The standard that the product declares.
    pub standard: CompactString,
    /// Trademark; empty where the product has none.
    pub brand: CompactString,
    /// Model or specification; empty where the product has none.
    pub model: CompactString,
}

impl Article {
    /// The article that a result is of; none where its producer or its standard is not known, because
    /// nobody could then say that two of them are the same.
    pub fn of(result: &InspectionResult) -> Option<Self> {
        let producer = result.producer.as_ref()?;
        let number = producer.enterprise_id.as_ref().map(EnterpriseId::as_str);
        let producer = CompactString::new(number.unwrap_or(&producer.name));
        let label = &result.product;
        Some(Self {
            producer,
            standard: label.standard.clone()?,
            brand: label.brand.clone().unwrap_or_default(),
            model: label.model.clone().unwrap_or_default(),
        })
    }
}

impl fmt::Display for Article {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            producer,
            standard,
            brand,
            model,
        } = self;
        write!(f, "{producer} / {standard} / {brand} / {model}")
    }
}
