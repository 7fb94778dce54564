//! Charts of documents（图表）: drawn once as SVG, and shown by pages and PDFs alike.

use super::percent;
use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, EmptyElement, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{Color, IntoTextStyle, RGBAColor, RGBColor, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};

const FONT: &str = "Noto Sans SC";
const INK: RGBColor = RGBColor(31, 36, 48);
const GREY: RGBColor = RGBColor(138, 144, 156);
const WIDTH: u32 = 760;

/// What a line is about, which gives it its colour in every chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The figure to publish.
    Corrected,
    /// From random draws alone.
    Random,
    /// Raw.
    Raw,
}

impl Role {
    fn colour(self) -> RGBColor {
        match self {
            Self::Corrected => RGBColor(29, 79, 145),
            Self::Random => RGBColor(46, 125, 80),
            Self::Raw => RGBColor(192, 106, 27),
        }
    }
}

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// It rests on too little to be relied on.
    pub(crate) muted: bool,
}

/// A line over periods.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) points: Vec<Option<Point>>,
}

/// What is drawn.
#[derive(Debug, Clone)]
pub(crate) enum Drawn {
    /// Shares over periods, and what they are to reach.
    Lines {
        periods: Vec<String>,
        lines: Vec<Line>,
        target: Option<(String, f64)>,
    },
    /// A share with its interval for each of several names.
    Dots(Vec<(String, Point)>),
}

/// A chart.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// How what is muted is told from the rest, beside the chart.
    pub(crate) muted_note: String,
    pub(crate) drawn: Drawn,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Context<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawing = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Chart {
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// What it shows, for whoever does not see it.
    pub(crate) fn alt(&self) -> String {
        let said = |point: &Point| {
            format!(
                "{} ({} – {})",
                percent(point.value),
                percent(point.lower),
                percent(point.upper)
            )
        };
        let mut told = Vec::new();
        match &self.drawn {
            Drawn::Lines { periods, lines, .. } => {
                for line in lines {
                    let last = line.points.iter().zip(periods).rev();
                    let last = last.filter_map(|(point, period)| Some((point.as_ref()?, period)));
                    if let Some((point, period)) = last.into_iter().next() {
                        told.push(format!("{} {period}: {}", line.name, said(point)));
                    }
                }
            }
            Drawn::Dots(dots) => {
                told.extend(
                    dots.iter()
                        .map(|(name, point)| format!("{name}: {}", said(point))),
                );
            }
        }
        format!("{}. {}", self.title, told.join("; "))
    }

    /// As SVG, which names its text's font and brings no style of its own.
    pub(crate) fn svg(&self) -> String {
        let mut svg = String::new();
        // Writing to a text cannot fail.
        let _drawn = match &self.drawn {
            Drawn::Lines {
                periods,
                lines,
                target,
            } => self.draw_lines(&mut svg, periods, lines, target.as_ref()),
            Drawn::Dots(dots) => self.draw_dots(&mut svg, dots),
        };
        svg
    }

    fn draw_lines(
        &self,
        svg: &mut String,
        periods: &[String],
        lines: &[Line],
        target: Option<&(String, f64)>,
    ) -> Drawing {
        let root = SVGBackend::with_string(svg, (WIDTH, 280)).into_drawing_area();
        root.fill(&WHITE)?;
        let points = lines.iter().flat_map(|line| line.points.iter().flatten());
        let (low, high) = bounds(points, target.map(|(_, value)| *value));
        let count = periods.len().max(1) as f64;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(30)
            .margin_right(14)
            .x_label_area_size(24)
            .y_label_area_size(56)
            .build_cartesian_2d(-0.5..count - 0.5, low..high)?;
        mesh(&mut chart, true)?;
        if let Some((_, value)) = target {
            let across = vec![(-0.5, *value), (count - 0.5, *value)];
            chart.draw_series([PathElement::new(across, GREY.stroke_width(1))])?;
        }
        for line in lines {
            draw_line(&mut chart, line)?;
        }
        let every = periods.len().div_ceil(13).max(1);
        for (at, period) in periods.iter().enumerate().step_by(every) {
            let (x, _) = chart.backend_coord(&(at as f64, low));
            label(&root, period, (x, 262), (HPos::Center, GREY, 11))?;
        }
        let mut names: Vec<(&str, RGBColor)> = lines
            .iter()
            .map(|line| (line.name.as_str(), line.role.colour()))
            .collect();
        if let Some((name, _)) = target {
            names.push((name, GREY));
        }
        legend(&root, &names)?;
        label(
            &root,
            &self.muted_note,
            (WIDTH as i32 - 14, 6),
            (HPos::Right, GREY, 11),
        )?;
        root.present()
    }

    fn draw_dots(&self, svg: &mut String, dots: &[(String, Point)]) -> Drawing {
        const ROW: u32 = 24;
        let rows = dots.len().max(1) as u32;
        let root = SVGBackend::with_string(svg, (WIDTH, rows * ROW + 56)).into_drawing_area();
        root.fill(&WHITE)?;
        let (low, high) = bounds(dots.iter().map(|(_, point)| point), None);
        let mut chart = ChartBuilder::on(&root)
            .margin_top(22)
            .margin_right(100)
            .x_label_area_size(26)
            .y_label_area_size(190)
            .build_cartesian_2d(low..high, -0.5..f64::from(rows) - 0.5)?;
        mesh(&mut chart, false)?;
        for (at, (name, point)) in dots.iter().enumerate() {
            let row = f64::from(rows) - 1.0 - at as f64;
            let colour = tone(Role::Corrected, point.muted);
            let reach = vec![(point.lower, row), (point.upper, row)];
            chart.draw_series([PathElement::new(reach, colour.stroke_width(2))])?;
            chart.draw_series([Circle::new((point.value, row), 4, colour.filled())])?;
            let (_, y) = chart.backend_coord(&(point.value, row));
            let ink = if point.muted { GREY } else { INK };
            label(&root, name, (182, y - 7), (HPos::Right, ink, 12))?;
            let value = percent(point.value);
            label(
                &root,
                &value,
                (WIDTH as i32 - 90, y - 7),
                (HPos::Left, ink, 12),
            )?;
        }
        label(
            &root,
            &self.muted_note,
            (WIDTH as i32 - 14, 4),
            (HPos::Right, GREY, 11),
        )?;
        root.present()
    }
}

