//! The plots of a report.

use crate::report::assemble::{DeviceReport, ShippedChild};
use crate::report::layers::ChildLayers;
use nestling_bundle::ChildTimes;
use nestling_core::metrics::Latency;
use nestling_core::space::Operator;
use nestling_page::markup::{bytes, percent, three};
use nestling_page::plot::{Axis, Colour, Dot, Join, Look, Plot};
use nestling_page::{Bar, Bars, step_front};

/// The relative error up to which a prediction counts as right.
const TOLERANCE: f64 = 0.1;

fn dot_of(times: &ChildTimes) -> Dot {
    let name = times.name.as_deref().unwrap_or("informative");
    Dot {
        x: times.predicted_ms.0,
        y: times.measured_p50_ms.0,
        title: format!(
            "{name}: {}\npredicted {} ms, measured {} ms: {:+.1} %",
            times.child,
            three(times.predicted_ms.0),
            three(times.measured_p50_ms.0),
            times.residual_percent()
        ),
        label: times.name.clone(),
        reach: None,
    }
}

/// Predicted against measured times, with the diagonal and the band of ten percent.
pub(super) fn predicted_against_measured(report: &DeviceReport) -> String {
    let profile = &report.profile;
    let both = (profile.informative.iter().chain(&profile.children))
        .flat_map(|times| [times.predicted_ms.0, times.measured_p50_ms.0]);
    let axis = |title| Axis::over(title, both.clone().chain([0.0]), 7);
    let (x, y) = (axis("Predicted latency (ms)"), axis("Measured latency, image to logits (median, ms)"));
    let end = x.high();
    // An error is relative to the measured time.
    let line = |factor: f64| vec![(0.0, 0.0), (end, end * factor)];
    let is_informative = |times: &ChildTimes| profile.informative.iter().any(|other| other.child == times.child);
    let note = format!(
        "The latency model is fitted to the {} informative children; of the {} shipped ones, {} are among these. Mean \
         absolute error {:.1} % of the measured time over the informative children, {:.1} % over the shipped ones, of \
         which {:.0} % are within 10 %.",
        profile.informative.len(),
        profile.children.len(),
        profile.children.iter().filter(|times| is_informative(times)).count(),
        report.errors.informative.mape_percent,
        report.errors.shipped.mape_percent,
        report.errors.shipped.within_10_percent
    );
    Plot::new("predicted-measured", "Predicted against measured latency", &note, x, y)
        .height(460.0)
        .band("within 10 %", line(1.0 / (1.0 + TOLERANCE)), line(1.0 / (1.0 - TOLERANCE)), Colour::Grey)
        .line("as predicted", line(1.0), Join::Dashed, Colour::Grey)
        .dots("informative child", profile.informative.iter().map(dot_of).collect(), Look::Disc(4.0), Colour::Blue)
        .dots("shipped child", profile.children.iter().map(dot_of).collect(), Look::Disc(5.0), Colour::Orange)
        .figure()
}

/// The accuracy that is shown: that on the test images if any child has one.
pub(super) fn accuracy_of(report: &DeviceReport) -> (&'static str, fn(&ShippedChild) -> Option<f64>) {
    match report.shipped.iter().any(|child| child.test_top1.is_some()) {
        true => ("Test top-1 (%)", |child| child.test_top1),
        false => ("Held-out top-1 (%)", |child| child.held_out_top1),
    }
}

