//! The figures, as SVG: bars of medians, and lines.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::Row;

const SIZE: (u32, u32) = (900, 480);
const FONT: (&str, u32) = ("sans-serif", 15);

/// Colours that can be told apart, also by the colour-blind (Okabe and Ito's), the same in every figure: whose name
/// begins with this has this one.
const COLOURS: [(&str, RGBColor); 9] = [
    ("ntpark", RGBColor(213, 94, 0)),
    ("std", RGBColor(0, 114, 178)),
    ("parking_lot_core", RGBColor(0, 158, 115)),
    ("crossbeam-utils", RGBColor(204, 121, 167)),
    ("parking", RGBColor(86, 180, 233)),
    ("atomic-wait", RGBColor(230, 159, 0)),
    ("auto-reset-event", RGBColor(120, 94, 240)),
    ("raw", RGBColor(60, 60, 60)),
    ("", RGBColor(150, 150, 150)),
];

/// The works that are drawn, with their titles.
const BARS: [(&str, &str); 4] = [
    ("token", "An unpark and the park that takes its token, one thread"),
    ("handoff", "Handoff between two running threads"),
    ("handoff-blocking", "Handoff that blocks in the system"),
    ("ring-16", "Handoff in a ring of 16 threads"),
];

/// A line: whose it is, and its points.
type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Draws what there are rows for, and returns the files.
pub(super) fn draw(rows: &[Row], dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut backends: Vec<&str> = rows.iter().map(|row| row.backend.as_str()).collect();
    backends.dedup();
    for backend in backends {
        let mut file = |name: &str| {
            files.push(dir.join(format!("{name}-{backend}.svg")));
            files[files.len() - 1].clone()
        };
        let of_backend: Vec<&Row> = rows.iter().filter(|row| row.backend == backend).collect();
        for (work, title) in BARS {
            let rows: Vec<&Row> = of_backend.iter().copied().filter(|row| row.work == work).collect();
            if !rows.is_empty() {
                bars(&file(work), &format!("{title} ({backend})"), rows.clone())?;
            }
            let lines: Vec<Line<'_>> = rows.iter().map(|row| (row.subject.as_str(), latencies(row))).collect();
            if lines.iter().any(|(_, points)| !points.is_empty()) {
                let y = decades(lines.iter().flat_map(|(_, points)| points.iter().map(|(_, y)| *y)));
                let title = format!("{title}: distribution ({backend})");
                let x = ("part of the handoffs that were at least this fast", 0.0..3.0);
                lines_chart(&file(&format!("{work}-latency")), &title, x, &part, y.log_scale(), &nanoseconds, &lines)?;
            }
        }
        let mut lines: Vec<Line<'_>> = Vec::new();
        for row in &of_backend {
            let size = row.work.strip_prefix("crowd-").and_then(|size| size.parse::<f64>().ok());
            let Some(point) = size.map(step_of_crowd).zip(row.ratio_to_limit) else { continue };
            match lines.iter_mut().find(|(subject, _)| *subject == row.subject) {
                Some((_, points)) => points.push(point),
                None => lines.push((&row.subject, vec![point])),
            }
        }
        if !lines.is_empty() {
            let points = lines.iter().flat_map(|(_, points)| points);
            let (right, top) =
                points.fold((1.0f64, 2.0f64), |(right, top), point| (right.max(point.0), top.max(point.1)));
            let title = format!("Handoff that blocks, with other threads parked ({backend})");
            let x = ("threads that are parked beside", 0.0..right);
            let times = |ratio: &f64| format!("{ratio:.1} ×");
            lines_chart(&file("crowd"), &title, x, &crowd_of_step, 0.0..top * 1.1, &times, &lines)?;
        }
    }
    Ok(files)
}

/// Quantiles from the fastest to one in a thousand, spread as the tails are.
fn latencies(row: &Row) -> Vec<(f64, f64)> {
    let quantiles = row.quantiles.iter().filter(|[part, _]| *part <= 0.999);
    quantiles.map(|[part, nanos]| (-(1.0 - part).max(0.001).log10(), *nanos)).collect()
}

fn part(position: &f64) -> String {
    let digits = usize::from(*position >= 2.5);
    format!("{:.digits$} %", 100.0 - 100.0 * 10f64.powf(-position))
}

/// Even steps for none, 64, 512 and 4,096.
fn step_of_crowd(size: f64) -> f64 {
    if size == 0.0 { 0.0 } else { (size.log2() - 3.0) / 3.0 }
}

fn crowd_of_step(step: &f64) -> String {
    match step.round() {
        at if (step - at).abs() > 0.01 => String::new(),
        0.0 => "none".into(),
        at => format!("{:.0}", (at * 3.0 + 3.0).exp2()),
    }
}

fn colour(subject: &str) -> RGBColor {
    COLOURS.iter().find(|(name, _)| subject.starts_with(name)).map_or(BLACK, |(_, colour)| *colour)
}

