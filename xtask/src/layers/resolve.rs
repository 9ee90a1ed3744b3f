//! Finds the definition that a path names, through imports and re-exports.

use super::references::NamePath;
use super::source::{ModuleId, Tree};

/// The end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    Module(ModuleId),
    /// An item, and the module that defines it. The item of a crate outside of the workspace counts for the last module
    /// on the way to it.
    Item {
        module: ModuleId,
        name: String,
    },
}

impl Resolved {
    /// The module itself, or the item's.
    pub fn module(&self) -> ModuleId {
        match self {
            Resolved::Module(module) | Resolved::Item { module, .. } => *module,
        }
    }
}

impl Tree {
    /// The definition that a path in a module names; `None` outside of the workspace.
    ///
    /// A name that the module before it does not define comes from a macro, and counts for that module.
    pub fn resolve(&self, from: ModuleId, path: &NamePath) -> Option<Resolved> {
        Resolver { tree: self, under_way: Vec::new() }.path(from, &path.segments, path.is_absolute)
    }

    /// A crate of the workspace, as code of a package calls it.
    fn library(&self, package: usize, name: &str) -> Option<Resolved> {
        let package = self.packages[package].names.get(name)?;
        let index = self.packages.iter().position(|one| one.name == *package)?;
        self.libraries[index].map(Resolved::Module)
    }
}

struct Resolver<'a> {
    tree: &'a Tree,
    /// Names that are being looked up: glob imports may form a cycle.
    under_way: Vec<(ModuleId, String)>,
}

impl Resolver<'_> {
    fn path(&mut self, from: ModuleId, segments: &[String], is_absolute: bool) -> Option<Resolved> {
        let modules = &self.tree.modules;
        let (first, rest) = segments.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Resolved::Module(modules[from].root),
            "self" => Resolved::Module(from),
            "super" => Resolved::Module(modules[from].parent?),
            name => {
                let local = if is_absolute { None } else { self.lookup(from, name, !rest.is_empty()) };
                local.or_else(|| self.tree.library(modules[from].package, name))?
            }
        };
        for (index, segment) in rest.iter().enumerate() {
            // After an item only its own parts follow.
            let Resolved::Module(module) = found else { break };
            found = match segment.as_str() {
                "self" => continue,
                "super" => Resolved::Module(modules[module].parent?),
                name => match self.lookup(module, name, index + 1 < rest.len()) {
                    Some(found) => found,
                    None => return Some(Resolved::Module(module)),
                },
            };
        }
        Some(found)
    }

    /// Looks a name up in a module. A module and an item may share it: more segments can follow only the module.
    fn lookup(&mut self, module: ModuleId, name: &str, is_module: bool) -> Option<Resolved> {
        let here = &self.tree.modules[module];
        let child = here.children.get(name).map(|(child, _)| Resolved::Module(*child));
        if is_module && child.is_some() {
            return child;
        }
        if here.definitions.contains_key(name) {
            return Some(Resolved::Item { module, name: name.to_owned() });
        }
        if child.is_some() {
            return child;
        }
        if self.under_way.iter().any(|(other, known)| *other == module && known == name) {
            return None;
        }
        self.under_way.push((module, name.to_owned()));
        let found = self.imported(module, name).or_else(|| self.globbed(module, name, is_module));
        self.under_way.pop();
        found
    }

    fn imported(&mut self, module: ModuleId, name: &str) -> Option<Resolved> {
        let imports = &self.tree.modules[module].references.imports;
        let import = imports.iter().find(|import| import.name.as_deref() == Some(name))?;
        let found = self.path(module, &import.path.segments, import.path.is_absolute);
        // `use nestling_core;` and `use wgpu;` name crates, which are looked up next.
        let is_crate = import.path.segments.len() == 1 && import.path.segments[0] == name;
        found.or_else(|| (!is_crate).then(|| Resolved::Item { module, name: name.to_owned() }))
    }

    fn globbed(&mut self, module: ModuleId, name: &str, is_module: bool) -> Option<Resolved> {
        let imports = &self.tree.modules[module].references.imports;
        imports.iter().filter(|import| import.name.is_none()).find_map(|import| {
            match self.path(module, &import.path.segments, import.path.is_absolute)? {
                Resolved::Module(other) if other != module => self.lookup(other, name, is_module),
                _ => None,
            }
        })
    }
}
