//! Results, events and checkpoints over TLS and SASL, with a real broker and a throw-away authority.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, ensure};
use risk_tests::authority::vouch;
use risk_tests::city::{self, City};
use risk_tests::kafka::{KafkaBroker, Secured};
use risk_tests::process;

const SEED: u64 = 20_260_707;
const USER: &str = "spotcheck";
const PASSWORD: &str = "correct-horse-battery";

/// A configuration that reaches the broker by its secured listener alone.
fn section(broker: &KafkaBroker, password: &str, authority: &Path) -> Result<String> {
    Ok(format!(
        "[kafka]\nenabled = true\nbootstrap_servers = \"{}\"\nuntil_end = true\n\
         [kafka.options]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\
         \"sasl.username\" = \"{USER}\"\n\"sasl.password\" = \"{password}\"\n\"ssl.ca.location\" = '{}'\n\
         [witness]\ntopic = \"ledger.checkpoints\"\n",
        broker.secured()?,
        authority.display()
    ))
}

/// The program cannot start, and says why.
fn refused(home: &Path, section: &str, why: &str) -> Result<()> {
    let config = city::configure(home, section)?;
    let mut command = city::spotcheck(&["serve", "--config"])?;
    let output = command.arg(config).output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(!output.status.success(), "it was let in: {said}");
    ensure!(said.contains(why), "no clear reason: {said}");
    ensure!(!said.contains(PASSWORD), "the password is told: {said}");
    Ok(())
}

#[test]
fn results_events_and_checkpoints_go_by_tls_and_sasl_and_nobody_else_gets_in() -> Result<()> {
    let home = tempfile::tempdir()?;
    let elsewhere = tempfile::tempdir()?;
    let ours = vouch(home.path())?;
    let keystore = home.path().join("broker.pem");
    let both = [fs::read(&ours.key)?, fs::read(&ours.certificate)?].concat();
    fs::write(&keystore, both)?;
    let authority = home.path().join("authority.pem");
    fs::write(&authority, &ours.authority)?;
    let stranger = home.path().join("stranger.pem");
    fs::write(&stranger, vouch(elsewhere.path())?.authority)?;
    let broker = KafkaBroker::start_secured(&Secured {
        keystore,
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
    })?;
    let good = section(&broker, PASSWORD, &authority)?;

    let config = city::configure(&home.path().join("topics"), &good)?;
    let mut command = city::spotcheck(&["topics", "create", "--partitions", "2", "--config"])?;
    let said = process::run(command.arg(&config))?;
    ensure!(said.contains("ledger.checkpoints created"), "{said}");

    let city = City::simulate(SEED, 40)?;
    city.produce_register(&broker)?;
    broker.produce(city::RESULTS, city.partitioned(2)?)?;
    let (by_tls, imported) = (home.path().join("by-tls"), home.path().join("imported"));
    let config = city::configure(&by_tls, &good)?;
    process::run(city::spotcheck(&["serve", "--config"])?.arg(config))?;
    city.import(&imported)?;
    ensure!(
        city::state(&by_tls)? == city::state(&imported)?,
        "another state"
    );
    ensure!(
        !broker.read_all("risk.alerts")?.is_empty(),
        "no alert was sent"
    );

    let kept = broker.read_all("ledger.checkpoints")?;
    let last = kept.last().context("no checkpoint was sent")?;
    let note = home.path().join("note");
    fs::write(&note, last.payload.as_ref().context("a tombstone")?)?;
    let against = note.display().to_string();
    let said = city::over(&["ledger", "verify", "--against", &against], &by_tls)?;
    let entries = city::value(&said, "entries")?.to_owned();
    ensure!(
        said.contains(&format!(
            "consistent with the checkpoint of {entries} entries"
        )),
        "not the end: {said}"
    );

    // The client asks for as long as the broker may take, so both are tried at once.
    let wrong_password = section(&broker, "wrong-horse", &authority)?;
    let wrong_authority = section(&broker, PASSWORD, &stranger)?;
    let folder = home.path();
    thread::scope(|scope| {
        let password = scope.spawn(|| refused(&folder.join("p"), &wrong_password, "SASL"));
        let authority = scope.spawn(|| refused(&folder.join("a"), &wrong_authority, "certificate"));
        let panicked = |_panic| anyhow::anyhow!("a thread panicked");
        password.join().map_err(panicked)??;
        authority.join().map_err(panicked)?
    })
}
