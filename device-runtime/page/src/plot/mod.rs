//! Plots as inline SVG: axes with nice ticks, lines, bands, dots that tell their numbers, vertical marks.

use crate::markup::Text;
use std::fmt::Write;

/// Units across.
pub(super) const WIDTH: f64 = 640.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 58.0;
/// About the width of a letter of a label.
const LETTER: f64 = 6.6;

/// Round numbers (1, 2 or 5 times a power of ten apart) from at or below `low` to at or above `high`: about `wanted`
/// of them.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (low, high) =
        if high > low { (low, high) } else { (low - 0.05 * low.abs() - 0.5, low + 0.05 * low.abs() + 0.5) };
    let step = nice_step((high - low) / wanted.max(1) as f64);
    // A bound that is a tick but for rounding gets no further tick.
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9)).unwrap_or(10.0) * power
}

/// What an axis shows, and from where to where.
#[derive(Clone, Debug)]
pub struct Axis {
    pub(super) title: String,
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// An axis that holds all `values`; from 0 to 1 if there are none.
    pub fn over(title: &str, values: impl IntoIterator<Item = f64>, wanted: usize) -> Self {
        let (low, high) = (values.into_iter().filter(|value| value.is_finite()))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        Self { title: title.to_owned(), ticks: ticks(low, high, wanted) }
    }

    /// The last value on the axis.
    pub fn high(&self) -> f64 {
        self.ticks.last().copied().unwrap_or(1.0)
    }

    /// The first value on the axis.
    pub fn low(&self) -> f64 {
        self.ticks.first().copied().unwrap_or(0.0)
    }

    fn contains(&self, value: f64) -> bool {
        let slack = 1e-9 * (self.high() - self.low());
        value >= self.low() - slack && value <= self.high() + slack
    }

    /// How far along the axis `value` is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.low()) / (self.high() - self.low())
    }

    pub(super) fn label(&self, tick: f64) -> String {
        let step = (self.high() - self.low()) / (self.ticks.len().max(2) - 1) as f64;
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        let text = format!("{tick:.decimals$}");
        if text.trim_start_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text }
    }
}

/// A colour of the palette of Okabe and Ito, which colour-blind readers can tell apart; the style sheet has a light and
/// a dark tone of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// What does not matter much.
    Grey,
    /// Blue.
    Blue,
    /// Orange.
    Orange,
    /// Bluish green.
    Green,
    /// Reddish purple.
    Purple,
}

impl Colour {
    /// Class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Blue => "blue",
            Self::Orange => "orange",
            Self::Green => "green",
            Self::Purple => "purple",
        }
    }
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Straight lines.
    Straight,
    /// Straight, dashed lines.
    Dashed,
    /// Level up to the next point, then up or down to it: what holds from a point on.
    Steps,
}

/// How a dot looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// A disc of that radius.
    Disc(f64),
    /// A circle of that radius.
    Ring(f64),
}

/// A point that tells its numbers.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Where.
    pub x: f64,
    /// Where.
    pub y: f64,
    /// What a reader sees who points at it.
    pub title: String,
    /// What stands beside it, if there is room.
    pub label: Option<String>,
    /// Where a thin line from it ends, at the same height.
    pub reach: Option<f64>,
}

#[derive(Clone, Debug)]
enum Mark {
    Line { points: Vec<(f64, f64)>, join: Join, colour: Colour },
    Band { low: Vec<(f64, f64)>, high: Vec<(f64, f64)>, colour: Colour },
    Dots { dots: Vec<Dot>, look: Look, colour: Colour },
    Vertical { x: f64, label: String, colour: Colour },
}