/// A logarithmic range around all values, from a power of ten to another.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values
        .filter(|value| value.is_finite() && *value > 0.0)
        .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 1.0..10.0;
    }
    10f64.powf(low.log10().floor())..10f64.powf((high.log10() + 0.001).ceil())
}

/// With so many digits that 3 or 4 count.
fn exactly(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}

/// For a power of ten.
fn nanoseconds(nanos: &f64) -> String {
    exactly(*nanos).replace(".00", "").replace(".0", "")
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// Medians, one bar each, shortest first.
fn bars(file: &Path, title: &str, mut rows: Vec<&Row>) -> Result<()> {
    rows.sort_by(|a, b| b.median_ns.total_cmp(&a.median_ns));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let x = decades(rows.iter().map(|row| row.median_ns));
    let mut builder = ChartBuilder::on(&area);
    builder.caption(title, ("sans-serif", 19)).margin(12).margin_right(40).x_label_area_size(40).y_label_area_size(160);
    let mut chart = builder.build_cartesian_2d(x.clone().log_scale(), 0.0..rows.len() as f64).map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().y_labels(0).x_label_formatter(&nanoseconds).x_desc("median, logarithmic").label_style(FONT);
    mesh.draw().map_err(failed)?;
    for (index, row) in rows.iter().enumerate() {
        let (bottom, top) = (index as f64 + 0.15, index as f64 + 0.85);
        let bar = Rectangle::new([(x.start, bottom), (row.median_ns, top)], colour(&row.subject).filled());
        chart.draw_series([bar]).map_err(failed)?;
    }
    // The names stand beside the axis, outside of the chart's own coordinates.
    let plot = chart.plotting_area();
    for (index, row) in rows.iter().enumerate() {
        let (left, middle) = plot.map_coordinate(&(x.start, index as f64 + 0.5));
        let (right, _) = plot.map_coordinate(&(row.median_ns, index as f64));
        let ratio = row.ratio_to_limit.map_or_else(String::new, |ratio| format!(" ({ratio:.2} × the limit)"));
        let value = format!("{}{ratio}", exactly(row.median_ns));
        // Inside of the bar where there is no room beside it.
        let is_long = right > SIZE.0 as i32 - 220;
        let (at, colour) = if is_long { (left + 8, &WHITE) } else { (right + 6, &BLACK) };
        for (text, at, colour) in [(row.subject.clone(), left - 152, &BLACK), (value, at, colour)] {
            area.draw(&Text::new(text, (at, middle - 7), FONT.into_font().color(colour))).map_err(failed)?;
        }
    }
    area.present().map_err(failed)
}

/// One line for each subject.
fn lines_chart<Y>(
    file: &Path,
    title: &str,
    (description, x): (&str, Range<f64>),
    x_label: &dyn Fn(&f64) -> String,
    y: Y,
    y_label: &dyn Fn(&f64) -> String,
    lines: &[Line<'_>],
) -> Result<()>
where
    Y: AsRangedCoord<Value = f64, CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>>,
{
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let mut builder = ChartBuilder::on(&area);
    builder.caption(title, ("sans-serif", 19)).margin(12).margin_right(40).x_label_area_size(40).y_label_area_size(70);
    let mut chart = builder.build_cartesian_2d(x, y).map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(description).x_labels(4).light_line_style(TRANSPARENT).label_style(FONT);
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label).draw().map_err(failed)?;
    for (subject, points) in lines {
        let colour = colour(subject);
        let width = if subject.starts_with("ntpark") { 3 } else { 1 };
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(width));
        let drawn = chart.draw_series(line).map_err(failed)?.label(*subject);
        drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    let mut labels = chart.configure_series_labels();
    labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.85)).border_style(BLACK);
    labels.label_font(FONT).draw().map_err(failed)?;
    area.present().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_figure_is_drawn_and_names_its_subjects() {
        let dir = tempfile::tempdir().expect("there is room");
        let row = |(work, subject): (&str, &str)| Row {
            work: work.into(),
            backend: "host".into(),
            subject: subject.into(),
            median_ns: 70_000.0,
            ratio_to_limit: Some(1.5),
            goal: None,
            met: None,
            quantiles: if work == "handoff" { vec![[0.0, 10.0], [0.5, 20.0], [0.99, 400.0]] } else { Vec::new() },
        };
        let works = ["token", "handoff", "crowd-0", "crowd-64", "crowd-4096"];
        let rows: Vec<Row> = works.iter().flat_map(|&work| [(work, "ntpark"), (work, "std")]).map(row).collect();
        let files = draw(&rows, dir.path()).expect("drawn");
        assert_eq!(files.len(), 4);
        for file in files {
            let svg = std::fs::read_to_string(file).expect("written");
            assert!(svg.starts_with("<svg") && svg.contains("ntpark") && svg.contains("std"));
        }
        assert_eq!(decades([f64::NAN].into_iter()), 1.0..10.0);
    }
}
