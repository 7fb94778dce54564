//! Query parameters, read strictly: an unknown name or a bad value is an error that names it.

use crate::error::ApiError;
use std::collections::BTreeMap;

/// Rows of a page when none are asked for.
const DEFAULT_LIMIT: usize = 50;
/// The most rows of a page.
const MAX_LIMIT: usize = 1000;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Takes the parameters, of which only `known` may appear, each once.
    pub(crate) fn new(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, ApiError> {
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let rule = format!(
                    "is not a parameter of this route; known are {}",
                    known.join(", ")
                );
                return Err(ApiError::BadParameter { field: name, rule });
            }
            if params.insert(name.clone(), value).is_some() {
                return Err(ApiError::BadParameter {
                    field: name,
                    rule: "must stand once".to_owned(),
                });
            }
        }
        Ok(Self(params))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter read by `read`; `rule` says what it must be.
    pub(crate) fn parse<T>(
        &self,
        name: &str,
        rule: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let bad = || ApiError::BadParameter {
            field: name.to_owned(),
            rule: rule.to_owned(),
        };
        self.text(name)
            .map(|text| read(text).ok_or_else(bad))
            .transpose()
    }

    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let read = |text: &str| {
            text.parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        };
        Ok(self
            .parse("limit", "must be a whole number from 1 to 1000", read)?
            .unwrap_or(DEFAULT_LIMIT))
    }
}
