//! The guide's code and the package's types are true.
//!
//! `cargo xtask web` builds what is tested here.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic too")]

mod common;

use common::{browser, root};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The blocks of a language in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let head = format!("```{language}\n");
    document.split(&head).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Runs a document's JavaScript as the program of a page, and returns what it said.
fn said(document: &str, page: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let program = blocks(document, "js").join("\n");
    // The site's example has an `app.js` too.
    std::fs::write(folder.path().join("guide.js"), format!("{program}\nexport const isDone = true;\n")).unwrap();
    std::fs::write(folder.path().join("guide.html"), page.replace("app.js", "guide.js")).unwrap();
    let (mut browser, _server) = browser("guide.html", &[folder.path()]);
    let run = "import('/guide.js').then(guide => guide.isDone)";
    assert_eq!(browser.evaluate(run, Duration::from_secs(120)).unwrap(), json!(true), "{:#?}", browser.console);
    browser.console.join("\n")
}

/// The page of the guide.
fn page() -> String {
    let pages = blocks(&read("docs/web.md"), "html");
    assert_eq!(pages.len(), 1, "the guide has one page");
    pages[0].clone()
}

#[test]
fn every_line_of_the_guide_runs() {
    let guide = read("docs/web.md");
    assert!(blocks(&guide, "js").len() > 8, "the guide has lost its code");
    let said = said(&guide, &page());
    for line in [
        "webgpu T-shirt",
        "early: coat",
        "10 children have arrived",
        "coat in ",
        "10 values, one a class",
        "measured and kept",
        "below_fastest",
        "0 bytes",
    ] {
        assert!(said.contains(line), "`{line}` is not in:\n{said}");
    }
    assert!(!said.contains("error:") && !said.contains("uncaught:"), "{said}");
}

#[test]
fn the_packages_own_page_runs() {
    let said = said(&read("device-runtime/bindings/web/js/README.md"), &page());
    assert!(said.contains("fetching the bundle") && said.ends_with("log: coat"), "{said}");
}

#[test]
fn the_types_declare_what_the_package_has() {
    let folder = root().join("device-runtime/bindings/web/js");
    let types = std::fs::read_to_string(folder.join("index.d.ts")).unwrap();
    let declared = |class: &str| -> Vec<String> {
        let body = types.split(&format!("export class {class} ")).nth(1).unwrap().split("\n}\n").next().unwrap();
        let names =
            body.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(['/', '*', ' ']));
        let name = |line: &str| {
            let line = line.trim_start_matches("readonly ");
            line.split(['(', ':', '?']).next().unwrap().to_owned()
        };
        let mut names: Vec<String> = names.map(name).filter(|name| !name.starts_with("private")).collect();
        names.sort();
        names
    };
    let (mut browser, _server) = browser("test.html", &[]);
    let list = "import('/nestling/index.js').then(async all => {
        const runtime = await all.open('assets/fashion.nestling');
        const governor = await runtime.govern(1000);
        const names = one => [...Object.keys(one), ...Object.getOwnPropertyNames(Object.getPrototypeOf(one))]
            .filter(name => name !== 'constructor').sort();
        const answer = await runtime.classify(await (await fetch('assets/coat.png')).blob());
        const choice = await runtime.choose(1e5);
        return { Runtime: names(runtime), Governor: names(governor), exports: Object.keys(all).sort(), records: {
            Adapter: Object.keys(runtime.adapter), BundleFacts: Object.keys(runtime.bundle),
            Child: Object.keys(runtime.bundle.children[0]), Choice: Object.keys(choice), Answer: Object.keys(answer),
            Guess: Object.keys(answer.guesses[0]), Latency: Object.keys(choice.measured),
            LayerTimes: Object.keys(await runtime.layers()), Counters: Object.keys(await runtime.counters()),
            GovernorState: Object.keys(await governor.state()) } };
    })";
    let found = browser.evaluate(list, Duration::from_secs(60)).unwrap();
    for class in ["Runtime", "Governor"] {
        assert_eq!(json!(declared(class)), found[class], "{class}");
    }
    for export in found["exports"].as_array().unwrap() {
        let name = export.as_str().unwrap();
        let is_declared = ["class", "function"].iter().any(|kind| {
            types.contains(&format!("export {kind} {name} ")) || types.contains(&format!("export {kind} {name}("))
        });
        assert!(is_declared, "{name} has no type");
    }
    for (record, fields) in found["records"].as_object().unwrap() {
        let body = types.split(&format!("export interface {record} ")).nth(1).unwrap().split("\n}\n").next().unwrap();
        let declared = body.lines().filter(|line| line.starts_with("  ") && line.contains(": ")).count();
        assert_eq!(declared, fields.as_array().unwrap().len(), "{record}");
        for field in fields.as_array().unwrap() {
            assert!(body.contains(&format!("\n  {}: ", field.as_str().unwrap())), "{record}: {field}");
        }
    }
}

#[test]
#[ignore = "needs TypeScript, which `cargo xtask test --full` installs"]
fn typescript_takes_right_calls_and_refuses_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    let types = root().join("device-runtime/bindings/web/js/index.d.ts");
    let options = json!({
        "strict": true, "noEmit": true, "target": "es2022", "module": "es2022", "moduleResolution": "node",
        "lib": ["es2022", "dom"], "types": [], "baseUrl": folder.path(), "paths": { "@nestling/web": [types] },
    });
    let project = json!({ "compilerOptions": options, "files": [root().join("xtask/web/tests/types.ts")] });
    std::fs::write(folder.path().join("tsconfig.json"), project.to_string()).unwrap();
    let output = Command::new("tsc").arg("--project").arg(folder.path()).output().expect("`tsc` is missing");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_package_has_the_workspaces_version() {
    let manifest: serde_json::Value =
        serde_json::from_str(&read("device-runtime/bindings/web/js/package.json")).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
}
