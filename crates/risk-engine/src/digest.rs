//! The state hash: equal states have equal hashes, however they were reached.

use crate::assessment::Assessment;
use crate::evidence::Row;
use crate::logodds;
use crate::sampling::{Observers, Sampling};
use crate::step::Engine;
use crate::subjects::{Subjects, ZONE, name_bytes};
use risk_domain::registry::RegistryEntry;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// SHA-256 over evidence, snapshots, decisions, assessments of closes, streams under watch, alerts and
/// cases, in the order of names. No positions, wall times or provisional values enter it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

/// 64 bits of an assessment's content, kept instead of the whole.
pub(crate) fn of_assessment(assessment: &Assessment) -> u64 {
    let Assessment {
        subject,
        zones,
        sectors,
        epoch,
        level,
        decision,
        watch,
        inherited,
        band,
        probability,
        interval,
        log_odds,
        variance,
        at_least,
        severity_mix,
        contributions,
        evidence,
        policy_version,
        policy_hash,
        model_version,
        snapshot,
    } = assessment;
    let mut fields = Fields(Vec::with_capacity(512));
    fields.bytes(&name_bytes(subject));
    fields.number(zones.len() as i64);
    for zone in zones.iter() {
        fields.text(zone.as_str());
    }
    fields.number(sectors.len() as i64);
    for sector in sectors.iter() {
        fields.text(sector.as_str());
    }
    fields.number(epoch.0);
    fields.text(level.code());
    if let Some(decided) = decision {
        fields.text(decided.command_id.as_str());
        fields.text(decided.estimated.code());
        fields.number(i64::from(decided.until.get()));
    }
    fields.number(i64::from(*watch));
    fields.number(i64::from(*inherited));
    fields.number(i64::from(*band));
    let numbers = [
        *probability,
        interval.lower,
        interval.upper,
        *log_odds,
        *variance,
    ];
    for number in numbers.iter().chain(at_least).chain(severity_mix) {
        fields.float(*number);
    }
    fields.number(contributions.len() as i64);
    for part in contributions {
        fields.text(part.part.code());
        fields.float(part.log_odds);
    }
    fields.number(evidence.len() as i64);
    for (kind, count) in evidence {
        fields.text(kind);
        fields.number(i64::from(count.results));
        fields.number(i64::from(count.nonconforming));
    }
    fields.text(policy_version.as_str());
    fields.text(policy_hash);
    fields.text(model_version);
    fields.number(snapshot.map_or(i64::MIN, |epoch| epoch.0));
    xxhash_rust::xxh3::xxh3_64(&fields.0)
}

/// Fields one after the other; a text's length before it keeps texts apart.
struct Fields(Vec<u8>);

