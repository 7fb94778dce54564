//! The OpenAPI document, generated from the handlers; `docs/openapi.json` is its committed copy.

use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spotcheck",
        description = "Risk grades and alerts of product sampling inspection"
    ),
    paths(
        crate::results::post,
        crate::subjects::list,
        crate::subjects::one,
        crate::subjects::history,
        crate::alerts::list,
        crate::alerts::one,
        crate::alerts::live,
        crate::health::status,
        crate::health::healthz,
        crate::health::readyz,
        crate::health::metrics,
    )
)]
struct Document;

/// The document, indented, with a final newline.
pub fn document() -> String {
    // The document is made of the program's own constants, which always serialise.
    let mut text = Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) async fn served() -> ([(axum::http::HeaderName, &'static str); 1], String) {
    (
        [(axum::http::header::CONTENT_TYPE, "application/json")],
        document(),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == super::document(),
            "docs/openapi.json is not what the code generates; see examples/write_openapi.rs"
        );
    }
}
