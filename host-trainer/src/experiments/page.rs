//! All results on one page, each beside the paper's.

use super::from_scratch::{ALONE, SLICED};
use super::record::origin;
use super::tables::{NEIGHBOUR_COLUMNS, SELECTION_COLUMNS, difference, neighbour_row, rows, selection_row, signed};
use super::{Experiment, Neighbour, Outcome, Results, Section, SelectionEntry, plots};
use crate::published::{Architecture, PublishedNetwork};
use nestling_page::markup::{Text, grouped};
use nestling_page::{Table, document};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The page of all results: one document that needs no script, no font and no network.
pub(super) fn page(sections: &[Section], results: &Results) -> String {
    let mut page = String::from(
        "<header>\n<p class=\"brand\">Nestling</p>\n<h1>The paper's experiments, repeated</h1>\n<p class=\"lead\">BigNAS \
         (Yu et al., 2020) trains one supernet whose children need no retraining. Each section repeats one of its tables \
         or figures on a data set that one machine can train on, and shows the paper's values for ImageNet beside \
         it.</p>\n</header>\n<main>\n",
    );
    let (map, others): (Vec<_>, Vec<_>) =
        sections.iter().partition(|section| section.outcome.experiment == Experiment::Map);
    let mut shown = Vec::new();
    for section in others {
        // The first table of an experiment has its name as its anchor, and the paper's values.
        let experiment = section.outcome.experiment;
        let is_first = !shown.contains(&experiment);
        shown.push(experiment);
        let id = if is_first { experiment.name().to_owned() } else { section.outcome.file_name() };
        write_section(&mut page, section, &id, is_first);
    }
    if !map.is_empty() {
        write_map(&mut page, &map);
    }
    if !results.neighbours.is_empty() {
        page.push_str(&neighbours_section(&results.neighbours));
    }
    if !results.selection.is_empty() {
        page.push_str(&selection_section(&results.selection));
    }
    page.push_str("</main>\n");
    document("Nestling: the paper's experiments", "", &page)
}

fn write_section(page: &mut String, section: &Section, id: &str, is_first: bool) {
    let Section { outcome, command } = section;
    let experiment = outcome.experiment;
    let (question, facts) = (Text(experiment.question()), facts(section));
    let _ = write!(page, "<h2 id=\"{id}\">{question}</h2>\n<p>{}</p>\n", Text(&facts));
    page.push_str(&our_table(outcome));
    page.push_str(&plots::figures(outcome, &outcome.file_name()));
    let _ = writeln!(page, "<p class=\"note\">To repeat it: <code>{}</code></p>", Text(command));
    if !is_first {
        return;
    }
    let (finding, source) = (Text(experiment.paper_finding()), Text(experiment.source()));
    let _ = writeln!(page, "<p class=\"note\"><b>The paper:</b> {finding} ({source})</p>");
    page.push_str(&paper_table(outcome));
    if experiment == Experiment::MainResults {
        page.push_str(&published_table());
    }
}

fn facts(Section { outcome, .. }: &Section) -> String {
    let Some(record) = outcome.records.first() else { return String::new() };
    let (commits, cpu_hours) = origin(&outcome.records);
    let images = grouped(f64::from(record.images));
    let data = format!("{}, space {}: {images} training images, {} epochs", record.data, outcome.space, record.epochs);
    Facts { data, seeds: outcome.seeds, cpu_hours, commits }.to_string()
}

pub(super) fn seeds(count: u32) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

fn our_table(outcome: &Outcome) -> String {
    let variants = outcome.variants();
    let columns: Vec<&str> = ["child", "MAdds"].into_iter().chain(variants.iter().copied()).collect();
    let note = format!(
        "Top-1 on the test images in percent: mean ± standard deviation over {}, and in brackets those of the difference \
         from the first column, seed by seed. Multiply-adds stand beside a network whose cost is another. The last row \
         has the CPU-seconds of training.",
        seeds(outcome.seeds)
    );
    Table::new("Ours", &columns).note(&note).rows(rows(outcome)).html()
}

fn paper_table(outcome: &Outcome) -> String {
    let Some(table) = outcome.experiment.paper_table() else { return String::new() };
    let columns: Vec<&str> = std::iter::once("child").chain(table.columns.iter().copied()).collect();
    let rows = table.rows.into_iter().map(|(child, values)| {
        let cells = values.iter().enumerate().map(|(at, value)| match at {
            0 => format!("{value:.1}"),
            _ => format!("{value:.1} ({:+.1})", value - values[0]),
        });
        std::iter::once(child.to_owned()).chain(cells).collect()
    });
    Table::new("The paper's, on ImageNet", &columns).rows(rows).html()
}

/// All settings of the map in one table: the difference of sliced children from the same networks trained alone.
fn write_map(page: &mut String, sections: &[&Section]) {
    let question = Text(Experiment::Map.question());
    let _ = writeln!(page, "<h2 id=\"{}\">{question}</h2>", Experiment::Map);
    let mut columns = vec!["space", "images", "epochs", "seeds", "child", "MAdds"];
    columns.extend(["sliced", "alone", "alone - sliced", "CPU-hours"]);
    let rows = sections.iter().flat_map(|section| map_rows(&section.outcome)).collect::<Vec<_>>();
    let note = "Top-1 on the test images in percent: mean ± standard deviation over seeds, if there are several. A negative \
                difference says that sharing and distillation pay.";
    page.push_str(&Table::new("Sliced beside alone", &columns).note(note).rows(rows).html());
    let _ = writeln!(page, "<p class=\"note\"><b>The paper:</b> {}</p>", Text(Experiment::Map.paper_finding()));
    if let Some(section) = sections.first() {
        let records = sections.iter().flat_map(|section| &section.outcome.records);
        let code = format!("Code {}. To repeat it: ", origin(records).0);
        let _ = writeln!(page, "<p class=\"note\">{}<code>{}</code></p>", Text(&code), Text(&section.command));
    }
}

