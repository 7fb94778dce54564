//! Who is let in, on the running server: tokens from the command line, people from a real provider.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::authority::{Vouched, vouch};
use risk_tests::browser::{Browser, Page};
use risk_tests::city::City;
use risk_tests::process::{self, Server, Spotcheck};
use serde_json::{Value, json};

const SEED: u64 = 20_261_127;
const ENTERPRISES: u32 = 40;
const DEADLINE: Duration = Duration::from_mins(1);
const ROLES: [&str; 7] = [
    "viewer",
    "zone_manager",
    "planner",
    "officer",
    "approver",
    "administrator",
    "feeder",
];

/// A city behind a guard: its configuration, and where things lie.
struct Guarded {
    home: tempfile::TempDir,
    config: PathBuf,
    address: String,
}

impl Guarded {
    fn new(more: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        City::simulate(SEED, ENTERPRISES)?.import(&home.path().join("data"))?;
        let port = process::free_port()?;
        let address = format!("http://127.0.0.1:{port}");
        let config = home.path().join("spotcheck.toml");
        let data = home.path().join("data");
        let text = format!(
            "data_dir = '{}'\n[http]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_minute = 100000\n\
             [identity]\npublic_url = \"{address}\"\n{more}",
            data.display()
        );
        fs::write(&config, text)?;
        Ok(Self {
            home,
            config,
            address,
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(process::spotcheck_binary()?);
        process::run(command.args(arguments).arg("--config").arg(&self.config))
    }

    fn token(&self, actor: &str, role: &str) -> Result<String> {
        let mut arguments = vec!["token", "create", "--actor", actor, "--role", role];
        if role == "zone_manager" {
            arguments.extend(["--zone", "330782-choucheng"]);
        }
        Ok(self.run(&arguments)?.trim().to_owned())
    }

    fn serve(&self) -> Result<Spotcheck> {
        let config = self.config.to_str().context("a path that is not UTF-8")?;
        let log = self.home.path().join("log");
        Spotcheck::start(&["serve", "--config", config], &log)
    }

    fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Result<Page> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        Browser::default().send(method, &format!("{}{path}", self.address), &headers, b"")
    }
}

/// Operations of the served document, with the roles of their audience, on a zone and on a site in it.
fn operations(document: &Value, site: &str) -> Result<Vec<(String, String, BTreeSet<String>)>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (verb, operation) in item.as_object().context("no operations")? {
            let roles = operation["x-audience"].as_str().unwrap_or_default();
            let roles = roles.split_whitespace().map(str::to_owned).collect();
            let path = path.replace("/sites/{id}", &format!("/sites/{site}"));
            let path = path.replace("{id}", "zone:330782-choucheng");
            // A stream does not end: it is refused before it begins, or asked badly.
            let path = path.replace("/stream", "/stream?after=x");
            all.push((verb.to_ascii_uppercase(), path, roles));
        }
    }
    Ok(all)
}

#[test]
fn every_route_of_the_running_server_is_open_to_its_audience_only() -> Result<()> {
    let city = Guarded::new("")?;
    let tokens: BTreeMap<&str, String> = ROLES
        .into_iter()
        .map(|role| Ok((role, city.token(role, role)?)))
        .collect::<Result<_>>()?;
    let _server = city.serve()?;
    let document = city.ask("GET", "/openapi.json", Some(&tokens["viewer"]))?;
    ensure!(document.status == 200, "{document:?}");
    let sites = "/v1/subjects?kind=site&zone=330782-choucheng&limit=1";
    let sites = city.ask("GET", sites, Some(&tokens["viewer"]))?.json()?;
    let site = sites["items"][0]["subject"].as_str();
    let site = site.and_then(|subject| subject.strip_prefix("site:"));
    let operations = operations(&document.json()?, site.context("no site in the zone")?)?;
    ensure!(
        operations.len() > 25,
        "only {} operations",
        operations.len()
    );
    for (method, path, audience) in &operations {
        let nobody = city.ask(method, path, None)?.status;
        ensure!(
            (nobody == 401) != audience.is_empty() || path.starts_with("/auth/"),
            "{method} {path} without identity: {nobody}"
        );
        for role in ROLES {
            let page = city.ask(method, path, Some(&tokens[role]))?;
            let allowed = audience.is_empty() || audience.contains(role);
            ensure!(
                page.status != 401 || path.starts_with("/auth/"),
                "{role} {method} {path}: {page:?}"
            );
            ensure!(
                (page.status != 403) == allowed,
                "{role} {method} {path}: {}, audience {audience:?}",
                page.status
            );
        }
    }
    // The page stands in no document; it is the way in, and holds nothing of the city.
    ensure!(city.ask("GET", "/console/", None)?.status != 401);
    ensure!(city.ask("GET", "/console/alerts", None)?.status != 401);
    Ok(())
}

