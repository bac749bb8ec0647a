//! Throughput and processor time of the mutexes against threads, as two pictures.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::report::Report;
use crate::works::MUTEX_THREADS;

/// Draws both, of the load with 200 steps inside and outside.
pub(crate) fn draw(report: &Report, dir: &Path) -> Result<(), Box<dyn Error>> {
    let backend = report.backend();
    let throughput = format!("Millions of operations a second ({backend})");
    picture(report, &dir.join("mutex-throughput.svg"), &throughput, "", |nanos| 1e3 / nanos)?;
    let cpu = format!("Processor time of an operation, in ns ({backend})");
    picture(report, &dir.join("mutex-cpu.svg"), &cpu, "-cpu", |nanos| nanos)
}

fn picture(
    report: &Report,
    file: &Path,
    title: &str,
    suffix: &str,
    value: impl Fn(f64) -> f64,
) -> Result<(), Box<dyn Error>> {
    let mut lines: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for (index, threads) in MUTEX_THREADS.into_iter().enumerate() {
        for (subject, nanos) in report.medians(&format!("mutex-{threads}-200-200{suffix}")) {
            let point = (index as f64, value(nanos));
            match lines.iter_mut().find(|(name, _)| *name == subject) {
                Some((_, points)) => points.push(point),
                None => lines.push((subject, vec![point])),
            }
        }
    }
    // A spin lock would make all else a line at the bottom.
    lines.retain(|(subject, _)| *subject != "spin");
    let values = lines.iter().flat_map(|(_, points)| points).map(|point| point.1);
    let most = values.fold(0.0, f64::max) * 1.1;
    let root = SVGBackend::new(file, (720, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let steps = MUTEX_THREADS.len() - 1;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..steps as f64, 0.0..most)?;
    chart
        .configure_mesh()
        .x_labels(steps + 1)
        .max_light_lines(1)
        .x_label_formatter(&|index| MUTEX_THREADS[index.round() as usize % MUTEX_THREADS.len()].to_string())
        .x_desc("threads")
        .draw()?;
    for (index, (subject, points)) in lines.into_iter().enumerate() {
        let style = Palette99::pick(index).stroke_width(if subject.starts_with("ntpark") { 4 } else { 2 });
        let line = chart.draw_series(LineSeries::new(points, style))?;
        line.label(subject).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    // All values are far from zero.
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
