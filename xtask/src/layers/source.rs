//! The module tree of every package, read from its Rust files; code that is compiled for tests only is left out.

use super::references::References;
use super::size::{self, Sizes};
use super::test_code::{attributes, is_test_only};
use crate::metadata::Package;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta, Visibility};

/// Index of a module.
pub type ModuleId = usize;

/// A source file.
pub struct File {
    pub package: usize,
    /// Relative to the workspace's root.
    pub path: String,
    /// The component that it belongs to: `core`, `core/space` or `core/select/governor`.
    pub component: String,
    pub sizes: Sizes,
}

/// A module of a library or program.
pub struct Module {
    pub package: usize,
    pub file: usize,
    pub parent: Option<ModuleId>,
    /// The module that `crate` names.
    pub root: ModuleId,
    /// Its modules, and whether they are public.
    pub children: BTreeMap<String, (ModuleId, bool)>,
    /// Its own items but modules and `use`, and whether they are public.
    pub definitions: BTreeMap<String, bool>,
    pub items: Vec<Item>,
    pub references: References,
}

/// All that was read.
pub struct Tree {
    pub packages: Vec<Package>,
    pub files: Vec<File>,
    pub modules: Vec<Module>,
    /// The root module of each package's library.
    pub libraries: Vec<Option<ModuleId>>,
    /// Files that could not be read.
    pub faults: Vec<String>,
}

/// The position of a module in the tree.
#[derive(Clone)]
struct Place {
    package: usize,
    parent: Option<ModuleId>,
    /// Where files of its own modules are.
    folder: PathBuf,
}

impl Tree {
    /// Reads the libraries and programs of all packages.
    pub fn read(root: &Path, packages: Vec<Package>) -> Self {
        let libraries = vec![None; packages.len()];
        let mut tree = Self { packages, files: Vec::new(), modules: Vec::new(), libraries, faults: Vec::new() };
        for package in 0..tree.packages.len() {
            let library = tree.packages[package].library.clone();
            tree.libraries[package] = library.and_then(|file| tree.add_target(root, package, file));
            for file in tree.packages[package].programs.clone() {
                tree.add_target(root, package, file);
            }
        }
        tree.name_components();
        tree
    }

    /// The component of a module.
    pub fn component(&self, module: ModuleId) -> &str {
        &self.files[self.modules[module].file].component
    }

    /// The components of a package below the package itself, without the folder of its programs.
    pub fn top_level_components(&self, package: usize) -> BTreeSet<String> {
        let short = &self.packages[package].short;
        let components = self.files.iter().filter(|file| file.package == package);
        let names = components
            .filter_map(|file| file.component.strip_prefix(short.as_str())?.strip_prefix('/')?.split('/').next());
        names.filter(|name| *name != "bin").map(|name| format!("{short}/{name}")).collect()
    }

    fn add_target(&mut self, root: &Path, package: usize, file: PathBuf) -> Option<ModuleId> {
        let folder = file.parent()?.to_owned();
        self.add_file(root, &Place { package, parent: None, folder }, &file)
    }

    fn add_file(&mut self, root: &Path, place: &Place, file: &Path) -> Option<ModuleId> {
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                self.faults.push(format!("cannot read {path}: {error}"));
                return None;
            }
        };
        let syntax = match syn::parse_file(&text) {
            Ok(syntax) => syntax,
            Err(error) => {
                self.faults.push(format!("{path}:{}: {error}", error.span().start().line));
                return None;
            }
        };
        if is_test_only(&syntax.attrs) {
            return None;
        }
        let sizes = size::measure(&text, &syntax);
        // A library and a program may share a file.
        let known = self.files.iter().position(|file| file.path == path);
        let file = known.unwrap_or_else(|| {
            self.files.push(File { package: place.package, path, component: String::new(), sizes });
            self.files.len() - 1
        });
        Some(self.add_module(root, place, file, syntax.items))
    }

    fn add_module(&mut self, root: &Path, place: &Place, file: usize, items: Vec<Item>) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Module {
            package: place.package,
            file,
            parent: place.parent,
            root: place.parent.map_or(id, |parent| self.modules[parent].root),
            children: BTreeMap::new(),
            definitions: BTreeMap::new(),
            items: Vec::new(),
            references: References::default(),
        });
        let mut own = Vec::new();
        for item in items.into_iter().filter(|item| !is_test_only(attributes(item))) {
            match item {
                Item::Mod(module) => self.add_child(root, id, place, file, module),
                item => own.push(item),
            }
        }
        let module = &mut self.modules[id];
        module.definitions = own.iter().filter_map(definition).collect();
        module.references = References::of(&own);
        module.items = own;
        id
    }

    fn add_child(&mut self, root: &Path, parent: ModuleId, at: &Place, file: usize, item: ItemMod) {
        let name = item.ident.unraw().to_string();
        let place = Place { parent: Some(parent), folder: at.folder.join(&name), ..at.clone() };
        let child = match item.content {
            Some((_, items)) => Some(self.add_module(root, &place, file, items)),
            None => {
                let named = path_attribute(&item.attrs).map(|path| at.folder.join(path));
                let beside = at.folder.join(format!("{name}.rs"));
                let file = named.unwrap_or_else(|| if beside.is_file() { beside } else { place.folder.join("mod.rs") });
                self.add_file(root, &place, &file)
            }
        };
        if let Some(child) = child {
            let is_public = matches!(item.vis, Visibility::Public(_));
            self.modules[parent].children.insert(name, (child, is_public));
        }
    }

    fn name_components(&mut self) {
        let mut places: Vec<Vec<String>> = Vec::new();
        for file in &self.files {
            let package = &self.packages[file.package];
            let inside = file.path.strip_prefix(package.folder.as_str()).unwrap_or(&file.path).trim_start_matches('/');
            let inside = inside.strip_prefix("src/").unwrap_or(inside).trim_end_matches(".rs");
            places.push(inside.split('/').map(str::to_owned).collect());
        }
        let folders: BTreeSet<(usize, Vec<String>)> = (self.files.iter().zip(&places))
            .map(|(file, place)| (file.package, place[..place.len() - 1].to_vec()))
            .collect();
        for (file, mut place) in self.files.iter_mut().zip(places) {
            let is_root = place.len() == 1 && ["lib", "main"].contains(&place[0].as_str());
            // `governor.rs` beside a folder `governor` is that folder's own file.
            let is_top = place.len() == 1 && !is_root;
            if !is_top && !folders.contains(&(file.package, place.clone())) {
                place.pop();
            }
            place.insert(0, self.packages[file.package].short.clone());
            file.component = place.join("/");
        }
    }
}

/// The name of an item, and whether it is public.
fn definition(item: &Item) -> Option<(String, bool)> {
    let (name, visibility) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::TraitAlias(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Union(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((name.unraw().to_string(), matches!(visibility, Visibility::Public(_))))
}

/// The file that `#[path = "file.rs"]` names.
fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}