/// What is muted is grey in every chart.
fn tone(role: Role, muted: bool) -> RGBAColor {
    if muted {
        GREY.mix(0.7)
    } else {
        role.colour().mix(1.0)
    }
}

/// From where to where an axis of shares goes, so that intervals fit in and no more than that.
fn bounds<'a>(points: impl Iterator<Item = &'a Point>, target: Option<f64>) -> (f64, f64) {
    let mut low = target.unwrap_or(1.0);
    let mut high = target.unwrap_or(0.0);
    for point in points {
        low = low.min(point.lower);
        high = high.max(point.upper);
    }
    if low > high {
        return (0.0, 1.0);
    }
    let margin = ((high - low) * 0.08).max(0.005);
    ((low - margin).max(0.0), (high + margin).min(1.0))
}

fn mesh(chart: &mut Context<'_, '_>, upright: bool) -> Drawing {
    let shares = |share: &f64| format!("{:.0}%", share * 100.0);
    let fine = |share: &f64| format!("{:.1}%", share * 100.0);
    let range = if upright {
        chart.y_range()
    } else {
        chart.x_range()
    };
    let narrow = range.end - range.start < 0.06;
    let style = (FONT, 11).into_text_style(&(WIDTH, WIDTH)).color(&GREY);
    let mut mesh = chart.configure_mesh();
    mesh.axis_style(GREY.mix(0.5))
        .bold_line_style(GREY.mix(0.18))
        .light_line_style(WHITE.mix(0.0))
        .label_style(style);
    match (upright, narrow) {
        (true, false) => mesh
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(6)
            .y_label_formatter(&shares),
        (true, true) => mesh
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(6)
            .y_label_formatter(&fine),
        (false, false) => mesh
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(7)
            .x_label_formatter(&shares),
        (false, true) => mesh
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(7)
            .x_label_formatter(&fine),
    };
    mesh.draw()
}

