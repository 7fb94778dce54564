//! The console in a real browser, over a demo and over a server that asks who is there.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::browser::Browser;
use risk_tests::process::{self, Spotcheck};
use serde_json::json;

const ENTERPRISES: u32 = 120;
/// How long a server may take to stop.
const PATIENCE: Duration = Duration::from_mins(1);
const ROLES: [&str; 6] = [
    "planner",
    "officer",
    "approver",
    "administrator",
    "feeder",
    "zone_manager",
];

#[test]
fn people_of_every_role_find_their_way_in_a_real_browser() -> Result<()> {
    process::provide("browser")?;
    let home = tempfile::tempdir()?;
    let path = |name: &str| home.path().join(name);

    let port = process::free_port()?;
    let listen = format!("127.0.0.1:{port}");
    let data = path("demo");
    let data = data.to_str().context("a path that is not UTF-8")?;
    let arguments = [
        "demo",
        "--data-dir",
        data,
        "--listen",
        &listen,
        "--enterprises",
        "1500",
    ];
    let demo = Spotcheck::start(&arguments, &path("demo.log"))?;
    let page = Browser::default().get(&format!("http://{listen}/console/"))?;
    ensure!(
        page.status == 200,
        "the program has no console in it: run `make console`, then `cargo build -p spotcheck`"
    );

    // A small city with its register, to be guarded then.
    let data = path("city");
    let small = data.to_str().context("a path that is not UTF-8")?;
    let enterprises = ENTERPRISES.to_string();
    let port = process::free_port()?;
    let listen_small = format!("127.0.0.1:{port}");
    let arguments = [
        "demo",
        "--data-dir",
        small,
        "--listen",
        &listen_small,
        "--enterprises",
        &enterprises,
    ];
    Spotcheck::start(&arguments, &path("small.log"))?.stop(PATIENCE)?;
    let port = process::free_port()?;
    let address = format!("http://127.0.0.1:{port}");
    let provider = process::free_port()?;
    let issuer = format!("http://127.0.0.1:{provider}");
    let secret = path("client");
    fs::write(&secret, "only-for-tests\n")?;
    let callback = format!("{address}/auth/callback");
    let _provider = crate::identity::provider(home.path(), provider, &callback)?;
    let config = path("spotcheck.toml");
    let text = format!(
        "data_dir = '{}'\n[http]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_minute = 100000\n\
         [identity]\npublic_url = \"{address}\"\nissuer = \"{issuer}\"\nclient_secret_file = '{}'\n",
        data.display(),
        secret.display()
    );
    fs::write(&config, text)?;
    let mut tokens = serde_json::Map::new();
    for role in ROLES {
        let mut command = Command::new(process::spotcheck_binary()?);
        command.args(["token", "create", "--actor", role, "--role", role]);
        if role == "zone_manager" {
            command.args(["--zone", "330782-futian"]);
        }
        let token = process::run(command.arg("--config").arg(&config))?;
        tokens.insert(role.to_owned(), json!(token.trim()));
    }
    let config = config.to_str().context("a path that is not UTF-8")?;
    let guarded = Spotcheck::start(&["serve", "--config", config], &path("log"))?;

    let tokens = serde_json::to_string(&tokens)?;
    let said = walk(&[
        ("DEMO", &format!("http://{listen}")),
        ("GUARDED", &address),
        ("PROVIDER", &issuer),
        ("TOKENS", &tokens),
    ])
    .with_context(|| format!("demo: {}\nguarded: {}", demo.tail(), guarded.tail()))?;
    ensure!(said.contains("first paint"), "nothing was measured: {said}");
    println!("{said}");
    Ok(())
}

/// Walks through the console in a browser, as `tests/console/console.mjs` says.
fn walk(settings: &[(&str, &str)]) -> Result<String> {
    let root = process::workspace_root()?;
    let modules = root.join(".cache/browser");
    let mut command = Command::new("timeout");
    command.arg("400").arg(modules.join("node"));
    command.args(["--test", "--test-concurrency=1"]);
    command.arg(root.join("tests/console/console.mjs"));
    command.envs(settings.iter().copied());
    command.env("ARTEFACTS", root.join("artifacts/console"));
    command.env("MODULES", modules.join("node_modules"));
    command.env("CHROMIUM", "/usr/bin/chromium");
    process::run(&mut command)
}
