use super::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use risk_domain::ids::{
    AgencyId, CampaignId, CaseId, DrawId, EnterpriseId, HazardCode, InspectionId, ItemCode, LabId,
    MethodId, ProductCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, Outcome, Producer, ProductRef, SampleCounts, SiteRef, TestItem,
    TestKind, TestRef, Verdict,
};
use risk_domain::scales::Severity;
use risk_domain::selection::{InclusionProbability, Selection, SelectionBasis, SelectionMode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Known;

impl Vocabulary for Known {
    fn knows_zone(&self, zone: &str) -> bool {
        zone == "yw-futian"
    }
    fn knows_product(&self, product: &str) -> bool {
        product == "toys.plush"
    }
    fn knows_hazard(&self, hazard: &str) -> bool {
        hazard == "choking"
    }
}

fn received() -> Timestamp {
    Timestamp::parse("2026-03-10T00:00:00Z").unwrap()
}

fn record() -> Value {
    json!({
        "inspection_id": "R-2026-000123",
        "sampled_at": "2026-03-01T09:30:00+08:00",
        "tested_at": "2026-03-04T10:00:00+08:00",
        "observed_at": "2026-03-06T17:00:00+08:00",
        "mode": "supervisory_check",
        "agency": { "id": "yiwu-amr", "level": "county" },
        "team_id": "team-07",
        "selection": { "basis": "random", "inclusion_probability": 0.125, "draw_id": "D-9" },
        "site": {
            "site_id": "ITC-1-2-A-0317", "enterprise_id": "91330782MA28ABCD1X",
            "name": "义乌市晨光玩具商行", "zone_id": "yw-futian", "booth": "A区2楼0317",
            "channel": "market"
        },
        "producer": { "name": "晨光玩具厂", "region": "浙江义乌" },
        "product": {
            "category": "toys.plush", "name": "毛绒小熊", "standard": "GB 6675.2-2014",
            "lot_size": 500
        },
        "sample": { "tested": 3, "backup": 3, "defective": 1, "cost": 59.7 },
        "test": { "kind": "laboratory", "lab_id": "lab-2" },
        "outcome": "nonconforming",
        "items": [
            { "code": "small-parts", "name": "小零件", "clause": "4.4", "verdict": "nonconforming",
              "hazard": "choking", "severity": 4 },
            { "code": "seams", "name": "缝合强度", "measured": "72", "limit": "≥70", "unit": "N",
              "verdict": "conforming" }
        ],
        "extra": { "season": "spring" }
    })
}

fn check_bytes(bytes: &[u8]) -> Result<InspectionResult, Rejection> {
    decode(bytes, received(), &Known, &WireLimits::default()).map(|result| *result)
}

/// The rejection of the record after `value` was put at `path`; null takes the field away.
fn rejection(path: &str, value: Value) -> Rejection {
    let mut whole = record();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let object = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name).unwrap();
    } else {
        object.insert(name.to_owned(), value);
    }
    check_bytes(whole.to_string().as_bytes()).unwrap_err()
}

