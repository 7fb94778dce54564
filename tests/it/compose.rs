//! docker-compose.yml, as the compose specification's own loader reads it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use risk_tests::process;
use serde_json::Value;

fn load(file: &Path) -> Result<Value> {
    process::provide("compose")?;
    let loader = process::workspace_root()?.join(".cache/bin/compose-check");
    // The loader resolves what the file mounts from where it runs.
    let folder = file.parent().context("the file lies nowhere")?;
    let mut command = Command::new(loader);
    command
        .args(["-format", "json"])
        .arg(file)
        .current_dir(folder);
    let model = process::run(&mut command)?;
    serde_json::from_str(&model).context("the loader's output")
}

fn services(model: &Value) -> Result<&serde_json::Map<String, Value>> {
    model
        .get("services")
        .and_then(Value::as_object)
        .context("no services")
}

#[test]
fn the_compose_file_is_sound() -> Result<()> {
    let model = load(&process::workspace_root()?.join("docker-compose.yml"))?;
    let services = services(&model)?;
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    for name in [
        "kafka",
        "spotcheck",
        "prometheus",
        "alertmanager",
        "grafana",
    ] {
        ensure!(names.contains(&name), "no service {name} among {names:?}");
    }
    for (name, service) in services {
        let image = service
            .get("image")
            .and_then(Value::as_str)
            .context("no image")?;
        let (_, tag) = image
            .rsplit_once(':')
            .with_context(|| format!("{name}: no tag"))?;
        let exact = tag == "local" || tag.trim_start_matches('v').split('.').count() == 3;
        ensure!(exact, "{name}: {image} is not one exact version");
        for port in service
            .get("ports")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let address = port.get("host_ip").and_then(Value::as_str);
            ensure!(
                address == Some("127.0.0.1"),
                "{name} publishes a port to the world: {port}"
            );
        }
        let restarts_by_itself = name != "topics" && name != "grafana-token";
        let checked = service.get("healthcheck").is_some();
        ensure!(checked || !restarts_by_itself, "{name} has no health check");
        for volume in service
            .get("volumes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if volume.get("type").and_then(Value::as_str) == Some("bind") {
                let source = volume
                    .get("source")
                    .and_then(Value::as_str)
                    .context("no source")?;
                ensure!(
                    Path::new(source).exists(),
                    "{name} mounts {source}, which is not there"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn an_unknown_key_is_refused_by_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("docker-compose.yml");
    let text = std::fs::read_to_string(process::workspace_root()?.join("docker-compose.yml"))?;
    std::fs::write(&file, text.replacen("    restart:", "    restarts:", 1))?;
    let refused = load(&file)
        .err()
        .context("the loader took an unknown key")?;
    ensure!(
        format!("{refused:#}").contains("restarts"),
        "another error: {refused:#}"
    );
    Ok(())
}

#[test]
fn the_container_configuration_has_only_known_keys() -> Result<()> {
    let root = process::workspace_root()?;
    let read = |name: &str| -> Result<toml::Table> {
        Ok(std::fs::read_to_string(root.join("config").join(name))?.parse()?)
    };
    let (defaults, container) = (read("default.toml")?, read("compose.toml")?);
    ensure!(
        unknown_keys(&defaults, &container).is_empty(),
        "{container}"
    );
    let wrong: toml::Table = "[kafka]\nservers = \"kafka:9092\"".parse()?;
    ensure!(
        unknown_keys(&defaults, &wrong) == ["servers"],
        "an unknown key went unnoticed"
    );
    Ok(())
}

fn unknown_keys(known: &toml::Table, given: &toml::Table) -> Vec<String> {
    let mut unknown = Vec::new();
    for (key, value) in given {
        match (known.get(key), value) {
            (None, _) => unknown.push(key.clone()),
            (Some(toml::Value::Table(known)), toml::Value::Table(given)) => {
                unknown.extend(unknown_keys(known, given));
            }
            (Some(_), _) => {}
        }
    }
    unknown
}
