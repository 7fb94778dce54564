//! Writes the JSON Schema of the wire format, version 1, where it is committed.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/inspection-result.v1.json");
    std::fs::write(path, risk_pipeline::wire::schema())
}
