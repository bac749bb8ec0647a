//! The figures, as SVG.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::series::LineSeries;

use super::Row;

const SIZE: (u32, u32) = (900, 480);
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE: (&str, u32) = ("sans-serif", 19);

/// Colours that can be told apart, also by the colour-blind (Okabe and Ito's).
const COLOURS: [RGBColor; 9] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(120, 94, 240),
    RGBColor(60, 60, 60),
    RGBColor(150, 150, 150),
];
/// ntpark's own.
const OURS: RGBColor = COLOURS[0];

/// Draws what there are rows for, and returns the files.
pub(super) fn draw(rows: &[Row], dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut backends: Vec<&str> = rows.iter().map(|row| row.backend.as_str()).collect();
    backends.dedup();
    for backend in backends {
        let of = |work: &str| -> Vec<&Row> {
            rows.iter().filter(|row| row.backend == backend && row.work == work).collect()
        };
        for (work, title) in [
            ("token", "An unpark and the park that takes its token, one thread"),
            ("handoff", "Handoff between two running threads"),
            ("handoff-blocking", "Handoff that blocks in the system"),
            ("ring-16", "Handoff in a ring of 16 threads"),
        ] {
            let rows = of(work);
            if !rows.is_empty() {
                let file = dir.join(format!("{work}-{backend}.svg"));
                bars(&file, &format!("{title} ({backend})"), &rows)?;
                files.push(file);
            }
            if rows.iter().any(|row| !row.quantiles.is_empty()) {
                let file = dir.join(format!("{work}-latency-{backend}.svg"));
                latencies(&file, &format!("{title}: distribution ({backend})"), &rows)?;
                files.push(file);
            }
        }
        let crowds: Vec<&Row> =
            rows.iter().filter(|row| row.backend == backend && crowd_size(&row.work).is_some()).collect();
        if !crowds.is_empty() {
            let file = dir.join(format!("crowd-{backend}.svg"));
            scaling(&file, &format!("Handoff that blocks, with other threads parked ({backend})"), &crowds)?;
            files.push(file);
        }
    }
    Ok(files)
}

/// The threads that are parked beside, from the name of the work.
fn crowd_size(work: &str) -> Option<f64> {
    work.strip_prefix("crowd-")?.parse().ok()
}

