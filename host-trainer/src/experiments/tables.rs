use super::Outcome;
use std::fmt::Write;

/// All cells of an outcome as CSV, one a line: each value beside its seed's place.
///
/// # Errors
/// The writer's, in which nothing can fail but memory.
pub fn csv(outcome: &Outcome) -> csv::Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["child", "madds", "params", "variant", "seed", "top1", "record"])?;
    for cell in &outcome.cells {
        for ((seed, top1), record) in (1..).zip(&cell.top1).zip(&cell.records) {
            let (madds, params) = (cell.madds.0.to_string(), cell.params.to_string());
            let (seed, top1): (String, String) = (i32::to_string(&seed), format!("{top1:.2}"));
            file.write_record([&*cell.child, &madds, &params, &cell.variant, &seed, &top1, record])?;
        }
    }
    file.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}

/// An outcome as a Markdown table: a row for each child, a column for each variant, each cell with mean, spread, and the
/// difference from the first column.
pub fn markdown(outcome: &Outcome) -> String {
    let variants = outcome.variants();
    let mut text = format!("| child | MAdds | {} |\n", variants.join(" | "));
    let _ = writeln!(text, "| --- | --- |{}", " --- |".repeat(variants.len()));
    for child in outcome.children() {
        let first = variants.first().and_then(|variant| outcome.cell(child, variant));
        let madds = first.map(|cell| cell.madds.to_string()).unwrap_or_default();
        let _ = write!(text, "| {child} | {madds} |");
        for variant in &variants {
            let _ = write!(text, " {} |", cell_text(outcome, child, variant));
        }
        text.push('\n');
    }
    text
}

/// `91.2 ± 0.3 (-1.0)`: mean, spread, and the mean difference from the first variant, seed by seed.
pub(super) fn cell_text(outcome: &Outcome, child: &str, variant: &str) -> String {
    let Some(cell) = outcome.cell(child, variant).filter(|cell| !cell.top1.is_empty()) else {
        return "-".to_owned();
    };
    let [mean, spread] = cell.mean_and_spread();
    let mut text = format!("{mean:.1} ± {spread:.1}");
    let first = outcome.variants().first().and_then(|first| outcome.cell(child, first));
    if let Some(first) = first.filter(|first| first.variant != cell.variant && first.top1.len() == cell.top1.len()) {
        let [difference, _] = difference(first, cell);
        let _ = write!(text, " ({difference:+.1})");
    }
    text
}

/// Mean and spread of the differences of two cells, seed by seed.
pub(super) fn difference(first: &super::Cell, other: &super::Cell) -> [f64; 2] {
    let pairs: Vec<f64> = other.top1.iter().zip(&first.top1).map(|(other, first)| other - first).collect();
    super::figures::mean_and_spread(&pairs)
}
