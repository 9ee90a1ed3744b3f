use crate::markup::Text;
use crate::plot::{Axis, Colour, Legend, WIDTH, open_figure};
use std::fmt::Write;

const ROW: f64 = 18.0;
/// About the width of a letter of a name.
const LETTER: f64 = 7.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 58.0;
const RIGHT: f64 = 20.0;
/// Room for names, at least and at most.
const NAMES: [f64; 2] = [76.0, 220.0];

/// A bar, with its name before it.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The text in front of it.
    pub name: String,
    /// Its length, from 0.
    pub value: f64,
    /// The tooltip.
    pub title: String,
    /// Its colour.
    pub colour: Colour,
}

/// A figure of horizontal bars, one a row, from the first at the top.
#[derive(Clone, Debug)]
pub struct Bars {
    id: String,
    title: String,
    note: String,
    axis: String,
    legend: Legend,
    bars: Vec<Bar>,
}

impl Bars {
    /// No bars yet. `id` is its own on the page, of letters, digits and dashes; `note` says how to read it; `axis` says
    /// what a bar's length is, with its unit.
    pub fn new(id: &str, title: &str, note: &str, axis: &str) -> Self {
        let text = |text: &str| text.to_owned();
        let (legend, bars) = (Legend::new(), Vec::new());
        Self { id: text(id), title: text(title), note: text(note), axis: text(axis), legend, bars }
    }

    /// Says what a colour means.
    pub fn legend(mut self, name: &str, colour: Colour) -> Self {
        self.legend.push((name.to_owned(), colour, "bar"));
        self
    }

    /// Adds a bar below the others. One whose value is negative or no number has no length.
    pub fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    /// The figure as HTML.
    pub fn figure(&self) -> String {
        let length = |bar: &Bar| if bar.value.is_finite() { bar.value.max(0.0) } else { 0.0 };
        let axis = Axis::over(&self.axis, self.bars.iter().map(length).chain([0.0]), 7);
        let longest = self.bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
        let left = (LETTER * longest as f64 + 14.0).clamp(NAMES[0], NAMES[1]);
        let (right, bottom) = (WIDTH - RIGHT, TOP + ROW * self.bars.len() as f64);
        let at = |value: f64| left + (right - left) * axis.share(value);
        let mut out = open_figure(&Text(&self.id).to_string(), &self.title, &self.note, &self.legend);
        let height = bottom + BOTTOM;
        let label = Text(&self.title);
        let _ = writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{label}\">");
        out.push_str("<g class=\"axes\">\n");
        for &tick in &axis.ticks {
            let (x, label, below) = (at(tick), axis.label(tick), bottom + 20.0);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {TOP:.1}V{bottom:.1}\"/><text x=\"{x:.1}\" y=\"{below:.1}\" class=\"middle\">{label}\
                 </text>"
            );
        }
        let (middle, base, title) = ((left + right) / 2.0, height - 12.0, Text(&axis.title));
        let _ = writeln!(out, "<text x=\"{middle:.1}\" y=\"{base:.1}\" class=\"middle axis\">{title}</text>\n</g>");
        for (row, bar) in self.bars.iter().enumerate() {
            let y = TOP + ROW * row as f64;
            let (width, class) = (at(length(bar)) - left, bar.colour.class());
            let most = ((left - 14.0) / LETTER) as usize;
            let _ = writeln!(
                out,
                "<g class=\"{class}\"><text x=\"{:.1}\" y=\"{:.1}\" class=\"end row\">{}</text><rect class=\"bar\" \
                 x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect></g>",
                left - 7.0,
                y + 13.5,
                Text(&shortened(&bar.name, most)),
                y + 2.5,
                ROW - 5.0,
                Text(&bar.title)
            );
        }
        out.push_str("</svg>\n</figure>\n");
        out
    }
}

/// The end of a name tells more than its beginning.
fn shortened(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count + 1 - most.max(1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document, markup_fault};

    #[test]
    fn every_bar_has_a_length_and_a_title_whatever_its_value_and_name() {
        let values = [1.0, 0.0, -1.0, f64::NAN, f64::INFINITY];
        let bars = values.iter().fold(Bars::new("x", "<t>", "", "Time (ms)"), |bars, &value| {
            bars.bar(Bar { name: "<b>\"".repeat(30), value, title: "</title>".to_owned(), colour: Colour::Blue })
        });
        let page = document("", "", &bars.figure());
        assert_eq!(markup_fault(&page), None);
        assert_eq!(page.matches("<rect class=\"bar\"").count(), 5);
        assert!(!page.contains("NaN") && !page.contains("inf") && !page.contains("width=\"-"));
        assert!(page.contains("Time (ms)"));
        assert_eq!(markup_fault(&document("", "", &Bars::new("y", "", "", "").figure())), None);
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(shortened("stage2.block1.expand", 30), "stage2.block1.expand");
        assert_eq!(shortened("stage2.block1.expand", 7), "…expand");
    }
}