/// Names, their colours and the classes of their signs.
pub(super) type Legend = Vec<(String, Colour, &'static str)>;

/// What stands above a drawing.
pub(super) fn open_figure(id: &str, title: &str, note: &str, legend: &Legend) -> String {
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
    id: &'static str,
    title: String,
    note: String,
    height: f64,
    x: Axis,
    y: Axis,
    marks: Vec<Mark>,
    legend: Legend,
}

impl Plot {
    /// An empty plot. `id` is its own on the page; `note` says how to read it.
    pub fn new(id: &'static str, title: &str, note: &str, x: Axis, y: Axis) -> Self {
        let (title, note) = (title.to_owned(), note.to_owned());
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
        let mut out = open_figure(self.id, &self.title, &self.note, &self.legend);
        let (id, title, height) = (self.id, Text(&self.title), self.height);
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
        let (class, id) = (colour.class(), self.id);
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

/// Where there is room for labels.
struct Labels {
    taken: Vec<[f64; 4]>,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Labels {
    /// Middle and base line of a label near a point, or nothing if every place is taken.
    fn place(&mut self, x: f64, y: f64, width: f64) -> Option<(f64, f64)> {
        const HALF: f64 = 7.0;
        let aside = width / 2.0 + 12.0;
        let steep = width / 2.0 + 4.0;
        let places = [
            (0.0, -16.0),
            (0.0, 17.0),
            (-aside, 0.0),
            (aside, 0.0),
            (-steep, -13.0),
            (steep, 14.0),
            (steep, -13.0),
            (-steep, 14.0),
            (0.0, -27.0),
            (0.0, 28.0),
        ];
        let (place, area) = places.into_iter().find_map(|(dx, dy)| {
            let (centre, middle) = (x + dx, y + dy);
            let area = [centre - width / 2.0, middle - HALF, centre + width / 2.0, middle + HALF];
            let inside = area[0] >= self.left && area[2] <= self.right && area[1] >= self.top && area[3] <= self.bottom;
            let free = |taken: &[f64; 4]| {
                area[2] <= taken[0] || area[0] >= taken[2] || area[3] <= taken[1] || area[1] >= taken[3]
            };
            (inside && self.taken.iter().all(free)).then_some(((centre, middle + 4.5), area))
        })?;
        self.taken.push(area);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ticks_are_nice_and_cover_the_range(low in -1e3f64..1e3, exponent in -2f64..6.0, wanted in 2usize..12) {
            let high = low + 10f64.powf(exponent);
            let ticks = ticks(low, high, wanted);
            let step = (ticks[ticks.len() - 1] - ticks[0]) / (ticks.len() - 1) as f64;
            prop_assert!(ticks[0] <= low + 1e-3 * step && ticks[ticks.len() - 1] >= high - 1e-3 * step);
            prop_assert!(ticks.len() >= 2 && ticks.len() <= wanted + 2, "{ticks:?}");
            let mantissa = step / 10f64.powf((step.log10() + 1e-6).floor());
            prop_assert!([1.0, 2.0, 5.0].iter().any(|nice| (mantissa - nice).abs() < 1e-3), "step {step}");
            // 0 is a tick wherever it is in range: each is a multiple of the step.
            prop_assert!(ticks.iter().all(|tick| (tick / step - (tick / step).round()).abs() < 1e-2));
        }

        #[test]
        fn labels_never_lie_on_each_other(points in prop::collection::vec((0f64..1.0, 0f64..1.0), 1..40)) {
            let mut labels = Labels { taken: Vec::new(), left: 70.0, right: 620.0, top: 14.0, bottom: 340.0 };
            for (x, y) in points {
                labels.place(70.0 + 550.0 * x, 14.0 + 326.0 * y, 50.0);
            }
            for (index, a) in labels.taken.iter().enumerate() {
                for b in &labels.taken[..index] {
                    prop_assert!(a[2] <= b[0] || a[0] >= b[2] || a[3] <= b[1] || a[1] >= b[3]);
                }
            }
        }
    }

    #[test]
    fn an_axis_of_nothing_or_of_one_value_still_has_a_length() {
        for axis in [Axis::over("", [], 5), Axis::over("", [f64::NAN], 5), Axis::over("", [92.5], 5)] {
            assert!(axis.high() > axis.low());
        }
    }

    #[test]
    fn tick_labels_have_the_decimals_that_they_need() {
        let labels = |low, high| {
            let axis = Axis::over("", [low, high], 4);
            axis.ticks.iter().map(|&tick| axis.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(89.6, 91.4), ["89.5", "90.0", "90.5", "91.0", "91.5"]);
        assert_eq!(labels(-10.0, 10.0), ["-10", "-5", "0", "5", "10"]);
        assert_eq!(labels(0.0, 0.0004), ["0.0000", "0.0001", "0.0002", "0.0003", "0.0004"]);
    }
}