#[expect(
    clippy::too_many_lines,
    reason = "one table of all rejections is easier to read than several"
)]
/// Every code that this module gives, each with what provokes it: code, field and a piece of the
/// value or the rule.
fn scenarios() -> Vec<(RejectionCode, &'static str, &'static str, Rejection)> {
    use RejectionCode as C;
    let long: Vec<Value> = vec![json!({"code": "a", "name": "b", "verdict": "conforming"}); 201];
    let deep = format!("{}1{}", "{\"extra\":[".repeat(40), "]}".repeat(40));
    let text = record().to_string();
    let nan = text.replace("0.125", "NaN");
    let twice = text.replacen('{', "{\"team_id\":\"t\",", 1);
    let mut invalid = text.clone().into_bytes();
    let at = invalid.iter().position(|byte| *byte > 127).unwrap();
    invalid.truncate(at + 1);
    let huge = format!("{{\"inspection_id\":\"{}\"}}", "长".repeat(3_500_000));
    let many: serde_json::Map<String, Value> =
        (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    let bytes = |bytes: &[u8]| check_bytes(bytes).unwrap_err();
    vec![
        (C::NotUtf8, "$", "byte 0x", bytes(&invalid)),
        (C::NotJson, "$", "must be one JSON object", bytes(b"")),
        (C::NotJson, "$", "NaN", bytes(nan.as_bytes())),
        (
            C::NotJson,
            "$",
            "trailing",
            bytes(format!("{text} {text}").as_bytes()),
        ),
        (C::TooLarge, "$", "10500020 bytes", bytes(huge.as_bytes())),
        (
            C::TooLarge,
            "items",
            "201 entries",
            rejection("/items", json!(long)),
        ),
        (
            C::TooLarge,
            "extra",
            "65 entries",
            rejection("/extra", json!(many)),
        ),
        (
            C::TooLarge,
            "site.name",
            "512 bytes",
            rejection("/site/name", json!("名".repeat(171))),
        ),
        (C::TooDeep, "$", "80 levels", bytes(deep.as_bytes())),
        (
            C::UnknownVersion,
            "schema_version",
            "2",
            rejection("/schema_version", json!(2)),
        ),
        (
            C::MissingField,
            "mode",
            "present",
            rejection("/mode", Value::Null),
        ),
        (
            C::MissingField,
            "items[0].code",
            "present",
            rejection("/items/0/code", Value::Null),
        ),
        (
            C::UnknownField,
            "site.floor",
            "zone_id",
            rejection("/site/floor", json!(2)),
        ),
        (
            C::DuplicateField,
            "team_id",
            "once",
            bytes(twice.as_bytes()),
        ),
        (
            C::WrongType,
            "sample.tested",
            "\"3\"",
            rejection("/sample/tested", json!("3")),
        ),
        (
            C::WrongType,
            "sample.tested",
            "whole number",
            rejection("/sample/tested", json!(1.5)),
        ),
        (C::WrongType, "$", "object", bytes(b"17")),
        (
            C::WrongType,
            "extra.a",
            "a text",
            rejection("/extra/a", json!(1)),
        ),
        (
            C::BadIdentifier,
            "inspection_id",
            "empty",
            rejection("/inspection_id", json!("")),
        ),
        (
            C::BadIdentifier,
            "team_id",
            "control",
            rejection("/team_id", json!("a\nb")),
        ),
        (
            C::BadTime,
            "sampled_at",
            "昨天",
            rejection("/sampled_at", json!("昨天")),
        ),
        (
            C::BadTime,
            "tested_at",
            "offset",
            rejection("/tested_at", json!("2026-03-04T10:00:00")),
        ),
        (C::TimeOrder, "sampled_at", "observed_at", {
            let mut whole = record();
            whole["tested_at"] = Value::Null;
            whole["observed_at"] = json!("2026-02-28T00:00:00Z");
            bytes(whole.to_string().as_bytes())
        }),
        (
            C::TimeOrder,
            "tested_at",
            "before sampled_at",
            rejection("/tested_at", json!("2026-03-01T09:29:59+08:00")),
        ),
        (
            C::TimeOrder,
            "tested_at",
            "after observed_at",
            rejection("/tested_at", json!("2026-03-07T00:00:00+08:00")),
        ),
        (
            C::FutureTime,
            "observed_at",
            "2026-03-11T00:00:00Z",
            rejection("/observed_at", json!("2026-03-11T00:00:00.001Z")),
        ),
        (
            C::UnknownMode,
            "mode",
            "fast_test",
            rejection("/mode", json!("spot_check")),
        ),
        (
            C::UnknownOutcome,
            "outcome",
            "refused",
            rejection("/outcome", json!("pass")),
        ),
        (
            C::UnknownCode,
            "agency.level",
            "county",
            rejection("/agency/level", json!("town")),
        ),
        (
            C::UnknownCode,
            "items[1].verdict",
            "ok",
            rejection("/items/1/verdict", json!("ok")),
        ),
        (
            C::UnknownZone,
            "site.zone_id",
            "atlantis",
            rejection("/site/zone_id", json!("atlantis")),
        ),
        (
            C::UnknownProduct,
            "product.category",
            "x",
            rejection("/product/category", json!("x")),
        ),
        (
            C::UnknownHazard,
            "items[0].hazard",
            "x",
            rejection("/items/0/hazard", json!("x")),
        ),
        (
            C::OutOfRange,
            "sample.backup",
            "-3",
            rejection("/sample/backup", json!(-3)),
        ),
        (
            C::OutOfRange,
            "sample.tested",
            "number out of range",
            bytes(text.replace("\"tested\":3", "\"tested\":1e400").as_bytes()),
        ),
        (
            C::OutOfRange,
            "sample.defective",
            "tested, 3",
            rejection("/sample/defective", json!(4)),
        ),
        (
            C::OutOfRange,
            "sample.cost",
            "decimals",
            rejection("/sample/cost", json!(1.005)),
        ),
        (
            C::OutOfRange,
            "sample.cost",
            "-1",
            rejection("/sample/cost", json!(-1)),
        ),
        (
            C::OutOfRange,
            "items[0].severity",
            "5",
            rejection("/items/0/severity", json!(5)),
        ),
        (
            C::OutOfRange,
            "selection.inclusion_probability",
            "greater than 0",
            rejection("/selection/inclusion_probability", json!(0.0)),
        ),
        (
            C::Contradiction,
            "outcome",
            "failed",
            rejection("/outcome", json!("conforming")),
        ),
        (
            C::Contradiction,
            "outcome",
            "none failed",
            rejection("/items/0/verdict", json!("conforming")),
        ),
        (
            C::Contradiction,
            "outcome",
            "tested",
            rejection("/outcome", json!("refused")),
        ),
        (
            C::Contradiction,
            "supersedes",
            "another",
            rejection("/supersedes", json!("R-2026-000123")),
        ),
        (
            C::Contradiction,
            "confirms",
            "another",
            rejection("/confirms", json!("R-2026-000123")),
        ),
        (C::Contradiction, "test.kind", "laboratory", {
            let mut whole = record();
            whole["confirms"] = json!("R-1");
            whole["test"]["kind"] = json!("rapid");
            bytes(whole.to_string().as_bytes())
        }),
        (
            C::Contradiction,
            "selection.inclusion_probability",
            "0.125",
            rejection("/selection/basis", json!("census")),
        ),
    ]
}

#[test]
fn every_reason_has_a_scenario_that_names_field_value_and_rule() {
    let mut seen = BTreeSet::new();
    for (code, field, piece, rejection) in scenarios() {
        assert_eq!(rejection.code, code, "{rejection}");
        assert_eq!(rejection.field, field, "{rejection}");
        assert!(
            rejection.to_string().contains(piece),
            "{piece}: {rejection}"
        );
        assert!(rejection.value.chars().count() <= 121, "{rejection}");
        seen.insert(code);
    }
    // The importer and the engine give these.
    seen.extend([
        RejectionCode::Unmappable,
        RejectionCode::IdentityConflict,
        RejectionCode::CorrectionCycle,
        RejectionCode::NotAllowed,
        RejectionCode::UnknownReference,
    ]);
    let all: BTreeSet<RejectionCode> = RejectionCode::ALL.iter().copied().collect();
    assert_eq!(seen, all);
}

#[test]
fn codes_are_distinct_and_can_be_read_back() {
    for code in RejectionCode::ALL {
        assert_eq!(RejectionCode::from_code(code.code()), Some(*code));
    }
    assert_eq!(RejectionCode::from_code("nonsense"), None);
}

#[test]
fn a_record_is_read_field_by_field() {
    let result = check_bytes(record().to_string().as_bytes()).unwrap();
    assert_eq!(result.inspection_id.as_str(), "R-2026-000123");
    assert_eq!(result.sampled_at.to_string(), "2026-03-01T01:30:00Z");
    assert_eq!(result.mode, SelectionMode::SupervisoryCheck);
    assert_eq!(result.sample.cost_fen, Some(5970));
    assert_eq!(result.site.name, "义乌市晨光玩具商行");
    assert_eq!(result.worst_severity(), Some(Severity::Four));
    assert_eq!(result.items[1].limit.as_deref(), Some("≥70"));
    assert_eq!(result.extra["season"], "spring");
}

#[test]
fn the_short_way_reads_any_order_and_blanks() {
    let (line, pretty) = (record().to_string(), format!("\r\n {:#}\t", record()));
    let read = v1::read(&line);
    assert!(read.is_some());
    assert_eq!(v1::read(&pretty), read);
    assert_eq!(serde_json::from_str(&line).ok(), read);
}

#[test]
fn escapes_and_nulls_are_read() {
    let mut whole = record();
    whole["site"]["booth"] = Value::Null;
    whole["supplier"] = Value::Null;
    let text = whole
        .to_string()
        .replace("毛绒小熊", "\\u6bdb\\u7ed2\\\"\\u718a");
    let result = check_bytes(text.as_bytes()).unwrap();
    assert_eq!(result.product.name, "毛绒\"熊");
    assert_eq!(result.site.booth, None);
    assert_eq!(result.supplier, None);
}

#[test]
fn a_time_exactly_at_the_tolerance_is_let_through() {
    let mut whole = record();
    whole["observed_at"] = json!("2026-03-11T00:00:00Z");
    assert!(check_bytes(whole.to_string().as_bytes()).is_ok());
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    for (file, generated) in [
        ("inspection-result.v1.json", schema()),
        ("registry-update.v1.json", registry::schema()),
        ("command.v1.json", command::schema()),
        ("signal.v1.json", signal::schema()),
    ] {
        let committed = std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(
            committed, generated,
            "docs/schema/{file} is out of date; write it with `cargo run -p risk-pipeline \
             --example write_schema`"
        );
    }
}

fn identifier() -> impl Strategy<Value = String> {
    "[A-Za-z0-9义乌：:/%\"\\\\-]{1,30}"
}

fn words() -> impl Strategy<Value = CompactText> {
    ".{0,40}".prop_map(CompactText::from)
}

type CompactText = CompactString;

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

prop_compose! {
    fn any_item()(
        (code, name, verdict) in (identifier(), words(), one_of(Verdict::ALL)),
        texts in vec(option::of(words()), 5),
        hazard in option::of(identifier()),
        severity in option::of(one_of(&Severity::ALL)),
    ) -> TestItem {
        TestItem {
            code: ItemCode::new(code).unwrap(),
            name,
            clause: texts[0].clone(),
            method: texts[1].clone(),
            measured: texts[2].clone(),
            limit: texts[3].clone(),
            unit: texts[4].clone(),
            verdict,
            hazard: hazard.map(|code| HazardCode::new(code).unwrap()),
            severity,
        }
    }
}

prop_compose! {
    fn any_selection()(
        basis in one_of(SelectionBasis::ALL),
        draw in option::of(identifier()),
        probability in option::of(1e-12_f64..=1.0),
        campaign in option::of(identifier()),
    ) -> Selection {
        Selection {
            basis,
            draw_id: draw.map(|id| DrawId::new(id).unwrap()),
            inclusion_probability: probability
                .filter(|_| basis != SelectionBasis::Census)
                .map(|value| InclusionProbability::new(value).unwrap()),
            campaign_id: campaign.map(|id| CampaignId::new(id).unwrap()),
        }
    }
}

prop_compose! {
    fn any_site()(
        ids in vec(identifier(), 3),
        (name, booth, platform) in (words(), option::of(words()), option::of(words())),
        channel in one_of(Channel::ALL),
    ) -> SiteRef {
        SiteRef {
            site_id: SiteId::new(&ids[0]).unwrap(),
            enterprise_id: EnterpriseId::new(&ids[1]).unwrap(),
            name,
            zone_id: ZoneId::new(&ids[2]).unwrap(),
            booth,
            channel,
            platform,
        }
    }
}

prop_compose! {
    fn any_product()(
        category in identifier(),
        name in words(),
        texts in vec(option::of(words()), 5),
        lot_size in option::of(any::<u32>()),
    ) -> ProductRef {
        ProductRef {
            category: ProductCode::new(category).unwrap(),
            name,
            brand: texts[0].clone(),
            model: texts[1].clone(),
            standard: texts[2].clone(),
            lot_no: texts[3].clone(),
            lot_size,
            gtin: texts[4].clone(),
        }
    }
}

prop_compose! {
    fn any_sample()(
        tested in any::<u32>(),
        share in 0.0_f64..=1.0,
        backup in any::<u32>(),
        cost_fen in option::of(0_u64..=100_000_000_000),
    ) -> SampleCounts {
        SampleCounts { tested, backup, defective: (f64::from(tested) * share) as u32, cost_fen }
    }
}

prop_compose! {
    fn any_result()(
        ids in vec(identifier(), 4),
        others in vec(option::of(identifier()), 6),
        (sampled, tested, observed) in (0_i64..1_700_000_000_000, 0_i64..9_000_000_000, 0_i64..9_000_000_000),
        mode in one_of(SelectionMode::ALL),
        level in one_of(AgencyLevel::ALL),
        (selection, site, product, mut sample) in
            (any_selection(), any_site(), any_product(), any_sample()),
        producer in option::of((option::of(identifier()), words(), option::of(words()))),
        (method, lab) in (option::of(identifier()), option::of(identifier())),
        outcome in one_of(Outcome::ALL),
        mut items in vec(any_item(), 0..4),
        extra in btree_map(words(), words(), 0..4),
        is_tested in any::<bool>(),
    ) -> InspectionResult {
        // Only records without a contradiction can be read back.
        match outcome {
            Outcome::Conforming => items.retain(|item| item.verdict != Verdict::Nonconforming),
            Outcome::Nonconforming => {
                if let Some(item) = items.first_mut() {
                    item.verdict = Verdict::Nonconforming;
                }
            }
            Outcome::Refused | Outcome::NotSampled => {
                items.clear();
                sample.tested = 0;
                sample.defective = 0;
            }
            Outcome::Terminated | Outcome::RejectedByLab | Outcome::Untestable => {}
        }
        let other = |index: usize, prefix: &str| {
            others[index].as_ref().map(|id| format!("{prefix}{id}"))
        };
        let sampled_at = Timestamp::from_millis(sampled);
        InspectionResult {
            inspection_id: InspectionId::new(format!("own{}", ids[0])).unwrap(),
            supersedes: other(0, "other").map(|id| InspectionId::new(id).unwrap()),
            sampled_at,
            tested_at: is_tested.then(|| sampled_at.plus_millis(tested)),
            observed_at: sampled_at.plus_millis(tested + observed),
            mode,
            agency: Agency { id: AgencyId::new(&ids[1]).unwrap(), level },
            team_id: TeamId::new(&ids[2]).unwrap(),
            selection,
            site,
            producer: producer.map(|(id, name, region)| Producer {
                enterprise_id: id.map(|id| EnterpriseId::new(id).unwrap()),
                name,
                region,
            }),
            supplier: other(1, "").map(|id| EnterpriseId::new(id).unwrap()),
            product,
            sample,
            test: TestRef {
                kind: if others[2].is_some() { TestKind::Laboratory } else { TestKind::Rapid },
                method_id: method.map(|id| MethodId::new(id).unwrap()),
                lab_id: lab.map(|id| LabId::new(id).unwrap()),
            },
            outcome,
            items,
            confirms: other(2, "other").map(|id| InspectionId::new(id).unwrap()),
            follow_up_of: other(3, "other").map(|id| InspectionId::new(id).unwrap()),
            case_id: other(4, "").map(|id| CaseId::new(id).unwrap()),
            extra,
        }
    }
}

/// What stands in records, and what should not.
const PIECES: &[&str] = &[
    "",
    "\"",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    " ",
    "\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "0",
    "1",
    "-",
    "+",
    ".",
    "e",
    "E9",
    "00",
    "1.",
    ".5",
    "null",
    "true",
    "\\",
    "\\u00e9",
    "长",
    "\"\":\"\",",
    "\"team_id\":\"t\",",
    "\"extra\":{},",
    "{}",
    "[]",
];

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(result in any_result()) {
        let bytes = encode(&result);
        let read = decode(&bytes, received(), &OpenVocabulary, &WireLimits::default());
        prop_assert_eq!(*read.unwrap(), result);
    }

    #[test]
    fn the_short_way_reads_what_programs_write(result in any_result()) {
        let text = String::from_utf8(encode(&result)).unwrap();
        let short = v1::read(&text);
        prop_assert_eq!(short.is_none(), text.contains('\\'), "{}", text);
        if short.is_some() {
            prop_assert_eq!(short, serde_json::from_str(&text).ok());
        }
    }

    #[test]
    fn the_short_way_reads_nothing_that_the_general_one_reads_otherwise(
        pretty in any::<bool>(),
        changes in vec((any::<prop::sample::Index>(), 0_usize..3, prop::sample::select(PIECES)), 1..4),
    ) {
        // Its fields stand in another order than programs write them.
        let mut text = if pretty { format!("{:#}", record()) } else { record().to_string() };
        for (at, removed, piece) in changes {
            let mut bounds = text.char_indices().map(|(at, _)| at).skip(at.index(text.len()));
            if let Some(from) = bounds.next() {
                let to = bounds.nth(removed).unwrap_or(text.len());
                text.replace_range(from..to, piece);
            }
        }
        if let Some(short) = v1::read(&text) {
            prop_assert_eq!(Some(short), serde_json::from_str(&text).ok(), "{}", text);
        }
    }

    #[test]
    fn any_bytes_give_a_result_or_a_rejection(bytes in vec(any::<u8>(), 0..200)) {
        let rejection = check_bytes(&bytes).unwrap_err();
        prop_assert!(!rejection.field.is_empty());
        prop_assert!(!rejection.rule.is_empty());
    }

    #[test]
    fn a_damaged_record_never_breaks_the_reader(at in 0_usize..1200, byte in any::<u8>()) {
        let mut bytes = record().to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        match check_bytes(&bytes) {
            Ok(result) => prop_assert_eq!(check_bytes(&encode(&result)).unwrap(), result),
            Err(rejection) => prop_assert!(!rejection.rule.is_empty()),
        }
    }
}

