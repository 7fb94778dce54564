//! Parameters of a path or query, read strictly: an unknown name or a bad value is an error that
//! names it.

use crate::dto::Page;
use crate::error::ApiError;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;

/// Rows of a page when none are asked for.
const DEFAULT_LIMIT: usize = 50;

/// `next` of a page that ends with what has this time and id, as [`Params::behind`] reads it.
pub(crate) fn next_behind(at: Timestamp, id: &str) -> String {
    format!("{}~{id}", at.millis())
}

/// The `{id}` of a route.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_rejection) => Err(ApiError::BadParameter {
                field: "id".to_owned(),
                rule: "must be percent-encoded UTF-8".to_owned(),
            }),
        }
    }
}

/// The parameters of one query. They are checked against the table of routes before a handler is
/// called, so a handler cannot forget to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let checked = parts.extensions.get::<Self>().cloned();
        checked.ok_or_else(|| ApiError::Internal("a route outside the table".to_owned()))
    }
}

impl Params {
    /// Takes the parameters, of which only `known` may appear, each once.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let bad = |field: String, rule: String| Err(ApiError::BadParameter { field, rule });
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return bad("query".to_owned(), "must be name=value pairs".to_owned());
        };
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                let rule = format!("is not a parameter of this route; known: {known}");
                return bad(name, rule);
            }
            if params.insert(name.clone(), value).is_some() {
                return bad(name, "must stand once".to_owned());
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

    /// Rows of the page, of which a route gives at most `most`.
    pub(crate) fn limit(&self, most: usize) -> Result<usize, ApiError> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=most).contains(limit));
        let rule = format!("must be a whole number from 1 to {most}");
        Ok(self.parse("limit", &rule, read)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// Some rows of a list that is at hand whole, and where the next page begins. A route gives at most
    /// `most` of them.
    pub(crate) fn page<T, R>(
        &self,
        all: &[T],
        most: usize,
        row: impl Fn(&T) -> R,
    ) -> Result<Page<R>, ApiError> {
        self.page_of(all.iter(), most, row)
    }

    /// Some of the rows that a walk finds, and where the next page begins. A route gives at most `most` of them.
    pub(crate) fn page_of<'a, T: 'a, R>(
        &self,
        rows: impl Iterator<Item = &'a T>,
        most: usize,
        row: impl Fn(&T) -> R,
    ) -> Result<Page<R>, ApiError> {
        let limit = self.limit(most)?;
        let from = self.parse("cursor", "must be the `next` of a page", |text| {
            text.parse::<usize>().ok()
        })?;
        let from = from.unwrap_or(0);
        let mut rows = rows.skip(from);
        let items: Vec<R> = rows.by_ref().take(limit).map(row).collect();
        let next = rows.next().map(|_| (from + items.len()).to_string());
        Ok(Page { items, next })
    }

    /// The time and the id behind which the page begins, of a list in the order of times.
    pub(crate) fn behind<T>(
        &self,
        id: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<(Timestamp, T)>, ApiError> {
        self.parse("cursor", "must be the `next` of a page", |text| {
            let (at, text) = text.split_once('~')?;
            Some((Timestamp::from_millis(at.parse().ok()?), id(text)?))
        })
    }

    /// Where the page begins, for a closure that outlives the request.
    pub(crate) fn cursor(&self) -> Option<String> {
        self.text("cursor").map(str::to_owned)
    }
}
