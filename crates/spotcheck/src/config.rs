//! Configuration in layers: compiled defaults, then a file, then the environment.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every key with its default; the one place where defaults stand.
pub(crate) const DEFAULTS: &str = include_str!("../../../config/default.toml");
const PREFIX: &str = "SPOTCHECK__";

/// What the program runs with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The ledger and its views.
    pub(crate) data_dir: PathBuf,
    /// Path of a risk policy; empty for the one that ships.
    pub(crate) policy: PathBuf,
    /// Path of a retention policy of personal data; empty for the one that ships.
    pub(crate) retention: PathBuf,
    /// Which shard this process runs.
    pub(crate) shard: u16,
    pub(crate) http: Http,
    pub(crate) identity: Identity,
    pub(crate) intake: Intake,
    pub(crate) worker: Worker,
    pub(crate) kafka: Kafka,
    /// Endpoints that are told of events, by name.
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    pub(crate) witness: Witness,
    pub(crate) log: Log,
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) max_body_bytes: usize,
    pub(crate) requests_per_minute: u32,
    pub(crate) concurrent_requests: usize,
    pub(crate) metrics_open: bool,
    pub(crate) tls_certificate: PathBuf,
    pub(crate) tls_key: PathBuf,
}

/// Who is let in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) demo: bool,
    pub(crate) secrets_dir: PathBuf,
    #[serde(with = "duration")]
    pub(crate) session_idle: Duration,
    #[serde(with = "duration")]
    pub(crate) session_absolute: Duration,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret_file: PathBuf,
    pub(crate) public_url: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) actor_claim: String,
    pub(crate) roles_claim: String,
    pub(crate) zones_claim: String,
    pub(crate) authority_file: PathBuf,
    pub(crate) roles: BTreeMap<String, String>,
    pub(crate) people: BTreeMap<String, Person>,
}

/// Roles of a person beside what their claims say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) zones: Vec<String>,
}

/// Posts that go straight to the worker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intake {
    pub(crate) queue_posts: usize,
    #[serde(with = "duration")]
    pub(crate) idle_after: Duration,
}

/// The worker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    pub(crate) batch_records: usize,
    pub(crate) dead_letter_ratio: f64,
    pub(crate) dead_letter_window: u32,
    pub(crate) dead_letter_consecutive: u32,
}

/// The broker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kafka {
    pub(crate) enabled: bool,
    pub(crate) bootstrap_servers: String,
    pub(crate) group_id: String,
    pub(crate) results_topic: String,
    pub(crate) registry_topic: String,
    pub(crate) commands_topic: String,
    pub(crate) signals_topic: String,
    pub(crate) grades_topic: String,
    pub(crate) alerts_topic: String,
    pub(crate) dead_letters_topic: String,
    pub(crate) cases_topic: String,
    pub(crate) lists_topic: String,
    pub(crate) partitions: Vec<i32>,
    pub(crate) transactional_id: String,
    #[serde(with = "duration")]
    pub(crate) idle_after: Duration,
    pub(crate) until_end: bool,
    /// Passed to the client as they are; may hold secrets.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, Secret>,
}

/// An endpoint that is told of events; every key but `kind` has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Webhook {
    pub(crate) kind: String,
    pub(crate) url: Secret,
    pub(crate) url_file: PathBuf,
    pub(crate) secret: Secret,
    pub(crate) secret_file: PathBuf,
    pub(crate) events: Vec<String>,
    pub(crate) alert_level: String,
    pub(crate) grade_level: String,
    pub(crate) subject_kinds: Vec<String>,
    pub(crate) zones: Vec<String>,
    pub(crate) allow_networks: Vec<String>,
    pub(crate) authority_file: PathBuf,
    #[serde(with = "duration")]
    pub(crate) timeout: Duration,
    pub(crate) max_body_bytes: usize,
    #[serde(with = "duration")]
    pub(crate) first_wait: Duration,
    #[serde(with = "duration")]
    pub(crate) longest_wait: Duration,
    pub(crate) park_after: u32,
    pub(crate) give_up_after: u32,
    pub(crate) per_minute: u32,
    pub(crate) from_beginning: bool,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            kind: "webhook".to_owned(),
            url: Secret::default(),
            url_file: PathBuf::new(),
            secret: Secret::default(),
            secret_file: PathBuf::new(),
            events: vec!["alerts".to_owned()],
            alert_level: "four".to_owned(),
            grade_level: "undetermined".to_owned(),
            subject_kinds: Vec::new(),
            zones: Vec::new(),
            allow_networks: Vec::new(),
            authority_file: PathBuf::new(),
            timeout: Duration::from_secs(10),
            max_body_bytes: 256 << 10,
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_hours(1),
            park_after: 20,
            give_up_after: 5,
            per_minute: 20,
            from_beginning: false,
        }
    }
}

