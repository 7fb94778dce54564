//! The console（控制台）, embedded in the program.
//!
//! `make console` builds it from `console/` into `console/dist`, where each file of some size stands
//! compressed beside itself. A program that was built without it says so on its page.

use crate::error::ApiError;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use std::fmt::Write as _;

#[derive(Embed)]
#[folder = "console/dist/"]
#[allow_missing = true]
struct Built;

/// What stands in its place where it was not built.
const MISSING: &str = include_str!("../console/missing.html");
/// Names of files in here change with what they hold.
const HASHED: &str = "assets/";
/// Files of fixed names beside them.
const NAMED: [&str; 2] = ["icon.svg", "offline.js"];
/// How files are compressed, the smallest first, and how their names end then.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Whether a path of the table is the console's.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/console/")
}

/// Leads to the console.
pub(crate) async fn front() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/console/")]).into_response()
}

/// The page.
pub(crate) async fn index(asked: HeaderMap) -> Response {
    match found("index.html", &asked) {
        Some((file, encoding)) => answer("index.html", &file, encoding, &asked),
        None => (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            MISSING,
        )
            .into_response(),
    }
}

/// A file of the page; or the page itself, which reads the rest of the path.
pub(crate) async fn part(Path(path): Path<String>, asked: HeaderMap) -> Result<Response, ApiError> {
    if !path.starts_with(HASHED) && !NAMED.contains(&path.as_str()) {
        return Ok(index(asked).await);
    }
    match found(&path, &asked) {
        Some((file, encoding)) => Ok(answer(&path, &file, encoding, &asked)),
        None => Err(ApiError::NotFound(
            "no such file of the console; a newer one may have taken its place: load the page again"
                .to_owned(),
        )),
    }
}

/// A file as small as the client takes it, and how it is compressed.
fn found(path: &str, asked: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let mut accepted = ENCODINGS
        .into_iter()
        .filter(|(name, _)| accepts(asked, name));
    let compressed = accepted.find_map(|(name, ending)| {
        let file = Built::get(&format!("{path}{ending}"))?;
        Some((file, Some(name)))
    });
    compressed.or_else(|| Some((Built::get(path)?, None)))
}

/// Whether the client names an encoding and does not weigh it with nothing.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let fields = asked.get_all(header::ACCEPT_ENCODING).iter();
    let mut offers = fields
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offers.any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next() == Some(encoding);
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        named && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn answer(
    path: &str,
    file: &EmbeddedFile,
    encoding: Option<&'static str>,
    asked: &HeaderMap,
) -> Response {
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(16) {
        // Writing to a text cannot fail.
        let _written = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = file.data.clone().into_owned();
        ([(header::CONTENT_TYPE, kind_of(path))], body).into_response()
    };
    let kept = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(encoding) = encoding.filter(|_| !known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The type of a file by its name's end: of those that the build makes.
fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_weighs_something() {
        let asked = |field: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(field));
            headers
        };
        assert!(accepts(&asked("gzip, deflate, br, zstd"), "br"));
        assert!(accepts(&asked("br;q=0.1"), "br"));
        assert!(!accepts(&asked("br;q=0, gzip"), "br"));
        assert!(!accepts(&asked("brotli"), "br"));
        assert!(!accepts(&HeaderMap::new(), "br"));
    }
}
