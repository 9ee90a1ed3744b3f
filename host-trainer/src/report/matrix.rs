//! A confusion matrix as a figure.

use crate::classification::ChildReport;
use nestling_page::markup::{Text, percent};
use std::fmt::Write;

/// Most classes of a matrix: with more, a cell is too small to be pointed at.
pub(super) const MAX_CLASSES: usize = 40;

/// Units across, as of all figures.
const WIDTH: f64 = 640.0;
/// About the width of a letter.
const LETTER: f64 = 6.6;
/// Least and most room for names.
const NAMES: [f64; 2] = [40.0, 170.0];
/// Most units of a cell.
const MAX_CELL: f64 = 46.0;
/// Units that a number needs.
const NUMBER_CELL: f64 = 25.0;

/// Where the parts of a matrix lie.
struct Grid {
    names: f64,
    cell: f64,
    count: usize,
}

impl Grid {
    fn of(classes: &[String]) -> Self {
        let longest = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0);
        let names = (LETTER * longest as f64 + 12.0).clamp(NAMES[0], NAMES[1]);
        // The last column's name leans out to the right.
        let cell = ((WIDTH - 1.6 * names) / classes.len().max(1) as f64).min(MAX_CELL);
        Self { names, cell, count: classes.len() }
    }

    fn at(&self, index: usize) -> f64 {
        self.names + self.cell * index as f64
    }

    /// The beginning of a name, as long as there is room.
    fn shortened(&self, name: &str) -> String {
        let most = ((self.names - 12.0) / LETTER) as usize;
        if name.chars().count() <= most {
            return name.to_owned();
        }
        name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// The matrix of a child: `id` is its own on the page. Nothing if there are too many classes.
pub(super) fn figure(id: &str, child: &ChildReport, classes: &[String]) -> Option<String> {
    let rows = child.confusion_matrix.as_ref().filter(|rows| rows.len() <= MAX_CLASSES && !rows.is_empty())?;
    let grid = Grid::of(classes);
    let size = grid.at(grid.count);
    let mut out = format!(
        "<figure id=\"{}\">\n<figcaption><h3>Confusion matrix</h3><p>A row holds the images of a class, a column those \
         that were taken for it. The darker a cell, the larger its share of the row; right answers are blue.</p>\
         </figcaption>\n<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"Confusion matrix\">\n",
        Text(id),
        size + 8.0
    );
    write_names(&mut out, &grid, classes);
    for (truth, row) in rows.iter().enumerate() {
        let images: u32 = row.iter().sum();
        for (answer, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            write_cell(&mut out, &grid, Cell { truth, answer, count, images }, classes);
        }
    }
    let _ = writeln!(
        out,
        "<rect class=\"frame\" x=\"{0:.1}\" y=\"{0:.1}\" width=\"{1:.1}\" height=\"{1:.1}\"/>\n</svg>\n</figure>",
        grid.names,
        size - grid.names
    );
    Some(out)
}

fn write_names(out: &mut String, grid: &Grid, classes: &[String]) {
    for (index, class) in classes.iter().enumerate() {
        let (middle, before) = (grid.at(index) + grid.cell / 2.0, grid.names - 6.0);
        let name = grid.shortened(class);
        let name = Text(&name);
        let _ = writeln!(
            out,
            "<text x=\"{before:.1}\" y=\"{:.1}\" class=\"end row\">{name}</text><text transform=\"translate({:.1} \
             {before:.1}) rotate(-55)\" class=\"row\">{name}</text>",
            middle + 4.0,
            middle + 4.0
        );
    }
}

/// Images of one class with one answer.
struct Cell {
    truth: usize,
    answer: usize,
    count: u32,
    /// All images of the class.
    images: u32,
}

fn write_cell(out: &mut String, grid: &Grid, cell: Cell, classes: &[String]) {
    let Cell { truth, answer, count, images } = cell;
    let share = f64::from(count) / f64::from(images.max(1));
    let colour = if truth == answer { "blue" } else { "orange" };
    let name = |class: usize| classes.get(class).map_or("", String::as_str);
    let (x, y) = (grid.at(answer), grid.at(truth));
    let _ = write!(
        out,
        "<g class=\"{colour}\"><rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{0:.1}\" height=\"{0:.1}\" \
         fill-opacity=\"{1:.2}\"><title>{2} of {images} images of {3} were taken for {4} ({5} %)</title></rect>",
        grid.cell,
        // A single mistake must be seen.
        0.12 + 0.78 * share,
        count,
        Text(name(truth)),
        Text(name(answer)),
        percent(100.0 * share)
    );
    if grid.cell >= NUMBER_CELL {
        let (middle, base) = (x + grid.cell / 2.0, y + grid.cell / 2.0 + 4.0);
        let _ = write!(out, "<text x=\"{middle:.1}\" y=\"{base:.1}\" class=\"middle count\">{count}</text>");
    }
    out.push_str("</g>\n");
}
