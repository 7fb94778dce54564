//! Cases: every scenario of `scenarios/cases` through the engine's door, each written so that somebody who
//! knows the procedure can read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use risk_domain::case_act::CaseAct;
use risk_domain::case_action::{CaseAction, PauseReason};
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{
    ActorId, AgencyId, CommandId, EnterpriseId, HazardCode, InspectionId, ItemCode, ProductCode,
    SignalId, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome as Finding, ProductRef, SampleCounts,
    SiteRef, TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::reference::Reference;
use risk_domain::scales::{Role, Severity};
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};
use risk_domain::signal::{Reporter, Signal, SignalKind};
use risk_domain::time::{Day, Timestamp};
use risk_engine::case::{Act, CaseKind, CaseState, Happened, Span, Switches, Transition};
use risk_engine::{
    Case, Engine, EngineRejection, Found, Input, Linked, Outcome, Policy, ResultInput,
    SourcePartition, Taxonomy,
};
use risk_tests::process;
use serde::Deserialize;

/// A path through a machine, from the record that opens the case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    zh: String,
    en: String,
    /// A code of the catalogue.
    product: String,
    /// Switches of `[cases]` that differ from the policy that ships.
    #[serde(default)]
    policy: BTreeMap<String, bool>,
    /// Lengths of terms of `[cases.terms]` that differ, as `months = 48`.
    #[serde(default)]
    lengths: BTreeMap<String, String>,
    then: Vec<Then>,
}

/// What happens next, and how the case stands after it. Without result, act, command or approval only
/// time passes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a scenario names what it means; each stands alone in a step"
)]
struct Then {
    /// Civil time, to the minute.
    at: String,
    /// What a result says, as `failed:formal`; after the first it follows the first up.
    result: Option<String>,
    /// What is heard, as `tip:named`, `tip:anonymous` or `complaint`: of an injury that may be grave.
    signal: Option<String>,
    /// When its sample was taken; an hour before by default.
    sampled: Option<String>,
    /// The result names the case.
    #[serde(default)]
    names_case: bool,
    /// The result refers to no other.
    #[serde(default)]
    unlinked: bool,
    /// The test was made on complaint.
    #[serde(default)]
    on_complaint: bool,
    /// The result corrects the first.
    #[serde(default)]
    corrects: bool,
    /// An item that may be fatal failed.
    #[serde(default)]
    severe: bool,
    /// A microbe item failed.
    #[serde(default)]
    microbes: bool,
    /// An act of the procedure.
    act: Option<String>,
    /// The last day that the act sets.
    last_day: Option<String>,
    /// `pause_clock` or `resume_clock`.
    command: Option<String>,
    /// The command that a second person agrees to.
    approve: Option<String>,
    /// The command's id, where a later step names it.
    id: Option<String>,
    /// viewer, officer, approver; a second approver agrees by default.
    by: Option<String>,
    /// The rule that the command breaks.
    refused: Option<String>,
    /// The kind of the case, where it is said.
    kind: Option<String>,
    state: String,
    detail: Option<String>,
    /// Last days of terms that run.
    #[serde(default)]
    due: BTreeMap<String, String>,
    /// Terms that have lapsed without being kept.
    #[serde(default)]
    overdue: BTreeSet<String>,
}

fn time(text: &str) -> Result<Timestamp> {
    let text = format!("{}:00+08:00", text.replace(' ', "T"));
    Timestamp::parse(&text).with_context(|| format!("not a time: {text}"))
}

