//! HTML reports: one self-contained document without scripts, fonts or network access, in light and dark mode.
//!
//! ```text
//! markup   text that is escaped, numbers that are short
//! plot     axes, lines, bands, dots and marks, as inline SVG
//! bars     one bar a row
//! table    rows below a heading
//! ```
//!
//! ```
//! use nestling_page::{document, markup_fault, plot::{Axis, Colour, Join, Plot}};
//! let points = vec![(0.0, 1.0), (10.0, 4.0)];
//! let (x, y) = (Axis::over("Time (s)", [0.0, 10.0], 5), Axis::over("Work (J)", [0.0, 4.0], 4));
//! let figure = Plot::new("work", "Work over time", "", x, y).line("done", points, Join::Straight, Colour::Blue).figure();
//! let page = document("Work", "", &figure);
//! assert_eq!(markup_fault(&page), None);
//! ```

mod bars;
mod fault;
pub mod markup;
pub mod plot;
mod table;

pub use bars::{Bar, Bars};
pub use fault::markup_fault;
pub use table::Table;

use markup::Text;

/// Marks every document, by which [`is_document`] knows one again.
const GENERATOR: &str = "<meta name=\"generator\" content=\"Nestling\" />";

/// Whether a file that begins with these bytes, a thousand or more, was made by [`document`].
pub fn is_document(beginning: &[u8]) -> bool {
    let is_head = beginning.starts_with(b"<!DOCTYPE html>");
    is_head && beginning.windows(GENERATOR.len()).any(|window| window == GENERATOR.as_bytes())
}

/// A whole document around `body`. `style` is added to the style sheet that all pages share.
pub fn document(title: &str, style: &str, body: &str) -> String {
    let (title, shared) = (Text(title), include_str!("style.css"));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n{GENERATOR}\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\" />\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\" />\n<title>{title}</title>\n<style>\n\
         {shared}{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// The corners of the line of what is best: the points that no point further left equals in height, from left to right,
/// and the end of the line at `end`.
pub fn step_front(points: impl IntoIterator<Item = (f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = points.into_iter().collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    all.retain(|&(_, height)| {
        height > best && {
            best = height;
            true
        }
    });
    all.extend(all.last().map(|&(_, height)| (end, height)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_leaves_out_what_another_point_beats() {
        let points = [(3.0, 90.0), (1.0, 80.0), (2.0, 79.0), (3.0, 91.0), (4.0, 91.0)];
        assert_eq!(step_front(points, 9.0), [(1.0, 80.0), (3.0, 91.0), (9.0, 91.0)]);
        assert_eq!(step_front([], 9.0), []);
    }

    #[test]
    fn a_documents_title_is_text() {
        let page = document("a</title><b>", "", "<p>x</p>");
        assert!(is_document(&page.as_bytes()[..1000]) && !is_document(b"<!DOCTYPE html>\n<title>Nestling</title>"));
        assert!(page.contains("<title>a&lt;/title&gt;&lt;b&gt;</title>") && markup_fault(&page).is_none());
    }
}
