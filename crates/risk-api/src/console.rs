//! The page, embedded in the program.

use crate::etag::tagged;
use axum::http::HeaderMap;
use axum::response::Response;

const INDEX: &str = include_str!("../console/index.html");
const SCRIPT: &str = include_str!("../console/app.js");
const WORDS: &str = include_str!("../console/words.js");
const STYLE: &str = include_str!("../console/style.css");
const ICON: &str = include_str!("../console/icon.svg");

fn file(asked: &HeaderMap, kind: &'static str, text: &'static str) -> Response {
    tagged(asked, kind, text.as_bytes().to_vec())
}

pub(crate) async fn index(asked: HeaderMap) -> Response {
    file(&asked, "text/html; charset=utf-8", INDEX)
}

pub(crate) async fn script(asked: HeaderMap) -> Response {
    file(&asked, "text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn words(asked: HeaderMap) -> Response {
    file(&asked, "text/javascript; charset=utf-8", WORDS)
}

pub(crate) async fn style(asked: HeaderMap) -> Response {
    file(&asked, "text/css; charset=utf-8", STYLE)
}

pub(crate) async fn icon(asked: HeaderMap) -> Response {
    file(&asked, "image/svg+xml", ICON)
}