fn update() -> Value {
    json!({
        "update_id": "U-1",
        "observed_at": "2026-03-06T17:00:00+08:00",
        "site": {
            "site_id": "ITC-1-2-A-0317", "enterprise_id": "91330782MA28ABCD1X",
            "name": "义乌市晨光玩具商行", "class": "small", "zone_id": "yw-futian",
            "booth": "A区2楼0317", "channel": "market"
        },
        "products": [{ "category": "toys.plush", "volume": 12_000 }]
    })
}

/// What becomes of a statement of the register after `value` was put at `path`.
fn told(path: &str, value: Value) -> Result<risk_domain::registry::RegistryEntry, Rejection> {
    let mut whole = update();
    if let Some((parent, name)) = path.rsplit_once('/') {
        let object = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(name.to_owned(), value);
    }
    let bytes = serde_json::to_vec(&whole).unwrap();
    registry::decode(&bytes, received(), &Known, &WireLimits::default())
}

#[test]
fn what_the_register_says_is_read_and_written_back() {
    let entry = told("", Value::Null).unwrap();
    assert!(
        entry.open,
        "a site is open unless the register says otherwise"
    );
    assert_eq!(entry.products.values().next().unwrap().get(), 12_000);
    let again = registry::encode(&entry);
    let again = registry::decode(&again, received(), &Known, &WireLimits::default());
    assert_eq!(again.unwrap(), entry);
    let shut = told("/products", json!([])).unwrap();
    assert!(shut.products.is_empty());
    let plain = told("/products", json!([{ "category": "toys.plush" }])).unwrap();
    assert_eq!(plain.products.values().next().unwrap().get(), 1);
}

