//! A small synthetic city, and the ways it gets into a data directory through the binary.

#![expect(
    clippy::print_stdout,
    reason = "what was drawn is shown beside a failed test, and nowhere else"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::kafka::KafkaBroker;
use crate::process::{self, Spotcheck};

/// The topic that the register comes by.
const REGISTRY: &str = "registry.updates";
/// The topic that results come by.
pub const RESULTS: &str = "inspection.results";
/// No command of these tests may take longer; coreutils' `timeout` ends those that do.
const COMMAND_SECONDS: &str = "480";
/// How often, and how many times, another process is asked for what it should come to.
const ASKED_EVERY: Duration = Duration::from_millis(20);
const ASKED: u32 = 4_500;
/// Long past on any clock, so that no result ever lies in the future.
const LAST_DAY: &str = "2026-06-30";

/// The results of a city in the order in which they became known.
#[derive(Debug)]
pub struct City {
    home: TempDir,
    /// One record of the wire format each.
    pub lines: Vec<Vec<u8>>,
    /// What the register says, one record each.
    pub register: Vec<Vec<u8>>,
    /// The enterprise of each record, which is its key in Kafka.
    keys: Vec<Vec<u8>>,
}

/// A record as it is produced: partition, key, payload.
pub type Keyed<'a> = (i32, &'a [u8], &'a [u8]);

impl City {
    /// Has the binary write a city. The seed is printed, so that a failure can be repeated.
    pub fn simulate(seed: u64, enterprises: u32) -> Result<Self> {
        println!("city seed {seed}, {enterprises} enterprises, last day {LAST_DAY}");
        let home = tempfile::Builder::new()
            .prefix("spotcheck-city-")
            .tempdir()?;
        let mut command = spotcheck(&["simulate", "city", "--last-day", LAST_DAY])?;
        command.args(["--seed", &seed.to_string()]);
        command.args(["--enterprises", &enterprises.to_string()]);
        process::run(command.arg("--out").arg(home.path()))?;
        let lines = lines(&home.path().join("results.ndjson"))?;
        let register = crate::city::lines(&home.path().join("frame.ndjson"))?;
        let keys = lines.iter().map(|line| enterprise(line));
        let keys = keys.collect::<Result<_>>()?;
        ensure!(!lines.is_empty(), "the city has no results");
        println!("{} results, {} entries", lines.len(), register.len());
        Ok(Self {
            home,
            lines,
            register,
            keys,
        })
    }

    /// The file of all results.
    pub fn file(&self) -> PathBuf {
        self.home.path().join("results.ndjson")
    }

    /// Imports everything into a fresh data directory.
    pub fn import(&self, data_dir: &Path) -> Result<()> {
        let register = self.home.path().join("frame.ndjson");
        import_files(data_dir, Some(&register), &self.file())
    }

    /// Every record with the partition of its enterprise, in the city's order.
    pub fn partitioned(&self, partitions: i32) -> Result<Vec<Keyed<'_>>> {
        let count = u32::try_from(partitions)?;
        let records = self.keys.iter().zip(&self.lines);
        records
            .map(|(key, line)| Ok((i32::try_from(fnv(key) % count)?, &key[..], &line[..])))
            .collect()
    }

    /// Makes the topics and fills those that are read.
    pub fn produce(&self, broker: &KafkaBroker, partitions: i32) -> Result<()> {
        create_topics(broker, partitions)?;
        self.produce_register(broker)?;
        broker.produce(RESULTS, self.partitioned(partitions)?)
    }

    /// Fills the topic of the register, which must exist.
    pub fn produce_register(&self, broker: &KafkaBroker) -> Result<()> {
        let records = self.register.iter();
        let records = records.map(|line| Ok((site(line)?, line)));
        let records: Vec<(Vec<u8>, &Vec<u8>)> = records.collect::<Result<_>>()?;
        let keyed = records.iter().map(|(key, line)| (0, &key[..], &line[..]));
        broker.produce(REGISTRY, keyed)
    }
}

