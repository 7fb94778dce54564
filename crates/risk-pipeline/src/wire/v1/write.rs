//! From the domain's result to the record on the wire, borrowing its texts.

use super::{
    Agency, Extra, Item, Producer, Product, Record, Sample, Selection, Site, Supplier, Test, Text,
};
use risk_domain::inspection::InspectionResult;
use std::borrow::Cow;

fn opt<T: AsRef<str>>(text: Option<&T>) -> Option<Text<'_>> {
    text.map(|text| Text::from(text.as_ref()))
}

impl<'a> From<&'a InspectionResult> for Record<'a> {
    fn from(result: &'a InspectionResult) -> Self {
        let instant = |at: risk_domain::time::Timestamp| Text(Cow::Owned(at.to_string()));
        Self {
            schema_version: Some(1),
            inspection_id: result.inspection_id.as_str().into(),
            supersedes: result.supersedes.as_ref().map(|id| id.as_str().into()),
            sampled_at: instant(result.sampled_at),
            tested_at: result.tested_at.map(instant),
            observed_at: instant(result.observed_at),
            mode: result.mode.code().into(),
            agency: Agency {
                id: result.agency.id.as_str().into(),
                level: result.agency.level.code().into(),
            },
            team_id: result.team_id.as_str().into(),
            selection: Selection::from(&result.selection),
            site: Site::from(&result.site),
            producer: result.producer.as_ref().map(|producer| Producer {
                enterprise_id: producer.enterprise_id.as_ref().map(|id| id.as_str().into()),
                name: producer.name.as_str().into(),
                region: opt(producer.region.as_ref()),
            }),
            supplier: result.supplier.as_ref().map(|id| Supplier {
                enterprise_id: id.as_str().into(),
            }),
            product: Product::from(&result.product),
            sample: Sample {
                tested: i64::from(result.sample.tested),
                backup: i64::from(result.sample.backup),
                defective: i64::from(result.sample.defective),
                cost: result.sample.cost_fen.map(|fen| fen as f64 / 100.0),
            },
            test: Test {
                kind: result.test.kind.code().into(),
                method_id: result.test.method_id.as_ref().map(|id| id.as_str().into()),
                lab_id: result.test.lab_id.as_ref().map(|id| id.as_str().into()),
            },
            outcome: result.outcome.code().into(),
            items: result.items.iter().map(Item::from).collect(),
            confirms: result.confirms.as_ref().map(|id| id.as_str().into()),
            follow_up_of: result.follow_up_of.as_ref().map(|id| id.as_str().into()),
            case_id: result.case_id.as_ref().map(|id| id.as_str().into()),
            extra: Extra(
                result
                    .extra
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                    .collect(),
            ),
        }
    }
}

impl<'a> From<&'a risk_domain::selection::Selection> for Selection<'a> {
    fn from(selection: &'a risk_domain::selection::Selection) -> Self {
        Self {
            basis: selection.basis.code().into(),
            draw_id: selection.draw_id.as_ref().map(|id| id.as_str().into()),
            inclusion_probability: selection.inclusion_probability.map(f64::from),
            campaign_id: selection.campaign_id.as_ref().map(|id| id.as_str().into()),
        }
    }
}

impl<'a> From<&'a risk_domain::inspection::SiteRef> for Site<'a> {
    fn from(site: &'a risk_domain::inspection::SiteRef) -> Self {
        Self {
            site_id: site.site_id.as_str().into(),
            enterprise_id: site.enterprise_id.as_str().into(),
            name: site.name.as_str().into(),
            zone_id: site.zone_id.as_str().into(),
            booth: opt(site.booth.as_ref()),
            channel: site.channel.code().into(),
            platform: opt(site.platform.as_ref()),
        }
    }
}

impl<'a> From<&'a risk_domain::inspection::ProductRef> for Product<'a> {
    fn from(product: &'a risk_domain::inspection::ProductRef) -> Self {
        Self {
            category: product.category.as_str().into(),
            name: product.name.as_str().into(),
            brand: opt(product.brand.as_ref()),
            model: opt(product.model.as_ref()),
            standard: opt(product.standard.as_ref()),
            lot_no: opt(product.lot_no.as_ref()),
            lot_size: product.lot_size.map(i64::from),
            gtin: opt(product.gtin.as_ref()),
        }
    }
}

impl<'a> From<&'a risk_domain::inspection::TestItem> for Item<'a> {
    fn from(item: &'a risk_domain::inspection::TestItem) -> Self {
        Self {
            code: item.code.as_str().into(),
            name: item.name.as_str().into(),
            clause: opt(item.clause.as_ref()),
            method: opt(item.method.as_ref()),
            measured: opt(item.measured.as_ref()),
            limit: opt(item.limit.as_ref()),
            unit: opt(item.unit.as_ref()),
            verdict: item.verdict.code().into(),
            hazard: item.hazard.as_ref().map(|code| code.as_str().into()),
            severity: item.severity.map(|severity| i64::from(severity.get())),
        }
    }
}
