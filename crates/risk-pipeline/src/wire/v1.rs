//! Version 1 of the record, as it stands on the wire. Texts are borrowed from the record's bytes.

mod read;
mod write;

pub(super) use read::read;

use risk_domain::inspection::{AgencyLevel, Channel, Outcome, TestKind, Verdict};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// A text that is borrowed unless it holds an escape. `Option<Cow<str>>` would always be owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

impl JsonSchema for Text<'_> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Text")
    }
    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Entries of `extra` in the record's order; a repeated name is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extra<'a>(pub(super) Vec<(Text<'a>, Text<'a>)>);

impl Extra<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Extra<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

struct ExtraVisitor;

impl<'de> Visitor<'de> for ExtraVisitor {
    type Value = Extra<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Extra(entries))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extra<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ExtraVisitor)
    }
}

fn closed<T: Copy>(all: &[T], code: fn(T) -> &'static str) -> Schema {
    let codes: Vec<&str> = all.iter().map(|value| code(*value)).collect();
    json_schema!({ "type": "string", "enum": codes })
}

fn modes(_: &mut SchemaGenerator) -> Schema {
    closed(SelectionMode::ALL, SelectionMode::code)
}
fn bases(_: &mut SchemaGenerator) -> Schema {
    closed(SelectionBasis::ALL, SelectionBasis::code)
}
fn levels(_: &mut SchemaGenerator) -> Schema {
    closed(AgencyLevel::ALL, AgencyLevel::code)
}
pub(super) fn channels(_: &mut SchemaGenerator) -> Schema {
    closed(Channel::ALL, Channel::code)
}
fn test_kinds(_: &mut SchemaGenerator) -> Schema {
    closed(TestKind::ALL, TestKind::code)
}
fn outcomes(_: &mut SchemaGenerator) -> Schema {
    closed(Outcome::ALL, Outcome::code)
}
fn verdicts(_: &mut SchemaGenerator) -> Schema {
    closed(Verdict::ALL, Verdict::code)
}
fn extras(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
}

/// One inspection result（检验结果）, version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "InspectionResult", extend("$id" = "inspection-result.v1.json"))]
pub(super) struct Record<'a> {
    /// Version of the format: 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1))]
    pub(super) schema_version: Option<i64>,
    /// Unique for ever（检验结果编号）.
    #[serde(borrow)]
    pub(super) inspection_id: Text<'a>,
    /// The result that this one replaces（更正）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) supersedes: Option<Text<'a>>,
    /// When the sample was taken（抽样时间）: RFC 3339 with an offset.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    pub(super) sampled_at: Text<'a>,
    /// When it was tested（检验时间）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(super) tested_at: Option<Text<'a>>,
    /// When the report reached the bureau（报告到达时间）.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    pub(super) observed_at: Text<'a>,
    /// Which of the five modes（五位一体）.
    #[serde(borrow)]
    #[schemars(schema_with = "modes")]
    pub(super) mode: Text<'a>,
    /// Who ordered it（任务下达机关）.
    #[serde(borrow)]
    pub(super) agency: Agency<'a>,
    /// Which team took the sample（抽样小组）.
    #[serde(borrow)]
    pub(super) team_id: Text<'a>,
    /// How the target was selected（抽取记录）.
    #[serde(borrow)]
    pub(super) selection: Selection<'a>,
    /// Where（被抽样场所）.
    #[serde(borrow)]
    pub(super) site: Site<'a>,
    /// Nominal producer（标称生产者）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) producer: Option<Producer<'a>>,
    /// Who supplied the seller（供货者）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Supplier<'a>>,
    /// What（样品信息）.
    #[serde(borrow)]
    pub(super) product: Product<'a>,
    /// How many units（样品数量）; absent means none.
    #[serde(default)]
    pub(super) sample: Sample,
    /// How it was tested（检验方式）.
    #[serde(borrow)]
    pub(super) test: Test<'a>,
    /// What came out（抽样检验结论）.
    #[serde(borrow)]
    #[schemars(schema_with = "outcomes")]
    pub(super) outcome: Text<'a>,
    /// Item by item（检验项目）.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<Item<'a>>,
    /// The fast test that this laboratory result confirms（复核）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) confirms: Option<Text<'a>>,
    /// The failure that this check follows up（跟踪）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) follow_up_of: Option<Text<'a>>,
    /// The case it belongs to（案件）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) case_id: Option<Text<'a>>,
    /// Further categorical fields, by name（其他字段）.
    #[serde(borrow, default, skip_serializing_if = "Extra::is_empty")]
    #[schemars(schema_with = "extras")]
    pub(super) extra: Extra<'a>,
}

