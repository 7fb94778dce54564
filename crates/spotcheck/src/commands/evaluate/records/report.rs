//! How well failures were foretold（预测评估）: as a table, as JSON, and as a page with plots.

use super::simple::Simple;
use anyhow::Context;
use plotters::prelude::*;
use risk_stats::metrics::{Prediction, Predictions};
use serde::Serialize;
use std::fmt::Write;

/// Bins of the calibration error and the reliability table.
const BINS: usize = 15;
/// Lists, as shares of what can be tested.
const LISTS: [f64; 3] = [0.05, 0.10, 0.20];
/// Edges of score bands, in points: 50 is the mean rate, ten points double the odds.
const BANDS: [f64; 6] = [30.0, 40.0, 50.0, 60.0, 70.0, 80.0];

/// How well failures were foretold.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// File name of the record set.
    record_set: String,
    /// First day that was foretold.
    from: String,
    results: usize,
    failed: f64,
    /// The model first, then the simple ways.
    ways: Vec<Way>,
}

/// One way of foretelling.
#[derive(Debug, Serialize)]
struct Way {
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    /// Area under the receiver operating characteristic.
    auc: f64,
    log_loss: f64,
    /// Expected calibration error.
    ece: f64,
    lists: Vec<List>,
    reliability: Vec<Bin>,
    bands: Vec<Band>,
}

/// The likeliest failures.
#[derive(Debug, Serialize)]
struct List {
    /// Share of all results that stand in it.
    share: f64,
    precision: f64,
    /// Times the mean rate.
    lift: f64,
}

/// What was foretold and what came.
#[derive(Debug, Serialize)]
struct Bin {
    results: usize,
    predicted: f64,
    failed: f64,
}

/// Results with a score from `from` points on and below `until`.
#[derive(Debug, Serialize)]
struct Band {
    /// Place among all bands, the lowest first.
    #[serde(skip)]
    at: usize,
    from: Option<f64>,
    until: Option<f64>,
    /// Share of all results.
    tested: f64,
    /// Share of these that failed.
    failed: f64,
}

/// What was foretold of one result in every way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foretold {
    pub(super) failed: bool,
    pub(super) model: f64,
    pub(super) simple: [f64; Simple::ALL.len()],
}

impl Report {
    pub(super) fn new(
        record_set: String,
        from: String,
        foretold: &[Foretold],
    ) -> anyhow::Result<Self> {
        let of = |names, probability: &dyn Fn(&Foretold) -> f64| {
            let all = foretold.iter().map(|one| Prediction {
                probability: probability(one),
                failed: one.failed,
            });
            Way::new(names, all.collect())
        };
        let mut ways = vec![of(("model", "风险模型", "risk model"), &|one| {
            one.model
        })?];
        for (at, way) in Simple::ALL.into_iter().enumerate() {
            let probability = |one: &Foretold| one.simple.get(at).copied().unwrap_or_default();
            ways.push(of(way.names(), &probability)?);
        }
        let failures = foretold.iter().filter(|one| one.failed).count();
        Ok(Self {
            record_set,
            from,
            results: foretold.len(),
            failed: failures as f64 / foretold.len().max(1) as f64,
            ways,
        })
    }

