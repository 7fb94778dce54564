//! Prints the OpenAPI document: `cargo run -p risk-api --example write_openapi > docs/openapi.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(risk_api::openapi::document().as_bytes())
}