/// A result that says so, of one booth.
#[expect(clippy::too_many_lines, reason = "a result has many fields")]
fn result(
    number: usize,
    says: &str,
    product: &str,
    at: Timestamp,
    then: &Then,
) -> Result<InspectionResult> {
    let (outcome, capacity) = match says.split_once(':') {
        Some(("failed", capacity)) => (Finding::Nonconforming, capacity),
        Some(("passed", capacity)) => (Finding::Conforming, capacity),
        Some(_) => bail!("no result says {says}"),
        None => (
            Finding::from_code(says).with_context(|| format!("no outcome {says}"))?,
            "formal",
        ),
    };
    let (kind, mode) = match capacity {
        "screen" => (TestKind::Rapid, SelectionMode::FastTest),
        "verification" => (TestKind::Laboratory, SelectionMode::FastTest),
        "formal" => (TestKind::Laboratory, SelectionMode::SupervisoryCheck),
        "evidence" => (TestKind::Laboratory, SelectionMode::EnforcementTest),
        other => bail!("no capacity {other}"),
    };
    let failed = outcome == Finding::Nonconforming;
    let hazard = if then.microbes {
        "microbiological"
    } else {
        "chemical"
    };
    let item = TestItem {
        code: ItemCode::new("small-parts")?,
        name: "小零件".into(),
        clause: None,
        method: None,
        measured: None,
        limit: None,
        unit: None,
        verdict: if failed {
            Verdict::Nonconforming
        } else {
            Verdict::Conforming
        },
        hazard: Some(HazardCode::new(hazard)?),
        severity: Some(if then.severe {
            Severity::Four
        } else {
            Severity::Two
        }),
    };
    let first = InspectionId::new("R0")?;
    let follows = number > 0 && !then.unlinked && !then.corrects;
    Ok(InspectionResult {
        inspection_id: InspectionId::new(format!("R{number}"))?,
        supersedes: then.corrects.then(|| first.clone()),
        sampled_at: match &then.sampled {
            Some(sampled) => time(sampled)?,
            None => at.plus_millis(-3_600_000),
        },
        tested_at: None,
        observed_at: at,
        mode,
        agency: Agency {
            id: AgencyId::new("330782")?,
            level: AgencyLevel::County,
        },
        team_id: TeamId::new("T1")?,
        selection: Selection {
            basis: if then.on_complaint {
                SelectionBasis::Complaint
            } else {
                SelectionBasis::Targeted
            },
            draw_id: None,
            inclusion_probability: None,
            campaign_id: None,
        },
        site: SiteRef {
            site_id: SiteId::new("S1")?,
            enterprise_id: EnterpriseId::new("E1")?,
            name: "义乌市某商行".into(),
            zone_id: ZoneId::new("itc-1-f1")?,
            booth: None,
            channel: Channel::Market,
            platform: None,
        },
        producer: None,
        supplier: None,
        product: ProductRef {
            category: ProductCode::new(product)?,
            name: "样品".into(),
            brand: None,
            model: None,
            standard: None,
            lot_no: None,
            lot_size: None,
            gtin: None,
        },
        sample: SampleCounts::default(),
        test: TestRef {
            kind,
            method_id: None,
            lab_id: None,
        },
        outcome,
        items: vec![item],
        confirms: None,
        follow_up_of: follows.then_some(first),
        case_id: None,
        extra: BTreeMap::new(),
    })
}

/// An engine that is told a scenario.
struct Desk {
    engine: Engine,
    results: Vec<Linked>,
    commands: usize,
    signals: usize,
}

fn source(name: &'static str) -> SourcePartition {
    SourcePartition {
        source: name.into(),
        partition: 0,
    }
}

impl Desk {
    fn new(scenario: &Scenario) -> Result<Self> {
        let mut text = include_str!("../../config/policy/default.toml").to_owned();
        for (switch, value) in &scenario.policy {
            let (is, shall) = (
                format!("{switch} = {}", !value),
                format!("{switch} = {value}"),
            );
            ensure!(text.contains(&is), "the policy has no `{is}`");
            text = text.replace(&is, &shall);
        }
        for (term, length) in &scenario.lengths {
            let line = format!("\n{term} = {{ ");
            let mut of = text.match_indices(&line);
            let (Some((at, begin)), None) = (of.next(), of.next()) else {
                bail!("the policy has not one term `{term}`");
            };
            let from = at + begin.len();
            let rest = text.get(from..).unwrap_or_default();
            let end = rest.find(',').context("a term without clause")?;
            text.replace_range(from..from + end, length);
        }
        let reference = Reference::builtin()?;
        let policy = Arc::new(Policy::from_toml(&text)?);
        let engine = Engine::new(policy, Taxonomy::from_reference(&reference))?;
        Ok(Self {
            engine,
            results: Vec::new(),
            commands: 0,
            signals: 0,
        })
    }

    /// Time passes, with everything read.
    fn tick(&mut self, now: Timestamp) {
        let idle = [source("results"), source("commands"), source("signals")];
        self.engine.step(&Input::Tick { now, idle: &idle });
    }

