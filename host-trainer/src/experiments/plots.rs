//! Figures in the form of the paper's: curves over epochs, or accuracy against multiply-adds.

use super::neighbours::title;
use super::{Cell, Neighbour, NeighbourChild, Outcome, SelectionEntry, Statistics};
use nestling_page::plot::{Axis, Colour, Dot, Join, Look, Plot};

/// The axis of most figures.
const COST: &str = "Multiply-adds (millions)";

const COLOURS: [Colour; 5] = [Colour::Blue, Colour::Orange, Colour::Green, Colour::Purple, Colour::Grey];

/// All figures of an outcome, as HTML.
pub(super) fn figures(outcome: &Outcome, id: &str) -> String {
    if outcome.experiment.has_curves() {
        ["smallest", "biggest"].map(|followed| curves(outcome, followed, id)).concat()
    } else {
        against_cost(outcome, id)
    }
}

/// Validation accuracy of a followed child over epochs: mean over seeds, with a band of one standard deviation.
fn curves(outcome: &Outcome, followed: &str, id: &str) -> String {
    let all: Vec<_> =
        outcome.variants().into_iter().map(|variant| (variant, outcome.curve(variant, followed))).collect();
    let values = all.iter().flat_map(|(_, curve)| curve.iter().flat_map(|(_, top1)| top1.iter().copied()));
    let epochs = all.iter().flat_map(|(_, curve)| curve.iter().map(|(epoch, _)| f64::from(*epoch)));
    // The first epochs are far below: the figure begins where the curves can be told apart.
    let low = values.clone().fold(f64::NEG_INFINITY, f64::max) - 12.0;
    let shown = values.filter(|value| *value >= low);
    let (x, y) = (Axis::over("Epoch", epochs, 7), Axis::over("Validation top-1 (%)", shown, 6));
    let floor = y.low();
    let id = format!("{id}-{followed}");
    let title = format!("The {followed} child over epochs");
    let note = "Lines are means over seeds, bands one standard deviation.";
    let mut plot = Plot::new(&id, &title, note, x, y);
    for ((variant, curve), colour) in all.into_iter().zip(COLOURS.into_iter().cycle()) {
        let points: Vec<(f64, [f64; 2])> = (curve.iter().filter(|(_, top1)| !top1.is_empty()))
            .map(|(epoch, top1)| (f64::from(*epoch), Statistics::of(top1)))
            .filter(|(_, statistics)| statistics.mean >= floor)
            .map(|(epoch, Statistics { mean, spread })| (epoch, [mean, spread.unwrap_or_default()]))
            .collect();
        let at =
            |factor: f64| points.iter().map(|(x, [mean, spread])| (*x, (mean + factor * spread).max(floor))).collect();
        plot = plot.band(variant, at(-1.0), at(1.0), colour).line(variant, at(0.0), Join::Straight, colour);
    }
    plot.figure()
}

/// Test accuracy against multiply-adds: a dot for each cell, whose mean is over seeds.
fn against_cost(outcome: &Outcome, id: &str) -> String {
    let series = outcome.variants().into_iter().map(|variant| {
        let own = outcome.cells.iter().filter(|cell| cell.variant == variant && !cell.top1.is_empty());
        let point = |cell: &Cell| Point {
            label: cell.child.clone(),
            madds: cell.madds.millions(),
            top1: cell.statistics(),
            seeds: cell.top1.len(),
        };
        (variant, own.map(point).collect())
    });
    dots(id, COST, &series.collect::<Vec<_>>())
}

/// Smallest, middle and biggest child of each method.
pub(super) fn of_neighbours(rows: &[Neighbour]) -> String {
    let point = |(label, child): (&str, &NeighbourChild)| Point {
        label: label.to_owned(),
        madds: child.madds / 1e6,
        top1: child.statistics(),
        seeds: child.tested.len(),
    };
    let series = rows.iter().map(|row| {
        let children = [("smallest", &row.smallest), ("middle", &row.middle), ("biggest", &row.biggest)];
        (title(row.mode), children.map(point).into())
    });
    dots("neighbours-cost", COST, &series.collect::<Vec<_>>())
}

/// The selected children of each search, at the budgets.
pub(super) fn of_selection(entries: &[SelectionEntry]) -> String {
    let names = entries.first().map(|entry| entry.searches().map(|(name, _)| name)).unwrap_or_default();
    let series = names.into_iter().enumerate().map(|(index, name)| {
        let point = |entry: &SelectionEntry| Point {
            label: entry.budget.clone(),
            madds: entry.most_madds / 1e6,
            top1: entry.searches()[index].1,
            seeds: entry.records.len(),
        };
        (name, entries.iter().map(point).collect())
    });
    dots("selection-budgets", "Budget (millions of multiply-adds)", &series.collect::<Vec<_>>())
}

/// A network, or a budget.
struct Point {
    label: String,
    /// In millions.
    madds: f64,
    top1: Statistics,
    seeds: usize,
}

fn dots(id: &str, axis: &str, series: &[(&str, Vec<Point>)]) -> String {
    let points = || series.iter().flat_map(|(_, points)| points);
    let x = Axis::over(axis, points().map(|point| point.madds), 7);
    let ends = |point: &Point| [-1.0, 1.0].map(|side| point.top1.mean + side * point.top1.spread.unwrap_or_default());
    let y = Axis::over("Test top-1 (%)", points().flat_map(ends), 6);
    let note = "Dots are means over seeds, bands one standard deviation.";
    let mut plot = Plot::new(id, "Accuracy against multiply-adds", note, x, y);
    for ((name, points), colour) in series.iter().zip(COLOURS.into_iter().cycle()) {
        let dot = |point: &Point| {
            let Point { label, madds, top1, seeds } = point;
            let title = format!("{label}, {name}: {top1:.2} % over {}", super::page::seeds(*seeds as u32));
            Dot { x: *madds, y: top1.mean, title, label: Some(label.clone()), reach: None }
        };
        plot = plot.dots(name, points.iter().map(dot).collect(), Look::Disc(4.0), colour);
        let end = |side: usize| points.iter().map(|point| (point.madds, ends(point)[side])).collect();
        if points.iter().all(|point| point.top1.spread.is_some()) {
            plot = plot.band(name, end(0), end(1), colour);
        }
        let line = points.iter().map(|point| (point.madds, point.top1.mean)).collect();
        plot = plot.line(name, line, Join::Straight, colour);
    }
    plot.figure()
}
