//! Writes the JSON Schemas of what comes in and goes out, where they are committed.

use risk_pipeline::wire::event::{Outlet, schema, schema_file};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    for outlet in Outlet::ALL {
        std::fs::write(folder.join(schema_file(outlet)), schema(outlet))?;
    }
    let registry = folder.join("registry-update.v1.json");
    std::fs::write(registry, risk_pipeline::wire::registry::schema())?;
    let command = folder.join("command.v1.json");
    std::fs::write(command, risk_pipeline::wire::command::schema())?;
    let signal = folder.join("signal.v1.json");
    std::fs::write(signal, risk_pipeline::wire::signal::schema())?;
    let results = folder.join("inspection-result.v1.json");
    std::fs::write(results, risk_pipeline::wire::schema())
}
