//! Cycles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// Names, and the names that each points at.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// A graph of these arrows.
pub fn graph<'a>(arrows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in arrows {
        graph.entry(from.to_owned()).or_default().insert(to.to_owned());
    }
    graph
}

/// The strongly connected components of more than one name, and names that point at themselves.
pub fn cycles(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|name| (name.as_str(), reach(graph, name))).collect();
    let mut cycles = Vec::new();
    let mut known = BTreeSet::new();
    for (&name, others) in &reached {
        if !others.contains(name) || known.contains(name) {
            continue;
        }
        let together = |other: &&str| reached.get(*other).is_some_and(|back| back.contains(name));
        let cycle: Vec<&str> = others.iter().copied().filter(together).collect();
        known.extend(cycle.iter().copied());
        cycles.push(cycle.into_iter().map(str::to_owned).collect());
    }
    cycles
}

/// The names that at least one arrow leads to.
fn reach<'a>(graph: &'a Graph, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph.get(from).into_iter().flatten().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(graph.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}