/// Where signed checkpoints go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Witness {
    #[serde(with = "duration")]
    pub(crate) every: Duration,
    pub(crate) file: PathBuf,
    pub(crate) topic: String,
    /// An endpoint as those of `webhooks`.
    pub(crate) webhook: Option<Webhook>,
}

/// Logging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) json: bool,
}

/// A text that never prints.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Durations as a whole number with a unit: `250ms`, `30s`, `5m`, `2h`.
mod duration {
    use serde::{Deserialize, Deserializer};
    use std::time::Duration;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` must be a whole number with ms, s, m or h, as 30s"
            ))
        })
    }

    pub(super) fn parse(text: &str) -> Option<Duration> {
        let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let number: u64 = digits.parse().ok()?;
        match text.strip_prefix(digits)? {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
            "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
            _unknown => None,
        }
    }
}

impl Config {
    /// Loads the layers. The environment is an argument, so that it is read in one place only.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut merged: toml::Table =
            toml::from_str(DEFAULTS).context("the compiled defaults do not parse")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("cannot read the configuration file {}", path.display())
            })?;
            let layer: toml::Table =
                toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))?;
            merge(&mut merged, layer);
        }
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix(PREFIX) {
                set(&mut merged, &path.to_lowercase(), &value)
                    .with_context(|| format!("environment variable {name}"))?;
            }
        }
        let config: Self = merged
            .try_into()
            .context("the configuration is not valid")?;
        config.validated()
    }

    /// Fails where a value breaks a rule that no type tells.
    pub(crate) fn validated(self) -> anyhow::Result<Self> {
        if !(0.0..=1.0).contains(&self.worker.dead_letter_ratio) {
            bail!("worker.dead_letter_ratio must be between 0 and 1");
        }
        if self.worker.batch_records == 0 || self.intake.queue_posts == 0 {
            bail!("worker.batch_records and intake.queue_posts must be at least 1");
        }
        if self.kafka.until_end && !self.kafka.enabled {
            bail!("kafka.until_end needs kafka.enabled = true");
        }
        if self.http.requests_per_minute == 0 || self.http.concurrent_requests == 0 {
            bail!("http.requests_per_minute and http.concurrent_requests must be at least 1");
        }
        if self.http.tls_certificate.as_os_str().is_empty()
            != self.http.tls_key.as_os_str().is_empty()
        {
            bail!("http.tls_certificate and http.tls_key go together: set both or none");
        }
        if self.identity.demo && !self.http.listen.ip().is_loopback() {
            bail!(
                "identity.demo lets everybody in, and http.listen = {} is not loopback: set \
                 identity.demo = false and make tokens with `spotcheck token create`",
                self.http.listen
            );
        }
        if self.witness.every.is_zero() {
            bail!("witness.every must be above 0");
        }
        if !self.witness.topic.is_empty() && !self.kafka.enabled {
            bail!("witness.topic needs kafka.enabled = true");
        }
        if self.kafka.transactional_id.is_empty() {
            bail!("kafka.transactional_id must not be empty");
        }
        Ok(self)
    }
}

impl Config {
    /// Where secrets stand: beside the data directory, so that no backup of it holds them.
    pub(crate) fn secrets_dir(&self) -> PathBuf {
        if !self.identity.secrets_dir.as_os_str().is_empty() {
            return self.identity.secrets_dir.clone();
        }
        risk_store::secrets_beside(&self.data_dir)
    }
}

impl Kafka {
    /// What is passed to the client as it is.
    pub(crate) fn client_options(&self) -> BTreeMap<String, String> {
        let options = self.options.iter();
        options
            .map(|(key, value)| (key.clone(), value.reveal().to_owned()))
            .collect()
    }
}

fn merge(into: &mut toml::Table, layer: toml::Table) {
    for (key, value) in layer {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Sets `section__key` to a value read as TOML when it parses as such, as text otherwise.
fn set(into: &mut toml::Table, path: &str, value: &str) -> anyhow::Result<()> {
    let mut parts: Vec<&str> = path.split("__").collect();
    let key = parts
        .pop()
        .filter(|key| !key.is_empty())
        .context("names no key")?;
    let mut table = into;
    for part in parts {
        table = table
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .with_context(|| format!("{part} is not a section"))?;
    }
    let is_text = matches!(table.get(key), None | Some(toml::Value::String(_)));
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok();
    let parsed = parsed
        .and_then(|mut table| table.remove("value"))
        .filter(|_| !is_text);
    table.insert(
        key.to_owned(),
        parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
        let owned: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        owned.into_iter()
    }

    #[test]
    fn the_environment_stands_over_the_file_and_the_file_over_the_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:1\"\n",
        )
        .unwrap();
        let set = [
            ("SPOTCHECK__HTTP__LISTEN", "127.0.0.1:2"),
            ("SPOTCHECK__KAFKA__PARTITIONS", "[1, 2]"),
        ];
        let config = Config::load(Some(file.path()), environment(&set)).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("d"));
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.kafka.partitions, [1, 2]);
        assert_eq!(config.intake.idle_after, Duration::from_mins(1));
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors_that_name_them() {
        let message = |pairs| format!("{:#}", Config::load(None, environment(pairs)).unwrap_err());
        assert!(message(&[("SPOTCHECK__HTTP__LITSEN", "x")]).contains("litsen"));
        assert!(message(&[("SPOTCHECK__INTAKE__IDLE_AFTER", "soon")]).contains("30s"));
        assert!(
            message(&[("SPOTCHECK__WORKER__DEAD_LETTER_RATIO", "2.0")])
                .contains("dead_letter_ratio")
        );
    }

    #[test]
    fn secrets_stand_beside_the_data_directory_and_never_in_it() {
        let dir = |data: &str, secrets: &str| {
            let set = [
                ("SPOTCHECK__DATA_DIR", data),
                ("SPOTCHECK__IDENTITY__SECRETS_DIR", secrets),
            ];
            Config::load(None, environment(&set)).unwrap().secrets_dir()
        };
        assert_eq!(dir("var/data", ""), PathBuf::from("var/data.secrets"));
        assert_eq!(dir("data/", ""), PathBuf::from("data.secrets"));
        assert_eq!(dir("data", "elsewhere"), PathBuf::from("elsewhere"));
    }

    #[test]
    fn the_demo_is_not_opened_beyond_loopback() {
        let set = |listen| {
            let set = [
                ("SPOTCHECK__IDENTITY__DEMO", "true"),
                ("SPOTCHECK__HTTP__LISTEN", listen),
            ];
            Config::load(None, environment(&set))
        };
        assert!(set("127.0.0.1:0").is_ok() && set("[::1]:0").is_ok());
        let refused = set("0.0.0.0:8480").unwrap_err().to_string();
        assert!(refused.contains("token create"), "{refused}");
        assert!(
            !Config::load(None, std::iter::empty())
                .unwrap()
                .identity
                .demo
        );
    }

    #[test]
    fn secrets_do_not_print() {
        let set = [("SPOTCHECK__KAFKA__OPTIONS__SASL.PASSWORD", "hush")];
        let config = Config::load(None, environment(&set)).unwrap();
        assert_eq!(config.kafka.options["sasl.password"].reveal(), "hush");
        assert!(!format!("{config:?}").contains("hush"));
    }
}
