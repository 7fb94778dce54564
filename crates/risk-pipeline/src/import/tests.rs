use super::*;
use crate::wire::OpenVocabulary;
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionBasis;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn options(sorted: bool) -> ImportOptions {
    ImportOptions {
        sorted,
        received_at: Timestamp::parse("2026-06-01T00:00:00Z").unwrap(),
        limits: WireLimits::default(),
    }
}

struct Nothing;

impl Vocabulary for Nothing {
    fn knows_zone(&self, _zone: &str) -> bool {
        false
    }
    fn knows_product(&self, _product: &str) -> bool {
        false
    }
    fn knows_hazard(&self, _hazard: &str) -> bool {
        false
    }
}

fn mapping(name: &str) -> Mapping {
    let path = root().join(format!("config/imports/{name}.toml"));
    Mapping::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn real(name: &str, folder: &str) -> Import {
    let file = root().join(format!("../shared/data/{folder}/open.ndjson.zst"));
    assert!(
        file.exists(),
        "the record set {} is absent: it lies beside the checkout",
        file.display()
    );
    Import::load(
        &mapping(name),
        &[file],
        &Nothing,
        options(true),
        &mut |_| {},
    )
    .unwrap()
}

fn results(import: Import) -> Vec<InspectionResult> {
    let mut source = import.into_source("import");
    let mut all = Vec::new();
    loop {
        let batch = source.poll(10_000, Duration::ZERO).unwrap();
        for raw in batch.records() {
            assert_eq!(raw.offset.0, all.len() as i64);
            let limits = WireLimits::default();
            let bytes = batch.value(raw);
            all.push(*wire::decode(bytes, raw.received_at, &OpenVocabulary, &limits).unwrap());
        }
        if batch.finished {
            return all;
        }
    }
}

/// Imports a real set to its last row and checks its counts against those of its description.
fn check_real(
    name: &str,
    folder: &str,
    rows: u64,
    items: usize,
    follow_ups: usize,
) -> ImportVocabulary {
    let import = real(name, folder);
    assert_eq!(import.report.rejected, [], "{name}");
    assert_eq!(
        (import.report.rows, import.report.accepted),
        (rows, rows),
        "{name}"
    );
    assert!(
        import
            .vocabulary
            .products
            .values()
            .all(|product| product.sector.is_some())
    );
    let vocabulary = import.vocabulary.clone();
    let results = results(import);
    let codes: BTreeSet<&str> = results
        .iter()
        .flat_map(|result| &result.items)
        .map(|item| item.code.as_str())
        .collect();
    assert_eq!(codes.len(), items, "{name}: distinct items");
    let following = results.iter().filter(|result| result.follows_up()).count();
    assert_eq!(following, follow_ups, "{name}: follow-ups");
    let failed = |result: &&InspectionResult| result.outcome == Outcome::Nonconforming;
    assert!(
        results
            .iter()
            .filter(failed)
            .all(|result| result.worst_severity().is_some())
    );
    assert!(
        results
            .windows(2)
            .all(|pair| pair[0].observed_at <= pair[1].observed_at)
    );
    vocabulary
}

#[test]
fn toronto_is_imported_to_the_last_row() {
    let words = check_real("toronto", "toronto_dinesafe", 67_410, 399, 4_364);
    assert_eq!(words.zones.len(), 35);
    assert_eq!(words.products.len(), 49);
}

#[test]
fn chicago_is_imported_to_the_last_row() {
    let words = check_real("chicago", "chicago_food", 19_504, 14, 0);
    assert_eq!(words.zones.len(), 61, "60 and the unknown one");
}

#[test]
fn fsis_is_imported_to_the_last_row() {
    let words = check_real("fsis", "fsis_chicken", 3_699, 2, 0);
    assert_eq!(words.zones.len(), 34);
}

#[test]
fn customs_is_imported_to_the_last_row() {
    let words = check_real("customs", "customs_synthetic", 37_578, 2, 0);
    assert_eq!(words.products.len(), 894);
}

fn bureau(file: &Path, mapping: &Mapping) -> Import {
    let files = [file.to_owned()];
    Import::load(
        mapping,
        &files,
        &OpenVocabulary,
        options(false),
        &mut |_| {},
    )
    .unwrap()
}

/// What the example of a bureau's table must give, in any of its forms.
fn check_bureau(import: &Import) {
    let report = &import.report;
    assert_eq!((report.rows, report.skipped, report.accepted), (6, 1, 3));
    let rejected: Vec<(u64, RejectionCode, &str)> = report
        .rejected
        .iter()
        .map(|row| (row.at.row, row.rejection.code, row.rejection.field.as_str()))
        .collect();
    assert_eq!(
        rejected,
        [
            (6, RejectionCode::Unmappable, "outcome"),
            (7, RejectionCode::TimeOrder, "sampled_at"),
        ]
    );
    assert_eq!(import.len(), 4, "what the wire rejects is handed on");
    assert_eq!(import.row_of(Offset(3)), Some(RowRef { file: 0, row: 7 }));
    let json = import.kept[1].json.clone();
    let received_at = options(false).received_at;
    let result = wire::decode(&json, received_at, &OpenVocabulary, &WireLimits::default()).unwrap();
    assert_eq!(result.site.name, "义乌市晨光玩具商行");
    assert_eq!(
        result.sampled_at.to_string(),
        "2026-03-01T16:00:00Z",
        "midnight in China"
    );
    assert_eq!(result.selection.basis, SelectionBasis::Random);
    assert_eq!(result.sample.cost_fen, Some(5950));
    let codes: Vec<&str> = result.items.iter().map(|item| item.code.as_str()).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.iter().all(|code| code.starts_with("I-")), "{codes:?}");
    assert_eq!(result.items[1].name, "邻苯二甲酸酯");
    assert_eq!(result.worst_severity(), Some(Severity::Three));
}