impl Fields {
    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as i64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

struct Lines(Sha256);

impl Lines {
    /// Feeds one line; its length before it keeps lines apart.
    fn add(&mut self, line: &str) {
        self.0.update((line.len() as u64).to_be_bytes());
        self.0.update(line.as_bytes());
    }
}

/// A row by the names of what it touches, so that numbers do not show.
fn row_text(row: &Row, subjects: &Subjects, observers: &Observers) -> String {
    let names = subjects
        .touched(row.base)
        .map(|at| subjects.name(at).to_string());
    let names: Vec<String> = names.collect();
    let channel = row.channel;
    let severity = row
        .verdict
        .severity
        .map_or(0, risk_domain::scales::Severity::get);
    let stratum = row.verdict.stratum.code();
    format!(
        "{} {stratum} {} {severity} {channel} {} {}",
        row.sampled.get(),
        row.verdict.nonconforming,
        names.join(" "),
        sampling_text(row.sampling, observers)
    )
}

fn sampling_text(sampling: Sampling, observers: &Observers) -> String {
    format!(
        "{} {} {} {} {} {:?} {:?}",
        sampling.drawn,
        sampling.mode,
        sampling.basis as u8,
        sampling.method,
        sampling.verification as u8,
        observers.laboratories.name(sampling.laboratory),
        observers.inspectors.name(sampling.inspector),
    )
}

/// Entries of the register, and the frame by the names of its targets.
fn register(engine: &Engine, lines: &mut Lines) {
    let text = |entry: &RegistryEntry| serde_json::to_string(entry).unwrap_or_default();
    let (open, entries, targets) = engine.frame.parts();
    let mut texts: Vec<String> = entries.map(text).collect();
    texts.extend(open.map(|(epoch, entry)| format!("{} {}", epoch.0, text(entry))));
    // A target that no close has counted leaves no trace.
    let counted = (0..).zip(targets).filter(|(_, target)| !target.is_new());
    texts.extend(counted.map(|(base, target)| {
        let names = engine.subjects.touched(base);
        let names: Vec<String> = names
            .map(|at| engine.subjects.name(at).to_string())
            .collect();
        let target = serde_json::to_string(target).unwrap_or_default();
        format!("{} {target}", names.join(" "))
    }));
    texts.sort_unstable();
    for text in texts {
        lines.add(&text);
    }
}

/// Results that refer to one another.
fn families(engine: &Engine, lines: &mut Lines) {
    let (subjects, observers) = (&engine.subjects, &engine.model.observers);
    for (id, member) in engine.families.members() {
        let text = |id: Option<&risk_domain::ids::InspectionId>| {
            id.map_or("-", |id| id.as_str()).to_owned()
        };
        lines.add(id.as_str());
        lines.add(&text(member.supersedes.as_ref()));
        lines.add(&text(member.confirms.as_ref()));
        if let Some(known) = &member.known {
            let row = known
                .row
                .map_or_else(String::new, |row| row_text(&row, subjects, observers));
            lines.add(&format!(
                "{} {} {row}",
                known.observed_at.millis(),
                known.laboratory
            ));
        }
    }
}

/// All bins, by the names of what they are of.
fn bins(engine: &Engine, lines: &mut Lines) {
    let (subjects, model) = (&engine.subjects, &engine.model);
    let (all, _) = model.bins.all();
    let text = |bin: &logodds::Row| {
        let base = subjects.base(bin.target);
        let zone = subjects.above(base.above).get(ZONE);
        let sampling = Sampling {
            mode: bin.mode,
            basis: bin.basis,
            method: bin.method,
            verification: bin.verification,
            laboratory: bin.laboratory,
            inspector: bin.inspector,
            drawn: bin.drawn,
        };
        let names = [Some(&base.cell), Some(&base.site), zone]
            .into_iter()
            .flatten();
        let names: Vec<String> = names.map(|at| subjects.name(*at).to_string()).collect();
        format!(
            "{} {} {} {} {}",
            names.join(" "),
            bin.week,
            sampling_text(sampling, &model.observers),
            bin.results,
            bin.nonconforming
        )
    };
    let mut texts: Vec<String> = all.iter().map(text).collect();
    texts.sort_unstable();
    for text in texts {
        lines.add(&text);
    }
}

/// What is under watch, what was heard and what alerts stand.
fn warnings(engine: &Engine, lines: &mut Lines) {
    lines.add("warning");
    let warning = postcard::to_stdvec(&engine.warning.named()).unwrap_or_default();
    lines.add(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&warning)));
    lines.add("signals");
    for line in engine.signals.lines() {
        lines.add(&line);
    }
    lines.add("supply paths");
    let paths = postcard::to_stdvec(&engine.paths).unwrap_or_default();
    lines.add(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&paths)));
    lines.add("hazard items");
    let items = postcard::to_stdvec(&engine.items).unwrap_or_default();
    lines.add(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&items)));
    lines.add("duties");
    let duties = postcard::to_stdvec(&engine.duties).unwrap_or_default();
    lines.add(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&duties)));
    lines.add("problems");
    for line in engine.problems.lines() {
        lines.add(&line);
    }
    lines.add("plans");
    for line in engine.plans.lines() {
        lines.add(&line);
    }
    lines.add("references");
    for line in engine.references.lines() {
        lines.add(&line);
    }
    lines.add("alerts");
    for line in engine.alerts.lines() {
        lines.add(&line);
    }
}

pub(crate) fn state_hash(engine: &Engine) -> StateHash {
    let mut lines = Lines(Sha256::new());
    let (subjects, observers) = (&engine.subjects, &engine.model.observers);
    let mut order: Vec<_> = subjects.all().collect();
    order.sort_by(|one, other| subjects.name(*one).cmp(subjects.name(*other)));
    for at in order {
        let state = engine.state(at);
        lines.add(&subjects.name(at).to_string());
        for tally in state.tallies.iter() {
            lines.add(&format!(
                "{} {} {} {} {} {}",
                tally.stratum.code(),
                tally.generation.0,
                tally.count,
                tally.nonconforming,
                tally.weight,
                tally.nonconforming_weight,
            ));
        }
        if let Some(standing) = &state.standing {
            lines.add(&format!(
                "{} {} {:016x}",
                standing.epoch.0, standing.level, standing.digest
            ));
        }
    }
    lines.add("open evidence");
    let mut open: BTreeMap<(i64, String), i32> = BTreeMap::new();
    for (epoch, row) in engine.pending.iter().chain(engine.families.open_rows()) {
        let count = open
            .entry((epoch.0, row_text(row, subjects, observers)))
            .or_default();
        *count += if row.retracts { -1 } else { 1 };
    }
    for ((epoch, row), count) in open.into_iter().filter(|(_, count)| *count != 0) {
        lines.add(&format!("{epoch} {row} {count}"));
    }
    lines.add("families");
    families(engine, &mut lines);
    lines.add("register");
    register(engine, &mut lines);
    lines.add("decisions");
    for part in engine.decisions.parts() {
        lines.add(&serde_json::to_string(part).unwrap_or_default());
    }
    lines.add("commands on alerts, cases, problems and plans");
    for (id, digest) in &engine.acted {
        lines.add(&format!("{id} {digest:016x}"));
    }
    lines.add("bins");
    bins(engine, &mut lines);
    lines.add("snapshot");
    if let Some(in_force) = engine.model.in_force {
        lines.add(&format!("{} {:032x}", in_force.epoch.0, in_force.digest));
    }
    lines.add("series");
    for (domain, series) in engine.series_domains() {
        let bytes = postcard::to_stdvec(series).unwrap_or_default();
        lines.add(&format!(
            "{domain} {:016x}",
            xxhash_rust::xxh3::xxh3_64(&bytes)
        ));
    }
    warnings(engine, &mut lines);
    lines.add("cases");
    engine.cases.hashed(&mut |bytes| {
        lines.add(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes)));
    });
    StateHash(lines.0.finalize().into())
}