#[test]
fn what_is_wrong_with_the_register_is_named() {
    use RejectionCode as Code;
    let rejected = |path: &str, value: Value| {
        let rejection = told(path, value).unwrap_err();
        (rejection.code, rejection.field)
    };
    let at = |code, field: &str| (code, field.to_owned());
    let product = |category: &str, volume: i64| json!({ "category": category, "volume": volume });
    for (path, value, expected) in [
        (
            "/update_id",
            json!(""),
            at(Code::BadIdentifier, "update_id"),
        ),
        (
            "/observed_at",
            json!("soon"),
            at(Code::BadTime, "observed_at"),
        ),
        (
            "/observed_at",
            json!("2027-01-01T00:00:00Z"),
            at(Code::FutureTime, "observed_at"),
        ),
        (
            "/schema_version",
            json!(2),
            at(Code::UnknownVersion, "schema_version"),
        ),
        (
            "/site/zone_id",
            json!("atlantis"),
            at(Code::UnknownZone, "site.zone_id"),
        ),
        (
            "/site/channel",
            json!("street"),
            at(Code::UnknownCode, "site.channel"),
        ),
        ("/site/open", json!("yes"), at(Code::WrongType, "site.open")),
        (
            "/site/colour",
            json!("red"),
            at(Code::UnknownField, "site.colour"),
        ),
        (
            "/products",
            json!([product("toys.drone", 1)]),
            at(Code::UnknownProduct, "products[0].category"),
        ),
        (
            "/products",
            json!([product("toys.plush", 0)]),
            at(Code::OutOfRange, "products[0].volume"),
        ),
        (
            "/products",
            json!([product("toys.plush", 1), product("toys.plush", 2)]),
            at(Code::Contradiction, "products[1].category"),
        ),
    ] {
        assert_eq!(rejected(path, value.clone()), expected, "{path} {value}");
    }
    let garbage = registry::decode(b"{", received(), &Known, &WireLimits::default());
    assert_eq!(garbage.unwrap_err().code, Code::NotJson);
}