/// The agency that ordered the check（市场监管机关）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Agency<'a> {
    /// Which agency.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// Its level（机关层级）.
    #[serde(borrow)]
    #[schemars(schema_with = "levels")]
    pub(super) level: Text<'a>,
}

/// How the target was selected（抽取记录）.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection<'a> {
    /// Why it was taken（抽取依据）.
    #[serde(borrow)]
    #[schemars(schema_with = "bases")]
    pub(super) basis: Text<'a>,
    /// The committed draw it came from（随机抽取）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) draw_id: Option<Text<'a>>,
    /// Probability with which it was drawn（入样概率）, above 0 and at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(super) inclusion_probability: Option<f64>,
    /// The campaign it belongs to（抽查任务）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) campaign_id: Option<Text<'a>>,
}

/// The place where the sample was taken（被抽样场所）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the published format"
)]
pub(super) struct Site<'a> {
    /// Which site（场所、商位）.
    #[serde(borrow)]
    pub(super) site_id: Text<'a>,
    /// The enterprise that was inspected there（被抽样单位）.
    #[serde(borrow)]
    pub(super) enterprise_id: Text<'a>,
    /// Its public name.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// The zone it lies in（区域）.
    #[serde(borrow)]
    pub(super) zone_id: Text<'a>,
    /// Booth number or address within the zone（商位号）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) booth: Option<Text<'a>>,
    /// Link of the chain（环节）.
    #[serde(borrow)]
    #[schemars(schema_with = "channels")]
    pub(super) channel: Text<'a>,
    /// Online platform（电商平台）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Text<'a>>,
}

/// The nominal producer（标称生产者）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Producer<'a> {
    /// Its registry number, when known.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) enterprise_id: Option<Text<'a>>,
    /// Its public name.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// Where it is registered（产地）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Text<'a>>,
}

/// Who supplied the seller（供货者）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Supplier<'a> {
    /// Its registry number.
    #[serde(borrow)]
    pub(super) enterprise_id: Text<'a>,
}

/// The product on the sample's label（样品信息）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Product<'a> {
    /// Code of the catalogue（产品代码）.
    #[serde(borrow)]
    pub(super) category: Text<'a>,
    /// Name on the label（样品名称）.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// Trademark（商标）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) brand: Option<Text<'a>>,
    /// Model or specification（规格型号）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<Text<'a>>,
    /// Standard that the product declares（执行标准）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) standard: Option<Text<'a>>,
    /// Batch number（批号）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) lot_no: Option<Text<'a>>,
    /// Units in the batch（批量）.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_u32))]
    pub(super) lot_size: Option<i64>,
    /// Global trade item number（商品条码）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) gtin: Option<Text<'a>>,
}

/// Units taken（样品数量）.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    /// Units tested（检验数）.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4294967295_u32))]
    pub(super) tested: i64,
    /// Units kept as backup（备用样品数）.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4294967295_u32))]
    pub(super) backup: i64,
    /// Units found nonconforming（不合格数）, at most `tested`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4294967295_u32))]
    pub(super) defective: i64,
    /// What the samples cost, in yuan with at most two decimals（样品费）.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000000000))]
    pub(super) cost: Option<f64>,
}

/// How the sample was tested（检验方式）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test<'a> {
    /// Laboratory or rapid（实验室检验、快速检测）.
    #[serde(borrow)]
    #[schemars(schema_with = "test_kinds")]
    pub(super) kind: Text<'a>,
    /// Method or kit（检验方法、快检方法）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) method_id: Option<Text<'a>>,
    /// Laboratory（检验机构）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) lab_id: Option<Text<'a>>,
}

/// One tested item（检验项目）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Item<'a> {
    /// Code of the catalogue（检验项目代码）.
    #[serde(borrow)]
    pub(super) code: Text<'a>,
    /// Name in the report.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// Clause of the standard（条款）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) clause: Option<Text<'a>>,
    /// Test method（检验方法）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<Text<'a>>,
    /// What was measured, as reported（实测值）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) measured: Option<Text<'a>>,
    /// The limit it was held against（限值）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<Text<'a>>,
    /// Unit of both（单位）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<Text<'a>>,
    /// Verdict（单项判定）.
    #[serde(borrow)]
    #[schemars(schema_with = "verdicts")]
    pub(super) verdict: Text<'a>,
    /// Hazard of a failure（危害类型）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) hazard: Option<Text<'a>>,
    /// Severity of the injury a failure may cause（伤害程度）.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4))]
    pub(super) severity: Option<i64>,
}
