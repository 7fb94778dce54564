use super::*;
use crate::ledger::EntryKind;
use crate::records::{Record, RecordKind, Rejected, Rejection};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use risk_engine::SourcePartition;

fn word() -> impl Strategy<Value = CompactString> {
    "[a-z0-9义乌商城\"\\\\/]{1,12}".prop_map(CompactString::from)
}

fn maybe() -> impl Strategy<Value = Option<CompactString>> {
    prop::option::of(word())
}

fn pick<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(values)
}

macro_rules! id {
    ($kind:ident) => {
        "[A-Z0-9义:]{1,9}".prop_map(|text| $kind::new(text).unwrap())
    };
}

fn at() -> impl Strategy<Value = Timestamp> {
    (-2_000_000_000_000i64..7_000_000_000_000).prop_map(Timestamp::from_millis)
}

fn item() -> impl Strategy<Value = TestItem> {
    let texts = (word(), maybe(), maybe(), maybe(), maybe(), maybe());
    let rest = (
        id!(ItemCode),
        pick(Verdict::ALL),
        prop::option::of(id!(HazardCode)),
        prop::option::of(pick(&Severity::ALL)),
    );
    (texts, rest).prop_map(|(texts, rest)| {
        let (name, clause, method, measured, limit, unit) = texts;
        let (code, verdict, hazard, severity) = rest;
        TestItem {
            code,
            name,
            clause,
            method,
            measured,
            limit,
            unit,
            verdict,
            hazard,
            severity,
        }
    })
}

fn site() -> impl Strategy<Value = SiteRef> {
    let ids = (id!(SiteId), id!(EnterpriseId), id!(ZoneId));
    (ids, word(), maybe(), maybe(), pick(Channel::ALL)).prop_map(
        |((site_id, enterprise_id, zone_id), name, booth, platform, channel)| SiteRef {
            site_id,
            enterprise_id,
            name,
            zone_id,
            booth,
            channel,
            platform,
        },
    )
}

fn product() -> impl Strategy<Value = ProductRef> {
    let texts = (maybe(), maybe(), maybe(), maybe(), maybe());
    (id!(ProductCode), word(), texts, any::<Option<u32>>()).prop_map(
        |(category, name, (brand, model, standard, lot_no, gtin), lot_size)| ProductRef {
            category,
            name,
            brand,
            model,
            standard,
            lot_no,
            lot_size,
            gtin,
        },
    )
}

fn selection() -> impl Strategy<Value = Selection> {
    let probability = prop::option::of(f64::MIN_POSITIVE..=1.0);
    (
        pick(SelectionBasis::ALL),
        prop::option::of(id!(DrawId)),
        probability,
        prop::option::of(id!(CampaignId)),
    )
        .prop_map(|(basis, draw_id, probability, campaign_id)| Selection {
            basis,
            draw_id,
            inclusion_probability: probability.map(|p| InclusionProbability::new(p).unwrap()),
            campaign_id,
        })
}

fn producer() -> impl Strategy<Value = Option<Producer>> {
    let parts = (prop::option::of(id!(EnterpriseId)), word(), maybe());
    prop::option::of(parts.prop_map(|(enterprise_id, name, region)| Producer {
        enterprise_id,
        name,
        region,
    }))
}

