//! All crates of Cargo.lock, as `cargo metadata` describes them.

use crate::values::{list, word};
use crate::{process, workspace};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The registry that every crate from elsewhere comes from, as Cargo.lock names it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A crate.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: Option<String>,
    /// Where it comes from; none for a crate of this workspace.
    pub source: Option<String>,
    /// SHA-256 of its file in the registry.
    pub checksum: Option<String>,
    /// Name and version of the crates that it links.
    pub links: BTreeSet<(String, String)>,
}

impl Component {
    /// Says what is wrong with the place that it comes from.
    pub fn fault_of_source(&self) -> Option<String> {
        let Self { name, version, source, checksum, .. } = self;
        match (source.as_deref(), checksum) {
            (None, None) => None,
            (Some(REGISTRY), Some(checksum)) if checksum.len() == 64 => None,
            (Some(REGISTRY), _) => Some(format!("{name} {version} has no checksum in Cargo.lock")),
            (source, _) => Some(format!("{name} {version} comes from {}", source.unwrap_or("an unknown place"))),
        }
    }
}

/// Reads all crates, for every platform and with every feature.
pub fn all() -> Result<Vec<Component>> {
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--locked"];
    let document = process::json(&mut workspace::cargo(&arguments))?;
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    Ok(read(&document, &checksums(&lock)))
}

fn read(document: &Value, checksums: &BTreeMap<(String, String), String>) -> Vec<Component> {
    let packages = list(&document["packages"]);
    let names: BTreeMap<&str, (String, String)> =
        packages.iter().map(|package| (word(&package["id"]), key(package))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&document["resolve"]["nodes"]).iter().map(|node| (word(&node["id"]), node)).collect();
    let is_linked = |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    let linked = |id: &str| -> BTreeSet<(String, String)> {
        let dependencies = nodes.get(id).map_or(&[][..], |node| list(&node["deps"]));
        let packages = dependencies.iter().filter(is_linked).map(|dependency| word(&dependency["pkg"]));
        packages.filter_map(|id| names.get(id).cloned()).collect()
    };
    let component = |package: &Value| {
        let (name, version) = key(package);
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let file = text("license_file").map(|file| format!("LicenseRef-{file}"));
        let checksum = checksums.get(&(name.clone(), version.clone())).cloned();
        let links = linked(word(&package["id"]));
        Component { name, version, licence: text("license").or(file), source: text("source"), checksum, links }
    };
    packages.iter().map(component).collect()
}

fn key(package: &Value) -> (String, String) {
    (word(&package["name"]).to_owned(), word(&package["version"]).to_owned())
}

/// The checksums of a Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|text| text.trim_matches('"').to_owned())
    };
    let entry =
        |package: &str| Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?));
    lock.split("[[package]]").filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn crates_have_the_checksums_of_the_lock_and_the_links_of_the_graph() {
        let lock = "version = 4\n\n[[package]]\nname = \"one\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        let document = json!({
            "packages": [
                {"id": "a", "name": "own", "version": "0.1.0", "license": "MIT", "source": null},
                {"id": "b", "name": "one", "version": "1.0.0", "license_file": "TEXT", "source": REGISTRY},
            ],
            "resolve": {"nodes": [
                {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}, {"kind": null}]}]},
                {"id": "b", "deps": [{"pkg": "a", "dep_kinds": [{"kind": "build"}]}]},
            ]},
        });
        let found = read(&document, &checksums(lock));
        assert_eq!(found[0].links, BTreeSet::from([("one".to_owned(), "1.0.0".to_owned())]));
        assert_eq!((found[0].fault_of_source(), found[1].links.len()), (None, 0));
        assert_eq!(found[1].licence.as_deref(), Some("LicenseRef-TEXT"));
        // Too short to be a checksum.
        assert!(found[1].fault_of_source().unwrap().contains("has no checksum"));
        let elsewhere = Component { source: Some("git+https://example.org".to_owned()), ..found[1].clone() };
        assert!(elsewhere.fault_of_source().unwrap().contains("comes from git+https://example.org"));
    }
}
