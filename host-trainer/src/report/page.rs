use super::demo::{Demo, times_of};
use super::samples::Sample;
use super::{Evaluation, answers, charts};
use crate::data::to_png;
use crate::search::SearchReport;
use crate::train::EpochReport;
use base64ct::{Base64, Encoding};
use nestling_bundle::ChildTimes;
use nestling_core::metrics::{MAdds, Millis, Quantile};
use nestling_lab::documents::ChosenChild;
use nestling_page::document;
use nestling_page::markup::{Text, grouped, maybe, percent, three, tiny};
use std::fmt::Write;

/// The page: one document that needs no script, no font and no network. `dataset` is the name of the images, and
/// `evaluation` holds the answers of the children for them, if they were tested.
pub fn html(demo: &Demo, dataset: &str, evaluation: Option<&Evaluation>) -> String {
    let mut page = String::new();
    header(&mut page, demo, dataset);
    page.push_str("<main>\n<section>\n<h2>The child for each budget</h2>\n");
    page.push_str(&charts::accuracy_against_latency(demo));
    budgets(&mut page, &demo.summary.budgets);
    page.push_str(&charts::predicted_against_measured(demo));
    page.push_str("</section>\n");
    training(&mut page, &demo.epochs);
    search(&mut page, &demo.search, &demo.times);
    if let Some(evaluation) = evaluation {
        page.push_str(&answers::section(evaluation));
    }
    checks(&mut page, demo);
    samples(&mut page, demo);
    page.push_str("</main>\n");
    document("Nestling: one supernet, sliced on the device", include_str!("style.css"), &page)
}

/// The curves of a training.
pub(super) fn training(page: &mut String, epochs: &[EpochReport]) {
    page.push_str("<section>\n<h2>Training</h2>\n");
    if epochs.is_empty() {
        page.push_str("<p class=\"note\">The run left no epochs to draw.</p>\n");
    } else {
        page.push_str(&charts::training_curves(epochs));
        page.push_str(&charts::learning_rate(epochs));
    }
    page.push_str("</section>\n");
}

/// The evaluated children, and those that ship, with their times if they were timed.
pub(super) fn search(page: &mut String, search: &SearchReport, times: &[ChildTimes]) {
    page.push_str("<section>\n<h2>Search, and the children that ship</h2>\n");
    page.push_str(&charts::search(search));
    children(page, search, times);
    page.push_str("</section>\n");
}

fn header(page: &mut String, demo: &Demo, dataset: &str) {
    let _ = writeln!(
        page,
        "<header>\n<p class=\"brand\">Nestling</p>\n<h1>One supernet, trained once; every device slices its own \
         child</h1>\n<p class=\"lead\">A BigNAS supernet trained on {}, shipped as one file. The device measures a few \
         children, predicts the others, picks the child that fits a budget and runs it: no retraining, no copy of the \
         weights.</p>\n<dl class=\"figures\">",
        Text(dataset)
    );
    let summary = &demo.summary;
    let mut figure = |value: &str, unit: &str, label: &str| figure(page, value, unit, label);
    for name in ["biggest", "smallest"] {
        if let Some(chosen) = demo.search.named(name) {
            figure(&percent(chosen.test.percent()), "%", &format!("test top-1 of the {name} child"));
        }
    }
    if let Some(train) = &summary.train {
        figure(&grouped(train.cpu_s), "CPU-s", "of training, all children together");
    }
    if let Some(switch) = &summary.switch {
        let (bytes, times) = (grouped(switch.weight_bytes as f64), grouped(switch.switches as f64));
        figure(&bytes, "bytes", &format!("of weights uploaded by {times} switches"));
    }
    page.push_str("</dl>\n");
    if let Some(device) = &summary.device {
        let (adapter, backend, precision) = (Text(&device.adapter), Text(&device.backend), Text(&device.precision));
        let _ = writeln!(page, "<p class=\"note\">Measured on <b>{adapter}</b> ({backend}, {precision}).</p>");
    }
    page.push_str("</header>\n");
}

/// A large number with its unit, and its meaning.
pub(super) fn figure(page: &mut String, value: &str, unit: &str, label: &str) {
    let (value, unit, label) = (Text(value), Text(unit), Text(label));
    let _ = writeln!(page, "<div><dt>{label}</dt><dd>{value}<small> {unit}</small></dd></div>");
}

fn swatch(index: usize) -> String {
    format!("<i class=\"disc {}\"></i>", charts::colour_of_budget(index).class())
}

/// A child as text that breaks between its choices only.
fn child_code(child: &str) -> String {
    let words: Vec<String> = child.split_whitespace().map(|word| format!("<span>{}</span>", Text(word))).collect();
    format!("<code>{}</code>", words.join(" "))
}

fn thousands(count: u64) -> String {
    three(count as f64 / 1e3)
}

fn millions(madds: MAdds) -> String {
    format!("{:.2}", madds.millions())
}

fn open_table(page: &mut String, title: &str) {
    let _ = writeln!(page, "<h3>{}</h3>\n<div class=\"wide\"><table>\n<thead><tr>", Text(title));
}

