//! The console has a word for every code that the program may answer with, and no other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use risk_domain::{
    access, case_act, case_action, inspection, personal, reference, scales, selection,
};
use risk_domain::{signal, subject};
use risk_engine::{case, lists};
use risk_tests::process;

type Codes = BTreeMap<String, BTreeSet<String>>;

/// The scales of the console's catalogue with their codes.
fn catalogue(text: &str) -> Result<Codes> {
    let scales: BTreeMap<String, BTreeMap<String, [String; 2]>> = serde_json::from_str(text)?;
    let codes = |names: BTreeMap<String, _>| names.into_keys().collect();
    Ok(scales
        .into_iter()
        .map(|(scale, names)| (scale, codes(names)))
        .collect())
}

/// Codes of the program that have no word, and words of codes that it does not have.
fn differences(words: &Codes, program: &[(&str, Vec<String>)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (scale, codes) in program {
        let known = words.get(*scale).cloned().unwrap_or_default();
        let codes: BTreeSet<String> = codes.iter().cloned().collect();
        let missing = codes
            .difference(&known)
            .map(|code| format!("{scale}: no word for {code}"));
        faults.extend(missing);
        let unknown = known.difference(&codes);
        faults.extend(unknown.map(|code| format!("{scale}: nobody says {code}")));
    }
    faults
}

/// Codes of closed sets.
macro_rules! codes {
    ($($set:expr),+) => {{
        let mut codes: Vec<String> = Vec::new();
        $(codes.extend($set.iter().map(|one| one.code().to_owned()));)+
        codes
    }};
}

/// The scales of the program under the names that they have in the console, each with what the console
/// adds of its own.
fn program() -> Vec<(&'static str, Vec<String>)> {
    let with = |mut codes: Vec<String>, more: &[&str]| {
        codes.extend(more.iter().map(|&one| one.to_owned()));
        codes
    };
    vec![
        ("level", codes!(scales::RiskLevel::ALL)),
        ("alertLevel", codes!(scales::AlertLevel::ALL)),
        ("alertState", codes!(risk_engine::AlertState::ALL)),
        ("rule", codes!(risk_engine::AlertRule::ALL)),
        ("caseKind", codes!(risk_engine::CaseKind::ALL)),
        ("state", case_states()),
        ("ending", codes!(case::Ending::ALL)),
        ("goods", codes!(case::enforcement::Goods::ALL)),
        ("act", codes!(case_act::CaseAct::ALL)),
        ("term", codes!(case::Term::ALL)),
        ("measure", codes!(case_act::MeasureKind::ALL)),
        ("pause", codes!(case_action::PauseReason::ALL)),
        ("caseRule", codes!(case::CaseRule::ALL)),
        ("role", codes!(scales::Role::ALL)),
        ("mode", codes!(selection::SelectionMode::ALL)),
        ("basis", codes!(selection::SelectionBasis::ALL)),
        ("outcome", codes!(inspection::Outcome::ALL)),
        ("channel", codes!(inspection::Channel::ALL)),
        ("testKind", codes!(inspection::TestKind::ALL)),
        ("agencyLevel", codes!(inspection::AgencyLevel::ALL)),
        ("subjectKind", codes!(subject::SubjectKind::ALL)),
        ("zoneKind", codes!(reference::ZoneKind::ALL)),
        ("signal", codes!(signal::SignalKind::ALL)),
        ("duty", codes!(signal::Duty::ALL)),
        ("credit", codes!(scales::CreditRiskClass::ALL)),
        ("decisionState", codes!(risk_engine::DecisionState::ALL)),
        // The filter knows one for all that are not done with.
        (
            "problemState",
            with(codes!(lists::ProblemStanding::ALL), &["open"]),
        ),
        ("assist", codes!(lists::AssistedReason::ALL)),
        ("criterion", codes!(lists::Criterion::ALL)),
        ("dutyStep", codes!(lists::DutyStep::ALL)),
        ("personalKind", codes!(personal::PersonalKind::ALL)),
        ("erasureRule", codes!(personal::ErasureRule::ALL)),
        // What officers decide on a grade stands in the audit beside what people did through the API.
        (
            "access",
            with(
                codes!(access::Act::ALL),
                &["override", "floor", "withdraw", "erase_personal"],
            ),
        ),
    ]
}

/// Where cases may stand while they are open.
fn case_states() -> Vec<String> {
    let open = case::CaseState::all().filter(|state| state.is_open());
    open.map(|state| state.code().to_owned()).collect()
}

#[test]
fn every_code_of_the_program_has_a_word_in_the_console() -> Result<()> {
    let file = process::workspace_root()?.join("crates/risk-api/console/src/codes.json");
    let words = catalogue(&std::fs::read_to_string(&file).context("codes.json")?)?;
    let program = program();
    let faults = differences(&words, &program);
    ensure!(faults.is_empty(), "{faults:#?}");

    let mut altered = words.clone();
    let rules = altered.get_mut("rule").context("no rules")?;
    ensure!(rules.remove("recall") && rules.insert("recoil".to_owned()));
    let faults = differences(&altered, &program);
    ensure!(
        faults == ["rule: no word for recall", "rule: nobody says recoil"],
        "an altered catalogue went unnoticed: {faults:?}"
    );
    Ok(())
}