/// Makes the topics by the product's own command.
pub fn create_topics(broker: &KafkaBroker, partitions: i32) -> Result<()> {
    let home = tempfile::tempdir()?;
    let config = configure(&home.path().join("topics"), &kafka_section(broker, false))?;
    let partitions = partitions.to_string();
    let mut command = spotcheck(&["topics", "create", "--partitions", &partitions, "--config"])?;
    let said = process::run(command.arg(config))?;
    ensure!(
        said.contains(&format!("{RESULTS} created with {partitions} partitions")),
        "{said}"
    );
    Ok(())
}

fn lines(file: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(file)?;
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines.map(<[u8]>::to_vec).collect())
}

fn field(line: &[u8], pointer: &str) -> Result<Vec<u8>> {
    let record: Value = serde_json::from_slice(line)?;
    let id = record.pointer(pointer).and_then(Value::as_str);
    let id = id.with_context(|| format!("a record without {pointer}"))?;
    Ok(id.as_bytes().to_vec())
}

fn enterprise(line: &[u8]) -> Result<Vec<u8>> {
    field(line, "/site/enterprise_id")
}

fn site(line: &[u8]) -> Result<Vec<u8>> {
    field(line, "/site/site_id")
}

fn fnv(bytes: &[u8]) -> u32 {
    let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
    bytes.iter().fold(2_166_136_261, mix)
}

/// Numbers that look random and depend on the seed alone (SplitMix64).
#[derive(Debug)]
pub struct Draws(u64);

impl Draws {
    /// Starts a row of numbers and prints its seed.
    pub fn from_seed(seed: u64) -> Self {
        println!("draws seed {seed}");
        Self(seed)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// The binary with a time limit, so that a test that waits for it always ends.
pub fn spotcheck(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("timeout");
    command.arg(COMMAND_SECONDS);
    command.arg(process::spotcheck_binary()?).args(arguments);
    Ok(command)
}

/// Runs a subcommand over a data directory to its end, whatever that is.
pub fn attempt(arguments: &[&str], data_dir: &Path) -> Result<Output> {
    let mut command = spotcheck(arguments)?;
    command.arg("--data-dir").arg(data_dir);
    Ok(command.stdin(Stdio::null()).output()?)
}

/// Runs a subcommand over a data directory; it must succeed.
pub fn over(arguments: &[&str], data_dir: &Path) -> Result<String> {
    process::run(spotcheck(arguments)?.arg("--data-dir").arg(data_dir))
}

/// Imports records of the wire format; none may be rejected.
pub fn import(data_dir: &Path, file: &Path) -> Result<()> {
    import_files(data_dir, None, file)
}

fn import_files(data_dir: &Path, register: Option<&Path>, file: &Path) -> Result<()> {
    let mut command = spotcheck(&["import"])?;
    command.arg("--data-dir").arg(data_dir).arg(file);
    if let Some(register) = register {
        command.arg("--register").arg(register);
    }
    let said = process::run(&mut command)?;
    ensure!(said.contains("rejected 0"), "records rejected: {said}");
    Ok(())
}

/// The rest of the line of `output` that begins with the word `name`.
pub fn value<'o>(output: &'o str, name: &str) -> Result<&'o str> {
    let mut lines = output.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.with_context(|| format!("no line `{name} …` in:\n{output}"))
}

/// The state hash of a data directory, found by checking its ledger whole.
pub fn state(data_dir: &Path) -> Result<String> {
    let said = over(&["ledger", "verify"], data_dir)?;
    Ok(value(&said, "state")?.to_owned())
}

/// The recorded inputs, judged again, must give the recorded effects.
pub fn replays_without_difference(data_dir: &Path) -> Result<()> {
    let said = over(&["replay"], data_dir)?;
    ensure!(value(&said, "differences")? == "0", "{said}");
    ensure!(value(&said, "inputs")? != "0", "nothing replayed: {said}");
    Ok(())
}

/// Writes a configuration beside the data directory: HTTP on a port of its own, open to all, and
/// `more`.
pub fn configure(data_dir: &Path, more: &str) -> Result<PathBuf> {
    let file = data_dir.with_extension("toml");
    let port = process::free_port()?;
    let data = data_dir.to_str().context("a path that is not UTF-8")?;
    let text = format!(
        "data_dir = '{data}'\n[identity]\ndemo = true\n[http]\nlisten = \"127.0.0.1:{port}\"\n{more}"
    );
    fs::write(&file, text)?;
    Ok(file)
}