prop_compose! {
    fn any_result()(
        ids in (id!(InspectionId), prop::option::of(id!(InspectionId)), prop::option::of(id!(InspectionId)), prop::option::of(id!(InspectionId))),
        times in (at(), prop::option::of(at()), at()),
        who in (id!(AgencyId), pick(AgencyLevel::ALL), id!(TeamId), pick(SelectionMode::ALL)),
        selection in selection(),
        site in site(),
        made in (producer(), prop::option::of(id!(EnterpriseId)), product()),
        counts in any::<(u32, u32, u32, Option<u64>)>(),
        test in (pick(TestKind::ALL), prop::option::of(id!(MethodId)), prop::option::of(id!(LabId)), pick(Outcome::ALL)),
        items in prop::collection::vec(item(), 0..4),
        case_id in prop::option::of(id!(CaseId)),
        extra in prop::collection::btree_map(word(), word(), 0..3),
    ) -> InspectionResult {
        InspectionResult {
            inspection_id: ids.0,
            supersedes: ids.1,
            sampled_at: times.0,
            tested_at: times.1,
            observed_at: times.2,
            mode: who.3,
            agency: Agency { id: who.0, level: who.1 },
            team_id: who.2,
            selection,
            site,
            producer: made.0,
            supplier: made.1,
            product: made.2,
            sample: SampleCounts { tested: counts.0, backup: counts.1, defective: counts.2, cost_fen: counts.3 },
            test: TestRef { kind: test.0, method_id: test.1, lab_id: test.2 },
            outcome: test.3,
            items,
            confirms: ids.2,
            follow_up_of: ids.3,
            case_id,
            extra,
        }
    }
}