#[test]
fn a_bureaus_table_is_read_from_csv_and_from_a_workbook() {
    let mapping = mapping("example-bureau");
    check_bureau(&bureau(
        &root().join("config/imports/example-bureau.csv"),
        &mapping,
    ));
    check_bureau(&bureau(
        &root().join("config/imports/example-bureau.xlsx"),
        &mapping,
    ));
}

#[test]
fn gb18030_is_read_where_it_is_declared_and_reported_where_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    let text = std::fs::read_to_string(root().join("config/imports/example-bureau.csv")).unwrap();
    let (bytes, _, _) = encoding_rs::GB18030.encode(text.trim_start_matches('\u{feff}'));
    std::fs::write(&path, bytes).unwrap();
    let mut mapping = mapping("example-bureau");
    mapping.table.encoding = Encoding::Gb18030;
    check_bureau(&bureau(&path, &mapping));
    mapping.table.encoding = Encoding::Utf8;
    let error = Import::load(
        &mapping,
        &[path],
        &OpenVocabulary,
        options(false),
        &mut |_| {},
    );
    assert!(matches!(error, Err(ImportError::Unreadable { .. })));
}

#[test]
fn a_table_without_a_column_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    std::fs::write(&path, "报告编号,其他\n1,2\n").unwrap();
    let files = [path];
    let mapping = mapping("example-bureau");
    let error = Import::load(
        &mapping,
        &files,
        &OpenVocabulary,
        options(false),
        &mut |_| {},
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("抽样日期") && !message.contains("报告编号"),
        "{message}"
    );
}

#[test]
fn mistakes_in_a_mapping_are_named() {
    let base = "name = 'm'\nformat = 'csv'\n";
    for (text, expected) in [
        (
            "[record]\nmodel = { const = 'x' }\n",
            "\"model\" is no field",
        ),
        (
            "[record]\nmode = { const = 'x', column = 'y' }\n",
            "exactly one of",
        ),
        ("[record]\nmode = { }\n", "exactly one of"),
        ("[record]\nmode = { template = '{x' }\n", "not closed"),
        (
            "time = { offset = 'CST' }\n[record]\n",
            "\"CST\" is no offset",
        ),
        ("[record]\nmode = { colum = 'x' }\n", "unknown field"),
        (
            "[items]\nlist = { column = 'x' }\n[items.record]\nx = { item = true }\n[record]\n",
            "\"x\" is no field",
        ),
    ] {
        let error = Mapping::parse(&format!("{base}{text}"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_closed_vocabulary_rejects_and_a_seek_beyond_the_end_is_refused() {
    let file = root().join("config/imports/example-bureau.csv");
    let mapping = mapping("example-bureau");
    let import = Import::load(&mapping, &[file], &Nothing, options(true), &mut |_| {}).unwrap();
    assert_eq!(import.report.accepted, 0);
    let unknown = RejectionCode::UnknownZone;
    assert!(
        import
            .report
            .rejected
            .iter()
            .any(|row| row.rejection.code == unknown)
    );
    let mut source = import.into_source("import");
    source.seek(&BTreeMap::from([(ONLY, Offset(2))])).unwrap();
    assert_eq!(source.poll(10, Duration::ZERO).unwrap().len(), 2);
    assert!(source.seek(&BTreeMap::from([(ONLY, Offset(5))])).is_err());
}