    fn post(&mut self, result: InspectionResult) -> Outcome {
        let missing = self.engine.missing_links(&result);
        let linked = self.results.iter();
        let linked = linked.filter(|one| missing.contains(&one.result.inspection_id));
        let linked: Vec<Linked> = linked.cloned().collect();
        let partition = self.engine.partition(&source("results"));
        let step = self.engine.step(&Input::Result(ResultInput {
            partition,
            result: &result,
            digest: 0,
            seen: None,
            linked: &linked,
            found: Found::default(),
        }));
        if let Outcome::Accepted(accepted) = step.outcome
            && let Some(epoch) = accepted.epoch
        {
            self.results.push(Linked { result, epoch });
        }
        step.outcome
    }

    fn hear(&mut self, says: &str, product: &str, at: Timestamp) -> Result<Outcome> {
        let (kind, reporter) = match says.split_once(':') {
            Some((kind, reporter)) => (kind, Reporter::from_code(reporter)),
            None => (says, None),
        };
        self.signals += 1;
        let signal = Signal {
            signal_id: SignalId::new(format!("S{}", self.signals))?,
            kind: SignalKind::from_code(kind).with_context(|| format!("no kind {kind}"))?,
            observed_at: at,
            occurred_at: None,
            enterprise_id: EnterpriseId::new("E1")?,
            site_id: Some(SiteId::new("S1")?),
            zone_id: Some(ZoneId::new("330782-futian")?),
            product: Some(ProductCode::new(product)?),
            hazard: None,
            severity: Some(Severity::Three),
            source: "12315".into(),
            summary: None,
            verdict: None,
            credit_class: None,
            reporter,
            duty: None,
        };
        let partition = source("signals");
        let input = Input::Signal {
            partition: &partition,
            signal: &signal,
        };
        Ok(self.engine.step(&input).outcome)
    }

    fn command(&mut self, then: &Then, at: Timestamp, action: CaseAction) -> Result<Outcome> {
        self.commands += 1;
        let second = matches!(action, CaseAction::Approve { .. });
        let (id, role) = match (then.by.as_deref(), second) {
            (Some("viewer"), _) => ("330782-099", Role::Viewer),
            (Some("officer"), _) | (None, false) => ("330782-017", Role::Officer),
            (Some("approver"), _) => ("330782-003", Role::Approver),
            (None, true) => ("330782-001", Role::Approver),
            (Some(other), _) => bail!("nobody is {other}"),
        };
        let case = self.case()?.id.clone();
        let unnamed = format!("N{}", self.commands);
        let command = Command {
            command_id: CommandId::new(then.id.as_ref().unwrap_or(&unnamed))?,
            decided_at: at,
            actor: Actor {
                id: ActorId::new(id)?,
                role,
            },
            reason: "依法办理".into(),
            order: Order::Case { case, action },
        };
        let partition = source("commands");
        let input = Input::Command {
            partition: &partition,
            command: &command,
        };
        Ok(self.engine.step(&input).outcome)
    }

    /// The case opened last.
    fn case(&self) -> Result<&Case> {
        let cases = self.engine.cases();
        cases
            .max_by_key(|case| case.number)
            .context("no case was opened")
    }

    fn go(&mut self, then: &Then, product: &str) -> Result<()> {
        let at = time(&then.at)?;
        self.tick(at);
        let action = if let Some(act) = &then.act {
            let due = then
                .last_day
                .as_ref()
                .map(|day| day.parse::<Day>())
                .transpose()?;
            Some(CaseAction::Take {
                act: CaseAct::from_code(act).with_context(|| format!("no act {act}"))?,
                due,
                measures: Vec::new(),
            })
        } else if let Some(of) = &then.approve {
            Some(CaseAction::Approve {
                of: CommandId::new(of)?,
            })
        } else {
            match then.command.as_deref() {
                None => None,
                Some("pause_clock") => Some(CaseAction::PauseClock {
                    ground: PauseReason::Hearing,
                }),
                Some("resume_clock") => Some(CaseAction::ResumeClock),
                Some(other) => bail!("no command {other}"),
            }
        };
        if let Some(says) = &then.signal {
            let outcome = self.hear(says, product, at)?;
            ensure!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        }
        let outcome = match (&then.result, action) {
            (Some(says), None) => {
                let mut result = result(self.results.len(), says, product, at, then)?;
                if then.names_case {
                    result.case_id = Some(self.case()?.id.clone());
                }
                Some(self.post(result))
            }
            (None, Some(action)) => {
                let before = self.engine.state_hash();
                let outcome = self.command(then, at, action)?;
                let refused = matches!(outcome, Outcome::Rejected(_));
                ensure!(
                    !refused || self.engine.state_hash() == before,
                    "a refused command changed the state"
                );
                Some(outcome)
            }
            (None, None) => None,
            (Some(_), Some(_)) => bail!("one thing at a time"),
        };
        match (&outcome, &then.refused) {
            (Some(Outcome::Rejected(EngineRejection::Case(refusal))), Some(rule)) => {
                ensure!(refusal.rule.code() == rule, "refused by {}", refusal.rule);
                ensure!(
                    refusal.state.code() == then.state,
                    "refused in {}",
                    refusal.state.code()
                );
                return Ok(());
            }
            (Some(Outcome::Accepted(_)) | None, None) => {}
            (other, _) => bail!("what became of it: {other:?}"),
        }
        self.check(then)
    }