/// A result as the first version wrote it.
fn first_version(result: &InspectionResult) -> (Vec<u8>, Vec<u8>) {
    let producer = result.producer.as_ref();
    let producer_id = producer.and_then(|producer| producer.enterprise_id.as_ref());
    let facts = Facts {
        v: 1,
        producer_id: lend(producer_id),
        supplier_id: lend(result.supplier.as_ref()),
        extra: Cow::Borrowed(&result.extra),
        ..Facts::of(result)
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    compact(&mut first, &facts).unwrap();
    let (names, _others) = party(result);
    compact(&mut second, &names).unwrap();
    (first, second)
}

fn owners_in(result: &InspectionResult) -> ResultOwners {
    ResultOwners {
        enterprise: result.site.enterprise_id.clone(),
        zone: result.site.zone_id.clone(),
        product: result.product.category.clone(),
        draw: result.selection.draw_id.clone(),
    }
}

proptest! {
    #[test]
    fn any_result_reads_back_and_has_one_digest(result in any_result()) {
        let mut encoded = EncodedResult::default();
        encoded.encode(&result).unwrap();
        let decoded = decode(7, encoded.facts(), encoded.party()).unwrap();
        prop_assert_eq!(&decoded, &result);
        let owners = owners_of(0, encoded.facts()).unwrap();
        prop_assert_eq!(owners, owners_in(&result));
        let digest = encoded.digest();
        encoded.encode(&decoded).unwrap();
        prop_assert_eq!(encoded.digest(), digest);
    }

    #[test]
    fn a_result_of_the_first_version_reads_back_and_is_known_when_it_comes_again(result in any_result()) {
        let (facts, party) = first_version(&result);
        prop_assert_eq!(&decode(7, &facts, &party).unwrap(), &result);
        prop_assert_eq!(owners_of(0, &facts).unwrap(), owners_in(&result));
        prop_assert!(!names_are_apart(&facts));
        let mut encoded = EncodedResult::default();
        encoded.encode(&result).unwrap();
        prop_assert!(names_are_apart(encoded.facts()));
        prop_assert_eq!(encoded.first_digest().unwrap(), content_digest(&facts, &party));
    }

    #[test]
    fn names_stand_with_the_party_only(mut result in any_result()) {
        result.site.name = CompactString::from("义乌国际商贸城张记玩具");
        result.supplier = Some(EnterpriseId::new("张记").unwrap());
        result.producer = Some(Producer { enterprise_id: result.supplier.clone(), name: "张记厂".into(), region: None });
        result.extra.insert("remark".into(), "张记供货".into());
        let mut encoded = EncodedResult::default();
        encoded.encode(&result).unwrap();
        let name = "张记".as_bytes();
        let holds = |section: &[u8]| section.windows(name.len()).any(|part| part == name);
        prop_assert!(holds(encoded.party()));
        prop_assert!(!holds(encoded.facts()));
    }

    #[test]
    fn any_dead_letter_is_kept_whole(record in prop::collection::vec(any::<u8>(), 0..50), key in prop::option::of(prop::collection::vec(any::<u8>(), 0..9))) {
        let rejection = Rejection {
            code: "malformed_utf8".to_owned(),
            field: String::new(),
            value: "小熊".to_owned(),
            rule: "must be UTF-8".to_owned(),
            partition: SourcePartition { source: "kafka:inspection.results".into(), partition: 3 },
            offset: 9,
            received_at: Timestamp::from_millis(1),
            key,
            record,
        };
        let (mut facts, mut personal) = (Vec::new(), Vec::new());
        crate::records::encode_rejection(&mut facts, &rejection.summary()).unwrap();
        crate::records::encode_rejected(&mut personal, &rejection).unwrap();
        let entry = crate::ledger::Entry {
            kind: EntryKind(RecordKind::Rejection as u8),
            actor: "",
            facts: &facts,
            party: b"",
            personal: &personal,
            decision: b"",
        };
        let Record::Rejection(decoded) = Record::decode(0, &entry).unwrap() else {
            return Err(TestCaseError::fail("it is no dead letter"));
        };
        prop_assert_eq!(&decoded.summary, &rejection.summary());
        let rejected = crate::records::decode_rejected(0, &decoded.sealed).unwrap();
        let whole = Rejected { value: rejection.value, key: rejection.key, record: rejection.record };
        prop_assert_eq!(rejected, whole);
    }
}

/// The bytes of the form's first fields, so that nobody changes them unknowingly: version 2; the id as
/// its length and text; nothing superseded; 2024-01-01T00:00:00Z in milliseconds, zigzag and varint.
#[test]
fn the_form_begins_as_it_is_documented() {
    let strategy = any_result();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut result = strategy.new_tree(&mut runner).unwrap().current();
    result.inspection_id = InspectionId::new("R1").unwrap();
    result.supersedes = None;
    result.sampled_at = Timestamp::from_millis(1_704_067_200_000);
    let mut encoded = EncodedResult::default();
    encoded.encode(&result).unwrap();
    let zigzag = 2 * 1_704_067_200_000_u64;
    let mut expected = vec![2, 2, b'R', b'1', 0];
    let mut left = zigzag;
    while left >= 0x80 {
        expected.push(left as u8 | 0x80);
        left >>= 7;
    }
    expected.push(left as u8);
    assert!(
        encoded.facts().starts_with(&expected),
        "{:?}",
        encoded.facts()
    );
}

/// Numbers of closed lists stand in ledgers for ever: a new value may only be added at the end.
#[test]
fn closed_lists_are_numbered_as_documented() {
    fn row<T: Copy + Serialize>(list: &str, all: &[T], code: fn(T) -> &'static str) -> String {
        for (number, value) in all.iter().enumerate() {
            assert_eq!(postcard::to_stdvec(value).unwrap(), [number as u8]);
        }
        let codes: Vec<&str> = all.iter().map(|value| code(*value)).collect();
        format!("| {list} | {} |", codes.join(", "))
    }
    let rows = [
        row("mode", SelectionMode::ALL, SelectionMode::code),
        row("agency.level", AgencyLevel::ALL, AgencyLevel::code),
        row("selection.basis", SelectionBasis::ALL, SelectionBasis::code),
        row("site.channel", Channel::ALL, Channel::code),
        row("test.kind", TestKind::ALL, TestKind::code),
        row("outcome", Outcome::ALL, Outcome::code),
        row("verdict", Verdict::ALL, Verdict::code),
    ];
    let documented = include_str!("../../../../../docs/ledger-records.md");
    for row in rows {
        assert!(
            documented.contains(&row),
            "docs/ledger-records.md has no line {row}"
        );
    }
}

#[test]
fn a_byte_that_moves_between_the_sections_changes_the_digest() {
    assert_ne!(content_digest(b"ab", b"c"), content_digest(b"a", b"bc"));
    assert_ne!(content_digest(b"ab", b""), content_digest(b"", b"ab"));
}