fn decided(path: &str, value: Value) -> Result<risk_domain::decision::Command, Rejection> {
    let mut whole = json!({
        "command_id": "C-1",
        "decided_at": "2026-03-06T17:00:00+08:00",
        "actor": { "id": "330782-017", "role": "officer" },
        "reason": "现场检查发现",
        "subject": "enterprise:91330782MA28ABCD1X",
        "kind": "override", "level": "high", "until": "2026-06-30"
    });
    if let Some((parent, name)) = path.rsplit_once('/') {
        let object = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
    }
    let bytes = serde_json::to_vec(&whole).unwrap();
    command::decode(&bytes, received(), &Known, &WireLimits::default())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of all that there is")]
fn a_command_is_read_and_written_back() {
    use risk_domain::alert_action::{AlertAction, Disposition};
    use risk_domain::case_act::{CaseAct, Measure, MeasureKind};
    use risk_domain::case_action::{CaseAction, PauseReason};
    use risk_domain::decision::{Decision, Order};
    use risk_domain::ids::{ActorId, AlertId, CaseId, CommandId};
    use risk_domain::plan_act::{AwaitedBeacon, PlanAction, PlanCommitment, PlanDraw};
    use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};
    use risk_domain::scales::{AlertLevel, RiskLevel};
    let first = decided("", Value::Null).unwrap();
    let until = "2026-07-01".parse().unwrap();
    let of = first.command_id.clone();
    let Order::Grade { subject, .. } = &first.order else {
        panic!("{first:?}");
    };
    let alert = AlertId::new("a1").unwrap();
    let grade = [
        Decision::Floor {
            level: RiskLevel::Serious,
            until,
        },
        Decision::Withdraw { of: of.clone() },
    ];
    let actions = [
        AlertAction::Acknowledge,
        AlertAction::Investigate,
        AlertAction::Snooze { until },
        AlertAction::Wake,
        AlertAction::Escalate {
            to: AlertLevel::One,
        },
        AlertAction::Close {
            disposition: Disposition::FalseAlarm,
        },
        AlertAction::Close {
            disposition: Disposition::Duplicate {
                of: AlertId::new("a2").unwrap(),
            },
        },
        AlertAction::Approve { of: of.clone() },
        AlertAction::Reopen,
        AlertAction::Note,
    ];
    let acts = [
        CaseAction::Assign {
            to: ActorId::new("330782-018").unwrap(),
        },
        CaseAction::PauseClock {
            ground: PauseReason::Testing,
        },
        CaseAction::ResumeClock,
        CaseAction::Note,
        CaseAction::Approve { of },
        CaseAction::Take {
            act: CaseAct::Notify,
            due: None,
            measures: Vec::new(),
        },
        CaseAction::Take {
            act: CaseAct::Guide,
            due: Some(until),
            measures: vec![Measure {
                kind: MeasureKind::Withdraw,
                quantity: Some(756),
                unit: Some("支".into()),
            }],
        },
    ];
    let grade = grade.map(|decision| Order::Grade {
        subject: subject.clone(),
        decision,
    });
    let on_alert = actions.map(|action| Order::Alert {
        alert: alert.clone(),
        action,
    });
    let in_case = acts.map(|action| Order::Case {
        case: CaseId::new("c1").unwrap(),
        action,
    });
    let problem = CommandId::new("C-0").unwrap();
    let on_problem = [
        ProblemAction::List {
            problem: Problem {
                text: "小零件易脱落".into(),
                clause: Some("GB 6675.2 4.4".into()),
                product: ProductCode::new("toys.plush").ok(),
                item: ItemCode::new("small-parts").ok(),
            },
        },
        ProblemAction::Plan {
            of: problem.clone(),
            plan: RectificationPlan {
                cause: "胶水固化不足".into(),
                measure: "更换胶水".into(),
                owner: "质量安全总监".into(),
                due: until,
            },
        },
        ProblemAction::Verify {
            of: problem.clone(),
        },
        ProblemAction::Withdraw { of: problem },
    ];
    let on_problem = on_problem.map(|action| Order::Problem {
        enterprise: EnterpriseId::new("E-1").unwrap(),
        action,
    });
    let orders = grade.into_iter().chain(on_alert).chain(in_case);
    let hash = risk_domain::plan_act::ContentHash;
    let on_plan = [
        PlanAction::Commit(PlanCommitment {
            day: risk_domain::time::Day::new(20_000),
            design_sha256: hash([1; 32]),
            pool_sha256: hash([0xab; 32]),
            secret_sha256: hash([3; 32]),
            beacon: Some(AwaitedBeacon {
                source: "福彩双色球".into(),
                round: "2026137".into(),
            }),
        }),
        PlanAction::Draw(PlanDraw {
            list_sha256: hash([4; 32]),
            record_sha256: hash([5; 32]),
            tests: 200,
            beacon_value: None,
        }),
        PlanAction::Reveal,
    ];
    let on_plan = on_plan.map(|action| Order::Plan {
        plan: DrawId::new("P-2026-11-30-ab").unwrap(),
        action,
    });
    let orders = orders.chain(on_problem).chain(on_plan);
    for order in orders.chain([first.order.clone()]) {
        let command = risk_domain::decision::Command {
            order,
            ..first.clone()
        };
        let again = command::encode(&command);
        let again = command::decode(&again, received(), &Known, &WireLimits::default());
        assert_eq!(again.unwrap(), command);
    }
}