    /// The model and the simple ways, a line each.
    pub(super) fn table(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{}: {} results since {}, {:.2} % failed",
                self.record_set,
                self.results,
                self.from,
                100.0 * self.failed
            ),
            format!(
                "{:<14} {:>6} {:>9} {:>7} {:>8} {:>6} {:>8}",
                "", "AUC", "at 10 %", "lift", "at 20 %", "ECE", "log loss"
            ),
        ];
        for way in &self.ways {
            let list = |share: f64| {
                way.lists
                    .iter()
                    .find(|list| (list.share - share).abs() < 1e-9)
            };
            let precision = |share| list(share).map_or(0.0, |list| 100.0 * list.precision);
            lines.push(format!(
                "{:<14} {:>6.4} {:>7.1} % {:>7.2} {:>6.1} % {:>6.4} {:>8.4}",
                way.en,
                way.auc,
                precision(0.10),
                list(0.10).map_or(0.0, |list| list.lift),
                precision(0.20),
                way.ece,
                way.log_loss
            ));
        }
        lines.push(String::new());
        let names = self.ways.iter().map(|way| format!("{:>18}", way.en));
        lines.push(format!(
            "{:<14}{}",
            "tested, failed",
            names.collect::<String>()
        ));
        for (name, cells) in self.bands() {
            let cells = cells.iter().map(|band| match band {
                Some(band) => {
                    let (tested, failed) = (100.0 * band.tested, 100.0 * band.failed);
                    format!("{tested:>8.1} %{failed:>6.1} %")
                }
                None => format!("{:>18}", "-"),
            });
            lines.push(format!("{name:<14}{}", cells.collect::<String>()));
        }
        lines
    }

    /// A page for people, with the plots in it.
    pub(super) fn page(&self) -> anyhow::Result<String> {
        let mut page = String::from(HEAD);
        write!(
            page,
            "<h1>预测评估 How well failures were foretold</h1><p>{}: {} 个结果，自 {} 起，不合格 {:.2} %。\
             {} results since {}, {:.2} % failed. 每个结果只用其之前的记录预测。 Each was foretold from earlier results alone.</p>",
            escaped(&self.record_set),
            self.results,
            self.from,
            100.0 * self.failed,
            self.results,
            self.from,
            100.0 * self.failed
        )?;
        page.push_str("<table><tr><th>方法 way</th><th>AUC</th><th>前10%命中率 precision at 10 %</th><th>提升 lift</th><th>校准误差 ECE</th><th>对数损失 log loss</th></tr>");
        for way in &self.ways {
            let tenth = way
                .lists
                .iter()
                .find(|list| (list.share - 0.10).abs() < 1e-9);
            let (precision, lift) = tenth.map_or((0.0, 0.0), |list| (list.precision, list.lift));
            write!(
                page,
                "<tr><td>{} {}</td><td>{:.4}</td><td>{:.1} %</td><td>{lift:.2}</td><td>{:.4}</td><td>{:.4}</td></tr>",
                way.zh,
                way.en,
                way.auc,
                100.0 * precision,
                way.ece,
                way.log_loss
            )?;
        }
        page.push_str("</table>");
        if let Some(model) = self.ways.first() {
            write!(
                page,
                "<h2>可靠性 Reliability</h2><p>横轴为预测概率，纵轴为实际不合格率；对角线为理想。 Foretold against what came; the diagonal is perfect.</p>{}",
                model.reliability_plot()?
            )?;
        }
        page.push_str("<h2>分值区间 Score bands</h2><p>50 分为该方法的平均水平，每高 10 分，不合格的几率翻倍；每格为占比和其中的不合格率。 50 points are the mean of what a way foretold, ten more double the odds; each cell is the share tested and what share of it failed.</p><table><tr><th>分值 score</th>");
        for way in &self.ways {
            write!(page, "<th>{} {}</th>", way.zh, way.en)?;
        }
        page.push_str("</tr>");
        for (name, cells) in self.bands() {
            write!(page, "<tr><td>{}</td>", escaped(&name))?;
            for band in cells {
                match band {
                    Some(band) => {
                        let (tested, failed) = (100.0 * band.tested, 100.0 * band.failed);
                        write!(page, "<td>{tested:.1} % · {failed:.1} %</td>")?;
                    }
                    None => page.push_str("<td>–</td>"),
                }
            }
            page.push_str("</tr>");
        }
        page.push_str("</table>");
        writeln!(
            page,
            "<h2>命中率 Precision</h2><p>各方法所列前若干比例中的不合格率。 Failures among the likeliest, by the length of the list.</p>{}</body></html>",
            self.precision_plot()?
        )?;
        Ok(page)
    }

    /// Every band that some way has, with what each way has of it.
    fn bands(&self) -> Vec<(String, Vec<Option<&Band>>)> {
        let of_ways = |at: usize| {
            let ways = self.ways.iter();
            let cells = ways.map(|way| way.bands.iter().find(|band| band.at == at));
            cells.collect::<Vec<Option<&Band>>>()
        };
        let rows = (0..=BANDS.len()).map(of_ways);
        let filled = rows.filter_map(|cells| {
            let name = cells.iter().flatten().next()?.name();
            Some((name, cells))
        });
        filled.collect()
    }

    fn precision_plot(&self) -> anyhow::Result<String> {
        let lists = self.ways.iter().flat_map(|way| &way.lists);
        let most = lists.map(|list| list.precision).fold(self.failed, f64::max);
        plot(0.0..0.25, 0.0..most * 1.1, |chart, place| {
            for (at, way) in self.ways.iter().enumerate() {
                let style = Palette99::pick(at).stroke_width(if at == 0 { 3 } else { 1 });
                let points = way.lists.iter().map(|list| (list.share, list.precision));
                chart.draw_series(LineSeries::new(points, style))?;
                let (x, y) = way
                    .lists
                    .last()
                    .map_or((0.0, 0.0), |list| (list.share, list.precision));
                let label = Text::new(way.en, (x + 0.003, y), ("sans-serif", 12).into_font());
                chart.draw_series(std::iter::once(label))?;
            }
            place("share listed", "share failed", chart)
        })
    }
}

