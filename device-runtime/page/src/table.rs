use crate::markup::Text;
use std::fmt::Write;

/// A table with a heading: all its cells are text, and are escaped.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    note: String,
    columns: Vec<String>,
    /// Columns whose cells are words, not numbers.
    words: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet. Column names include units; without columns there is no header row.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.to_owned(), note: String::new(), columns, words: Vec::new(), rows: Vec::new() }
    }

    /// Says how to read it.
    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// Sets the cells of some columns to the left: words, not numbers. The first column's always are.
    pub fn words(mut self, columns: &[usize]) -> Self {
        columns.clone_into(&mut self.words);
        self
    }

    /// Adds a row.
    pub fn row(mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Adds rows.
    pub fn rows(self, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        rows.into_iter().fold(self, Self::row)
    }

    /// The table as HTML.
    pub fn html(&self) -> String {
        let mut out = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(out, "<h3>{}</h3>", Text(&self.title));
        }
        if !self.note.is_empty() {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", Text(&self.note));
        }
        let checks = if self.columns.is_empty() { " class=\"checks\"" } else { "" };
        let _ = writeln!(out, "<div class=\"wide\"><table{checks}>");
        let class = |column: usize| if self.words.contains(&column) { " class=\"text\"" } else { "" };
        if !self.columns.is_empty() {
            out.push_str("<thead><tr>");
            for (column, name) in self.columns.iter().enumerate() {
                let _ = write!(out, "<th{}>{}</th>", class(column), Text(name));
            }
            out.push_str("</tr></thead>\n");
        }
        out.push_str("<tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let element = if column == 0 { "th" } else { "td" };
                let _ = write!(out, "<{element}{}>{}</{element}>", class(column), Text(cell));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document, markup_fault};

    #[test]
    fn cells_are_text() {
        let table = Table::new("<h>", &["a", "b<"]).note("n&").words(&[1]).row(["<i>", "\"1\""]);
        let html = table.html();
        assert_eq!(markup_fault(&document("", "", &html)), None);
        assert!(html.contains("<th>&lt;i&gt;</th><td class=\"text\">&quot;1&quot;</td>"), "{html}");
        assert!(!Table::new("", &[]).row(["a", "b"]).html().contains("<thead>"));
    }
}