/// The same in every figure.
fn colour(subject: &str) -> RGBColor {
    const OTHERS: [&str; 6] =
        ["std", "parking_lot_core", "crossbeam-utils", "parking", "atomic-wait", "auto-reset-event"];
    match OTHERS.iter().position(|other| *other == subject) {
        _ if subject.starts_with("ntpark") => OURS,
        Some(index) => COLOURS[1 + index],
        None if subject.starts_with("raw") => COLOURS[7],
        None => COLOURS[8],
    }
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

fn nanoseconds(value: &f64) -> String {
    match *value {
        value if value < 1e3 => format!("{value:.0} ns"),
        value if value < 1e6 => format!("{:.0} µs", value / 1e3),
        value => format!("{:.0} ms", value / 1e6),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn area(file: &Path) -> Result<Area<'_>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    Ok(area)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// Medians, one bar each, shortest first.
fn bars(file: &Path, title: &str, rows: &[&Row]) -> Result<()> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| b.median_ns.total_cmp(&a.median_ns));
    let area = area(file)?;
    let x = decades(rows.iter().map(|row| row.median_ns));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(160)
        .build_cartesian_2d(x.clone().log_scale(), 0.0..rows.len() as f64)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_label_formatter(&nanoseconds)
        .x_desc("median, logarithmic")
        .label_style(FONT)
        .draw()
        .map_err(failed)?;
    for (index, row) in rows.iter().enumerate() {
        let (bottom, top) = (index as f64 + 0.15, index as f64 + 0.85);
        let bar = Rectangle::new([(x.start, bottom), (row.median_ns, top)], colour(&row.subject).filled());
        chart.draw_series([bar]).map_err(failed)?;
    }
    // The names stand beside the axis, outside of the chart's own coordinates.
    let plot = chart.plotting_area();
    for (index, row) in rows.iter().enumerate() {
        let (left, middle) = plot.map_coordinate(&(x.start, index as f64 + 0.5));
        let ratio = row.ratio_to_limit.map_or_else(String::new, |ratio| format!(" ({ratio:.2} × the limit)"));
        let value = format!("{}{ratio}", exactly(row.median_ns));
        let name = Text::new(row.subject.clone(), (left - 152, middle - 7), FONT.into_font());
        area.draw(&name).map_err(failed)?;
        let (right, _) = plot.map_coordinate(&(row.median_ns, index as f64));
        // Inside of the bar where there is no room beside it.
        let is_long = right > SIZE.0 as i32 - 220;
        let (at, colour) = if is_long { (left + 8, &WHITE) } else { (right + 6, &BLACK) };
        area.draw(&Text::new(value, (at, middle - 7), FONT.into_font().color(colour))).map_err(failed)?;
    }
    area.present().map_err(failed)
}

fn exactly(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}

/// Quantiles of single operations.
fn latencies(file: &Path, title: &str, rows: &[&Row]) -> Result<()> {
    let rows: Vec<&Row> = rows.iter().copied().filter(|row| !row.quantiles.is_empty()).collect();
    let area = area(file)?;
    // From half of them to one in a thousand, spread as the tails are.
    let position = |part: f64| -(1.0 - part).max(0.001).log10();
    let y = decades(rows.iter().flat_map(|row| row.quantiles.iter().map(|[_, nanos]| *nanos)));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..3.0, y.log_scale())
        .map_err(failed)?;
    let part = |position: &f64| {
        let part = 100.0 - 100.0 * 10f64.powf(-position);
        if *position < 2.5 { format!("{part:.0} %") } else { format!("{part:.1} %") }
    };
    mesh(&mut chart, "part of the handoffs that were at least this fast", &part, &nanoseconds)?;
    for row in &rows {
        let colour = colour(&row.subject);
        let points = row.quantiles.iter().filter(|[part, _]| *part <= 0.999);
        let line = LineSeries::new(points.map(|[part, nanos]| (position(*part), *nanos)), stroke(row, colour));
        let drawn = chart.draw_series(line).map_err(failed)?;
        drawn.label(&row.subject).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    area.present().map_err(failed)
}

/// How the time grows with the threads that are parked beside.
fn scaling(file: &Path, title: &str, rows: &[&Row]) -> Result<()> {
    let area = area(file)?;
    let most = rows.iter().filter_map(|row| row.ratio_to_limit).fold(2.0, f64::max);
    // Even steps for none, 64, 512 and 4,096.
    let position = |size: f64| if size == 0.0 { 0.0 } else { (size.log2() - 3.0) / 3.0 };
    let size = |position: &f64| match position.round() {
        at if (position - at).abs() > 0.01 => String::new(),
        0.0 => "none".into(),
        at => format!("{:.0}", (at * 3.0 + 3.0).exp2()),
    };
    let end = rows.iter().filter_map(|row| crowd_size(&row.work)).map(position).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end, 0.0..most * 1.1)
        .map_err(failed)?;
    mesh(&mut chart, "threads that are parked beside", &size, &|ratio| format!("{ratio:.1} ×"))?;
    let mut subjects: Vec<&str> = rows.iter().map(|row| row.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in subjects {
        let own: Vec<&&Row> = rows.iter().filter(|row| row.subject == subject).collect();
        let points = own.iter().filter_map(|row| Some((position(crowd_size(&row.work)?), row.ratio_to_limit?)));
        let colour = colour(subject);
        let line = LineSeries::new(points, stroke(own[0], colour));
        let drawn = chart.draw_series(line).map_err(failed)?;
        drawn.label(subject).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    area.present().map_err(failed)
}

fn stroke(row: &Row, colour: RGBColor) -> ShapeStyle {
    colour.stroke_width(if row.subject.starts_with("ntpark") { 3 } else { 1 })
}

type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

fn mesh<X, Y>(
    chart: &mut Chart<'_, '_, X, Y>,
    x_description: &str,
    x_label: &dyn Fn(&f64) -> String,
    y_label: &dyn Fn(&f64) -> String,
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(x_description).x_labels(4).light_line_style(TRANSPARENT).label_style(FONT);
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label).draw().map_err(failed)
}

fn legend<'a, 'b: 'a, X, Y>(chart: &mut Chart<'a, 'b, X, Y>, position: SeriesLabelPosition) -> Result<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let mut labels = chart.configure_series_labels();
    labels.position(position).background_style(WHITE.mix(0.85)).border_style(BLACK).label_font(FONT);
    labels.draw().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(work: &str, subject: &str, median_ns: f64) -> Row {
        Row {
            work: work.into(),
            backend: "host".into(),
            subject: subject.into(),
            median_ns,
            ratio_to_limit: Some(1.5),
            goal: None,
            met: None,
            quantiles: if work == "handoff" { vec![[0.0, 10.0], [0.5, 20.0], [0.99, 400.0]] } else { Vec::new() },
        }
    }

    #[test]
    fn every_kind_of_figure_is_drawn_and_names_its_subjects() {
        let dir = tempfile::tempdir().expect("there is room");
        let mut rows = Vec::new();
        for work in ["token", "handoff", "crowd-0", "crowd-64", "crowd-4096"] {
            rows.push(row(work, "ntpark", 5.0));
            rows.push(row(work, "std", 70_000.0));
        }
        let files = draw(&rows, dir.path()).expect("drawn");
        assert_eq!(files.len(), 4);
        for file in files {
            let svg = std::fs::read_to_string(file).expect("written");
            assert!(svg.starts_with("<svg") && svg.contains("ntpark") && svg.contains("std"));
        }
    }

    #[test]
    fn a_range_holds_all_values() {
        assert_eq!(decades([3.0, 450.0].into_iter()), 1.0..1000.0);
        assert_eq!(decades([f64::NAN].into_iter()), 1.0..10.0);
    }
}
