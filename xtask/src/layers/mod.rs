//! `cargo xtask layers`: the structure of the code, read from its `use` items and paths.
//!
//! A *component* is a crate, a top-level module of one, or a folder of modules. The picture in `docs/architecture.md`
//! says which component may use which; this command compares it with the code.

mod edges;
mod graph;
mod mermaid;
mod picture;
mod pure;
mod references;
mod report;
mod resolve;
mod size;
mod source;
mod surface;
mod test_code;
#[cfg(test)]
mod tests;

use crate::{metadata, process, wasm, workspace};
use anyhow::{Context, Result, ensure};
use edges::{Edge, crate_of};
use picture::Picture;
use serde_json::Value;
use std::path::{Path, PathBuf};
use surface::Surface;

/// Flags of `cargo xtask layers`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Leave out what needs a build: the benchmark of lowering and the check for WebAssembly
    #[arg(long)]
    quick: bool,
    /// The Markdown file with the picture of the allowed directions
    #[arg(long, hide = true, value_name = "FILE")]
    picture: Option<PathBuf>,
}

impl Options {
    /// Only what is read from the sources.
    pub fn quick() -> Self {
        Self { quick: true, ..Self::default() }
    }
}

/// The name of the file that draws the allowed directions.
const PICTURE: &str = "docs/architecture.md";

/// Everything that is read from the sources.
#[derive(Default)]
struct Structure {
    crates: Vec<Crate>,
    /// `None` where the workspace could not be read.
    cycles: Option<Vec<Vec<String>>>,
    /// `None` where no picture could be read.
    wrong_way: Option<Vec<Edge>>,
    longest_function: Option<Longest>,
    longest_file: Option<Longest>,
    /// Faults of sources and picture.
    faults: Vec<String>,
}

struct Crate {
    name: String,
    lines: usize,
    surface: Surface,
}

struct Longest {
    /// The function's name, or the file's.
    name: String,
    file: String,
    lines: usize,
}

/// Reports the structure; fails if components form a cycle, use each other against the arrows or are missing in the
/// picture.
pub fn run(options: &Options) -> Result<()> {
    let root = workspace::root();
    let picture = options.picture.clone().unwrap_or_else(|| root.join(PICTURE));
    let read = metadata::packages(&root).map(|packages| {
        let has_bench =
            packages.iter().any(|one| one.name == "nestling-core" && one.benches.iter().any(|name| name == "lower"));
        (inspect(&root, packages, &picture), has_bench)
    });
    let (structure, has_bench, error) = match read {
        Ok((structure, has_bench)) => (structure, has_bench, None),
        Err(error) => (Structure::default(), false, Some(error)),
    };
    let mut measured = Measured::default();
    if !options.quick && error.is_none() {
        measured.lower_biggest_table1_us = if has_bench { lower_biggest_table1_us() } else { None };
        measured.wasm_check = wasm::verdict();
    }
    if options.json {
        println!("{:#}", report::document(&structure, &measured));
    } else {
        report::print(&structure, &measured);
    }
    match error {
        Some(error) => Err(error),
        None => judge(&structure),
    }
}

/// Figures that need a build; `None` where they were left out or cannot be had here.
#[derive(Default)]
struct Measured {
    lower_biggest_table1_us: Option<f64>,
    wasm_check: Option<bool>,
}

fn inspect(root: &Path, packages: Vec<metadata::Package>, picture: &Path) -> Structure {
    let mut tree = source::Tree::read(root, packages);
    let edges = edges::find(&tree);
    let inside = edges.iter().filter(|edge| crate_of(&edge.from) == crate_of(&edge.to));
    let mut cycles = graph::cycles(&graph::graph(inside.map(|edge| (edge.from.as_str(), edge.to.as_str()))));
    let across = edges.iter().map(|edge| (crate_of(&edge.from), crate_of(&edge.to))).filter(|(from, to)| from != to);
    cycles.extend(graph::cycles(&graph::graph(across)));

    let mut faults = std::mem::take(&mut tree.faults);
    faults.extend(pure::faults(&tree));
    let read = std::fs::read_to_string(picture).map_err(Into::into).and_then(|text| Picture::read(&text, &tree));
    let shown = picture.strip_prefix(root).unwrap_or(picture).display();
    let wrong_way = match read.with_context(|| format!("{shown} has no picture that can be read")) {
        Ok(picture) => {
            faults.extend(picture.faults.iter().map(|fault| format!("{shown}: {fault}")));
            Some(edges.into_iter().filter(|edge| !picture.allows(edge)).collect())
        }
        Err(error) => {
            faults.push(format!("{error:#}"));
            None
        }
    };
    let (longest_function, longest_file) = longest(&tree);
    Structure { crates: crates(&tree), cycles: Some(cycles), wrong_way, longest_function, longest_file, faults }
}

fn crates(tree: &source::Tree) -> Vec<Crate> {
    let of = |(index, package): (usize, &metadata::Package)| Crate {
        name: package.name.clone(),
        lines: tree.files.iter().filter(|file| file.package == index).map(|file| file.sizes.code_lines).sum(),
        surface: surface::measure(tree, index),
    };
    tree.packages.iter().enumerate().map(of).collect()
}

/// The longest function and the longest file.
fn longest(tree: &source::Tree) -> (Option<Longest>, Option<Longest>) {
    let functions = tree.files.iter().filter_map(|file| {
        let (name, lines) = file.sizes.longest_function.clone()?;
        Some(Longest { name, file: file.path.clone(), lines })
    });
    let files = tree.files.iter().map(|file| {
        let (name, file, lines) = (file.path.clone(), file.path.clone(), file.sizes.lines);
        Longest { name, file, lines }
    });
    (functions.max_by_key(|one| one.lines), files.max_by_key(|one| one.lines))
}

fn judge(structure: &Structure) -> Result<()> {
    let mut wrong: Vec<String> = structure.faults.clone();
    wrong.extend(
        structure
            .cycles
            .iter()
            .flatten()
            .map(|components| format!("these components use each other: {}", components.join(", "))),
    );
    wrong.extend(structure.wrong_way.iter().flatten().map(report::line));
    ensure!(wrong.is_empty(), "faults of structure: {}\n  {}", wrong.len(), wrong.join("\n  "));
    Ok(())
}

/// Microseconds that lowering the biggest child of Table 1's space takes, as the benchmark says.
fn lower_biggest_table1_us() -> Option<f64> {
    let mut bench = workspace::cargo(&["bench", "-q", "-p", "nestling-core", "--bench", "lower"]);
    let figure = process::output(&mut bench).and_then(|printed| {
        let figures = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut figures = figures.filter_map(|document| document["lower_biggest_table1_us"].as_f64());
        figures.next().context("the benchmark printed no figure")
    });
    figure.inspect_err(|error| eprintln!("note: {error:#}")).ok()
}
