//! Reads the part of Mermaid's flow charts that the architecture's picture needs: subgraphs, nodes and arrows.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// A node or a subgraph.
#[derive(Debug, PartialEq, Eq)]
pub struct Node {
    pub label: String,
    /// The id of the subgraph that it is in.
    pub frame: Option<String>,
    pub is_subgraph: bool,
    /// Line of the document.
    pub line: usize,
}

/// An arrow between two ids.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    pub line: usize,
}

/// A flow chart.
#[derive(Debug, Default)]
pub struct Chart {
    pub nodes: BTreeMap<String, Node>,
    pub arrows: Vec<Arrow>,
}

/// Statements that only say how the chart looks.
const LOOKS: [&str; 7] = ["%%", "classDef ", "class ", "style ", "linkStyle ", "click ", "direction "];

/// Reads the first flow chart of a Markdown document.
pub fn read(document: &str) -> Result<Chart> {
    let mut lines = document.lines().zip(1..);
    while let Some((line, _)) = lines.next() {
        if line.trim() != "```mermaid" {
            continue;
        }
        let block: Vec<(&str, usize)> =
            lines.by_ref().take_while(|(line, _)| line.trim() != "```").map(|(line, at)| (line.trim(), at)).collect();
        let mut statements = block.into_iter().filter(|(line, _)| !line.is_empty()).peekable();
        if statements.next_if(|(line, _)| line.starts_with("graph") || line.starts_with("flowchart")).is_some() {
            return Chart::read(statements);
        }
    }
    bail!("no block begins with ```mermaid and `graph TD`")
}

impl Chart {
    fn read<'a>(statements: impl Iterator<Item = (&'a str, usize)>) -> Result<Self> {
        let mut chart = Self::default();
        let mut frames: Vec<String> = Vec::new();
        for (statement, line) in statements {
            let statement = statement.trim_end_matches(';').trim();
            if LOOKS.iter().any(|looks| statement.starts_with(looks)) {
                continue;
            }
            let at = || format!("line {line}: `{statement}`");
            if statement == "end" {
                frames.pop().with_context(|| format!("{} ends no subgraph", at()))?;
            } else if let Some(title) = statement.strip_prefix("subgraph ") {
                let mut cursor = Cursor(title.trim());
                let (id, label) = cursor.node().with_context(at)?;
                ensure!(cursor.0.is_empty(), "{}: write `subgraph id[\"title\"]`", at());
                chart.add(&id, label, frames.last(), true, line);
                frames.push(id);
            } else {
                chart.statement(statement, frames.last(), line).with_context(at)?;
            }
        }
        ensure!(frames.is_empty(), "subgraph `{}` has no `end`", frames.join("`, `"));
        Ok(chart)
    }

    /// `a --> b & c`, each with or without a label.
    fn statement(&mut self, statement: &str, frame: Option<&String>, line: usize) -> Result<()> {
        let mut cursor = Cursor(statement);
        let mut left = self.group(&mut cursor, frame, line)?;
        while !cursor.0.is_empty() {
            cursor.arrow()?;
            let right = self.group(&mut cursor, frame, line)?;
            for from in &left {
                let arrow = |to: &String| Arrow { from: from.clone(), to: to.clone(), line };
                self.arrows.extend(right.iter().map(arrow));
            }
            left = right;
        }
        Ok(())
    }

    fn group(&mut self, cursor: &mut Cursor<'_>, frame: Option<&String>, line: usize) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        loop {
            let (id, label) = cursor.node()?;
            self.add(&id, label, frame, false, line);
            ids.push(id);
            if !cursor.skip("&") {
                return Ok(ids);
            }
        }
    }

    /// A node is known from its first mention; its label and its subgraph may come later.
    fn add(&mut self, id: &str, label: Option<String>, frame: Option<&String>, is_subgraph: bool, line: usize) {
        let known = self.nodes.remove(id);
        let is_named = label.is_some() || is_subgraph;
        let mut node = Node { label: label.unwrap_or_else(|| id.to_owned()), frame: frame.cloned(), is_subgraph, line };
        if let Some(known) = known {
            node.frame = known.frame.or(node.frame);
            if !is_named {
                node = Node { frame: node.frame, ..known };
            }
        }
        self.nodes.insert(id.to_owned(), node);
    }
}

