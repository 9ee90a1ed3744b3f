//! All results on one page, each beside the paper's.

use super::from_scratch::{ALONE, SLICED};
use super::neighbours::title;
use super::record::origin;
use super::tables::{child_text, difference, rows};
use super::{Experiment, Neighbour, Outcome, Results, Section, SelectionEntry, plots};
use crate::published::{Architecture, PublishedNetwork};
use nestling_page::markup::{Text, grouped};
use nestling_page::{Table, document};
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
    others.into_iter().for_each(|section| write_section(&mut page, section));
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

fn write_section(page: &mut String, section: &Section) {
    let Section { outcome, command } = section;
    let experiment = outcome.experiment;
    let _ =
        write!(page, "<h2 id=\"{0}\">{1}</h2>\n<p>{2}</p>\n", experiment, Text(experiment.question()), facts(section));
    page.push_str(&our_table(outcome));
    page.push_str(&plots::figures(outcome));
    let _ = writeln!(
        page,
        "<p class=\"note\"><b>The paper:</b> {} ({})</p>",
        Text(experiment.paper_finding()),
        Text(experiment.source())
    );
    page.push_str(&paper_table(outcome));
    if experiment == Experiment::MainResults {
        page.push_str(&published_table());
    }
    let _ = writeln!(page, "<p class=\"note\">To repeat it: <code>{}</code></p>", Text(command));
}

fn facts(Section { outcome, .. }: &Section) -> String {
    let Some(record) = outcome.records.first() else { return String::new() };
    let (commits, cpu_hours) = origin(&outcome.records);
    format!(
        "{}, space {}: {} training images, {} epochs, {}, {:.2} CPU-hours, code {}.",
        Text(&record.data),
        Text(&outcome.space),
        grouped(f64::from(record.images)),
        record.epochs,
        seeds(outcome.seeds),
        cpu_hours,
        Text(&commits)
    )
}

fn seeds(count: u32) -> String {
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
    columns.extend(["sliced", "alone", "sliced - alone", "CPU-hours"]);
    let rows = sections.iter().flat_map(|section| map_rows(&section.outcome)).collect::<Vec<_>>();
    let note = "Top-1 on the test images in percent: mean ± standard deviation over seeds. A positive difference says that \
                sharing and distillation pay.";
    page.push_str(&Table::new("Sliced beside alone", &columns).note(note).rows(rows).html());
    let _ = writeln!(page, "<p class=\"note\"><b>The paper:</b> {}</p>", Text(Experiment::Map.paper_finding()));
    if let Some(section) = sections.first() {
        let _ = writeln!(page, "<p class=\"note\">To repeat it: <code>{}</code></p>", Text(&section.command));
    }
}

fn map_rows(outcome: &Outcome) -> Vec<Vec<String>> {
    let Some(record) = outcome.records.first() else { return Vec::new() };
    let row = |child: &str| {
        let (sliced, alone) = (outcome.cell(child, SLICED)?, outcome.cell(child, ALONE)?);
        let text = |[mean, spread]: [f64; 2]| format!("{mean:.1} ± {spread:.1}");
        let [difference, spread] = difference(alone, sliced);
        Some(vec![
            outcome.space.clone(),
            grouped(f64::from(record.images)),
            record.epochs.to_string(),
            outcome.seeds.to_string(),
            child.to_owned(),
            sliced.madds.to_string(),
            text(sliced.mean_and_spread()),
            text(alone.mean_and_spread()),
            format!("{difference:+.2} ± {spread:.2}"),
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
        let remark = match (network.architecture, network.note) {
            (_, Some(note)) => note.to_owned(),
            (Architecture::Same(_), None) => String::new(),
            (Architecture::Nearest(preset), None) => format!("the nearest public network: {preset}"),
            (Architecture::Unpublished, None) => "architecture not published".to_owned(),
            (Architecture::OtherBlocks, None) => "other blocks than ours".to_owned(),
        };
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
    let cells = rows.iter().map(|row| {
        vec![
            title(row.mode).to_owned(),
            child_text(&row.smallest),
            child_text(&row.middle),
            child_text(&row.biggest),
            format!("{:.2}", row.cpu_hours),
            row.after_training.clone(),
        ]
    });
    let columns = ["method", "smallest", "middle", "biggest", "CPU-hours a seed", "needed after training"];
    let note = "Top-1 on the test images in percent: mean ± standard deviation over seeds, and multiply-adds.";
    let seeds = rows.first().map_or(0, |row| row.smallest.tested.len());
    let facts = rows.first().map(|row| format!("{}: {} training images, {seeds} seeds.", row.data, row.images));
    let title = "BigNAS beside its neighbours, at equal processor time";
    let table = Table::new(title, &columns).note(note).words(&[0, 5]).rows(cells).html();
    let facts = facts.unwrap_or_default();
    format!("<h2 id=\"neighbours\">How does BigNAS compare with its neighbours?</h2>\n<p>{}</p>\n{table}", Text(&facts))
}

fn selection_section(entries: &[SelectionEntry]) -> String {
    let cells = entries.iter().map(|entry| {
        let text = |mean: f64, spread: f64| format!("{mean:.2} ± {spread:.2}");
        vec![
            entry.budget.clone(),
            format!("{:.2} M", entry.most_madds / 1e6),
            text(entry.coarse_to_fine, entry.coarse_to_fine_spread),
            text(entry.random, entry.random_spread),
            text(entry.evolution, entry.evolution_spread),
        ]
    });
    let facts = entries.first().map(|one| {
        format!("{}: {} seeds; each search evaluates {} children.", one.data, one.records.len(), one.evaluations)
    });
    let note = "Top-1 of the selected child on the test images in percent: mean ± standard deviation over seeds. Children \
                are selected by their accuracy on validation images.";
    let columns = ["budget", "at most", "coarse to fine", "random", "evolution"];
    let table = Table::new("Three searches under each budget", &columns).note(note).rows(cells).html();
    let facts = facts.unwrap_or_default();
    format!("<h2 id=\"selection\">Which search finds the best children?</h2>\n<p>{}</p>\n{table}", Text(&facts))
}
