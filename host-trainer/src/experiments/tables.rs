use super::neighbours::title;
use super::{Neighbour, NeighbourChild, Outcome, Record, SelectionEntry, SelectionRecord, Statistics, TestedChild};
use std::collections::BTreeSet;
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
    written(file)
}

/// CPU-seconds a seed of a variant's trainings; one that several children share counts once.
fn training_cpu_s(outcome: &Outcome, variant: &str) -> f64 {
    let cells = outcome.cells.iter().filter(|cell| cell.variant == variant);
    let keys: BTreeSet<&String> = cells.flat_map(|cell| &cell.records).collect();
    let own = outcome.records.iter().filter(|record| keys.contains(&record.key));
    own.map(|record| record.train_cpu_s).sum::<f64>() / f64::from(outcome.seeds)
}

/// All children of all methods as CSV, one a line for each seed.
///
/// # Errors
/// As [`csv`].
pub(super) fn neighbours_csv(rows: &[Neighbour], records: &[Record]) -> csv::Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["data", "images", "method", "child", "seed", "madds", "params", "top1", "record"])?;
    for row in rows {
        for (name, child) in [("smallest", &row.smallest), ("middle", &row.middle), ("biggest", &row.biggest)] {
            for (key, architecture) in &child.tested {
                let Some(record) = records.iter().find(|record| record.key == *key) else { continue };
                let Some(TestedChild { madds, params, top1, .. }) = record.tested(architecture) else { continue };
                let (images, seed) = (row.images.to_string(), record.seed.to_string());
                let (madds, params, top1) = (madds.0.to_string(), params.to_string(), format!("{:.2}", top1.percent()));
                file.write_record([&*row.data, &images, row.mode.name(), name, &seed, &madds, &params, &top1, key])?;
            }
        }
    }
    written(file)
}

/// Every selected child as CSV, one a line for each budget, search and seed.
///
/// # Errors
/// As [`csv`].
pub(super) fn selection_csv(records: &[SelectionRecord]) -> csv::Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record([
        "data",
        "budget",
        "most_madds",
        "search",
        "seed",
        "madds",
        "params",
        "validation",
        "top1",
        "record",
    ])?;
    for record in records {
        for row in &record.rows {
            let searches =
                [("coarse to fine", &row.coarse_to_fine), ("random", &row.random), ("evolution", &row.evolution)];
            for (search, selected) in searches {
                let (most, seed) = (format!("{:.0}", row.most), record.seed.to_string());
                let (madds, params) = (selected.cost.madds.0.to_string(), selected.cost.params.to_string());
                let [validation, top1] =
                    [selected.held_out, selected.test].map(|top1| format!("{:.2}", top1.percent()));
                let values = [&*record.data, &row.budget, &most, search, &seed, &madds, &params, &validation, &top1];
                file.write_record(values.into_iter().chain([&*record.key]))?;
            }
        }
    }
    written(file)
}

fn written(file: csv::Writer<Vec<u8>>) -> csv::Result<Vec<u8>> {
    file.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}

/// The methods as a Markdown table, a row each.
pub fn neighbours_markdown(rows: &[Neighbour]) -> String {
    markdown_table(&NEIGHBOUR_COLUMNS, rows.iter().map(neighbour_row))
}

/// The columns of the table of methods.
pub(super) const NEIGHBOUR_COLUMNS: [&str; 7] = [
    "method",
    "smallest",
    "middle",
    "biggest",
    "CPU-seconds a seed",
    "work after training",
    "its CPU-seconds (evaluations)",
];

/// A row of the table of methods.
pub(super) fn neighbour_row(row: &Neighbour) -> Vec<String> {
    let [smallest, middle, biggest] = [&row.smallest, &row.middle, &row.biggest].map(child_text);
    let after = match row.evaluated {
        evaluated if evaluated > 0.0 => format!("{:.0} ({evaluated:.0})", 3600.0 * row.after_training_cpu_hours),
        _ => "0".to_owned(),
    };
    let cpu_s = format!("{:.0}", 3600.0 * row.cpu_hours);
    vec![title(row.mode).to_owned(), smallest, middle, biggest, cpu_s, row.after_training.clone(), after]
}

