//! What a refit and a prediction cost: a synthetic city with as many row bins as asked (1,000,000
//! by default), fitted cold for a few sweeps and then warm as a weekly close does.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures and prints, no part of the engine"
)]

use risk_engine::logodds::{
    Basis, Evidence, Frame, Query, Row, Selection, Settings, SinceSnapshot, Sweeps, Verification,
    fit, merge,
};
use std::hint::black_box;
use std::time::Instant;

/// A generator of numbers that look random (`SplitMix64`).
struct Mixed(u64);

impl Mixed {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }
}

const SECTORS: u32 = 12;
const PRODUCTS: u32 = 400;
const ZONES: u32 = 50;
const WEEKS: u32 = 156;

fn city(bins: u32) -> (Frame, Vec<Row>) {
    let mut mixed = Mixed(1);
    let mut frame = Frame::new(6);
    let enterprises = bins / 20;
    for enterprise in 0..enterprises {
        let zone = mixed.below(ZONES);
        for _ in 0..2 {
            let product = mixed.below(PRODUCTS);
            let (cell, pair) = (frame.len() as u32, product * ZONES + zone);
            let groups = [product % SECTORS, product, zone, pair, enterprise, cell];
            frame.push(&groups, 0, u16::MAX);
        }
    }
    let mut rows = Vec::new();
    while rows.len() < bins as usize {
        let target = mixed.below(frame.len() as u32);
        let mode = mixed.below(5) as u8;
        let week = mixed.below(WEEKS) as u16;
        let basis = match mode {
            0 => Basis::Random,
            4 => Basis::Informative,
            _ => Basis::Ignorable,
        };
        let failed = u32::from(mixed.below(100) < 4 + target % 9);
        let row = Row::new(target, week, mode, basis)
            .by_method(u8::from(mode == 3), Verification::None)
            .counting(1, failed);
        rows.push(row);
    }
    (frame, merge(rows))
}

fn main() {
    let bins = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let (frame, rows) = city(bins.unwrap_or(1_000_000));
    println!(
        "{} bins of {} bytes, {} targets",
        rows.len(),
        size_of::<Row>(),
        frame.len()
    );
    for selection in [Settings::default().selection, Selection::Ignored] {
        let settings = Settings {
            selection,
            sweeps: Sweeps {
                cold: 4,
                ..Settings::default().sweeps
            },
            ..Settings::default()
        };
        let evidence = |as_of| Evidence::new(&frame, &rows, as_of);
        let Ok(cold) = fit(&evidence(154), &settings, None) else {
            println!("the city does not fit its settings");
            return;
        };
        let started = Instant::now();
        let warm = fit(&evidence(155), &settings, Some(&cold));
        let took = started.elapsed();
        let Ok(warm) = warm else {
            println!("the second fit failed");
            return;
        };
        println!(
            "warm refit, {} sweeps: {} ns, {} ns a bin",
            settings.sweeps.warm,
            took.as_nanos(),
            took.as_nanos() / rows.len() as u128
        );
        let mut groups = [0; 6];
        let calls = 200_000;
        for (how, stride) in [("in order, as a close does", 1), ("at random", 7919)] {
            let asked: Vec<[u32; 6]> = (0..calls)
                .map(|call| {
                    let target = (call * stride) % frame.len() as u32;
                    for (slot, group) in groups.iter_mut().zip(frame.groups(target)) {
                        *slot = group;
                    }
                    groups
                })
                .collect();
            let started = Instant::now();
            for groups in &asked {
                black_box(warm.predict(&Query::new(groups)));
            }
            println!(
                "prediction of targets {how}: {} ns",
                started.elapsed().as_nanos() / u128::from(calls)
            );
        }
        let mut since = SinceSnapshot::new(&warm);
        let started = Instant::now();
        for row in rows.iter().step_by(rows.len() / calls as usize + 1) {
            for (slot, group) in groups.iter_mut().zip(frame.groups(row.target)) {
                *slot = group;
            }
            since.add(&warm, row, &groups);
        }
        let count = rows.len().div_ceil(rows.len() / calls as usize + 1);
        println!(
            "a result between fits: {} ns",
            started.elapsed().as_nanos() / count as u128
        );
    }
}
