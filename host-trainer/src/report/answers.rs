//! The part of a page that shows how children classify the test images.

use super::evaluation::THUMBNAIL;
use super::{Evaluation, matrix};
use crate::classification::{ChildReport, ClassRates, ClassificationReport, Mistake, Rate};
use base64ct::{Base64, Encoding};
use nestling_page::Table;
use nestling_page::markup::{Text, grouped, maybe, percent};
use nestling_page::plot::{Axis, Colour, Dot, Join, Look, Plot};
use std::fmt::Write;

/// Most classes of a table; with more, those of the lowest recall are shown.
const MAX_ROWS: usize = 40;
/// Pairs of confused classes beside a matrix, and instead of one.
const PAIRS: [usize; 2] = [10, 30];

/// The section: a table of all children, then each child.
pub(super) fn section(evaluation: &Evaluation) -> String {
    let report = &evaluation.report;
    let mut page = "<section>\n<h2>Answers for the test images</h2>\n".to_owned();
    write_thumbnails(&mut page, evaluation);
    page.push_str(&all_children(report));
    for (index, child) in report.children.iter().enumerate() {
        write_child(&mut page, index, child, report);
    }
    page.push_str("</section>\n");
    page
}

/// Every picture once: mistakes of several children refer to it.
fn write_thumbnails(page: &mut String, evaluation: &Evaluation) {
    page.push_str("<svg width=\"0\" height=\"0\" class=\"store\" aria-hidden=\"true\"><defs>\n");
    for (index, png) in &evaluation.thumbnails {
        let _ = writeln!(
            page,
            "<image id=\"image-{index}\" width=\"{THUMBNAIL}\" height=\"{THUMBNAIL}\" \
             href=\"data:image/png;base64,{}\"/>",
            Base64::encode_string(png)
        );
    }
    page.push_str("</defs></svg>\n");
}

fn interval(rate: Option<Rate>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1} to {:.1}", rate.low, rate.high))
}

fn share(rate: Option<Rate>) -> String {
    maybe(rate.map(|rate| rate.percent), percent)
}

fn all_children(report: &ClassificationReport) -> String {
    let note = format!(
        "On {} images of {}. Intervals are Wilson's, of 95 % confidence. Macro accuracy is the mean of the classes' \
         recalls. The calibration error is the mean distance of a probability from the share of right answers.",
        grouped(report.images as f64),
        report.data
    );
    let biggest = report.children.iter().find(|child| child.name == "biggest").map(|child| child.test_top1);
    let behind =
        |child: &ChildReport| maybe(biggest.map(|biggest| biggest - child.test_top1), |points| format!("{points:.1}"));
    let columns = [
        "child",
        "top-1 %",
        "95 % interval",
        "points behind the biggest",
        "macro accuracy %",
        "calibration error %",
        "wrong answers",
    ];
    let row = |child: &ChildReport| {
        vec![
            child.name.clone(),
            percent(child.test_top1),
            interval(child.top1),
            behind(child),
            percent(child.macro_accuracy_percent),
            percent(child.calibration.expected_error_percent),
            grouped(f64::from(child.images - child.correct)),
        ]
    };
    Table::new("Every child", &columns).note(&note).rows(report.children.iter().map(row)).html()
}

fn write_child(page: &mut String, index: usize, child: &ChildReport, report: &ClassificationReport) {
    let open = if child.name == "biggest" { " open=\"open\"" } else { "" };
    let _ = writeln!(
        page,
        "<details class=\"child\"{open}>\n<summary><b>{}</b> {} % top-1 <small>{}</small></summary>",
        Text(&child.name),
        percent(child.test_top1),
        Text(&child.child)
    );
    let figure = matrix::figure(&format!("confusion-{index}"), child, &report.classes);
    let pairs = PAIRS[usize::from(figure.is_none())];
    page.push_str(&figure.unwrap_or_default());
    page.push_str(&most_confused(child, pairs));
    page.push_str(&class_table(child));
    page.push_str(&reliability(index, child));
    write_mistakes(page, child);
    page.push_str("</details>\n");
}

fn most_confused(child: &ChildReport, most: usize) -> String {
    if child.confused.is_empty() {
        return String::new();
    }
    let of_class = |name: &str| child.classes.iter().find(|class| class.class == name).map_or(0, |class| class.images);
    let table = Table::new("Most confused pairs", &["class", "taken for", "images", "of the class %"]).words(&[1]);
    let row = |pair: &crate::classification::Confused| {
        let share = 100.0 * f64::from(pair.images) / f64::from(of_class(&pair.truth).max(1));
        vec![pair.truth.clone(), pair.answer.clone(), grouped(f64::from(pair.images)), percent(share)]
    };
    table.rows(child.confused.iter().take(most).map(row)).html()
}