/// A command on an alert, with these fields besides.
fn on_alert(more: Value) -> Result<risk_domain::decision::Command, Rejection> {
    let mut whole = json!({
        "command_id": "C-1",
        "decided_at": "2026-03-06T17:00:00+08:00",
        "actor": { "id": "330782-017", "role": "officer" },
        "reason": "现场复测合格",
        "alert_id": "0b5d",
    });
    let (Value::Object(whole_map), Value::Object(more)) = (&mut whole, more) else {
        panic!("an object");
    };
    whole_map.extend(more);
    let bytes = serde_json::to_vec(&whole).unwrap();
    command::decode(&bytes, received(), &Known, &WireLimits::default())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of all that there is")]
fn what_is_wrong_with_a_command_on_an_alert_or_a_case_is_named() {
    use RejectionCode as Code;
    for (more, code, field) in [
        (json!({"kind": "override"}), Code::UnknownCode, "kind"),
        (json!({"kind": "assign"}), Code::UnknownCode, "kind"),
        (json!({"kind": "snooze"}), Code::MissingField, "until"),
        (
            json!({"kind": "note", "until": "2026-07-01"}),
            Code::Contradiction,
            "until",
        ),
        (json!({"kind": "close"}), Code::MissingField, "disposition"),
        (
            json!({"kind": "close", "disposition": "forgotten"}),
            Code::UnknownCode,
            "disposition",
        ),
        (
            json!({"kind": "close", "disposition": "duplicate"}),
            Code::MissingField,
            "duplicate_of",
        ),
        (
            json!({"kind": "close", "disposition": "confirmed", "duplicate_of": "a2"}),
            Code::Contradiction,
            "duplicate_of",
        ),
        (
            json!({"kind": "escalate", "alert_level": "five"}),
            Code::UnknownCode,
            "alert_level",
        ),
        (
            json!({"kind": "note", "subject": "enterprise:E1"}),
            Code::Contradiction,
            "alert_id",
        ),
        (
            json!({"kind": "note", "case_id": "c1"}),
            Code::Contradiction,
            "alert_id",
        ),
        (
            json!({"kind": "note", "alert_id": ""}),
            Code::BadIdentifier,
            "alert_id",
        ),
        (
            json!({"kind": "pause_clock", "alert_id": null, "case_id": "c1", "ground": "holiday"}),
            Code::UnknownCode,
            "ground",
        ),
        (
            json!({"kind": "note", "alert_id": null, "case_id": "c1", "due": "2026-07-01"}),
            Code::Contradiction,
            "due",
        ),
        (
            json!({"kind": "note", "measures": []}),
            Code::Contradiction,
            "measures",
        ),
        (
            json!({"kind": "order", "alert_id": null, "case_id": "c1", "due": "soon"}),
            Code::BadTime,
            "due",
        ),
        (
            json!({"kind": "guide", "alert_id": null, "case_id": "c1", "measures": [{"kind": "forget"}]}),
            Code::UnknownCode,
            "measures.kind",
        ),
        (
            json!({"kind": "note", "alert_id": null}),
            Code::MissingField,
            "subject",
        ),
    ] {
        let rejection = on_alert(more.clone()).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.field.as_str()),
            (code, field),
            "{more}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_command_is_named() {
    use RejectionCode as Code;
    for (path, value, code, field) in [
        ("/command_id", json!(""), Code::BadIdentifier, "command_id"),
        (
            "/decided_at",
            json!("2027-01-01T00:00:00Z"),
            Code::FutureTime,
            "decided_at",
        ),
        (
            "/actor/role",
            json!("mayor"),
            Code::UnknownCode,
            "actor.role",
        ),
        ("/actor/id", Value::Null, Code::MissingField, "actor.id"),
        ("/reason", json!(" "), Code::MissingField, "reason"),
        ("/subject", json!("booth:7"), Code::BadIdentifier, "subject"),
        ("/kind", json!("pardon"), Code::UnknownCode, "kind"),
        ("/kind", json!("approve"), Code::Contradiction, "level"),
        ("/level", json!("undetermined"), Code::UnknownCode, "level"),
        ("/level", Value::Null, Code::MissingField, "level"),
        ("/until", json!("30.6.2026"), Code::BadTime, "until"),
        ("/until", Value::Null, Code::MissingField, "until"),
        ("/of", json!("C-0"), Code::Contradiction, "of"),
    ] {
        let rejection = decided(path, value.clone()).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.field.as_str()),
            (code, field),
            "{path} {value}"
        );
    }
}