/// The rest of a statement.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn skip(&mut self, token: &str) -> bool {
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0).trim_start();
        rest.is_some()
    }

    /// `id`, `id["label"]` or another shape, such as `id(label)`.
    fn node(&mut self) -> Result<(String, Option<String>)> {
        let rest = self.0;
        let is_part = |(at, letter): (usize, char)| {
            let next = rest[at + letter.len_utf8()..].chars().next();
            letter.is_alphanumeric() || letter == '_' || letter == '-' && next.is_some_and(char::is_alphanumeric)
        };
        let end = rest.char_indices().find(|&part| !is_part(part)).map_or(rest.len(), |(at, _)| at);
        ensure!(end > 0, "expected the id of a node at `{rest}`");
        let id = rest[..end].to_owned();
        self.0 = rest[end..].trim_start();
        let label = if self.0.starts_with(['[', '(', '{', '>']) { Some(self.label()?) } else { None };
        if self.0.starts_with(":::") {
            self.0 = self.0.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == ':').trim_start();
        }
        Ok((id, label))
    }

    fn label(&mut self) -> Result<String> {
        let inside = self.0.trim_start_matches(['[', '(', '{', '>', '/', '\\']);
        let (label, rest) = match inside.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').context("a label's quote is not closed")?,
            None => inside.split_at(inside.find([']', ')', '}']).context("a label is not closed")?),
        };
        let closed = rest.trim_start_matches([']', ')', '}', '/', '\\']);
        ensure!(closed.len() < rest.len(), "a label is not closed");
        self.0 = closed.trim_start();
        Ok(label.trim().to_owned())
    }

    /// `-->`, `-.->` or `==>`, with or without `|text|`.
    fn arrow(&mut self) -> Result<()> {
        let end =
            self.0.find('>').filter(|&end| end >= 2 && self.0[..end].chars().all(|letter| "-.=".contains(letter)));
        let end = end.with_context(|| format!("expected `-->` at `{}`", self.0))?;
        self.0 = self.0[end + 1..].trim_start();
        if let Some(text) = self.0.strip_prefix('|') {
            self.0 = text.split_once('|').context("an arrow's text is not closed")?.1.trim_start();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: &str) -> Result<Chart> {
        read(&format!(
            "# Title\n\n```mermaid\nsequenceDiagram\n```\n```mermaid\ngraph TD\n{lines}\n```\nafter --> all\n"
        ))
    }

    fn arrows(lines: &str) -> Vec<String> {
        chart(lines).unwrap().arrows.iter().map(|arrow| format!("{}>{}", arrow.from, arrow.to)).collect()
    }

    #[test]
    fn chains_and_groups_are_arrows() {
        assert_eq!(arrows("a --> b & c\nd-->e ==> f;\n%% g --> h"), ["a>b", "a>c", "d>e", "e>f"]);
        assert_eq!(arrows("a & b -->|uses| c(\"C c\") -.-> d-1[d/x]:::soft"), ["a>c", "b>c", "c>d-1"]);
    }

    #[test]
    fn labels_and_frames_belong_to_nodes() {
        let read = chart(
            "subgraph core[\"x/core: nestling-core\"]\n  direction TB\n  s[\"core/space\"] --> t\nend\nt --> u\nt[\"T\"]",
        );
        let nodes = read.unwrap().nodes;
        assert_eq!(nodes["core"].label, "x/core: nestling-core");
        assert_eq!((nodes["s"].label.as_str(), nodes["s"].frame.as_deref()), ("core/space", Some("core")));
        assert_eq!((nodes["t"].label.as_str(), nodes["u"].label.as_str()), ("T", "u"));
        assert_eq!(nodes["t"].frame.as_deref(), Some("core"));
        assert_eq!(nodes["core"].line, 8);
        let nodes = chart("a --> b\nsubgraph core\nb\nend").unwrap().nodes;
        assert_eq!(nodes["b"].frame.as_deref(), Some("core"));
    }

    #[test]
    fn other_statements_are_errors_that_name_the_line() {
        for (lines, wanted) in [
            ("a --- b", "line 8: `a --- b`: expected `-->`"),
            ("a -- text --> b", "expected `-->`"),
            ("a[\"open --> b", "quote is not closed"),
            ("end", "ends no subgraph"),
            ("subgraph x[\"y\"]", "`x` has no `end`"),
            ("--> b", "expected the id"),
        ] {
            let message = format!("{:#}", chart(lines).unwrap_err());
            assert!(message.contains(wanted), "{message}");
        }
        assert!(format!("{:#}", read("```mermaid\npie\n```").unwrap_err()).contains("graph TD"));
    }
}
