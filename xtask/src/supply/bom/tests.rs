//! The bills against what CycloneDX 1.5 requires.

use super::*;
use crate::values::{list, word};

/// The kinds of components that the specification knows, as far as they are used.
const KINDS: [&str; 2] = ["application", "library"];

/// Everything that the specification requires of the parts that are there.
fn check(bill: &Value) {
    assert_eq!((word(&bill["bomFormat"]), word(&bill["specVersion"])), ("CycloneDX", "1.5"));
    assert!(bill["version"].as_u64().is_some_and(|version| version >= 1));
    let allowed = ["$schema", "bomFormat", "specVersion", "version", "metadata", "components", "dependencies"];
    assert!(bill.as_object().unwrap().keys().all(|key| allowed.contains(&key.as_str())));
    let own = &bill["metadata"]["component"];
    let mut references = BTreeSet::new();
    for one in list(&bill["components"]).iter().chain([own]) {
        assert!(KINDS.contains(&word(&one["type"])) && !word(&one["name"]).is_empty(), "{one}");
        let is_version = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        assert!(is_version(word(&one["version"])) && word(&one["purl"]).starts_with("pkg:cargo/"), "{one}");
        assert!(references.insert(word(&one["bom-ref"])), "twice: {one}");
        // One expression, and then nothing beside it.
        assert_eq!(list(&one["licenses"]).len(), 1, "{one}");
        assert!(!word(&one["licenses"][0]["expression"]).contains('/'), "{one}");
        for hash in list(&one["hashes"]) {
            let is_hash =
                word(&hash["content"]).bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            assert!(word(&hash["alg"]) == "SHA-256" && is_hash && word(&hash["content"]).len() == 64, "{hash}");
        }
    }
    let dependencies = list(&bill["dependencies"]);
    assert_eq!(dependencies.len(), references.len());
    for dependency in dependencies {
        let named = list(&dependency["dependsOn"]).iter().map(word).chain([word(&dependency["ref"])]);
        assert!(named.clone().all(|name| references.contains(name)), "{dependency}");
    }
}

/// All crates that are reached from the artefact itself.
fn reached(bill: &Value) -> usize {
    let links: BTreeMap<&str, Vec<&str>> = list(&bill["dependencies"])
        .iter()
        .map(|one| (word(&one["ref"]), list(&one["dependsOn"]).iter().map(word).collect()))
        .collect();
    let mut found = BTreeSet::from([word(&bill["metadata"]["component"]["bom-ref"])]);
    let mut open: Vec<&str> = found.iter().copied().collect();
    while let Some(one) = open.pop() {
        open.extend(links[one].iter().copied().filter(|other| found.insert(other)));
    }
    found.len()
}

#[test]
fn every_artefact_has_a_bill_of_what_it_links_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_all(folder.path()).unwrap();
    assert_eq!(files.len(), ARTEFACTS.len());
    for (artefact, file) in ARTEFACTS.iter().zip(&files) {
        let text = std::fs::read_to_string(file).unwrap();
        let bill: Value = serde_json::from_str(&text).unwrap();
        check(&bill);
        let names: BTreeSet<&str> = list(&bill["components"]).iter().map(|one| word(&one["name"])).collect();
        assert!(names.contains("nestling-core") && names.contains("wgpu"), "{}: {names:?}", artefact.name);
        assert_eq!(names.contains("tch"), artefact.name == "nestling-trainer", "{}", artefact.name);
        assert_eq!(names.contains("clap"), artefact.kind == "application", "{}", artefact.name);
        // Neither tests nor procedural macros are linked.
        assert!(["proptest", "serde_derive", "nestling-torture"].iter().all(|name| !names.contains(name)));
        assert_eq!(reached(&bill), list(&bill["dependencies"]).len(), "{}", artefact.name);
        assert!(
            !text.contains(&*workspace::root().to_string_lossy()),
            "a path of this machine is in {}",
            artefact.name
        );
    }
}

#[test]
fn a_version_with_build_metadata_has_the_name_that_scanners_know() {
    let one = Component {
        name: "one".to_owned(),
        version: "1.0.0+2".to_owned(),
        licence: Some("MIT/Apache-2.0".to_owned()),
        source: None,
        checksum: None,
        links: BTreeSet::new(),
    };
    let value = component(&one, "library");
    assert_eq!(value["purl"], "pkg:cargo/one@1.0.0%2B2");
    assert_eq!(value["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert!(value.get("hashes").is_none());
}
