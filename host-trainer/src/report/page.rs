use super::charts;
use super::demo::{Budget, Demo, Sample, Shipped};
use super::picture::data_uri;
use nestling_page::document;
use nestling_page::markup::{Text, grouped, maybe, percent, three, tiny};
use std::fmt::Write;

/// More images than this would say no more.
const MAX_SAMPLES: usize = 48;

/// The page: one document that needs no script, no font and no network.
pub fn html(demo: &Demo) -> String {
    let mut page = String::new();
    header(&mut page, demo);
    page.push_str("<main>\n<section>\n<h2>What a budget buys</h2>\n");
    page.push_str(&charts::accuracy_against_latency(demo));
    budgets(&mut page, &demo.summary.budgets);
    page.push_str(&charts::predicted_against_measured(demo));
    page.push_str("</section>\n<section>\n<h2>How it was trained</h2>\n");
    if demo.epochs.is_empty() {
        page.push_str("<p class=\"note\">The run left no epochs to draw.</p>\n");
    } else {
        page.push_str(&charts::training_curves(demo));
        page.push_str(&charts::learning_rate(demo));
    }
    page.push_str("</section>\n<section>\n<h2>What was searched, and what ships</h2>\n");
    page.push_str(&charts::search(demo));
    children(&mut page, demo);
    page.push_str("</section>\n");
    checks(&mut page, demo);
    samples(&mut page, demo);
    page.push_str("</main>\n");
    document("Nestling: one supernet, sliced on the device", include_str!("style.css"), &page)
}

fn named<'a>(demo: &'a Demo, name: &str) -> Option<&'a Shipped> {
    demo.summary.children.iter().find(|child| child.name == name)
}

fn header(page: &mut String, demo: &Demo) {
    let summary = &demo.summary;
    page.push_str(
        "<header>\n<p class=\"brand\">Nestling</p>\n<h1>One supernet, trained once; every device slices its own \
         child</h1>\n<p class=\"lead\">A BigNAS supernet trained on Fashion-MNIST, shipped as one file. The device \
         measures its layers, picks the child that fits a budget and runs it: no retraining, no copy of the \
         weights.</p>\n<dl class=\"figures\">\n",
    );
    let mut figure = |value: &str, unit: &str, what: &str| {
        let (value, unit, what) = (Text(value), Text(unit), Text(what));
        let _ = writeln!(page, "<div><dt>{what}</dt><dd>{value}<small> {unit}</small></dd></div>");
    };
    for name in ["biggest", "smallest"] {
        if let Some(child) = named(demo, name) {
            figure(&maybe(child.test_top1, percent), "%", &format!("test top-1 of the {name} child"));
        }
    }
    if let Some(cpu_s) = summary.train.as_ref().and_then(|train| train.cpu_s) {
        figure(&grouped(cpu_s), "CPU-s", "of training, all children together");
    }
    if let Some(switch) = &summary.switch {
        let times = maybe(switch.switches, grouped);
        figure(&maybe(switch.weight_bytes, grouped), "bytes", &format!("of weights uploaded by {times} switches"));
    }
    page.push_str("</dl>\n");
    if let Some(device) = &summary.device {
        let (adapter, backend, precision) = (Text(&device.adapter), Text(&device.backend), Text(&device.precision));
        let _ = writeln!(page, "<p class=\"note\">Top1 on <b>{adapter}</b> ({backend}, {precision}).</p>");
    }
    page.push_str("</header>\n");
}

fn swatch(index: usize) -> String {
    format!("<i class=\"disc {}\"></i>", charts::colour_of_budget(index).class())
}

/// A child as text that breaks between its choices only.
fn child_code(child: &str) -> String {
    let words: Vec<String> = child.split_whitespace().map(|word| format!("<span>{}</span>", Text(word))).collect();
    format!("<code>{}</code>", words.join(" "))
}

fn thousands(value: f64) -> String {
    three(value / 1e3)
}

fn millions(value: f64) -> String {
    format!("{:.2}", value / 1e6)
}

fn open_table(page: &mut String, title: &str) {
    let _ = writeln!(page, "<h3>{}</h3>\n<div class=\"wide\"><table>\n<thead><tr>", Text(title));
}

