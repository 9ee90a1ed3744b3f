//! The names that other crates can reach.

use super::resolve::Resolved;
use super::source::{ModuleId, Tree};
use std::collections::BTreeSet;
use syn::ext::IdentExt;
use syn::{Attribute, ImplItem, Item, ItemImpl, Type, Visibility};

/// How much a library shows.
///
/// A public item counts once, whatever features it needs, when every module on some way to it is public or a `pub use`
/// passes it on: structs, enums, unions, functions, traits, constants, statics and type aliases. So does each public
/// method of such a type, outside of traits. An item of another crate that a public module passes on counts once,
/// without its methods; those count where it is defined.
#[derive(Default)]
pub struct Surface {
    pub public_items: usize,
    /// The public types that implement `std::error::Error`, by hand or by `thiserror`.
    pub error_types: usize,
}

/// The module that defines an item, and the item's name.
type Definition = (ModuleId, String);

/// Measures a package's library; a package of programs shows nothing.
pub fn measure(tree: &Tree, package: usize) -> Surface {
    let Some(root) = tree.libraries[package] else { return Surface::default() };
    let mut walk = Walk { tree, package, modules: BTreeSet::new(), items: BTreeSet::new() };
    walk.module(root);
    let errors = error_types(tree);
    let methods = methods(tree, package).into_iter().filter(|(definition, _)| walk.items.contains(definition));
    Surface {
        public_items: walk.items.len() + methods.count(),
        error_types: walk.items.iter().filter(|item| errors.contains(item)).count(),
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    package: usize,
    modules: BTreeSet<ModuleId>,
    items: BTreeSet<Definition>,
}

impl Walk<'_> {
    fn module(&mut self, id: ModuleId) {
        if !self.modules.insert(id) {
            return;
        }
        let module = &self.tree.modules[id];
        let own = module.definitions.iter().filter(|(_, is_public)| **is_public);
        self.items.extend(own.map(|(name, _)| (id, name.clone())));
        module.children.values().filter(|(_, is_public)| *is_public).for_each(|(child, _)| self.module(*child));
        for import in module.references.imports.iter().filter(|import| import.is_public) {
            let name = import.name.clone();
            match (self.tree.resolve(id, &import.path), name) {
                (Some(Resolved::Item { module, name }), _) => drop(self.items.insert((module, name))),
                // A module of this crate, or the names of a glob.
                (Some(Resolved::Module(other)), name) if name.is_none() || self.is_own(other) => self.module(other),
                (Some(Resolved::Module(other)), Some(name)) => drop(self.items.insert((other, name))),
                // An item of a crate outside of the workspace.
                (None, Some(name)) => drop(self.items.insert((id, name))),
                (_, None) => {}
            }
        }
    }

    fn is_own(&self, module: ModuleId) -> bool {
        self.tree.modules[module].package == self.package
    }
}

/// The public methods in inherent implementations of a package's library, each with its type.
fn methods(tree: &Tree, package: usize) -> BTreeSet<(Definition, String)> {
    let mut methods = BTreeSet::new();
    for (id, block) in
        implementations(tree).filter(|(id, block)| tree.modules[*id].package == package && block.trait_.is_none())
    {
        let Some(definition) = self_type(tree, id, block) else { continue };
        for item in &block.items {
            if let ImplItem::Fn(function) = item
                && matches!(function.vis, Visibility::Public(_))
            {
                methods.insert((definition.clone(), function.sig.ident.to_string()));
            }
        }
    }
    methods
}

/// All types of the workspace that implement `Error`.
fn error_types(tree: &Tree) -> BTreeSet<Definition> {
    let by_hand = implementations(tree)
        .filter(|(_, block)| block.trait_.as_ref().is_some_and(|(path, _)| is_error(path)))
        .filter_map(|(id, block)| self_type(tree, id, block));
    let derived = tree.modules.iter().enumerate().flat_map(|(id, module)| {
        module.items.iter().filter_map(move |item| match item {
            Item::Enum(item) if derives_error(&item.attrs) => Some((id, item.ident.unraw().to_string())),
            Item::Struct(item) if derives_error(&item.attrs) => Some((id, item.ident.unraw().to_string())),
            _ => None,
        })
    });
    by_hand.chain(derived).collect()
}

/// `Error`, `std::error::Error` or `thiserror::Error`; `serde::de::Error` is another trait.
fn is_error(path: &syn::Path) -> bool {
    let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
    names.next().is_some_and(|name| name == "Error")
        && names.next().is_none_or(|before| ["error", "thiserror"].contains(&before.as_str()))
}

fn derives_error(attributes: &[Attribute]) -> bool {
    let mut found = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        // A list that does not parse does not compile either.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= is_error(&meta.path);
            Ok(())
        });
    }
    found
}

fn implementations(tree: &Tree) -> impl Iterator<Item = (ModuleId, &ItemImpl)> {
    tree.modules.iter().enumerate().flat_map(|(id, module)| {
        module.items.iter().filter_map(move |item| match item {
            Item::Impl(block) => Some((id, block)),
            _ => None,
        })
    })
}

fn self_type(tree: &Tree, module: ModuleId, block: &ItemImpl) -> Option<Definition> {
    let Type::Path(path) = &*block.self_ty else { return None };
    let path = super::references::name_path(&path.path);
    match tree.resolve(module, &path)? {
        Resolved::Item { module, name } => Some((module, name)),
        Resolved::Module(_) => None,
    }
}