    fn check(&self, then: &Then) -> Result<()> {
        let case = self.case()?;
        ensure!(
            case.state.code() == then.state,
            "the case stands at {}",
            case.state.code()
        );
        if let Some(kind) = &then.kind {
            ensure!(
                case.state.kind().code() == kind,
                "a {} case",
                case.state.kind()
            );
        }
        if let Some(detail) = &then.detail {
            let stands = case.state.detail().unwrap_or_default();
            ensure!(stands == detail, "its detail is {stands}");
        }
        for (term, last_day) in &then.due {
            let deadline = case.deadlines.iter().find(|one| one.term.code() == term);
            let deadline = deadline.with_context(|| format!("{term} does not run"))?;
            ensure!(
                deadline.last_day.to_string() == *last_day,
                "{term} ends on {}",
                deadline.last_day
            );
        }
        let lapsed = case.deadlines.iter().filter(|one| one.lapsed);
        let lapsed: BTreeSet<String> = lapsed.map(|one| one.term.code().to_owned()).collect();
        ensure!(then.overdue.is_subset(&lapsed), "overdue are {lapsed:?}");
        Ok(())
    }
}

/// What a scenario walked: states, and steps from one to the next.
#[derive(Default)]
struct Walked {
    states: BTreeSet<CaseState>,
    steps: BTreeSet<Step>,
}

