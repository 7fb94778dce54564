//! What decoding one record of about 500 bytes costs. Run in release:
//! `cargo run --release -p risk-pipeline --example decode_bench`.

use risk_domain::time::Timestamp;
use risk_pipeline::wire::{OpenVocabulary, WireLimits, decode};
use std::hint::black_box;
use std::time::Instant;

const RECORDS: u32 = 20_000;
const ROUNDS: u32 = 10;

fn record(number: u32) -> String {
    format!(
        r#"{{"inspection_id":"R-{number:08}","sampled_at":"2026-03-01T09:30:00+08:00","observed_at":"2026-03-06T17:00:00+08:00","mode":"supervisory_check","agency":{{"id":"yw","level":"county"}},"team_id":"t7","selection":{{"basis":"random","inclusion_probability":0.125}},"site":{{"site_id":"S-{number}","enterprise_id":"E-{number}","name":"晨光玩具商行","zone_id":"itc-1","channel":"market"}},"product":{{"category":"toys.plush","name":"毛绒小熊"}},"sample":{{"tested":3}},"test":{{"kind":"laboratory"}},"outcome":"nonconforming","items":[{{"code":"parts","name":"小零件","verdict":"nonconforming","severity":4}}]}}"#
    )
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the monotonic clock and prints what it saw"
)]
fn main() {
    let records: Vec<String> = (0..RECORDS).map(record).collect();
    let bytes: usize = records.iter().map(String::len).sum();
    let received_at = Timestamp::from_millis(1_800_000_000_000);
    let limits = WireLimits::default();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut good = 0_u32;
        for text in &records {
            let decoded = decode(text.as_bytes(), received_at, &OpenVocabulary, &limits);
            good += u32::from(black_box(decoded).is_ok());
        }
        assert_eq!(good, RECORDS, "every record of the bench is good");
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(RECORDS));
    }
    let mean = bytes as f64 / f64::from(RECORDS);
    println!("{best:.0} ns per record of {mean:.0} bytes, the best of {ROUNDS} rounds");
}
