//! Complaints and reports as leads: what the policy has them open, whatever they are read before, and that
//! who reports by name is owed an answer.

use crate::desk::{Desk, START, result};
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, HazardCode, ProductCode, SignalId, SiteId, ZoneId};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::scales::Severity;
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::signal::{Reporter, Signal, SignalKind};
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::case::{Cause, Happened};

fn lead(id: u32, kind: SignalKind, reporter: Option<Reporter>, day: i64) -> Signal {
    Signal {
        signal_id: SignalId::new(format!("S{id:03}")).unwrap(),
        kind,
        observed_at: Timestamp::from_millis(START + day * DAY_MILLIS + i64::from(id) * 60_000),
        occurred_at: None,
        enterprise_id: EnterpriseId::new("E1").unwrap(),
        site_id: SiteId::new("S1").ok(),
        zone_id: ZoneId::new("F1").ok(),
        product: ProductCode::new("P0").ok(),
        hazard: None,
        severity: Severity::try_from(3).ok(),
        source: "12315".into(),
        summary: None,
        verdict: None,
        credit_class: None,
        reporter,
        duty: None,
    }
}

#[test]
fn a_lead_opens_what_the_policy_says_and_only_where_it_says_of_what_and_where() {
    let opened = |change: &dyn Fn(&mut Signal)| {
        let mut desk = Desk::new(1);
        let mut signal = lead(1, SignalKind::Tip, Some(Reporter::Named), 2);
        change(&mut signal);
        desk.hear(&signal);
        let case = desk.engine.cases().next();
        case.map(|case| (case.state.kind().code(), case.state.code()))
    };
    assert_eq!(opened(&|_| {}), Some(("enforcement", "reported_lead")));
    let anonymous = |signal: &mut Signal| signal.reporter = Some(Reporter::Anonymous);
    assert_eq!(opened(&anonymous), Some(("enforcement", "lead")));
    let complaint = |signal: &mut Signal| signal.kind = SignalKind::Complaint;
    assert_eq!(opened(&complaint), Some(("fast_test", "check_due")));
    let slight = |signal: &mut Signal| {
        signal.kind = SignalKind::Complaint;
        signal.severity = Severity::try_from(2).ok();
    };
    assert_eq!(opened(&slight), None);
    assert_eq!(opened(&|signal| signal.product = None), None);
    assert_eq!(opened(&|signal| signal.site_id = None), None);
    assert_eq!(
        opened(&|signal| signal.kind = SignalKind::MediaExposure),
        None
    );
}

