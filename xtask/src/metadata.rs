//! The workspace's packages, as `cargo metadata` lists them.

use crate::{process, workspace};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One member of the workspace.
pub struct Package {
    /// Name in its manifest: `nestling-core`.
    pub name: String,
    /// Folder, relative to the workspace's root: `device-runtime/core`.
    pub folder: String,
    /// Last component of the folder, `core`; the whole folder with dashes where two packages share that component.
    pub short: String,
    /// Root file of the library.
    pub library: Option<PathBuf>,
    /// Root files of the programs.
    pub programs: Vec<PathBuf>,
    /// Names of the benches.
    pub benches: Vec<String>,
    /// The workspace's packages by the name that code of this package calls them.
    pub names: BTreeMap<String, String>,
    /// Whether its manifest lets it be published.
    pub is_published: bool,
}

/// Reads all members of the workspace in a folder, in the order of their folders.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    // Without dependencies nothing is resolved, so neither a lock file nor a network is needed.
    let mut command = workspace::cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let document = process::json(command.current_dir(root))?;
    let root = Path::new(document["workspace_root"].as_str().context("cargo metadata names no workspace")?);
    let listed = list(&document["packages"]);
    let libraries: BTreeMap<&Path, String> = listed
        .iter()
        .filter_map(|package| Some((folder(package)?, library(package)?["name"].as_str()?.replace('-', "_"))))
        .collect();
    let mut packages: Vec<Package> =
        listed.iter().map(|package| read(package, root, listed, &libraries)).collect::<Option<_>>().context("odd")?;
    packages.sort_by(|one, other| one.folder.cmp(&other.folder));
    name_shortly(&mut packages);
    Ok(packages)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn folder(package: &Value) -> Option<&Path> {
    Path::new(package["manifest_path"].as_str()?).parent()
}

fn has_kind(target: &Value, wanted: impl Fn(&str) -> bool) -> bool {
    list(&target["kind"]).iter().filter_map(Value::as_str).any(wanted)
}

fn library(package: &Value) -> Option<&Value> {
    list(&package["targets"])
        .iter()
        .find(|target| has_kind(target, |kind| kind.ends_with("lib") || kind == "proc-macro"))
}

fn read(package: &Value, root: &Path, all: &[Value], libraries: &BTreeMap<&Path, String>) -> Option<Package> {
    let file = |target: &Value| target["src_path"].as_str().map(PathBuf::from);
    let targets =
        |wanted: &'static str| list(&package["targets"]).iter().filter(move |one| has_kind(one, |kind| kind == wanted));
    let own = folder(package)?;
    let mut names = BTreeMap::new();
    for dependency in list(&package["dependencies"]) {
        let Some((path, library)) =
            dependency["path"].as_str().and_then(|path| libraries.get_key_value(Path::new(path)))
        else {
            continue;
        };
        let in_code = dependency["rename"].as_str().map_or_else(|| library.clone(), |name| name.replace('-', "_"));
        let package = all.iter().find(|package| folder(package) == Some(path))?;
        names.insert(in_code, package["name"].as_str()?.to_owned());
    }
    let name = package["name"].as_str()?.to_owned();
    // The programs of a package use its library by name.
    if let Some(library) = libraries.get(own) {
        names.insert(library.clone(), name.clone());
    }
    Some(Package {
        folder: own.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/"),
        short: String::new(),
        library: library(package).and_then(file),
        programs: targets("bin").filter_map(file).collect(),
        benches: targets("bench").filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect(),
        names,
        is_published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
        name,
    })
}

fn name_shortly(packages: &mut [Package]) {
    let last = |package: &Package| match package.folder.rsplit('/').next() {
        None | Some("") => package.name.clone(),
        Some(last) => last.to_owned(),
    };
    let all: Vec<String> = packages.iter().map(last).collect();
    for package in packages {
        let short = last(package);
        let is_unique = all.iter().filter(|other| **other == short).count() == 1;
        package.short = if is_unique { short } else { package.folder.replace('/', "-") };
    }
}
