//! A small made-up frame, so that tests of the generator need no reference data.

use super::{CityFrame, TradeItem, TradeProduct, TradeZone, WorkCalendar};
use compact_str::{CompactString, format_compact};
use risk_domain::ids::{HazardCode, ItemCode, ProductCode, SectorCode, ZoneId};
use risk_domain::inspection::Channel;
use risk_domain::scales::Severity;
use risk_domain::time::Day;

const PRODUCTS: [(&str, &str, &str, f64); 10] = [
    ("T-1", "toys", "玩具", 0.08),
    ("T-2", "toys", "玩具", 0.15),
    ("T-3", "toys", "玩具", 0.12),
    ("S-1", "stationery", "文具", 0.05),
    ("S-2", "stationery", "文具", 0.10),
    ("J-1", "jewellery", "饰品", 0.14),
    ("J-2", "jewellery", "饰品", 0.18),
    ("E-1", "appliances", "小家电", 0.20),
    ("E-2", "appliances", "小家电", 0.12),
    ("F-1", "food", "副食品", 0.02),
];

fn items(product: &str) -> Vec<TradeItem> {
    let limits = ["≤0.1", "≥90", "不得检出", "≤25", "≥3.5"];
    let item = |(at, limit): (usize, &&str)| TradeItem {
        code: ItemCode::new(format!("{product}-{at}")).unwrap(),
        name: format_compact!("项目{at}"),
        clause: Some(format_compact!("5.{at}")),
        limit: Some(CompactString::new(limit)),
        unit: None,
        hazard: Some(HazardCode::new("chemical").unwrap()),
        severity: Severity::ALL[at % 4],
    };
    limits.iter().enumerate().map(item).collect()
}

/// Ten products, two markets of three floors, one park.
pub(crate) fn frame() -> CityFrame {
    let product = |(code, sector, trade, rate): &(&str, &str, &str, f64)| TradeProduct {
        code: ProductCode::new(code).unwrap(),
        sector: SectorCode::new(sector).unwrap(),
        name: CompactString::new(trade),
        trade: CompactString::new(trade),
        failure_rate: *rate,
        peak_month: (*sector == "appliances").then_some(12),
        standard: Some(CompactString::const_new("GB 0000")),
        units: (2, 1),
        kit: None,
        items: items(code),
    };
    let zone = |(id, market, channel, products): (&str, &str, Channel, &[usize])| TradeZone {
        id: ZoneId::new(id).unwrap(),
        market: ZoneId::new(market).unwrap(),
        weight: 1_000.0,
        channel,
        products: products.to_vec(),
    };
    let zones = [
        ("A1", "A", Channel::Market, &[0, 1, 2][..]),
        ("A2", "A", Channel::Market, &[5, 6]),
        ("A3", "A", Channel::Market, &[3, 4]),
        ("B1", "B", Channel::Market, &[0, 1, 2, 3, 4]),
        ("B2", "B", Channel::Market, &[7, 8]),
        ("B3", "B", Channel::Retail, &[9]),
        ("P1", "P", Channel::Production, &[]),
    ];
    let holiday = |day| Day::from_ymd(2025, 10, day).unwrap();
    CityFrame {
        zones: zones.into_iter().map(zone).collect(),
        products: PRODUCTS.iter().map(product).collect(),
        calendar: WorkCalendar {
            holidays: (1..=8).map(holiday).collect(),
            make_up_days: [holiday(11)].into_iter().collect(),
        },
    }
}