/// A signal of a kind, with these fields besides.
fn heard(kind: &str, more: Value) -> Result<risk_domain::signal::Signal, Rejection> {
    let mut whole = json!({
        "signal_id": "S-1",
        "kind": kind,
        "observed_at": "2026-03-06T17:00:00+08:00",
        "enterprise_id": "E-1",
        "source": "12315",
    });
    let (Value::Object(whole_map), Value::Object(more)) = (&mut whole, more) else {
        panic!("an object");
    };
    whole_map.extend(more);
    let bytes = serde_json::to_vec(&whole).unwrap();
    let decoded = signal::decode(&bytes, received(), &Known, &WireLimits::default());
    decoded.map(|(signal, _)| signal)
}

#[test]
fn records_of_duty_and_reporters_are_read_written_and_refused_by_field() {
    use RejectionCode as Code;
    let duty = |more: Value| {
        let mut duty = json!({"kind": "daily", "from": "2026-02-01", "until": "2026-02-28"});
        duty.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        heard("duty_record", json!({"duty": duty}))
    };
    let told = duty(json!({"risks": ["2026-02-09", "2026-02-03", "2026-02-09"]})).unwrap();
    let record = told.duty.as_ref().unwrap();
    assert_eq!(record.risks.len(), 2, "sorted, each once");
    let nobody = risk_domain::signal::SignalPersonal::default();
    let tip = heard("tip", json!({"reporter": "named"})).unwrap();
    for one in [told, tip] {
        let again = signal::encode(&one, &nobody);
        let again = signal::decode(&again, received(), &Known, &WireLimits::default());
        assert_eq!(again.unwrap().0, one);
    }
    let wrong = [
        (heard("duty_record", json!({})), Code::MissingField, "duty"),
        (
            duty(json!({"kind": "yearly"})),
            Code::UnknownCode,
            "duty.kind",
        ),
        (
            duty(json!({"until": "2026-01-31"})),
            Code::TimeOrder,
            "duty.until",
        ),
        (
            duty(json!({"until": "2027-02-03"})),
            Code::TimeOrder,
            "duty.until",
        ),
        (duty(json!({"from": "gestern"})), Code::BadTime, "duty.from"),
        (
            duty(json!({"risks": ["2026-03-01"]})),
            Code::OutOfRange,
            "duty.risks",
        ),
        (
            heard("recall", json!({"reporter": "named"})),
            Code::Contradiction,
            "reporter",
        ),
        (
            heard("tip", json!({"reporter": "whoever"})),
            Code::UnknownCode,
            "reporter",
        ),
    ];
    for (outcome, code, field) in wrong {
        let rejection = outcome.unwrap_err();
        assert_eq!((rejection.code, rejection.field.as_str()), (code, field));
    }
}

