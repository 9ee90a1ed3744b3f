use super::{Course, Minute};
use nestling_page::markup::Text;
use nestling_page::plot::{Axis, Colour, Join, Plot};
use nestling_page::{Table, document};
use std::fmt::Write;

/// The page of one child throughout, and of a governor under the same load: p50 and p90 of each minute.
pub fn page(device: &str, alone: &Course, governed: Option<&Course>) -> String {
    let mut page = format!(
        "<header>\n<p class=\"brand\">Nestling</p>\n<h1>Sustained speed</h1>\n<p class=\"lead\">{}</p>\n</header>\n<main>\n",
        Text(device)
    );
    section(&mut page, "alone", "One child throughout", alone);
    if let Some(governed) = governed {
        section(&mut page, "governed", "A governor's children", governed);
    }
    page.push_str("</main>\n");
    document("Nestling: sustained speed", "", &page)
}

fn section(page: &mut String, id: &str, title: &str, course: &Course) {
    let _ = write!(page, "<h2 id=\"{id}\">{title}</h2>\n<p>{}</p>\n", Text(&course.to_string()));
    page.push_str(&curves(&format!("{id}-minutes"), course));
    let columns = ["minute", "inferences", "p50 ms", "p90 ms", "p95 ms", "child", "heat", "top-1 %"];
    let row = |minute: &Minute| {
        vec![
            minute.minute.to_string(),
            minute.inferences.to_string(),
            format!("{:.3}", minute.p50_ms.0),
            format!("{:.3}", minute.p90_ms.0),
            format!("{:.3}", minute.p95_ms.0),
            minute.child.clone(),
            minute.hint.to_string(),
            format!("{:.2}", minute.accuracy),
        ]
    };
    page.push_str(&Table::new("Minutes", &columns).words(&[5, 6]).rows(course.minutes.iter().map(row)).html());
}

fn curves(id: &str, course: &Course) -> String {
    let all = || course.minutes.iter();
    let times = all().flat_map(|minute| [minute.p50_ms.0, minute.p90_ms.0]);
    let limit = course.budget_ms.map(|limit| limit.0);
    let x = Axis::over("Minute", all().map(|minute| f64::from(minute.minute)), 7);
    let y = Axis::over("Milliseconds", times.chain(limit).chain([0.0]), 6);
    let points = |of: fn(&Minute) -> f64| all().map(|minute| (f64::from(minute.minute), of(minute))).collect();
    let note = "Median and p90 of the inferences of each minute.";
    let mut plot = Plot::new(id, "Time of an inference", note, x, y)
        .line("p50", points(|minute| minute.p50_ms.0), Join::Straight, Colour::Blue)
        .line("p90", points(|minute| minute.p90_ms.0), Join::Straight, Colour::Orange);
    if let Some(limit) = limit {
        let line = all().map(|minute| (f64::from(minute.minute), limit)).collect();
        plot = plot.line("budget", line, Join::Straight, Colour::Grey);
    }
    plot.figure()
}
