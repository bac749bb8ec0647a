//! The figures, as SVG: medians, one bar each, shortest first.

use plotters::prelude::*;

use super::Row;
use crate::prelude::*;

const SIZE: (u32, u32) = (900, 480);
const FONT: (&str, u32) = ("sans-serif", 15);

/// The works that are drawn, with their titles.
const WORKS: [(&str, &str); 4] = [
    ("token", "An unpark and the park that takes its token, one thread"),
    ("handoff", "Handoff between two running threads"),
    ("handoff-blocking", "Handoff that blocks in the system"),
    ("ring-16", "Handoff in a ring of 16 threads"),
];

/// Draws what there are rows for, and returns the files.
pub(super) fn draw(rows: &[Row], dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut backends: Vec<&str> = rows.iter().map(|row| row.backend.as_str()).collect();
    backends.dedup();
    for backend in backends {
        for (work, title) in WORKS {
            let rows: Vec<&Row> = rows.iter().filter(|row| row.backend == backend && row.work == work).collect();
            if !rows.is_empty() {
                let file = dir.join(format!("{work}-{backend}.svg"));
                bars(&file, &format!("{title} ({backend})"), rows).map_err(|error| anyhow::anyhow!("{error}"))?;
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn bars(file: &Path, title: &str, mut rows: Vec<&Row>) -> Result<(), Box<dyn std::error::Error>> {
    rows.sort_by(|a, b| b.median_ns.total_cmp(&a.median_ns));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    // Logarithmic, from a power of ten to another.
    let shortest = rows.iter().map(|row| row.median_ns).fold(f64::MAX, f64::min).max(0.1);
    let longest = rows.iter().map(|row| row.median_ns).fold(1.0, f64::max);
    let start = 10f64.powf(shortest.log10().floor());
    let x = start..10f64.powf((longest.log10() + 0.001).ceil());
    let mut builder = ChartBuilder::on(&area);
    builder.caption(title, ("sans-serif", 19)).margin(12).margin_right(40).x_label_area_size(40).y_label_area_size(160);
    let mut chart = builder.build_cartesian_2d(x.log_scale(), 0.0..rows.len() as f64)?;
    let mut mesh = chart.configure_mesh();
    let label = |nanos: &f64| time(*nanos).replace(".00", "").replace(".0", "");
    mesh.disable_y_mesh()
        .y_labels(0)
        .x_label_formatter(&label)
        .x_desc("median, logarithmic")
        .label_style(FONT)
        .draw()?;
    for (index, row) in rows.iter().enumerate() {
        let colour = if row.subject.starts_with("ntpark") { RGBColor(213, 94, 0) } else { RGBColor(0, 114, 178) };
        let corners = [(start, index as f64 + 0.15), (row.median_ns, index as f64 + 0.85)];
        chart.draw_series([Rectangle::new(corners, colour.filled())])?;
    }
    // Texts stand outside of the chart's own coordinates.
    for (index, row) in rows.iter().enumerate() {
        let (left, middle) = chart.plotting_area().map_coordinate(&(start, index as f64 + 0.5));
        let (right, _) = chart.plotting_area().map_coordinate(&(row.median_ns, index as f64));
        let ratio = row.ratio_to_limit.map_or_else(String::new, |ratio| format!(" ({ratio:.2} × the limit)"));
        // Inside of the bar where there is no room beside it.
        let is_long = right > SIZE.0 as i32 - 220;
        let (at, colour) = if is_long { (left + 8, &WHITE) } else { (right + 6, &BLACK) };
        let value = format!("{}{ratio}", time(row.median_ns));
        for (text, at, colour) in [(row.subject.clone(), left - 152, &BLACK), (value, at, colour)] {
            area.draw(&Text::new(text, (at, middle - 7), FONT.into_font().color(colour)))?;
        }
    }
    Ok(area.present()?)
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}