fn class_table(child: &ChildReport) -> String {
    let mut classes: Vec<&ClassRates> = child.classes.iter().collect();
    let mut note =
        "Recall: the share of a class's images that were found. Precision: the share of answers with the class \
                    that are right. Each with its 95 % interval (Wilson)."
            .to_owned();
    if classes.len() > MAX_ROWS {
        let recall = |class: &ClassRates| class.recall.map_or(f64::INFINITY, |rate| rate.percent);
        classes.sort_by(|a, b| recall(a).total_cmp(&recall(b)));
        classes.truncate(MAX_ROWS);
        let _ = write!(note, " The {MAX_ROWS} classes of the lowest recall; the JSON document has all.");
    }
    let columns = ["class", "images", "recall %", "interval", "precision %", "interval", "F1 %"];
    let row = |class: &ClassRates| {
        vec![
            class.class.clone(),
            grouped(f64::from(class.images)),
            share(class.recall),
            interval(class.recall),
            share(class.precision),
            interval(class.precision),
            maybe(class.f1_percent, percent),
        ]
    };
    Table::new("Every class", &columns).note(&note).rows(classes.into_iter().map(row)).html()
}

/// Right answers against probabilities, a dot for each bin.
fn reliability(index: usize, child: &ChildReport) -> String {
    let axis = |title| Axis::over(title, [0.0, 100.0], 5);
    let (x, y) = (axis("Mean probability of the answers (%)"), axis("Right answers (%)"));
    let note = format!(
        "Answers in bins of equal width; a larger dot holds more of them. On the dashed line a probability is the share \
         of right answers; below it the child is too confident. Calibration error: {} %.",
        percent(child.calibration.expected_error_percent)
    );
    let filled: Vec<_> = (child.calibration.bins.iter())
        .filter_map(|bin| Some((bin, bin.mean_percent()?, bin.correct_percent()?)))
        .collect();
    let line = filled.iter().map(|&(_, mean, correct)| (mean, correct)).collect();
    let mut plot = Plot::new(&format!("reliability-{index}"), "Reliability", &note, x, y)
        .height(380.0)
        .line("perfect", vec![(0.0, 0.0), (100.0, 100.0)], Join::Dashed, Colour::Grey)
        .line("measured", line, Join::Straight, Colour::Blue);
    for (bin, mean, correct) in filled {
        let title = format!(
            "probability {:.0} to {:.0} %: {} images, {} right ({} %)\nmean probability {} %",
            100.0 * bin.low,
            100.0 * bin.high,
            grouped(f64::from(bin.images)),
            grouped(f64::from(bin.correct)),
            percent(correct),
            percent(mean)
        );
        let radius = 3.0 + 7.0 * (f64::from(bin.images) / f64::from(child.images.max(1))).sqrt();
        let dot = Dot { x: mean, y: correct, title, label: None, reach: None };
        plot = plot.dots("", vec![dot], Look::Disc((radius * 10.0).round() / 10.0), Colour::Blue);
    }
    plot.figure()
}

fn write_mistakes(page: &mut String, child: &ChildReport) {
    if child.mistakes.is_empty() {
        page.push_str("<p class=\"note\">No answer is wrong.</p>\n");
        return;
    }
    let _ = writeln!(
        page,
        "<h3>Worst mistakes</h3>\n<p class=\"note\">The {} wrong answers with the highest probability. Wrong labels \
         are often among them.</p>\n<ul class=\"samples mistakes\">",
        child.mistakes.len()
    );
    child.mistakes.iter().for_each(|mistake| write_mistake(page, mistake));
    page.push_str("</ul>\n");
}

fn write_mistake(page: &mut String, mistake: &Mistake) {
    let place = mistake.path.clone().unwrap_or_else(|| format!("test image {}", mistake.index));
    let (truth, answer, place) = (Text(&mistake.truth), Text(&mistake.answer), Text(&place));
    let _ = writeln!(
        page,
        "<li><svg viewBox=\"0 0 {THUMBNAIL} {THUMBNAIL}\" role=\"img\" aria-label=\"{truth}\"><use \
         href=\"#image-{}\"/></svg><b>{truth}</b><span class=\"bad\">✗ {answer} {:.1} %</span><small>{truth} {:.1} \
         %</small><code>{place}</code></li>",
        mistake.index,
        100.0 * mistake.probability,
        100.0 * mistake.truth_probability
    );
}