/// A line with its band, or points with their intervals; what is muted is grey.
fn draw_line(chart: &mut Context<'_, '_>, line: &Line) -> Drawing {
    let colour = line.role.colour();
    let mut run: Vec<(f64, Point)> = Vec::new();
    let mut runs = Vec::new();
    for (at, point) in line.points.iter().enumerate() {
        match point {
            Some(point) => run.push((at as f64, *point)),
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    runs.push(run);
    for run in runs.iter().filter(|run| !run.is_empty()) {
        if line.role == Role::Corrected && run.len() > 1 {
            let below = run.iter().map(|(at, point)| (*at, point.lower));
            let above = run.iter().rev().map(|(at, point)| (*at, point.upper));
            let band: Vec<(f64, f64)> = below.chain(above).collect();
            chart.draw_series([Polygon::new(band, colour.mix(0.14))])?;
        }
        let path: Vec<(f64, f64)> = run.iter().map(|(at, point)| (*at, point.value)).collect();
        // Of a few random draws each period stands for itself: a line between them would be noise.
        match line.role {
            Role::Corrected => {
                chart.draw_series([PathElement::new(path, colour.stroke_width(2))])?;
            }
            Role::Raw => {
                chart.draw_series([PathElement::new(path, colour.stroke_width(1))])?;
            }
            Role::Random => {}
        }
        for (at, point) in run {
            let colour = tone(line.role, point.muted);
            if line.role == Role::Random {
                let reach = vec![(*at, point.lower), (*at, point.upper)];
                chart.draw_series([PathElement::new(reach, colour.stroke_width(1))])?;
            }
            chart.draw_series([Circle::new((*at, point.value), 3, colour.filled())])?;
        }
    }
    Ok(())
}

fn label(
    root: &Area<'_>,
    text: &str,
    at: (i32, i32),
    (side, colour, size): (HPos, RGBColor, i32),
) -> Drawing {
    let style = (FONT, size).into_text_style(root).color(&colour);
    let style = style.pos(Pos::new(side, VPos::Top));
    root.draw(&Text::new(text.to_owned(), at, style))
}

/// Names with their colours, in the upper left corner.
fn legend(root: &Area<'_>, names: &[(&str, RGBColor)]) -> Drawing {
    let mut x = 56;
    for (name, colour) in names {
        root.draw(
            &(EmptyElement::at((x, 8)) + Rectangle::new([(0, 0), (14, 6)], colour.filled())),
        )?;
        label(root, name, (x + 19, 4), (HPos::Left, INK, 12))?;
        // A Chinese sign is as wide as it is high, others about half of that.
        let wide = name
            .chars()
            .map(|sign| if sign.is_ascii() { 7 } else { 12 });
        x += 19 + wide.sum::<i32>() + 18;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: f64, muted: bool) -> Point {
        Point {
            value,
            lower: value - 0.01,
            upper: value + 0.01,
            muted,
        }
    }

    #[test]
    fn a_chart_says_what_it_shows_and_is_the_same_each_time() {
        let chart = Chart {
            title: "合格率".to_owned(),
            muted_note: "灰色：样本不足".to_owned(),
            drawn: Drawn::Lines {
                periods: vec!["1".to_owned(), "2".to_owned(), "3".to_owned()],
                lines: vec![Line {
                    name: "校正".to_owned(),
                    role: Role::Corrected,
                    points: vec![Some(point(0.9, false)), None, Some(point(0.95, true))],
                }],
                target: Some(("目标".to_owned(), 0.93)),
            },
        };
        assert!(
            chart.alt().contains("校正 3: 95.00% (94.00% – 96.00%)"),
            "{}",
            chart.alt()
        );
        let svg = chart.svg();
        assert_eq!(svg, chart.svg());
        for text in ["校正", "目标", "灰色"] {
            assert!(svg.contains(text), "{svg}");
        }
        // A page's content policy allows no style of its own.
        assert!(!svg.contains("style="), "{svg}");
    }

    #[test]
    fn an_axis_holds_every_interval() {
        let points = [point(0.5, false), point(0.8, false)];
        let (low, high) = bounds(points.iter(), Some(0.99));
        assert!(low < 0.49 && high > 0.99 && high <= 1.0, "{low} {high}");
        assert_eq!(bounds([].iter(), None), (0.0, 1.0));
    }
}
