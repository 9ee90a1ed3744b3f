//! The names that a module mentions: in its `use` items, in paths and inside of macros.

use super::test_code::{attributes, is_test_only};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Macro, Meta, TraitItem, UseTree, Visibility};

/// A path as it is written.
#[derive(Clone, Debug)]
pub struct NamePath {
    pub segments: Vec<String>,
    /// Whether it begins with `::`, so that its first segment is a crate.
    pub is_absolute: bool,
    pub line: usize,
}

/// One leaf of a `use` item.
#[derive(Debug)]
pub struct Import {
    pub path: NamePath,
    /// The name that it has here; `None` for a glob.
    pub name: Option<String>,
    pub is_public: bool,
}

/// Everything that one module mentions outside of test code.
#[derive(Debug, Default)]
pub struct References {
    /// Those of function bodies too: the name then counts for the whole module.
    pub imports: Vec<Import>,
    /// Paths of at least two segments.
    pub paths: Vec<NamePath>,
    /// The first segments of all paths, which tell whether an imported name is used.
    pub names: BTreeSet<String>,
}

/// A parsed path as names.
pub fn name_path(path: &syn::Path) -> NamePath {
    NamePath {
        segments: path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect(),
        is_absolute: path.leading_colon.is_some(),
        line: path.span().start().line,
    }
}

impl References {
    /// Collects from the items of a module, which hold no modules.
    pub fn of(items: &[Item]) -> Self {
        let mut references = Self::default();
        items.iter().for_each(|item| references.visit_item(item));
        references
    }

    fn mention(&mut self, path: NamePath) {
        self.names.extend(path.segments.first().cloned());
        if path.segments.len() > 1 {
            self.paths.push(path);
        }
    }

    fn import(&mut self, item: &ItemUse, tree: &UseTree, before: &[String]) {
        let joined = |last: String| before.iter().cloned().chain([last]).collect::<Vec<_>>();
        let (mut segments, name) = match tree {
            UseTree::Path(path) => return self.import(item, &path.tree, &joined(path.ident.unraw().to_string())),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(item, tree, before)),
            UseTree::Name(leaf) => (joined(leaf.ident.unraw().to_string()), None),
            UseTree::Rename(leaf) => (joined(leaf.ident.unraw().to_string()), Some(leaf.rename.unraw().to_string())),
            UseTree::Glob(_) => (before.to_vec(), None),
        };
        // `use space::{self}` imports `space`.
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let is_glob = matches!(tree, UseTree::Glob(_));
        let name = name.or_else(|| segments.last().cloned()).filter(|_| !is_glob);
        let path = NamePath { segments, is_absolute: item.leading_colon.is_some(), line: tree.span().start().line };
        self.imports.push(Import { path, name, is_public: matches!(item.vis, Visibility::Public(_)) });
    }

    /// Macros are not parsed; whatever looks like a path is taken for one.
    fn scan(&mut self, tokens: TokenStream) {
        let none = || NamePath { segments: Vec::new(), is_absolute: false, line: 0 };
        let (mut path, mut colons) = (none(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.mention(std::mem::replace(&mut path, none()));
                        path.line = ident.span().start().line;
                    }
                    path.segments.push(ident.unraw().to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.mention(std::mem::replace(&mut path, none()));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.scan(group.stream());
                    }
                }
            }
        }
        self.mention(path);
    }
}

impl<'ast> Visit<'ast> for References {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(function) if is_test_only(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !matches!(item, TraitItem::Fn(function) if is_test_only(&function.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(item, &item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(name_path(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.scan(call.tokens.clone());
    }

    /// `pub(in crate::engine)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    /// Attributes such as clap's name functions.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
        }
    }
}