/// Accuracy of the shipped children against their latency; `None` if none has both.
pub(super) fn accuracy_against_latency(report: &DeviceReport) -> Option<String> {
    let (title, accuracy) = accuracy_of(report);
    let points: Vec<(&ShippedChild, Latency, f64)> = (report.shipped.iter())
        .filter_map(|child| Some((child, report.latency_of(&child.name)?, accuracy(child)?)))
        .collect();
    if points.is_empty() {
        return None;
    }
    let latencies = points.iter().flat_map(|(_, latency, _)| [latency.p50.0, latency.p95.0]);
    let x = Axis::over("Measured latency, image to logits (median, ms)", latencies, 7);
    let y = Axis::over(title, points.iter().map(|point| point.2), 6);
    let front = step_front(points.iter().map(|(_, latency, top1)| (latency.p50.0, *top1)), x.high());
    let dots = (points.iter())
        .map(|(child, latency, top1)| Dot {
            x: latency.p50.0,
            y: *top1,
            title: format!(
                "{}: {}\n{} % top-1; median {} ms, 95th percentile {} ms",
                child.name,
                child.child,
                percent(*top1),
                three(latency.p50.0),
                three(latency.p95.0)
            ),
            label: Some(child.name.clone()),
            reach: (latency.p95 > latency.p50).then_some(latency.p95.0),
        })
        .collect();
    let note = "Each dot is a child that ships; its whisker reaches from the median to the 95th percentile. The line \
                joins the children whose accuracy no faster child reaches.";
    let plot = Plot::new("accuracy-latency", "Accuracy against measured latency", note, x, y)
        .line("best at that latency", front, Join::Steps, Colour::Blue)
        .dots("shipped child", dots, Look::Disc(5.0), Colour::Blue);
    Some(plot.figure())
}

fn colour_of(operator: Operator) -> Colour {
    match operator {
        Operator::Pointwise => Colour::Blue,
        Operator::Depthwise => Colour::Orange,
        Operator::Dense => Colour::Green,
        Operator::Linear => Colour::Purple,
        Operator::Pool | Operator::AveragePool => Colour::Grey,
    }
}

/// A bar a layer. `index` is the child's, for the figure's name.
pub(super) fn layers(index: usize, child: &ChildLayers) -> String {
    let longer = if child.sum_over_whole_percent < 0.0 { "less" } else { "more" };
    let note = format!(
        "{}. Each layer is timed alone; layers timed alone do not add up to a whole child. Here they take {} ms together, \
         {:.0} % {longer} than the median of {} ms from image to logits, which also has an upload, a resize and a \
         read-back.",
        child.child,
        three(child.sum_ms.0),
        child.sum_over_whole_percent.abs(),
        three(child.whole.p50.0)
    );
    let mut bars = Bars::new(
        &format!("layers-{index}"),
        &format!("Layers of {}", child.name),
        &note,
        "Time of the layer alone (ms)",
    );
    let mut operators: Vec<Operator> = child.layers.iter().map(|layer| layer.shape.operator).collect();
    operators.sort_unstable();
    operators.dedup();
    for operator in operators {
        bars = bars.legend(&operator.to_string(), colour_of(operator));
    }
    for layer in &child.layers {
        bars = bars.bar(Bar {
            name: layer.name.clone(),
            value: layer.ms.0,
            title: format!(
                "{}: {}\n{:.4} ms, {:.1} %; {} MAdds, {}",
                layer.name,
                layer.shape,
                layer.ms.0,
                layer.share_percent,
                layer.madds,
                bytes(layer.bytes)
            ),
            colour: colour_of(layer.shape.operator),
        });
    }
    bars.figure()
}

fn bars(id: &str, title: &str, note: &str, axis: &str, rows: &[(&str, f64, String)]) -> String {
    let bar = |bars: Bars, (name, value, title): &(&str, f64, String)| {
        bars.bar(Bar { name: (*name).to_owned(), value: *value, title: title.clone(), colour: Colour::Blue })
    };
    rows.iter().fold(Bars::new(id, title, note, axis), bar).figure()
}

/// The memory on the GPU.
pub(super) fn memory(rows: &[(&str, u64)]) -> String {
    let rows: Vec<(&str, f64, String)> = (rows.iter())
        .map(|&(name, count)| (name, count as f64 / f64::from(1 << 20), format!("{name}: {}", bytes(count))))
        .collect();
    let note = "All of it is allocated at load; inferences and switches allocate nothing.";
    bars("memory", "Memory", note, "Held (MiB)", &rows)
}

/// The phases from the file to later answers.
pub(super) fn start(rows: &[(&str, f64)]) -> String {
    let rows: Vec<(&str, f64, String)> =
        rows.iter().map(|&(name, ms)| (name, ms, format!("{name}: {} ms", three(ms)))).collect();
    let note = "Times from the file to the first answer, and of later answers.";
    bars("start", "Start and warm-up", note, "Time (ms)", &rows)
}