/// The configuration section that reads the results topic of `broker`.
pub fn kafka_section(broker: &KafkaBroker, until_end: bool) -> String {
    format!(
        "[kafka]\nenabled = true\nbootstrap_servers = \"{}\"\nuntil_end = {until_end}\n",
        broker.bootstrap()
    )
}

/// Keys of the same section that send events to topics of these names, which must exist; those of cases
/// and plans are not sent.
pub fn outlets(grades: &str, alerts: &str, dead_letters: &str) -> String {
    format!(
        "grades_topic = \"{grades}\"\nalerts_topic = \"{alerts}\"\ndead_letters_topic = \"{dead_letters}\"\ncases_topic = \"\"\nlists_topic = \"\"\n"
    )
}

/// Asks again and again until there is an answer; what is awaited happens in another process.
pub fn until<T>(what: &str, mut asked: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..ASKED {
        if let Some(answer) = asked()? {
            return Ok(answer);
        }
        process::pause(ASKED_EVERY);
    }
    bail!("waited in vain: {what}")
}

/// A metric of a running server; none while it is not there yet.
pub fn metric(address: &str, name: &str) -> Result<Option<f64>> {
    let page = http::get(&format!("{address}/metrics"))?.expect_status(200)?;
    let found = value(&page.body, name).ok();
    Ok(found.map(str::parse).transpose()?)
}

/// Reads the results topic to its end into a data directory.
pub fn read_topic(broker: &KafkaBroker, data_dir: &Path) -> Result<()> {
    read_topic_into(broker, data_dir, "")
}

/// The same with further keys of the Kafka section, as [`outlets`].
pub fn read_topic_into(broker: &KafkaBroker, data_dir: &Path, more: &str) -> Result<()> {
    let section = format!("{}{more}", kafka_section(broker, true));
    let config = configure(data_dir, &section)?;
    process::run(spotcheck(&["serve", "--config"])?.arg(config))?;
    Ok(())
}

/// Starts the binary on a configuration; its log lies beside the data directory.
pub fn serve(data_dir: &Path, more: &str) -> Result<Spotcheck> {
    let config = configure(data_dir, more)?;
    let config = config.to_str().context("a path that is not UTF-8")?;
    Spotcheck::start(
        &["serve", "--config", config],
        &data_dir.with_extension("log"),
    )
}

/// The ids of all alerts of a data directory, as the API pages through them.
pub fn alert_ids(data_dir: &Path) -> Result<BTreeSet<String>> {
    let server = serve(data_dir, "")?;
    let mut ids = BTreeSet::new();
    for alert in all(&format!("{}/v1/alerts?", server.address()))? {
        let id = text(&alert, "id")?;
        ensure!(ids.insert(id.clone()), "the alert {id} is listed twice");
    }
    Ok(ids)
}

/// The recorded level of every subject of a data directory, as the API pages through them.
pub fn levels(data_dir: &Path) -> Result<BTreeMap<String, String>> {
    let server = serve(data_dir, "")?;
    let kinds = ["product", "enterprise", "site", "zone", "sector", "cell"];
    let mut levels = BTreeMap::new();
    for kind in kinds {
        for subject in all(&format!("{}/v1/subjects?kind={kind}&", server.address()))? {
            levels.insert(text(&subject, "subject")?, text(&subject, "level")?);
        }
    }
    Ok(levels)
}

/// Every item of a list, page by page. The URL ends where a parameter may follow.
pub fn all(url: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{url}limit=100{cursor}");
        let page = http::get(&url)?.expect_status(200)?.json()?;
        let more = page.get("items").and_then(Value::as_array);
        items.extend(more.context("a page without items")?.iter().cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}

/// A field of an object that must be a text.
pub fn text(object: &Value, name: &str) -> Result<String> {
    let found = object.get(name).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {name} in {object}"))?
        .to_owned())
}
