//! Bills of materials (SBOM): the crates that each published file links, as CycloneDX 1.5 in JSON.

use super::components::{self, Component};
use crate::programs::write_json;
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Something that is published.
struct Artefact {
    /// Begins the name of its bill.
    name: &'static str,
    /// The crate that links the others.
    package: &'static str,
    /// Flags that choose platform and features.
    flags: &'static [&'static str],
    /// Its kind, in CycloneDX's words.
    kind: &'static str,
}

/// Everything that a release holds.
const ARTEFACTS: [Artefact; 7] = [
    Artefact { name: "nestling", package: "nestling", flags: &["--target", "all", "--all-features"], kind: "library" },
    Artefact {
        name: "nestling-c",
        package: "nestling-c",
        flags: &["--target", "x86_64-unknown-linux-gnu"],
        kind: "library",
    },
    Artefact {
        name: "nestling-python",
        package: "nestling-python",
        flags: &["--target", "x86_64-unknown-linux-gnu"],
        kind: "library",
    },
    Artefact {
        name: "nestling-kotlin-swift",
        package: "nestling-uniffi",
        flags: &["--target", "all"],
        kind: "library",
    },
    Artefact {
        name: "nestling-web",
        package: "nestling-web",
        flags: &["--target", "wasm32-unknown-unknown"],
        kind: "library",
    },
    Artefact { name: "nestling-device", package: "nestling-lab", flags: &["--target", "all"], kind: "application" },
    Artefact {
        name: "nestling-trainer",
        package: "nestling-train",
        flags: &["--target", "x86_64-unknown-linux-gnu"],
        kind: "application",
    },
];

/// Writes a bill for each artefact, and returns the files.
pub fn write_all(folder: &Path) -> Result<Vec<PathBuf>> {
    let crates = components::all()?;
    let mut files = Vec::new();
    for artefact in &ARTEFACTS {
        let path = folder.join(format!("{}-{}.cdx.json", artefact.name, env!("CARGO_PKG_VERSION")));
        write_json(&path, &bill(artefact, &linked(artefact)?, &crates)?)?;
        files.push(path);
    }
    Ok(files)
}

/// Name and version of the crates that are linked: those for tests, builds and procedural macros are not.
fn linked(artefact: &Artefact) -> Result<BTreeSet<(String, String)>> {
    let arguments = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    let mut tree = workspace::cargo(&arguments);
    let text = process::output(tree.args(["--package", artefact.package]).args(artefact.flags))?;
    let name = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| name(line).context("cargo tree is odd")).collect()
}

fn bill(artefact: &Artefact, linked: &BTreeSet<(String, String)>, crates: &[Component]) -> Result<Value> {
    let known: BTreeMap<(String, String), &Component> =
        crates.iter().map(|one| ((one.name.clone(), one.version.clone()), one)).collect();
    let found: Vec<&Component> = linked.iter().filter_map(|key| known.get(key).copied()).collect();
    ensure!(found.len() == linked.len(), "{}: cargo tree and cargo metadata differ", artefact.name);
    let own = found.iter().find(|one| one.name == artefact.package).context("the artefact links itself")?;
    let others = found.iter().filter(|one| one.name != artefact.package);
    let dependencies = found.iter().map(|one| {
        let links = one.links.iter().filter(|key| linked.contains(key)).filter_map(|key| known.get(key));
        json!({ "ref": purl(one), "dependsOn": links.map(|one| purl(one)).collect::<Vec<_>>() })
    });
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": "nestling xtask", "version": own.version }] },
            "component": component(own, artefact.kind),
        },
        "components": others.map(|one| component(one, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

fn component(one: &Component, kind: &str) -> Value {
    let mut value = json!({
        "type": kind,
        "bom-ref": purl(one),
        "name": one.name,
        "version": one.version,
        "purl": purl(one),
        "scope": "required",
    });
    if let Some(licence) = &one.licence {
        value["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(checksum) = &one.checksum {
        value["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    value
}

/// The name by which scanners know a crate.
fn purl(one: &Component) -> String {
    // The only character of a version that is not its own there.
    format!("pkg:cargo/{}@{}", one.name, one.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests;