impl Way {
    fn new(
        (code, zh, en): (&'static str, &'static str, &'static str),
        foretold: Vec<Prediction>,
    ) -> anyhow::Result<Self> {
        let bands = bands(&foretold);
        let count = foretold.len();
        let predictions = Predictions::new(foretold)?;
        let list = |share: f64| -> anyhow::Result<List> {
            let length = ((share * count as f64) as usize).max(1);
            Ok(List {
                share,
                precision: predictions.precision_at(length)?,
                lift: predictions.lift_at(length)?.unwrap_or(0.0),
            })
        };
        let bins = predictions.reliability(BINS.min(count))?.into_iter();
        Ok(Self {
            code,
            zh,
            en,
            auc: predictions.auc().context("all passed, or all failed")?,
            log_loss: predictions.log_loss(),
            ece: predictions.calibration_error(BINS.min(count))?,
            lists: LISTS.into_iter().map(list).collect::<Result<_, _>>()?,
            reliability: bins
                .map(|bin| Bin {
                    results: bin.count,
                    predicted: bin.predicted,
                    failed: bin.failed,
                })
                .collect(),
            bands,
        })
    }

    fn reliability_plot(&self) -> anyhow::Result<String> {
        let bins = self.reliability.iter();
        let most = bins
            .map(|bin| bin.predicted.max(bin.failed))
            .fold(0.01, f64::max)
            * 1.1;
        plot(0.0..most, 0.0..most, |chart, place| {
            let diagonal = [(0.0, 0.0), (most, most)];
            chart.draw_series(LineSeries::new(diagonal, BLACK.mix(0.3)))?;
            let points = self.reliability.iter();
            chart.draw_series(
                points.map(|bin| Circle::new((bin.predicted, bin.failed), 4, BLUE.filled())),
            )?;
            place("foretold", "failed", chart)
        })
    }
}

impl Band {
    fn name(&self) -> String {
        match (self.from, self.until) {
            (Some(from), Some(until)) => format!("{from:.0} to {until:.0}"),
            (Some(from), None) => format!("from {from:.0}"),
            (None, Some(until)) => format!("below {until:.0}"),
            (None, None) => "all".to_owned(),
        }
    }
}

/// Results by bands of their score against the mean rate; empty bands are left out.
fn bands(foretold: &[Prediction]) -> Vec<Band> {
    let log_odds = |p: f64| {
        let p = p.clamp(1e-9, 1.0 - 1e-9);
        (p / (1.0 - p)).ln()
    };
    let mean =
        foretold.iter().map(|one| one.probability).sum::<f64>() / foretold.len().max(1) as f64;
    let points = |p| 50.0 + 10.0 / std::f64::consts::LN_2 * (log_odds(p) - log_odds(mean));
    let mut counts = [(0_usize, 0_usize); BANDS.len() + 1];
    for one in foretold {
        let score = points(one.probability);
        let band = BANDS.partition_point(|edge| *edge <= score);
        if let Some((results, failures)) = counts.get_mut(band) {
            *results += 1;
            *failures += usize::from(one.failed);
        }
    }
    let filled = counts
        .into_iter()
        .enumerate()
        .filter(|(_, (results, _))| *results > 0);
    filled
        .map(|(at, (results, failures))| Band {
            at,
            from: at.checked_sub(1).and_then(|at| BANDS.get(at)).copied(),
            until: BANDS.get(at).copied(),
            tested: results as f64 / foretold.len() as f64,
            failed: failures as f64 / results as f64,
        })
        .collect()
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
/// Names the axes, last, so that they lie above what was drawn.
type Axes = fn(&str, &str, &mut Chart<'_, '_>) -> Drawn;

/// A plot as SVG.
fn plot(
    across: std::ops::Range<f64>,
    up: std::ops::Range<f64>,
    draw: impl Fn(&mut Chart<'_, '_>, Axes) -> Drawn,
) -> anyhow::Result<String> {
    let axes: Axes = |x, y, chart| {
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(x).y_desc(y).light_line_style(WHITE).draw()
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (640, 400)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(52)
            .build_cartesian_2d(across, up)?;
        draw(&mut chart, axes)?;
        area.present()?;
    }
    Ok(svg)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>预测评估 Evaluation</title>\
<style>body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse}th,td{border:1px solid #999;padding:.3rem .6rem;text-align:right}\
th:first-child,td:first-child{text-align:left}</style></head><body>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn foretold() -> Vec<Foretold> {
        let one = |at: usize| Foretold {
            failed: at.is_multiple_of(10) || at < 20,
            model: if at < 20 { 0.6 } else { 0.08 },
            simple: [0.1; 4],
        };
        (0..200).map(one).collect()
    }

    #[test]
    fn bands_hold_every_result_once_and_rise() {
        let report = Report::new("set".to_owned(), "2024-01-01".to_owned(), &foretold()).unwrap();
        let bands = &report.ways[0].bands;
        let all: f64 = bands.iter().map(|band| band.tested).sum();
        assert!((all - 1.0).abs() < 1e-12, "{bands:?}");
        assert!(
            bands.windows(2).all(|pair| pair[0].failed < pair[1].failed),
            "{bands:?}"
        );
        assert!(bands.last().unwrap().failed > 0.999);
        // The simple ways say the same of all, so that one band of theirs holds everything.
        let rows = report.bands();
        let filled = |way: usize| {
            rows.iter()
                .filter(|(_, cells)| cells[way].is_some())
                .count()
        };
        assert_eq!((filled(0), filled(1)), (bands.len(), 1), "{rows:?}");
        let table = report.table().join("\n");
        assert!(
            rows.iter().all(|(name, _)| table.contains(name.as_str())),
            "{table}"
        );
    }

    #[test]
    fn table_page_and_json_say_the_same() {
        let report = Report::new("<set>".to_owned(), "2024-01-01".to_owned(), &foretold()).unwrap();
        let auc = format!("{:.4}", report.ways[0].auc);
        let page = report.page().unwrap();
        assert!(report.table().join("\n").contains(&auc));
        assert!(page.contains(&auc) && page.contains("&lt;set&gt;") && !page.contains("<set>"));
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(!page.contains("<script"));
        let json = serde_json::to_value(&report).unwrap();
        let ways = json["ways"].as_array().unwrap();
        assert_eq!(ways.len(), 5);
        assert_eq!(ways[0]["code"], "model");
        // A way that says the same of all lists nobody first.
        assert_eq!(ways[1]["auc"], 0.5);
    }
}
