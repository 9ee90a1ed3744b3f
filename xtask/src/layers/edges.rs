//! Which component uses which.

use super::references::{Import, NamePath};
use super::resolve::Resolved;
use super::source::{ModuleId, Tree};
use std::collections::BTreeSet;

/// One use of another component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub file: String,
    pub line: usize,
    /// The `use`, one name of it, or the path.
    pub text: String,
}

/// All uses of other components, in order of their places.
pub fn find(tree: &Tree) -> BTreeSet<Edge> {
    (0..tree.modules.len()).flat_map(|module| of_module(tree, module)).collect()
}

/// The crate that a component belongs to.
pub fn crate_of(component: &str) -> &str {
    component.split('/').next().unwrap_or(component)
}

/// Whether a component is another one or lies inside of it.
pub fn is_within(component: &str, outer: &str) -> bool {
    component.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn of_module(tree: &Tree, module: ModuleId) -> Vec<Edge> {
    let references = &tree.modules[module].references;
    let from = tree.component(module);
    let edge = |found: &Resolved, line: usize, text: String| Edge {
        from: from.to_owned(),
        to: tree.component(found.module()).to_owned(),
        file: tree.files[tree.modules[module].file].path.clone(),
        line,
        text,
    };
    let imports = references.imports.iter().filter_map(|import| {
        let found = tree.resolve(module, &import.path)?;
        // A name that is only passed on from a component inside is not used here.
        let is_passed_on = is_within(tree.component(found.module()), from) && !is_mentioned(tree, module, import);
        (!is_passed_on).then(|| edge(&found, import.path.line, use_text(import)))
    });
    let paths = references.paths.iter().filter_map(|path| {
        let found = tree.resolve(module, path)?;
        (!is_counted_by_import(tree, module, path, &found)).then(|| edge(&found, path.line, text(path)))
    });
    imports.chain(paths).filter(|edge| edge.from != edge.to).collect()
}

fn is_mentioned(tree: &Tree, module: ModuleId, import: &Import) -> bool {
    match import.name.as_deref() {
        None => !import.is_public,
        Some("_") => true,
        Some(name) => tree.modules[module].references.names.contains(name),
    }
}

/// Whether the import of a path's first segment already stands for the same component.
fn is_counted_by_import(tree: &Tree, module: ModuleId, path: &NamePath, found: &Resolved) -> bool {
    let Some(first) = path.segments.first() else { return false };
    let mut imports = tree.modules[module].references.imports.iter();
    let Some(import) = imports.find(|import| import.name.as_ref() == Some(first)) else { return false };
    match tree.resolve(module, &import.path) {
        Some(Resolved::Module(imported)) => tree.component(imported) == tree.component(found.module()),
        _ => true,
    }
}

fn text(path: &NamePath) -> String {
    format!("{}{}", if path.is_absolute { "::" } else { "" }, path.segments.join("::"))
}

fn use_text(import: &Import) -> String {
    let path = text(&import.path);
    match import.name.as_ref() {
        None => format!("use {path}::*"),
        Some(name) if import.path.segments.last() == Some(name) => format!("use {path}"),
        Some(name) => format!("use {path} as {name}"),
    }
}
