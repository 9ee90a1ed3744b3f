//! Figures in the form of the paper's: curves over epochs, or accuracy against multiply-adds.

use super::Outcome;
use super::figures::mean_and_spread;
use nestling_page::markup::percent;
use nestling_page::plot::{Axis, Colour, Dot, Join, Look, Plot};

const COLOURS: [Colour; 5] = [Colour::Blue, Colour::Orange, Colour::Green, Colour::Purple, Colour::Grey];

/// All figures of an outcome, as HTML.
pub(super) fn figures(outcome: &Outcome) -> String {
    if outcome.experiment.has_curves() {
        ["smallest", "biggest"].map(|followed| curves(outcome, followed)).concat()
    } else {
        against_cost(outcome)
    }
}

/// Validation accuracy of a followed child over epochs: mean over seeds, with a band of one standard deviation.
fn curves(outcome: &Outcome, followed: &str) -> String {
    let all: Vec<_> =
        outcome.variants().into_iter().map(|variant| (variant, outcome.curve(variant, followed))).collect();
    let values = all.iter().flat_map(|(_, curve)| curve.iter().flat_map(|(_, top1)| top1.iter().copied()));
    let epochs = all.iter().flat_map(|(_, curve)| curve.iter().map(|(epoch, _)| f64::from(*epoch)));
    // The first epochs are far below: the figure begins where the curves can be told apart.
    let low = values.clone().fold(f64::NEG_INFINITY, f64::max) - 12.0;
    let shown = values.filter(|value| *value >= low);
    let (x, y) = (Axis::over("Epoch", epochs, 7), Axis::over("Validation top-1 (%)", shown, 6));
    let floor = y.low();
    let id = format!("{}-{followed}", outcome.experiment.name());
    let title = format!("The {followed} child over epochs");
    let note = "Lines are means over seeds, bands one standard deviation.";
    let mut plot = Plot::new(&id, &title, note, x, y);
    for ((variant, curve), colour) in all.into_iter().zip(COLOURS.into_iter().cycle()) {
        let points: Vec<(f64, [f64; 2])> = (curve.iter().filter(|(_, top1)| !top1.is_empty()))
            .map(|(epoch, top1)| (f64::from(*epoch), mean_and_spread(top1)))
            .filter(|(_, [mean, _])| *mean >= floor)
            .collect();
        let at =
            |factor: f64| points.iter().map(|(x, [mean, spread])| (*x, (mean + factor * spread).max(floor))).collect();
        plot = plot.band(variant, at(-1.0), at(1.0), colour).line(variant, at(0.0), Join::Straight, colour);
    }
    plot.figure()
}

/// Test accuracy against multiply-adds: a dot for each cell, whose mean is over seeds.
fn against_cost(outcome: &Outcome) -> String {
    let cells = || outcome.cells.iter().filter(|cell| !cell.top1.is_empty());
    let x = Axis::over("Multiply-adds (millions)", cells().map(|cell| cell.madds.millions()), 7);
    let y = Axis::over("Test top-1 (%)", cells().map(|cell| cell.mean_and_spread()[0]), 6);
    let title = "Accuracy against multiply-adds";
    let mut plot = Plot::new(outcome.experiment.name(), title, "Each dot is a mean over seeds.", x, y);
    for (variant, colour) in outcome.variants().into_iter().zip(COLOURS.into_iter().cycle()) {
        let own = || cells().filter(|cell| cell.variant == variant);
        let dots = own().map(|cell| {
            let [mean, spread] = cell.mean_and_spread();
            Dot {
                x: cell.madds.millions(),
                y: mean,
                title: format!(
                    "{}, {variant}: {} ± {spread:.1} % over {} seeds",
                    cell.child,
                    percent(mean),
                    cell.top1.len()
                ),
                label: Some(cell.child.clone()),
                reach: None,
            }
        });
        plot = plot.dots(variant, dots.collect(), Look::Disc(4.0), colour);
        let line = own().map(|cell| (cell.madds.millions(), cell.mean_and_spread()[0])).collect();
        plot = plot.line(variant, line, Join::Straight, colour);
    }
    plot.figure()
}
