//! The plots of a demo.

use super::demo::Demo;
use crate::search::{Evaluated, SearchReport, pareto_front};
use crate::train::EpochReport;
use nestling_lab::documents::ChosenChild;
use nestling_page::markup::{grouped, maybe, percent, three};
use nestling_page::plot::{Axis, Colour, Dot, Join, Look, Plot};
use nestling_page::step_front;

/// A shipped child with accuracy and latency.
struct Point<'a> {
    name: &'a str,
    child: String,
    top1: f64,
    p50: f64,
    p90: f64,
}

fn points(demo: &Demo) -> Vec<Point<'_>> {
    (demo.search.shipped())
        .filter_map(|(chosen, evaluated)| {
            let times = demo.times_of(&chosen.name)?;
            Some(Point {
                name: &chosen.name,
                child: evaluated.child.to_string(),
                top1: chosen.test.percent(),
                p50: times.measured_p50_ms.0,
                p90: times.measured_p90_ms.0,
            })
        })
        .collect()
}

/// One colour a budget.
pub(super) fn colour_of_budget(index: usize) -> Colour {
    [Colour::Orange, Colour::Green, Colour::Purple][index % 3]
}

/// The place of a budget's child: its dot, or the values measured for the budget if it has none.
fn place_of(budget: &ChosenChild, points: &[Point<'_>]) -> Option<(f64, f64)> {
    let dot = points.iter().find(|point| point.name == budget.name).map(|point| (point.p50, point.top1));
    dot.or(budget.top1.map(|top1| (budget.measured_p50_ms.0, top1)))
}

/// A budget as text: `8 ms`.
pub(super) fn budget_text(budget: &ChosenChild) -> String {
    let text = format!("{:.2}", budget.budget_ms.0);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Test accuracy of the shipped children against measured latency, with the budgets.
pub(super) fn accuracy_against_latency(demo: &Demo) -> String {
    let (points, budgets) = (points(demo), &demo.summary.budgets);
    let chosen: Vec<_> = budgets.iter().map(|budget| place_of(budget, &points)).collect();
    let latencies = (points.iter().flat_map(|point| [point.p50, point.p90]))
        .chain(budgets.iter().map(|budget| budget.budget_ms.0))
        .chain(chosen.iter().flatten().map(|place| place.0));
    let accuracies = points.iter().map(|point| point.top1).chain(chosen.iter().flatten().map(|place| place.1));
    let x = Axis::over("Measured latency, image to logits (median, ms)", latencies, 7);
    let y = Axis::over("Test top-1 (%)", accuracies, 6);
    let line = step_front(points.iter().map(|point| (point.p50, point.top1)), x.high());
    let dots = (points.iter())
        .map(|point| Dot {
            x: point.p50,
            y: point.top1,
            title: format!(
                "{}: {}\n{} % top-1; median {} ms, 90th percentile {} ms",
                point.name,
                point.child,
                percent(point.top1),
                three(point.p50),
                three(point.p90)
            ),
            label: Some(point.name.to_owned()),
            reach: (point.p90 > point.p50).then_some(point.p90),
        })
        .collect();
    let note = "Each dot is a child cut from the same weights without retraining; its whisker reaches from the median \
                to the 90th percentile. A dashed line is a budget, the ring of its colour the child chosen for it.";
    let mut plot = Plot::new("accuracy-latency", "Accuracy against measured latency", note, x, y)
        .line("best at that latency", line, Join::Steps, Colour::Blue)
        .dots("shipped child", dots, Look::Disc(5.0), Colour::Blue);
    for (index, (budget, place)) in budgets.iter().zip(chosen).enumerate() {
        plot = plot.vertical(budget.budget_ms.0, &budget_text(budget), colour_of_budget(index));
        if let Some(place) = place {
            plot = ring(plot, budgets, index, place);
        }
    }
    plot.figure()
}

/// Draws a ring around the child of a budget.
fn ring(plot: Plot, budgets: &[ChosenChild], index: usize, (x, y): (f64, f64)) -> Plot {
    let budget = &budgets[index];
    let text = budget_text(budget);
    let title = format!(
        "budget {text}: {} ({})\npredicted {} ms, then measured {} ms (90th percentile {} ms); {} % top-1",
        budget.name,
        budget.child,
        three(budget.predicted_ms.0),
        three(budget.measured_p50_ms.0),
        three(budget.measured_p90_ms.0),
        maybe(budget.top1, percent)
    );
    // Two budgets may choose one child: the second ring is larger.
    let inside = budgets[..index].iter().filter(|other| other.name == budget.name).count();
    let look = Look::Ring(9.0 + 3.5 * inside as f64);
    let dot = Dot { x, y, title, label: None, reach: None };
    plot.dots(&format!("{text}: {}", budget.name), vec![dot], look, colour_of_budget(index))
}

/// Predicted against measured latency, with the diagonal.
pub(super) fn predicted_against_measured(demo: &Demo) -> String {
    let times = &demo.times;
    let both = times.iter().flat_map(|times| [times.predicted_ms.0, times.measured_p50_ms.0]);
    let axis = |title| Axis::over(title, both.clone(), 7);
    let (x, y) = (axis("Predicted latency (ms)"), axis("Measured latency (median, ms)"));
    let (low, high) = (x.low(), x.high());
    let dots = (times.iter())
        .map(|times| Dot {
            x: times.predicted_ms.0,
            y: times.measured_p50_ms.0,
            title: format!(
                "{}: {}\npredicted {} ms, measured {} ms",
                times.name.as_deref().unwrap_or_default(),
                times.child,
                three(times.predicted_ms.0),
                three(times.measured_p50_ms.0)
            ),
            label: times.name.clone(),
            reach: None,
        })
        .collect();
    let note = match mean_absolute_error(demo) {
        Some((ms, share)) => format!(
            "The latency model is fitted to informative children, of which only the smallest and the biggest ship. \
             Mean absolute error {} ms, {:.1} % of the measured latency, over {} children.",
            three(ms),
            100.0 * share,
            times.len()
        ),
        None => "No child was timed.".to_owned(),
    };
    Plot::new("predicted-measured", "Predicted against measured latency", &note, x, y)
        .height(460.0)
        .line("as predicted", vec![(low, low), (high, high)], Join::Dashed, Colour::Grey)
        .dots("timed child", dots, Look::Disc(5.0), Colour::Blue)
        .figure()
}

/// Mean absolute error of the predictions, in ms and as a share of the measured latency.
fn mean_absolute_error(demo: &Demo) -> Option<(f64, f64)> {
    let count = demo.times.len() as f64;
    let errors = (demo.times.iter()).map(|times| {
        let (predicted, measured) = (times.predicted_ms.0, times.measured_p50_ms.0);
        ((predicted - measured).abs(), measured)
    });
    let (ms, share) = errors.fold((0.0, 0.0), |sum, (error, ms)| (sum.0 + error, sum.1 + error / ms.max(1e-9)));
    (count > 0.0).then_some((ms / count, share / count))
}

/// Most percentage points below the best accuracy that the axis of the curves shows.
const MAX_CURVE_DEPTH: f64 = 12.0;

/// Validation accuracy of the probe children over the run.
pub(super) fn training_curves(epochs: &[EpochReport]) -> String {
    let all = || epochs.iter().flat_map(|epoch| &epoch.probes).map(|probe| probe.held_out.percent());
    let best = all().fold(0.0, f64::max);
    let y = Axis::over("Validation top-1 (%)", all().filter(|top1| *top1 >= best - MAX_CURVE_DEPTH), 6);
    let below = all().filter(|top1| *top1 < y.low()).count();
    let images = epochs.iter().flat_map(|epoch| &epoch.probes).map(|probe| probe.held_out.images).max().unwrap_or(0);
    let mut note = format!(
        "One run trains them all; after each epoch three children are calibrated and evaluated on {} images that were held \
         out.",
        grouped(f64::from(images))
    );
    if below > 0 {
        note.push_str(&format!(" Early points that lie below the axis: {below}."));
    }
    let mut names: Vec<&str> = Vec::new();
    for probe in epochs.iter().flat_map(|epoch| &epoch.probes) {
        if !names.contains(&probe.name.as_str()) {
            names.push(&probe.name);
        }
    }
    let colours = [Colour::Orange, Colour::Green, Colour::Blue, Colour::Purple];
    let mut plot = Plot::new("curves", "Training curves", &note, cpu_axis(epochs), y);
    // The biggest first, as its curve is the topmost.
    for (index, name) in names.iter().enumerate().rev() {
        let dots: Vec<Dot> = (epochs.iter())
            .flat_map(|epoch| epoch.probes.iter().map(move |probe| (epoch, probe)))
            .filter(|(_, probe)| probe.name == *name)
            .map(|(epoch, probe)| Dot {
                x: epoch.cpu_s,
                y: probe.held_out.percent(),
                title: format!(
                    "{name}: {}\n{} % validation top-1 after epoch {}, {} CPU-seconds",
                    probe.child,
                    percent(probe.held_out.percent()),
                    epoch.epoch,
                    grouped(epoch.cpu_s)
                ),
                label: None,
                reach: None,
            })
            .collect();
        let line = dots.iter().map(|dot| (dot.x, dot.y)).collect();
        let colour = colours[index % colours.len()];
        plot = plot.line(name, line, Join::Straight, colour).dots("", dots, Look::Disc(3.5), colour);
    }
    plot.figure()
}

/// Learning rate over the run.
pub(super) fn learning_rate(epochs: &[EpochReport]) -> String {
    let rates = epochs.iter().map(|epoch| epoch.learning_rate);
    let y = Axis::over("Learning rate", rates.chain([0.0]), 4);
    let dots: Vec<Dot> = (epochs.iter())
        .map(|epoch| Dot {
            x: epoch.cpu_s,
            y: epoch.learning_rate,
            title: format!("epoch {}: {:.4} at its last step", epoch.epoch, epoch.learning_rate),
            label: None,
            reach: None,
        })
        .collect();
    let line = dots.iter().map(|dot| (dot.x, dot.y)).collect();
    Plot::new("learning-rate", "Learning rate", "At the last step of each epoch.", cpu_axis(epochs), y)
        .height(230.0)
        .line("", line, Join::Straight, Colour::Grey)
        .dots("", dots, Look::Disc(3.5), Colour::Grey)
        .figure()
}

fn cpu_axis(epochs: &[EpochReport]) -> Axis {
    Axis::over("CPU-seconds of training", epochs.iter().map(|epoch| epoch.cpu_s).chain([0.0]), 7)
}

/// Validation accuracy of all evaluated children against MAdds, with the front.
pub(super) fn search(search: &SearchReport) -> String {
    let all = &search.evaluated;
    let place = |child: &Evaluated| (child.cost.madds.millions(), child.held_out.percent());
    let x = Axis::over("Multiply-accumulates of one image (millions)", all.iter().map(|child| place(child).0), 7);
    let y = Axis::over("Validation top-1 (%)", all.iter().map(|child| place(child).1), 6);
    let shipped = |index: usize| search.chosen.iter().find(|chosen| chosen.index == index);
    let dot = |index: usize| {
        let child = &all[index];
        let (x, y) = place(child);
        let (params, top1) = (three(child.cost.params as f64 / 1e3), percent(y));
        let text =
            format!("{}\n{top1} % validation top-1, {} MAdds, {params} k parameters", child.child, child.cost.madds);
        match shipped(index) {
            Some(chosen) => {
                let title = format!("{}: {text}; {} % test top-1", chosen.name, percent(chosen.test.percent()));
                Dot { x, y, title, label: Some(chosen.name.clone()), reach: None }
            }
            None => Dot { x, y, title: text, label: None, reach: None },
        }
    };
    let front = pareto_front(all);
    let mut line: Vec<(f64, f64)> = front.iter().map(|&index| place(&all[index])).collect();
    line.extend(line.last().map(|&(_, top1)| (x.high(), top1)));
    let others = (0..all.len()).filter(|index| !front.contains(index) && shipped(*index).is_none()).map(dot).collect();
    let rings = search.chosen.iter().map(|chosen| dot(chosen.index)).collect();
    let note = format!(
        "All {} children that the search calibrated and evaluated, without training any of them. No cheaper child equals \
         a child of the front. The ringed ones ship.",
        grouped(all.len() as f64)
    );
    let front = front.into_iter().map(|index| Dot { label: None, ..dot(index) }).collect();
    Plot::new("search", "Every evaluated child", &note, x, y)
        .dots("evaluated", others, Look::Disc(3.5), Colour::Grey)
        .line("", line, Join::Steps, Colour::Blue)
        .dots("Pareto front", front, Look::Disc(4.5), Colour::Blue)
        .dots("shipped", rings, Look::Ring(8.5), Colour::Orange)
        .figure()
}