/// `87.1 ± 0.4 (0.35 M)`: mean and spread of top-1, and multiply-adds.
fn child_text(child: &NeighbourChild) -> String {
    format!("{} ({:.2} M)", child.statistics(), child.madds / 1e6)
}

/// The searches under each budget as a Markdown table.
pub fn selection_markdown(entries: &[SelectionEntry]) -> String {
    markdown_table(&SELECTION_COLUMNS, entries.iter().map(selection_row))
}

/// The columns of the table of searches.
pub(super) const SELECTION_COLUMNS: [&str; 5] = ["budget", "at most", "coarse to fine", "random search", "evolution"];

/// A row of the table of searches.
pub(super) fn selection_row(entry: &SelectionEntry) -> Vec<String> {
    let searches = entry.searches().map(|(_, statistics)| statistics.to_string());
    [entry.budget.clone(), format!("{:.2} M", entry.most_madds / 1e6)].into_iter().chain(searches).collect()
}

fn markdown_table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len()));
    for row in rows {
        text.push('|');
        for cell in row {
            text.push_str(&if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
        }
        text.push('\n');
    }
    text
}

/// An outcome as a Markdown table: a row for each child, a column for each variant, each cell with mean, spread, and the
/// difference from the first column; the last row has the cost of training.
pub fn markdown(outcome: &Outcome) -> String {
    let variants = outcome.variants();
    let columns: Vec<&str> = ["child", "MAdds"].into_iter().chain(variants).collect();
    markdown_table(&columns, rows(outcome).into_iter())
}

/// The rows of an outcome's table: child, multiply-adds, and a cell for each variant.
pub(super) fn rows(outcome: &Outcome) -> Vec<Vec<String>> {
    let variants = outcome.variants();
    let of_child = |child: &str| {
        let madds = variants.iter().find_map(|variant| outcome.cell(child, variant)).map(|cell| cell.madds.to_string());
        let cells = variants.iter().map(|variant| cell_text(outcome, child, variant));
        [child.to_owned(), madds.unwrap_or_default()].into_iter().chain(cells).collect()
    };
    let costs = variants.iter().map(|variant| format!("{:.0}", training_cpu_s(outcome, variant)));
    let cost = ["CPU-seconds a seed".to_owned(), String::new()].into_iter().chain(costs).collect();
    outcome.children().into_iter().map(of_child).chain([cost]).collect()
}

/// `91.2 ± 0.3 at 0.44 M (-1.0 ± 0.1)`: mean, spread, multiply-adds if they are others than the first variant's, and mean
/// and spread of the difference from that, seed by seed.
fn cell_text(outcome: &Outcome, child: &str, variant: &str) -> String {
    let Some(cell) = outcome.cell(child, variant).filter(|cell| !cell.top1.is_empty()) else {
        return "-".to_owned();
    };
    let mut text = cell.statistics().to_string();
    let first = outcome.variants().first().and_then(|first| outcome.cell(child, first));
    if let Some(first) = first.filter(|first| first.variant != cell.variant && first.top1.len() == cell.top1.len()) {
        if cell.madds != first.madds {
            let _ = write!(text, " at {}", cell.madds);
        }
        let _ = write!(text, " ({})", signed(difference(first, cell), 1));
    }
    text
}

/// `+0.1 ± 0.2`; a difference that rounds to nothing has no sign.
pub(super) fn signed(difference: Statistics, digits: usize) -> String {
    let text = format!("{difference:.digits$}");
    let is_zero = format!("{:.digits$}", difference.mean.abs()) == format!("{:.digits$}", 0.0);
    match difference.mean {
        _ if is_zero => text.trim_start_matches('-').to_owned(),
        mean if mean > 0.0 => format!("+{text}"),
        _ => text,
    }
}

/// Mean and spread of the differences of two cells, seed by seed.
pub(super) fn difference(first: &super::Cell, other: &super::Cell) -> Statistics {
    let pairs: Vec<f64> = other.top1.iter().zip(&first.top1).map(|(other, first)| other - first).collect();
    Statistics::of(&pairs)
}