#[test]
fn a_token_is_made_listed_used_and_taken_back_and_is_in_no_backup() -> Result<()> {
    let city = Guarded::new("")?;
    let token = city.token("实验室-1", "viewer")?;
    let server = city.serve()?;
    ensure!(city.ask("GET", "/v1/status", Some(&token))?.status == 200);
    let listed = city.run(&["token", "list"])?;
    let line = listed
        .lines()
        .find(|line| line.contains("实验室-1"))
        .context("not listed")?;
    ensure!(
        line.contains("in force") && !line.contains("never"),
        "{listed}"
    );
    let secret = token.rsplit('_').next().context("no secret")?;
    ensure!(!listed.contains(secret), "the list shows the secret");
    let id = line.split_whitespace().next().context("no id")?;
    city.run(&["token", "revoke", id])?;
    ensure!(
        city.ask("GET", "/v1/status", Some(&token))?.status == 401,
        "it is still in force"
    );
    ensure!(city.run(&["token", "list"])?.contains("revoked"));
    ensure!(
        server.tail().contains("a token was refused"),
        "{}",
        server.tail()
    );
    ensure!(!server.tail().contains(secret), "the log shows a secret");

    let bad = city.run(&["token", "create", "--actor", "x", "--role", "boss"]);
    let bad = format!("{:#}", bad.err().context("a role that is none")?);
    ensure!(bad.contains("zone_manager"), "{bad}");

    let (data, backup) = (
        city.home.path().join("data"),
        city.home.path().join("backup"),
    );
    let mut copy = Command::new(process::spotcheck_binary()?);
    process::run(
        copy.arg("backup")
            .arg("--data-dir")
            .arg(&data)
            .arg("--to")
            .arg(&backup),
    )?;
    let hash = fs::read_to_string(city.home.path().join("data.secrets/tokens.json"))?;
    let hash: Value = serde_json::from_str(&hash)?;
    let hash = hash["tokens"][0]["sha256"]
        .as_str()
        .context("no hash")?
        .to_owned();
    for folder in [&data, &backup] {
        let found = holding(folder, &[secret, &hash])?;
        ensure!(found.is_empty(), "a secret stands in {found:?}");
    }
    Ok(())
}

/// Files below a folder that hold one of the texts.
fn holding(folder: &Path, texts: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(holding(&path, texts)?);
        } else {
            let bytes = fs::read(&path)?;
            let holds = |text: &&str| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            };
            if texts.iter().any(&holds) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Starts a real provider on loopback.
pub(crate) fn provider(home: &Path, port: u16, redirect: &str) -> Result<Server> {
    process::provide("provider")?;
    let root = process::workspace_root()?;
    let modules = root.join(".cache/provider");
    let mut command = Command::new(modules.join("node"));
    command.arg(root.join("tests/identity/provider.mjs"));
    command.arg(&modules).arg(port.to_string()).arg(redirect);
    let server = Server::spawn(
        "provider",
        &mut command,
        &home.join("provider.log"),
        "provider ready",
    )?;
    server.wait_for_marker(DEADLINE)?;
    Ok(server)
}

