//! Plots as inline SVG: axes with nice ticks, lines, bands, dots that tell their numbers, vertical marks.

mod axis;
mod labels;
mod marks;

pub use axis::{Axis, ticks};
pub use marks::{Colour, Dot, Join, Look};

use crate::markup::Text;
use labels::Labels;
use marks::Mark;
use std::fmt::Write;

/// Units across.
pub(crate) const WIDTH: f64 = 640.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 58.0;
/// About the width of a letter of a label.
const LETTER: f64 = 6.6;

/// Names, their colours and the classes of their signs.
pub(crate) type Legend = Vec<(String, Colour, &'static str)>;

/// The opening tags of a figure: caption, note and legend.
pub(crate) fn open_figure(id: &str, title: &str, note: &str, legend: &Legend) -> String {
    let mut out = format!("<figure id=\"{id}\">\n<figcaption><h3>{}</h3>", Text(title));
    if !note.is_empty() {
        let _ = write!(out, "<p>{}</p>", Text(note));
    }
    out.push_str("</figcaption>\n");
    if !legend.is_empty() {
        out.push_str("<ul class=\"legend\">");
        for (name, colour, kind) in legend {
            let _ = write!(out, "<li><i class=\"{kind} {}\"></i>{}</li>", colour.class(), Text(name));
        }
        out.push_str("</ul>\n");
    }
    out
}

/// A figure: a title, a legend, and marks between two axes.
#[derive(Clone, Debug)]
pub struct Plot {
    id: String,
    title: String,
    note: String,
    height: f64,
    x: Axis,
    y: Axis,
    marks: Vec<Mark>,
    legend: Legend,
}

impl Plot {
    /// An empty plot. `id` is its own on the page, of letters, digits and dashes; `note` says how to read it.
    pub fn new(id: &str, title: &str, note: &str, x: Axis, y: Axis) -> Self {
        let (id, title, note) = (id.to_owned(), title.to_owned(), note.to_owned());
        Self { id, title, note, height: 400.0, x, y, marks: Vec::new(), legend: Vec::new() }
    }

    /// Makes it so many units high; it is 640 wide.
    pub fn height(mut self, height: f64) -> Self {
        self.height = height;
        self
    }

    /// Adds a line, to the legend too if it has a name.
    pub fn line(mut self, name: &str, points: Vec<(f64, f64)>, join: Join, colour: Colour) -> Self {
        self.name(name, colour, if join == Join::Dashed { "dashed" } else { "line" });
        self.marks.push(Mark::Line { points, join, colour });
        self
    }

    /// Fills what lies between two lines, and adds it to the legend if it has a name.
    pub fn band(mut self, name: &str, low: Vec<(f64, f64)>, high: Vec<(f64, f64)>, colour: Colour) -> Self {
        self.name(name, colour, "band");
        self.marks.push(Mark::Band { low, high, colour });
        self
    }

    /// Adds dots, to the legend too if they have a name.
    pub fn dots(mut self, name: &str, dots: Vec<Dot>, look: Look, colour: Colour) -> Self {
        self.name(name, colour, if matches!(look, Look::Disc(_)) { "disc" } else { "ring" });
        self.marks.push(Mark::Dots { dots, look, colour });
        self
    }

    /// Adds a vertical line with a label at its top.
    pub fn vertical(mut self, x: f64, label: &str, colour: Colour) -> Self {
        self.marks.push(Mark::Vertical { x, label: label.to_owned(), colour });
        self
    }

    fn name(&mut self, name: &str, colour: Colour, kind: &'static str) {
        if !name.is_empty() {
            self.legend.push((name.to_owned(), colour, kind));
        }
    }

    fn top(&self) -> f64 {
        if self.marks.iter().any(|mark| matches!(mark, Mark::Vertical { .. })) { 44.0 } else { 14.0 }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (width, height) = (WIDTH - LEFT - RIGHT, self.height - self.top() - BOTTOM);
        (LEFT + width * self.x.share(x), self.top() + height * (1.0 - self.y.share(y)))
    }

    /// The figure as HTML.
    pub fn figure(&self) -> String {
        let mut out = open_figure(&self.id, &self.title, &self.note, &self.legend);
        let (id, title, height) = (&self.id, Text(&self.title), self.height);
        let _ = writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">");
        self.write_axes(&mut out);
        let (left, top) = self.at(self.x.low(), self.y.high());
        let (right, bottom) = self.at(self.x.high(), self.y.low());
        let _ = writeln!(
            out,
            "<clipPath id=\"{id}-area\"><rect x=\"{left}\" y=\"{top}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>",
            right - left,
            bottom - top
        );
        let mut labels = Labels { taken: Vec::new(), left, right, top, bottom };
        self.write_verticals(&mut out, top, bottom);
        for mark in &self.marks {
            match mark {
                Mark::Line { points, join, colour } => self.write_line(&mut out, points, *join, *colour),
                Mark::Band { low, high, colour } => self.write_band(&mut out, low, high, *colour),
                Mark::Dots { dots, look, colour } => self.write_dots(&mut out, dots, *look, *colour, &mut labels),
                Mark::Vertical { .. } => {}
            }
        }
        self.write_labels(&mut out, &mut labels);
        out.push_str("</svg>\n</figure>\n");
        out
    }

    fn write_axes(&self, out: &mut String) {
        let (left, bottom) = self.at(self.x.low(), self.y.low());
        let (right, top) = self.at(self.x.high(), self.y.high());
        out.push_str("<g class=\"axes\">\n");
        for &tick in &self.x.ticks {
            let (x, _) = self.at(tick, self.y.low());
            let (label, below) = (self.x.label(tick), bottom + 20.0);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\"/><text x=\"{x:.1}\" y=\"{below:.1}\" \
                 class=\"middle\">{label}</text>"
            );
        }
        for &tick in &self.y.ticks {
            let (_, y) = self.at(self.x.low(), tick);
            let (label, beside, base) = (self.y.label(tick), left - 9.0, y + 4.5);
            let _ = writeln!(
                out,
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\"/><text x=\"{beside:.1}\" y=\"{base:.1}\" \
                 class=\"end\">{label}</text>"
            );
        }
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let _ = writeln!(
            out,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" class=\"middle axis\">{}</text>\n<text transform=\"translate(13 \
             {centre:.1}) rotate(-90)\" class=\"middle axis\">{}</text>\n</g>",
            self.height - 12.0,
            Text(&self.x.title),
            Text(&self.y.title)
        );
    }

    fn write_verticals(&self, out: &mut String, top: f64, bottom: f64) {
        let mut previous = f64::NEG_INFINITY;
        let mut raised = false;
        let mut verticals: Vec<_> = (self.marks.iter())
            .filter_map(|mark| match mark {
                Mark::Vertical { x, label, colour } => Some((*x, label, *colour)),
                Mark::Line { .. } | Mark::Band { .. } | Mark::Dots { .. } => None,
            })
            .collect();
        verticals.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (x, label, colour) in verticals.into_iter().filter(|(x, ..)| self.x.contains(*x)) {
            let (x, _) = self.at(x, self.y.low());
            // Neighbours stand in two rows.
            raised = x - previous < 9.0 * label.chars().count() as f64 + 8.0 && !raised;
            previous = x;
            let (start, base) = if raised { (top - 22.0, top - 26.0) } else { (top - 4.0, top - 8.0) };
            let _ = writeln!(
                out,
                "<g class=\"{}\"><path class=\"mark dashed\" d=\"M{x:.1} {start:.1}V{bottom:.1}\"/><text x=\"{x:.1}\" \
                 y=\"{base:.1}\" class=\"middle strong\">{}</text></g>",
                colour.class(),
                Text(label)
            );
        }
    }

    fn write_line(&self, out: &mut String, points: &[(f64, f64)], join: Join, colour: Colour) {
        let mut path = String::new();
        for (index, &(x, y)) in points.iter().enumerate() {
            let (x, y) = self.at(x, y);
            let _ = match (index, join) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, Join::Steps) => write!(path, "H{x:.1}V{y:.1}"),
                (_, Join::Straight | Join::Dashed) => write!(path, "L{x:.1} {y:.1}"),
            };
        }
        let dashed = if join == Join::Dashed { " dashed" } else { "" };
        let _ = writeln!(
            out,
            "<path class=\"mark {}{dashed}\" clip-path=\"url(#{}-area)\" d=\"{path}\"/>",
            colour.class(),
            self.id
        );
    }

    fn write_band(&self, out: &mut String, low: &[(f64, f64)], high: &[(f64, f64)], colour: Colour) {
        let mut path = String::new();
        for &(x, y) in low.iter().chain(high.iter().rev()) {
            let (x, y) = self.at(x, y);
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
        }
        let (class, id) = (colour.class(), &self.id);
        let _ = writeln!(out, "<path class=\"band {class}\" clip-path=\"url(#{id}-area)\" d=\"{path}Z\"/>");
    }

    fn write_dots(&self, out: &mut String, dots: &[Dot], look: Look, colour: Colour, labels: &mut Labels) {
        let (radius, kind) = match look {
            Look::Disc(radius) => (radius, "disc"),
            Look::Ring(radius) => (radius, "ring"),
        };
        let _ = writeln!(out, "<g class=\"{kind} {}\">", colour.class());
        for dot in dots.iter().filter(|dot| self.x.contains(dot.x) && self.y.contains(dot.y)) {
            let (x, y) = self.at(dot.x, dot.y);
            if let Some(reach) = dot.reach {
                let (end, _) = self.at(reach.min(self.x.high()), dot.y);
                let _ = write!(out, "<path class=\"reach\" d=\"M{x:.1} {y:.1}H{end:.1}m0 -3.5v7\"/>");
                labels.taken.push([x, y - 1.0, end, y + 1.0]);
            }
            let title = Text(&dot.title);
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{title}</title></circle>");
            labels.taken.push([x - radius, y - radius, x + radius, y + radius]);
        }
        out.push_str("</g>\n");
    }

    fn write_labels(&self, out: &mut String, labels: &mut Labels) {
        let dots = self.marks.iter().filter_map(|mark| match mark {
            Mark::Dots { dots, .. } => Some(dots),
            Mark::Line { .. } | Mark::Band { .. } | Mark::Vertical { .. } => None,
        });
        for dot in dots.flatten().filter(|dot| self.x.contains(dot.x) && self.y.contains(dot.y)) {
            let Some(label) = &dot.label else { continue };
            let (x, y) = self.at(dot.x, dot.y);
            if let Some((x, y)) = labels.place(x, y, LETTER * label.chars().count() as f64) {
                let text = Text(label);
                let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"middle name\">{text}</text>");
            }
        }
    }
}
