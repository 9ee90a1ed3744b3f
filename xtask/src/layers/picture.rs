//! The allowed directions, as the picture in `docs/architecture.md` draws them.
//!
//! The picture is the document's first Mermaid block that begins with `graph` or `flowchart`:
//!
//! ```text
//! graph TD
//!   subgraph core["device-runtime/core: nestling-core"]
//!     space["core/space"]
//!     latency --> space & metrics
//!   end
//!   page["device-runtime/page"]
//!   runtime["device-runtime/runtime"] --> core
//! ```
//!
//! A label names a crate (by its folder, the last part of its path or its package) or a component (`core/space`; inside
//! of the crate's subgraph also `space`). Text after a colon or a line break (`<br/>`) is free. Without a label the id
//! counts. `a --> b` says that `a` may use `b` and all that `b` may use.

use super::edges::{Edge, crate_of, is_within};
use super::graph::{Graph, cycles, graph};
use super::mermaid::{self, Chart, Node};
use super::source::Tree;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Crates that the picture must show with all their components, by the last part of their path.
const REQUIRED: [&str; 6] = ["core", "bundle", "runtime", "lab", "shaders", "host-trainer"];

/// The drawn components and crates, and the arrows between them.
pub struct Picture {
    drawn: BTreeSet<String>,
    arrows: Graph,
    /// Faults of the picture itself.
    pub faults: Vec<String>,
}

impl Picture {
    /// Reads the picture of a document and finds the components that it names.
    pub fn read(document: &str, tree: &Tree) -> Result<Self> {
        let chart = mermaid::read(document)?;
        let names = Names::of(tree);
        let (mut components, mut faults) = (BTreeMap::new(), Vec::new());
        for (id, node) in &chart.nodes {
            let frame = node.frame.as_ref().and_then(|frame| names.find(&chart.nodes.get(frame)?.label, None));
            match names.find(&node.label, frame.as_deref()) {
                Some(component) => drop(components.insert(id.as_str(), component)),
                None if names.is_group(node) => {}
                None => faults.push(format!("line {}: `{}` is not a crate or component", node.line, node.label)),
            }
        }
        let mut picture = Self { drawn: components.values().cloned().collect(), arrows: Graph::new(), faults };
        picture.add_arrows(&chart, &components);
        picture.check(tree);
        Ok(picture)
    }

    fn add_arrows(&mut self, chart: &Chart, components: &BTreeMap<&str, String>) {
        let mut arrows = Vec::new();
        for arrow in &chart.arrows {
            let (Some(from), Some(to)) = (components.get(arrow.from.as_str()), components.get(arrow.to.as_str()))
            else {
                let fault = format!(
                    "line {}: `{} --> {}` joins something else than components",
                    arrow.line, arrow.from, arrow.to
                );
                self.faults.push(fault);
                continue;
            };
            if from != to && (from == crate_of(to) || to == crate_of(from)) {
                self.faults.push(format!("line {}: `{from}` and `{to}` are a crate and its own component", arrow.line));
            } else {
                arrows.push((from.as_str(), to.as_str()));
            }
        }
        self.arrows = graph(arrows);
    }

    /// Every component must be drawn, and no arrows may form a cycle.
    fn check(&mut self, tree: &Tree) {
        for (index, package) in tree.packages.iter().enumerate() {
            let has_drawn_component =
                self.drawn.iter().any(|component| *component != package.short && is_within(component, &package.short));
            if has_drawn_component || REQUIRED.contains(&package.short.as_str()) {
                let missing =
                    tree.top_level_components(index).into_iter().filter(|component| !self.drawn.contains(component));
                self.faults.extend(missing.map(|component| format!("component `{component}` is missing")));
            }
        }
        let all = self.arrows.iter().flat_map(|(from, all)| all.iter().map(move |to| (crate_of(from), crate_of(to))));
        let of_crates = graph(all.filter(|(from, to)| from != to));
        let found = cycles(&self.arrows).into_iter().chain(cycles(&of_crates));
        self.faults.extend(found.map(|cycle| format!("the arrows form a cycle: {}", cycle.join(", "))));
    }

    /// Whether a component may use another one.
    ///
    /// A component may also use everything that its crate and the components around it may use. An arrow to a crate or
    /// a component covers everything inside. A crate's root file and its programs may use every component of the crate;
    /// so may all components of a crate that is drawn without components.
    pub fn allows(&self, edge: &Edge) -> bool {
        let is_inside = crate_of(&edge.from) == crate_of(&edge.to);
        let Some(from) = self.nearest(&edge.from) else { return is_inside };
        if is_inside && (from == crate_of(from) || Some(from) == self.nearest(&edge.to)) {
            return true;
        }
        let mut known = BTreeSet::new();
        let mut next: Vec<&str> = outwards(from).collect();
        while let Some(name) = next.pop() {
            if !known.insert(name) {
                continue;
            }
            for reached in self.arrows.get(name).into_iter().flatten() {
                if is_within(&edge.to, reached) {
                    return true;
                }
                next.extend(outwards(reached));
            }
        }
        false
    }

    /// The innermost drawn component around a component.
    fn nearest<'a>(&self, component: &'a str) -> Option<&'a str> {
        outwards(component).find(|name| self.drawn.contains(*name))
    }
}

/// A component, the components around it and its crate: `core/select/governor`, `core/select`, `core`.
fn outwards(component: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(component), |component| Some(component.rsplit_once('/')?.0))
}

/// The names that labels may give.
struct Names<'a> {
    tree: &'a Tree,
    components: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(tree: &'a Tree) -> Self {
        let crates = tree.packages.iter().map(|package| package.short.as_str());
        Self { tree, components: tree.files.iter().map(|file| file.component.as_str()).chain(crates).collect() }
    }

    /// The component that a label names, which may go on after a colon or a line break. Inside of a crate's subgraph
    /// the crate's name may be left out.
    fn find(&self, label: &str, frame: Option<&str>) -> Option<String> {
        let label = name_of(label);
        let inside = frame.map(|frame| format!("{frame}/{label}"));
        if let Some(inside) = inside.filter(|component| self.components.contains(component.as_str())) {
            return Some(inside);
        }
        let of_package = self.tree.packages.iter().find_map(|package| {
            if label == package.name {
                return Some(package.short.clone());
            }
            let rest = label.strip_prefix(&package.folder).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some(format!("{}{rest}", package.short))
        });
        [of_package, Some(label.to_owned())]
            .into_iter()
            .flatten()
            .find(|component| self.components.contains(component.as_str()))
    }

    /// Whether a node is a subgraph around crates, such as a folder of them.
    fn is_group(&self, node: &Node) -> bool {
        let inside = |folder: &str| folder != name_of(&node.label) && is_within(folder, name_of(&node.label));
        node.is_subgraph && self.tree.packages.iter().any(|package| inside(&package.folder))
    }
}

fn name_of(label: &str) -> &str {
    label.split([':', '<']).next().unwrap_or(label).trim().trim_end_matches('/')
}