#[test]
fn what_is_wrong_with_a_command_on_a_problem_is_named() {
    use RejectionCode as Code;
    let on_problem = |more: Value| {
        let mut whole = json!({
            "command_id": "C-1",
            "decided_at": "2026-03-06T17:00:00+08:00",
            "actor": { "id": "330782-017", "role": "officer" },
            "reason": "帮扶走访",
            "enterprise_id": "E-1",
        });
        whole
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let bytes = serde_json::to_vec(&whole).unwrap();
        command::decode(&bytes, received(), &Known, &WireLimits::default())
    };
    let plan = json!({"kind": "plan", "of": "C-0", "cause": "c", "measure": "m", "owner": "o", "due": "2026-04-01"});
    assert!(on_problem(plan.clone()).is_ok());
    let without = |field: &str, value: Value| {
        let mut plan = plan.clone();
        plan[field] = value;
        plan
    };
    for (more, code, field) in [
        (
            json!({"kind": "list_problem"}),
            Code::MissingField,
            "problem",
        ),
        (
            json!({"kind": "list_problem", "problem": " "}),
            Code::MissingField,
            "problem",
        ),
        (
            json!({"kind": "list_problem", "problem": "p", "due": "2026-04-01"}),
            Code::Contradiction,
            "due",
        ),
        (
            json!({"kind": "list_problem", "problem": "p", "product": "NONE"}),
            Code::UnknownProduct,
            "product",
        ),
        (without("cause", json!("  ")), Code::MissingField, "cause"),
        (without("due", Value::Null), Code::MissingField, "due"),
        (without("due", json!("morgen")), Code::BadTime, "due"),
        (
            without("clause", json!("4.4")),
            Code::Contradiction,
            "clause",
        ),
        (json!({"kind": "verify"}), Code::MissingField, "of"),
        (
            json!({"kind": "approve", "of": "C-0"}),
            Code::UnknownCode,
            "kind",
        ),
        (
            json!({"kind": "verify", "of": "C-0", "case_id": "c1"}),
            Code::Contradiction,
            "case_id",
        ),
        (
            json!({"kind": "verify", "of": "C-0", "measures": []}),
            Code::Contradiction,
            "measures",
        ),
    ] {
        let rejection = on_problem(more.clone()).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.field.as_str()),
            (code, field),
            "{more}"
        );
    }
}