#[test]
fn the_case_names_the_lead_behind_it_and_further_ones_are_noted_there() {
    let mut desk = Desk::new(1);
    desk.hear(&lead(1, SignalKind::Tip, None, 2));
    desk.hear(&lead(2, SignalKind::Tip, None, 3));
    let case = desk.engine.cases().next().unwrap();
    assert_eq!(desk.engine.cases().count(), 1);
    assert_eq!(case.opened_by.as_str(), "S001");
    let second = Cause::Signal(SignalId::new("S002").unwrap());
    let noted = case
        .events
        .iter()
        .find(|event| event.cause == second)
        .unwrap();
    assert_eq!(noted.what, Happened::Remarked);
    desk.end(1);
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

/// A fast test that was made on complaint and names no case.
fn on_complaint(id: u32, day: i64, failed: bool) -> InspectionResult {
    let mut one = result(id, 1, 0, day, failed);
    one.mode = SelectionMode::FastTest;
    one.test.kind = TestKind::Rapid;
    one.selection.basis = SelectionBasis::Complaint;
    one.sampled_at = one.observed_at.plus_millis(-3_600_000);
    one
}

/// Where the cases of enterprise 1 stand, with what opened them.
fn stand(desk: &Desk) -> Vec<(String, &'static str, Option<&'static str>)> {
    let cases = desk.engine.cases();
    let stands = cases.map(|case| {
        let (code, detail) = (case.state.code(), case.state.detail());
        (case.opened_by.to_string(), code, detail)
    });
    stands.collect()
}

#[test]
fn a_test_made_on_complaint_answers_it_and_no_other_does() {
    let answered = |complaint: &dyn Fn(&mut Signal), test: &dyn Fn(&mut InspectionResult)| {
        let mut desk = Desk::new(1);
        let mut heard = lead(1, SignalKind::Complaint, None, 2);
        complaint(&mut heard);
        desk.hear(&heard);
        let mut one = on_complaint(5, 4, false);
        test(&mut one);
        desk.post(0, &one);
        let stands = stand(&desk);
        let rebuilt = desk.end(1);
        assert_eq!(desk.rebuilt(), rebuilt);
        stands[0].1 == "closed"
    };
    let any = &|_: &mut Signal| {};
    assert!(answered(any, &|_| {}));
    let random = |one: &mut InspectionResult| one.selection.basis = SelectionBasis::Random;
    assert!(
        !answered(any, &random),
        "a test of another lot says nothing"
    );
    let other = |one: &mut InspectionResult| one.product.category = ProductCode::new("P1").unwrap();
    assert!(!answered(any, &other));
    let elsewhere = |one: &mut InspectionResult| {
        one.site.enterprise_id = EnterpriseId::new("E2").unwrap();
    };
    assert!(!answered(any, &elsewhere));
    let taken = |day: i64| {
        move |one: &mut InspectionResult| {
            one.sampled_at = Timestamp::from_millis(START + day * DAY_MILLIS);
        }
    };
    assert!(!answered(any, &taken(1)), "its sample was taken before");
    let hazard = |name: &'static str| {
        move |signal: &mut Signal| signal.hazard = Some(HazardCode::new(name).unwrap())
    };
    let tested = |one: &mut InspectionResult| {
        one.items[0].hazard = Some(HazardCode::new("chemical").unwrap());
    };
    assert!(answered(&hazard("chemical"), &tested));
    assert!(
        !answered(&hazard("thermal"), &tested),
        "that was not tested"
    );
    // Thirty days hold them together, one more does not.
    let late = |day: i64| {
        move |one: &mut InspectionResult| {
            one.observed_at = Timestamp::from_millis(START + day * DAY_MILLIS + 60_000);
            one.sampled_at = one.observed_at;
        }
    };
    assert!(answered(any, &late(32)));
    assert!(!answered(any, &|one: &mut InspectionResult| {
        late(32)(one);
        one.sampled_at = one.sampled_at.plus_millis(1);
    }));
}

#[test]
fn a_test_made_on_complaint_that_fails_goes_on_in_its_case_and_its_correction_ends_it() {
    let mut desk = Desk::new(1);
    desk.hear(&lead(1, SignalKind::Complaint, None, 2));
    desk.post(0, &on_complaint(5, 4, true));
    assert_eq!(stand(&desk), [("S001".to_owned(), "screened", None)]);
    let mut corrected = on_complaint(6, 5, false);
    corrected.supersedes = Some(on_complaint(5, 4, true).inspection_id);
    desk.post(0, &corrected);
    let ended = ("S001".to_owned(), "closed", Some("result_corrected"));
    assert_eq!(stand(&desk), [ended]);
    desk.end(1);
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

proptest! {
    #[test]
    fn leads_and_results_may_be_read_in_any_order(
        leads in proptest::collection::vec((0_i64..28, 0_u32..3), 1..5),
        tests in proptest::collection::vec((0_i64..28, any::<bool>(), any::<bool>()), 1..5),
        turn in any::<bool>(),
    ) {
        let signals: Vec<Signal> = leads.iter().enumerate().map(|(at, (day, kind))| {
            let kind = [SignalKind::Tip, SignalKind::Complaint, SignalKind::Tip][*kind as usize];
            lead(at as u32 + 1, kind, (at % 2 == 0).then_some(Reporter::Named), *day)
        }).collect();
        let results: Vec<_> = tests.iter().enumerate().map(|(at, (day, failed, asked))| {
            let mut one = on_complaint(at as u32 + 1, *day, *failed);
            if !asked {
                one.selection.basis = SelectionBasis::Random;
            }
            one
        }).collect();
        let ended = |leads_first: bool| {
            let mut desk = Desk::new(1);
            if leads_first {
                for one in &signals { desk.hear(one); }
                for one in &results { desk.post(0, one); }
            } else {
                for one in &results { desk.post(0, one); }
                for one in signals.iter().rev() { desk.hear(one); }
            }
            desk.post(0, &result(900, 2, 0, 100, false));
            let hash = desk.end(1);
            (desk.engine.cases().cloned().collect::<Vec<_>>(), hash)
        };
        prop_assert_eq!(ended(turn), ended(!turn));
    }
}