fn budgets(page: &mut String, budgets: &[Budget]) {
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
        let held = |value: Option<f64>, quantile: &str| {
            let counts = budget.quantile.as_deref().unwrap_or("p90") == quantile;
            let over = counts && value.is_some_and(|value| value > budget.budget_ms);
            let text = maybe(value, three);
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
            maybe(budget.predicted_ms, three),
            held(budget.measured_p50_ms, "p50"),
            held(budget.measured_p90_ms, "p90"),
            maybe(budget.madds, millions),
            maybe(budget.params, thousands),
            maybe(budget.switch_us, three),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn children(page: &mut String, demo: &Demo) {
    if demo.summary.children.is_empty() {
        return;
    }
    open_table(page, "The children that ship with calibrated statistics");
    page.push_str(
        "<th>child</th><th>held-out<br />%</th><th>test<br />%</th><th>MAdds<br />M</th><th>params<br />k</th>\
         <th>median<br />ms</th><th>90th pct.<br />ms</th><th class=\"text\">choices</th></tr></thead>\n<tbody>\n",
    );
    for child in &demo.summary.children {
        let times = demo.times.iter().find(|times| times.name == child.name);
        let _ = writeln!(
            page,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{}</td></tr>",
            Text(&child.name),
            maybe(child.held_out_top1, percent),
            maybe(child.test_top1, percent),
            maybe(child.madds, millions),
            maybe(child.params, thousands),
            maybe(times.map(|times| times.measured_p50_ms), three),
            maybe(times.map(|times| times.measured_p90_ms), three),
            child_code(&child.child),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn checks(page: &mut String, demo: &Demo) {
    let summary = &demo.summary;
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(parity) = &summary.parity {
        let agreement = maybe(parity.top1_agreement, |share| format!("{:.3} %", 100.0 * share));
        let of = format!("{} children × {} images", maybe(parity.children, grouped), maybe(parity.images, grouped));
        rows.push(("Device and trainer compared on", of));
        rows.push(("Same class on device and trainer", agreement));
        rows.push(("Largest relative error of a logit against the trainer", maybe(parity.max_relative_error, tiny)));
        let to_reference = maybe(parity.max_relative_error_to_reference, tiny);
        rows.push(("Largest relative error of a logit against the f64 reference", to_reference));
    }
    if let Some(switch) = &summary.switch {
        rows.push(("Switches between random children", maybe(switch.switches, grouped)));
        rows.push(("Bytes of weights they uploaded", maybe(switch.weight_bytes, grouped)));
        let made = [switch.buffers, switch.bind_groups, switch.pipelines].map(|count| maybe(count, grouped));
        rows.push(("GPU buffers, bind groups and pipelines they made", made.join(", ")));
    }
    if let Some(train) = &summary.train {
        rows.push(("CPU-seconds of training", maybe(train.cpu_s, grouped)));
        rows.push(("Seconds of training", maybe(train.wall_s, grouped)));
        rows.push(("Steps of training", maybe(train.steps, grouped)));
        rows.push(("Images seen, each counted once a step", maybe(train.images, grouped)));
    }
    if rows.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>What was checked</h2>\n<div class=\"wide\"><table class=\"checks\"><tbody>\n");
    for (what, value) in rows {
        let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", Text(what), Text(&value));
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn samples(page: &mut String, demo: &Demo) {
    if demo.samples.is_empty() {
        return;
    }
    let budgets = &demo.summary.budgets;
    page.push_str("<section>\n<h2>Test images, as the chosen children see them</h2>\n<ul class=\"legend\">");
    for (index, budget) in budgets.iter().enumerate() {
        let (text, name) = (charts::budget_text(budget), Text(&budget.name));
        let _ = write!(page, "<li>{}{}: {name}</li>", swatch(index), Text(&text));
    }
    page.push_str("<li><b class=\"bad\">✗</b> wrong answer</li></ul>\n<ul class=\"samples\">\n");
    for sample in demo.samples.iter().take(MAX_SAMPLES) {
        write_sample(page, sample);
    }
    page.push_str("</ul>\n</section>\n");
}

fn write_sample(page: &mut String, sample: &Sample) {
    let grey: Vec<u8> = sample.pixels.iter().map(|&value| value.round().clamp(0.0, 255.0) as u8).collect();
    // Compressing into memory does not fail; a page without one picture would still be a page.
    let picture = data_uri(&grey, sample.width, sample.height).unwrap_or_default();
    let label = Text(&sample.label);
    let _ = write!(page, "<li><img alt=\"{label}\" src=\"{picture}\" /><b>{label}</b><ol>");
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