fn map_rows(outcome: &Outcome) -> Vec<Vec<String>> {
    let Some(record) = outcome.records.first() else { return Vec::new() };
    let row = |child: &str| {
        let (sliced, alone) = (outcome.cell(child, SLICED)?, outcome.cell(child, ALONE)?);
        Some(vec![
            outcome.space.clone(),
            grouped(f64::from(record.images)),
            record.epochs.to_string(),
            outcome.seeds.to_string(),
            child.to_owned(),
            sliced.madds.to_string(),
            sliced.statistics().to_string(),
            alone.statistics().to_string(),
            signed(difference(sliced, alone), 2),
            format!("{:.2}", outcome.cpu_hours()),
        ])
    };
    outcome.children().into_iter().filter_map(row).collect()
}

/// The paper's main table in full, with the cost of each network by our own model where its architecture is public.
fn published_table() -> String {
    let columns = ["group", "network", "params", "MAdds", "top-1", "our params", "our MAdds", "remark"];
    let rows = PublishedNetwork::ALL.iter().map(|network| {
        let cost = network.computed().ok().flatten();
        let millions = |value: f64| format!("{:.1} M", value / 1e6);
        let cause = match network.architecture {
            Architecture::Same(_) => None,
            Architecture::Nearest(preset) => Some(format!("the nearest public network: {preset}")),
            Architecture::Unpublished => Some("published figures; architecture not published".to_owned()),
            Architecture::OtherBlocks => Some("published figures; other blocks than ours".to_owned()),
        };
        let remark = cause.into_iter().chain(network.note.map(str::to_owned)).collect::<Vec<_>>().join("; ");
        vec![
            network.group.to_owned(),
            network.family.to_owned(),
            format!("{:.1} M", network.params_millions),
            format!("{:.0} M", network.madds_millions),
            format!("{:.1}", network.top1),
            cost.map_or_else(|| "-".to_owned(), |cost| millions(cost.params as f64)),
            cost.map_or_else(|| "-".to_owned(), |cost| millions(cost.madds.0 as f64)),
            remark,
        ]
    });
    let note =
        "Published figures for ImageNet. Costs by our own model stand beside those whose architecture is public.";
    Table::new("The paper's main table", &columns).note(note).words(&[0, 1, 7]).rows(rows).html()
}

fn neighbours_section(rows: &[Neighbour]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let note = "Top-1 on the test images in percent: mean ± standard deviation over seeds, and multiply-adds. Smallest and \
                biggest are the ends of each method's own space. The middle child is the one that the method selects at the \
                cost of BigNAS's middle choices; that selection is the work after training.";
    let table = Table::new("BigNAS beside its neighbours, at equal processor time", &NEIGHBOUR_COLUMNS).note(note);
    let cpu_hours: f64 = rows.iter().map(|row| row.cpu_hours + row.after_training_cpu_hours).sum();
    let commits: BTreeSet<&str> = rows.iter().flat_map(|row| row.commit.split(", ")).collect();
    let facts = Facts {
        data: format!("{}, {} training images", first.data, grouped(f64::from(first.images))),
        seeds: first.smallest.tested.len() as u32,
        cpu_hours: cpu_hours * first.smallest.tested.len() as f64,
        commits: commits.into_iter().collect::<Vec<_>>().join(", "),
    };
    let table = table.words(&[0, 5]).rows(rows.iter().map(neighbour_row)).html();
    comparison("neighbours", "How does BigNAS compare with its neighbours?", &facts, &first.command, &{
        table + &plots::of_neighbours(rows)
    })
}

fn selection_section(entries: &[SelectionEntry]) -> String {
    let Some(first) = entries.first() else { return String::new() };
    let note = "Top-1 of the selected child on the test images in percent: mean ± standard deviation over seeds. Children \
                are selected by their accuracy on validation images.";
    let facts = Facts {
        data: format!("{}; each search evaluates {} children for all budgets", first.data, first.evaluations),
        seeds: first.records.len() as u32,
        cpu_hours: first.cpu_hours,
        commits: first.commit.clone(),
    };
    let table = Table::new("Three searches under each budget", &SELECTION_COLUMNS).note(note);
    let table = table.rows(entries.iter().map(selection_row)).html();
    comparison("selection", "Which search finds the best children?", &facts, &first.command, &{
        table + &plots::of_selection(entries)
    })
}

/// The section of a comparison that is no table of the paper.
fn comparison(id: &str, question: &str, facts: &Facts, command: &str, body: &str) -> String {
    format!(
        "<h2 id=\"{id}\">{}</h2>\n<p>{}</p>\n{body}<p class=\"note\">To repeat it: <code>{}</code></p>\n",
        Text(question),
        Text(&facts.to_string()),
        Text(command)
    )
}

/// The conditions of a table.
struct Facts {
    data: String,
    seeds: u32,
    cpu_hours: f64,
    commits: String,
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { data, cpu_hours, commits, .. } = self;
        write!(f, "{data}, {}, {cpu_hours:.2} CPU-hours, code {commits}.", seeds(self.seeds))
    }
}