fn budgets(page: &mut String, budgets: &[ChosenChild]) {
    if budgets.is_empty() {
        return;
    }
    open_table(page, "The child chosen for each budget");
    page.push_str(
        "<th>budget</th><th class=\"text\">child</th><th>top-1<br />%</th><th>predicted<br />ms</th><th>median<br />ms\
         </th><th>90th pct.<br />ms</th><th>MAdds<br />M</th><th>params<br />k</th><th>switch<br />µs</th>\
         </tr></thead>\n<tbody>\n",
    );
    for (index, budget) in budgets.iter().enumerate() {
        let held = |value: Millis, quantile: Quantile| {
            let text = three(value.0);
            let over = budget.quantile == quantile && value.0 > budget.budget_ms.0;
            if over { format!("<td class=\"bad\">{text} over</td>") } else { format!("<td>{text}</td>") }
        };
        let _ = writeln!(
            page,
            "<tr><th>{}{}</th><td class=\"text\" title=\"{}\"><b>{}</b></td><td>{}</td><td>{}</td>{}{}<td>{}</td>\
             <td>{}</td><td>{}</td></tr>",
            swatch(index),
            Text(&charts::budget_text(budget)),
            Text(&budget.child),
            Text(&budget.name),
            maybe(budget.top1, percent),
            three(budget.predicted_ms.0),
            held(budget.measured_p50_ms, Quantile::P50),
            held(budget.measured_p90_ms, Quantile::P90),
            millions(budget.madds),
            thousands(budget.params),
            three(budget.switch_us),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn children(page: &mut String, search: &SearchReport, times: &[ChildTimes]) {
    if search.chosen.is_empty() {
        return;
    }
    open_table(page, "The children that ship with calibrated statistics");
    page.push_str(
        "<th>child</th><th>validation<br />%</th><th>test<br />%</th><th>MAdds<br />M</th><th>params<br />k</th>\
         <th>median<br />ms</th><th>90th pct.<br />ms</th><th class=\"text\">choices</th></tr></thead>\n<tbody>\n",
    );
    for (chosen, evaluated) in search.shipped() {
        let times = times_of(times, &chosen.name);
        let _ = writeln!(
            page,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{}</td></tr>",
            Text(&chosen.name),
            percent(evaluated.held_out.percent()),
            percent(chosen.test.percent()),
            millions(evaluated.cost.madds),
            thousands(evaluated.cost.params),
            maybe(times.map(|times| times.measured_p50_ms.0), three),
            maybe(times.map(|times| times.measured_p90_ms.0), three),
            child_code(&evaluated.child.to_string()),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn checks(page: &mut String, demo: &Demo) {
    let rows = check_rows(demo);
    if rows.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Checks</h2>\n<div class=\"wide\"><table class=\"checks\"><tbody>\n");
    for (check, value) in rows {
        let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", Text(check), Text(&value));
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn check_rows(demo: &Demo) -> Vec<(&'static str, String)> {
    let summary = &demo.summary;
    let count = |count: u64| grouped(count as f64);
    let mut rows = Vec::new();
    if let Some(parity) = &summary.parity {
        let compared = format!("{} children × {} images", count(parity.children as u64), count(parity.images as u64));
        rows.push(("Device and trainer compared on", compared));
        rows.push(("Same class on device and trainer", format!("{:.3} %", 100.0 * parity.top1_agreement)));
        rows.push(("Largest relative error of a logit against the trainer", tiny(parity.max_relative_error)));
        let to_reference = tiny(parity.max_relative_error_to_reference);
        rows.push(("Largest relative error of a logit against the f64 reference", to_reference));
    }
    if let Some(switch) = &summary.switch {
        rows.push(("Switches between random children", count(switch.switches as u64)));
        rows.push(("Bytes of weights they uploaded", count(switch.weight_bytes)));
        let made = [switch.buffers, switch.bind_groups, switch.pipelines].map(count);
        rows.push(("GPU buffers, bind groups and pipelines they made", made.join(", ")));
    }
    if let Some(train) = &summary.train {
        rows.push(("CPU-seconds of training", grouped(train.cpu_s)));
        rows.push(("Seconds of training", grouped(train.wall_s)));
        rows.push(("Steps of training", count(train.steps)));
        rows.push(("Images seen, each counted once a step", count(train.images)));
    }
    rows
}

fn samples(page: &mut String, demo: &Demo) {
    if demo.samples.is_empty() {
        return;
    }
    let budgets = &demo.summary.budgets;
    page.push_str("<section>\n<h2>Test images and the answers of the chosen children</h2>\n<ul class=\"legend\">");
    for (index, budget) in budgets.iter().enumerate() {
        let (text, name) = (charts::budget_text(budget), Text(&budget.name));
        let _ = write!(page, "<li>{}{}: {name}</li>", swatch(index), Text(&text));
    }
    page.push_str("<li><b class=\"bad\">✗</b> wrong answer</li></ul>\n<ul class=\"samples\">\n");
    for sample in &demo.samples {
        write_sample(page, sample);
    }
    page.push_str("</ul>\n</section>\n");
}

fn write_sample(page: &mut String, sample: &Sample) {
    // Compressing into memory does not fail; a page without one picture would still be a page.
    let picture = to_png(&sample.pixels, sample.side).unwrap_or_default();
    let picture = Base64::encode_string(&picture);
    let label = Text(&sample.label);
    let _ = write!(page, "<li><img alt=\"{label}\" src=\"data:image/png;base64,{picture}\" /><b>{label}</b><ol>");
    for (index, answer) in sample.answers.iter().enumerate() {
        let (class, cross) = if answer.label == sample.label { ("", "") } else { (" class=\"bad\"", "✗ ") };
        let _ = write!(
            page,
            "<li{class} title=\"{}\">{}<span>{cross}{}</span> <small>{:.0} %</small></li>",
            Text(&answer.name),
            swatch(index),
            Text(&answer.label),
            100.0 * answer.probability
        );
    }
    page.push_str("</ol></li>\n");
}
