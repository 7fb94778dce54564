//! The TOML shapes of the seed files.

use super::{Mark, ZoneKind};
use compact_str::CompactString;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) code: String,
    pub(super) zh: CompactString,
    pub(super) en: CompactString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sectors {
    pub(super) sector: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hazards {
    pub(super) hazard: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MethodText {
    pub(super) id: String,
    pub(super) zh: CompactString,
    pub(super) sensitivity: f64,
    pub(super) specificity: f64,
    #[serde(rename = "mark")]
    pub(super) _mark: Mark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Methods {
    pub(super) method: Vec<MethodText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemText {
    pub(super) code: String,
    pub(super) zh: CompactString,
    pub(super) en: CompactString,
    pub(super) hazard: String,
    pub(super) severity: u8,
    pub(super) limit: Option<CompactString>,
    pub(super) unit: Option<CompactString>,
    #[serde(rename = "mark")]
    pub(super) _mark: Mark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Items {
    pub(super) item: Vec<ItemText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleText {
    pub(super) check: u32,
    pub(super) backup: u32,
    pub(super) unit: CompactString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductText {
    pub(super) code: String,
    pub(super) sector: String,
    pub(super) zh: CompactString,
    pub(super) en: CompactString,
    pub(super) standards: Vec<CompactString>,
    pub(super) ccc: Option<CompactString>,
    pub(super) sample: SampleText,
    pub(super) items: Vec<String>,
    pub(super) rate: f64,
    pub(super) peak_month: Option<u8>,
    pub(super) methods: Vec<String>,
    pub(super) mark: Mark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Products {
    pub(super) product: Vec<ProductText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneText {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) kind: ZoneKind,
    pub(super) zh: CompactString,
    pub(super) en: CompactString,
    pub(super) manager: Option<CompactString>,
    pub(super) booths: Option<u32>,
    #[serde(default)]
    pub(super) products: Vec<String>,
    #[serde(default)]
    pub(super) synthetic: bool,
    pub(super) mark: Mark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Zones {
    pub(super) zone: Vec<ZoneText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutcomeText {
    pub(super) code: String,
    #[serde(rename = "zh")]
    pub(super) _zh: CompactString,
    #[serde(rename = "tested")]
    pub(super) _tested: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcomes {
    pub(super) outcome: Vec<OutcomeText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct YearText {
    pub(super) year: i16,
    pub(super) holidays: Vec<String>,
    pub(super) working: Vec<String>,
    #[serde(rename = "mark")]
    pub(super) _mark: Mark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Years {
    pub(super) year: Vec<YearText>,
}