#[expect(clippy::too_many_lines, reason = "one person's way in and out again")]
#[test]
fn people_sign_in_at_a_real_provider_act_under_their_names_and_sign_out() -> Result<()> {
    let port = process::free_port()?;
    let secrets = tempfile::tempdir()?;
    let secret = secrets.path().join("client");
    fs::write(&secret, "only-for-tests\n")?;
    let city = Guarded::new(&format!(
        "issuer = \"http://127.0.0.1:{port}\"\nclient_secret_file = '{}'\n",
        secret.display()
    ))?;
    let redirect = format!("{}/auth/callback", city.address);
    let _provider = provider(city.home.path(), port, &redirect)?;
    let server = city.serve()?;
    let at = |path: &str| format!("{}{path}", city.address);

    let mut officer = Browser::default();
    let front = officer.sign_in(&at("/"), "officer-7")?;
    ensure!(
        front.body.contains("产品质量抽查"),
        "{front:?}\n{}",
        server.tail()
    );
    let session = officer.get(&at("/v1/session"))?.json()?;
    ensure!(
        session["actor"] == "officer-7" && session["roles"] == json!(["officer"]),
        "{session}"
    );
    let csrf = session["csrf_token"]
        .as_str()
        .context("no token")?
        .to_owned();

    let subject = officer
        .get(&at("/v1/subjects?kind=enterprise&limit=1"))?
        .json()?;
    let subject = subject["items"][0]["subject"]
        .as_str()
        .context("no subject")?
        .to_owned();
    let floor = json!({
        "command_id": "C1", "decided_at": "2026-06-30T10:00:00+08:00", "reason": "现场检查发现以次充好",
        "subject": subject, "kind": "floor", "level": "high", "until": "2026-12-01",
    });
    let body = serde_json::to_vec(&floor)?;
    let kind = ("content-type", "application/json");
    let forged = officer.send("POST", &at("/v1/commands"), &[kind], &body)?;
    ensure!(forged.status == 403, "{forged:?}");
    let own = [kind, ("x-csrf-token", csrf.as_str())];
    let taken = officer.send("POST", &at("/v1/commands"), &own, &body)?;
    ensure!(
        taken.json()?["items"][0]["status"] == "accepted",
        "{taken:?}"
    );
    let decision = officer.get(&at("/v1/decisions/C1"))?;
    ensure!(decision.json()?["actor"] == "officer-7", "{decision:?}");
    let tag = decision.header("etag").context("no tag")?.to_owned();

    // What was changed meanwhile is not withdrawn unseen.
    let withdraw = |id: &str| {
        let command = json!({
            "command_id": id, "decided_at": "2026-06-30T11:00:00+08:00", "reason": "复查合格",
            "subject": subject, "kind": "withdraw", "of": "C1",
        });
        serde_json::to_vec(&command)
    };
    let conditional = |tag| [kind, ("x-csrf-token", csrf.as_str()), ("if-match", tag)];
    let stale = officer.send(
        "POST",
        &at("/v1/commands"),
        &conditional("\"0\""),
        &withdraw("C2")?,
    )?;
    ensure!(stale.status == 412, "{stale:?}");
    let fresh = officer.send(
        "POST",
        &at("/v1/commands"),
        &conditional(&tag),
        &withdraw("C2")?,
    )?;
    ensure!(
        fresh.json()?["items"][0]["status"] == "accepted",
        "{fresh:?}"
    );

    let approver = city.token("approver-1", "approver")?;
    let audit = |query: &str| -> Result<Vec<Value>> {
        let page = city
            .ask("GET", &format!("/v1/audit?{query}"), Some(&approver))?
            .json()?;
        Ok(page["items"]
            .as_array()
            .with_context(|| format!("{page}"))?
            .clone())
    };
    let of_subject = audit(&format!("subject={subject}"))?;
    let [withdrawn, floored] = of_subject.as_slice() else {
        anyhow::bail!("{of_subject:?}");
    };
    ensure!(
        floored["kind"] == "floor" && floored["actor"] == "officer-7",
        "{floored}"
    );
    ensure!(
        floored["reason"] == "现场检查发现以次充好" && floored["means"] == "session",
        "{floored}"
    );
    ensure!(
        floored["request_id"] == taken.header("x-request-id").unwrap_or_default(),
        "{floored}"
    );
    ensure!(
        floored["changes"][0] == json!({"field": "level", "before": null, "after": "high"}),
        "{floored}"
    );
    let ended = json!([{"field": "state", "before": "in_force", "after": "withdrawn"}]);
    ensure!(withdrawn["changes"] == ended, "{withdrawn}");
    let posts = audit("kind=post_commands&actor=officer-7")?;
    ensure!(
        posts.len() == 2 && posts[1]["what"] == json!(["C1"]),
        "{posts:?}"
    );
    ensure!(audit("kind=floor&since=2026-07-01T00:00:00%2B08:00")?.is_empty());
    ensure!(city.ask("GET", "/v1/dead-letters", Some(&approver))?.status == 200);

    let before = officer.cookies.clone();
    let out = officer.send("POST", &at("/auth/logout"), &own[1..], b"")?;
    ensure!(out.status == 204, "{out:?}");
    officer.cookies = before;
    ensure!(
        officer.get(&at("/v1/session"))?.status == 401,
        "the old cookie is still good"
    );

    let mut manager = Browser::default();
    manager.sign_in(&at("/auth/login"), "manager-1")?;
    let shown = manager.get(&at("/v1/session"))?.json()?;
    ensure!(shown["zones"] == json!(["330782-choucheng"]), "{shown}");
    ensure!(manager.get(&at("/v1/decisions"))?.status == 403);
    ensure!(
        manager
            .get(&at("/v1/subjects/zone:330782-choucheng"))?
            .status
            == 200
    );

    let refused = Browser::default().sign_in(&at("/auth/login"), "stranger")?;
    ensure!(
        refused.status == 403 && refused.body.contains("no role"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn the_demo_is_not_served_beyond_loopback() -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(process::spotcheck_binary()?);
    command.args(["demo", "--listen", "0.0.0.0:0", "--enterprises", "20"]);
    let refused = process::run(command.arg("--data-dir").arg(home.path().join("data")));
    let refused = format!("{:#}", refused.err().context("it was served")?);
    ensure!(
        refused.contains("loopback") && refused.contains("token create"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn browsers_are_served_by_tls_under_a_certificate_that_is_checked() -> Result<()> {
    let home = tempfile::tempdir()?;
    let elsewhere = tempfile::tempdir()?;
    let Vouched {
        authority: root,
        certificate,
        key,
    } = vouch(home.path())?;
    let stranger = vouch(elsewhere.path())?.authority;
    let port = process::free_port()?;
    let config = home.path().join("spotcheck.toml");
    let text = format!(
        "data_dir = '{}'\n[http]\nlisten = \"127.0.0.1:{port}\"\ntls_certificate = '{}'\ntls_key = '{}'\n",
        home.path().join("data").display(),
        certificate.display(),
        key.display()
    );
    fs::write(&config, text)?;
    let mut command = Command::new(process::spotcheck_binary()?);
    command.arg("serve").arg("--config").arg(&config);
    let server = Server::spawn(
        "spotcheck",
        &mut command,
        &home.path().join("log"),
        "ready https://",
    )?;
    server.wait_for_marker(DEADLINE)?;
    let url = format!("https://127.0.0.1:{port}/healthz");
    let ask = |authority: &str| -> Result<ureq::http::Response<ureq::Body>> {
        let certificate = ureq::tls::Certificate::from_pem(authority.as_bytes())?;
        let roots = ureq::tls::RootCerts::new_with_certs(&[certificate]);
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .build()
            .new_agent();
        Ok(agent.get(&url).call()?)
    };
    let answer = ask(&root)?;
    ensure!(answer.status() == 200, "{answer:?}");
    let strict = answer
        .headers()
        .get("strict-transport-security")
        .context("no header")?;
    ensure!(strict == "max-age=31536000", "{strict:?}");
    ensure!(ask(&stranger).is_err(), "another authority vouches for it");
    let clear = Browser::default().get(&url.replace("https", "http"));
    ensure!(clear.is_err(), "it answers in clear text");
    Ok(())
}