/// A step of a machine: from where, by what, to where.
type Step = (CaseKind, &'static str, String, String);

/// The step in the words of a diagram. What only changes the detail that stands beside a state, as what holds
/// the goods, goes from detail to detail.
fn step(from: CaseState, act: Act, next: Transition<CaseState>) -> Step {
    let beside = |state: CaseState| state.detail().unwrap_or("free");
    let (left, reached) = match next {
        Transition::To(state) if state.code() == from.code() => {
            (beside(from), beside(state).to_owned())
        }
        Transition::To(state) => (from.code(), state.code().to_owned()),
        Transition::Stay => (from.code(), "noted".to_owned()),
        Transition::PassOn(kind) => (from.code(), format!("passed on to {kind}")),
        Transition::End(ending) => (from.code(), format!("closed: {}", ending.code())),
    };
    (from.kind(), left, act.code(), reached)
}

impl Walked {
    /// What the history of a case walked. The step before a pass is read from its machine, as the others.
    fn add(&mut self, case: &Case, switches: Switches) {
        let mut stands: Option<CaseState> = None;
        for event in &case.events {
            self.states.insert(event.state);
            if let (Some(from), Happened::Moved(act) | Happened::Noted(act)) = (stands, &event.what)
                && let Ok(next) = from.next(*act, switches)
            {
                self.steps.insert(step(from, *act, next));
            }
            stands = Some(event.state);
        }
    }
}

fn check(file: &Path, walked: &mut Walked) -> Result<()> {
    let scenario: Scenario = toml::from_str(&fs::read_to_string(file)?)?;
    ensure!(
        !scenario.zh.is_empty() && !scenario.en.is_empty(),
        "it says what it shows"
    );
    let mut desk = Desk::new(&scenario)?;
    for then in &scenario.then {
        let at = &then.at;
        desk.go(then, &scenario.product)
            .with_context(|| format!("at {at}"))?;
    }
    let switches = desk.engine.policy().cases.switches;
    for case in desk.engine.cases() {
        walked.add(case, switches);
    }
    Ok(())
}

#[test]
fn every_path_of_every_machine_goes_as_it_is_written() -> Result<()> {
    let folder = process::workspace_root()?.join("tests/scenarios/cases");
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let (mut faults, mut walked) = (String::new(), Walked::default());
    for file in &files {
        if let Err(error) = check(&file.path(), &mut walked) {
            writeln!(faults, "{}: {error:#}", file.file_name().display())?;
        }
    }
    ensure!(faults.is_empty(), "{faults}");
    // No state of a machine is left out, details that stand beside it aside.
    let codes =
        |states: &mut dyn Iterator<Item = CaseState>| -> BTreeSet<(&'static str, &'static str)> {
            states
                .map(|state| (state.kind().code(), state.code()))
                .collect()
        };
    let all = codes(&mut CaseState::all());
    let seen = codes(&mut walked.states.iter().copied());
    let missed: Vec<_> = all.difference(&seen).collect();
    ensure!(missed.is_empty(), "no scenario walks through {missed:?}");
    let missed = unwalked(&walked.steps, Policy::builtin()?.cases.switches)?;
    ensure!(
        missed.is_empty(),
        "no scenario takes these steps:\n{missed}"
    );
    Ok(())
}

/// Arrows of the machines' diagrams along which no scenario goes, and acts by which none goes along an arrow, a
/// line each. What leads to the same from more than half of the states of a kind is one arrow. What only
/// notes is none.
fn unwalked(walked: &BTreeSet<Step>, given: Switches) -> Result<String> {
    let flipped = Switches {
        order_waits_for_objection: !given.order_waits_for_objection,
        inconclusive_closes: !given.inconclusive_closes,
        severe_goes_to_enforcement: !given.severe_goes_to_enforcement,
    };
    let mut steps: BTreeSet<Step> = BTreeSet::new();
    let mut states: BTreeMap<CaseKind, BTreeSet<&str>> = BTreeMap::new();
    for state in CaseState::all().filter(|state| state.is_open()) {
        states.entry(state.kind()).or_default().insert(state.code());
        let clocks = state.clocks();
        let runs = |term| {
            let mut clocks = clocks.iter();
            clocks.any(|clock| clock.term == term && !clock.suspended)
        };
        let happens = |act: &Act| match act {
            Act::Lapsed(term) => runs(*term),
            Act::Officer(_) | Act::Found(_) => true,
        };
        for switches in [given, flipped] {
            for act in Act::all().filter(happens) {
                match state.next(act, switches) {
                    Ok(Transition::Stay) | Err(_) => {}
                    Ok(next) => _ = steps.insert(step(state, act, next)),
                }
            }
        }
    }
    let mut missed = BTreeSet::new();
    for (kind, from, act, to) in &steps {
        let arrow = |one: &&Step| (one.0, &one.3) == (*kind, to);
        let lead_there: BTreeSet<&str> = steps.iter().filter(arrow).map(|one| one.1).collect();
        let from_anywhere = 2 * lead_there.len() > states.get(kind).map_or(0, BTreeSet::len);
        let mut along = walked.iter().filter(arrow);
        if !along.any(|one| from_anywhere || one.1 == *from) {
            missed.insert(format!("{kind}: {from} ──► {to}"));
        }
        let mut by = walked.iter().filter(arrow);
        if !by.any(|one| one.2 == *act) {
            missed.insert(format!("{kind}: ── {act} ──► {to}"));
        }
    }
    let mut lines = String::new();
    for line in missed {
        writeln!(lines, "{line}")?;
    }
    Ok(lines)
}

#[test]
fn the_guide_names_every_term_with_its_length_clause_and_mark() -> Result<()> {
    let guide = fs::read_to_string(process::workspace_root()?.join("docs/cases.md"))?;
    let policy = Policy::builtin()?;
    for (kind, term, rule) in policy.cases.terms() {
        let length = match rule.span {
            Span::Hours(hours) => format!("{hours} hours"),
            Span::CalendarDays(days) => format!("{} calendar days", days.0),
            Span::WorkingDays(days) => format!("{} working days", days.0),
            Span::Months(months) => format!("{months} months"),
        };
        let row = |line: &&str| {
            line.starts_with(&format!("| `{term}` |"))
                && line.contains(&format!("| {length}"))
                && line.contains(&rule.basis)
                && line.ends_with(&format!("| {} |", rule.mark))
        };
        ensure!(
            guide.lines().any(|line| row(&line)),
            "docs/cases.md: {kind} {term}"
        );
    }
    Ok(())
}
