//! Made-up workspaces.

use super::edges::{self, Edge};
use super::source::Tree;
use super::*;
use crate::metadata;
use tempfile::TempDir;

/// A workspace in a temporary folder.
struct Made(TempDir);

impl Made {
    /// A crate for each folder that holds `src`, in the order of their dependencies: each may use those before it.
    fn new(files: &[(&str, &str)]) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        let mut folders: Vec<&str> = Vec::new();
        for (path, text) in files {
            made.write(path, text);
            let folder = path.split("/src/").next().unwrap();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        made.write("Cargo.toml", &format!("[workspace]\nresolver = \"3\"\nmembers = {folders:?}\n"));
        for (index, folder) in folders.iter().enumerate() {
            let up = "../".repeat(folder.split('/').count());
            let name = |folder: &str| format!("my-{}", folder.replace('/', "-"));
            let mut manifest = format!("[package]\nname = \"{}\"\nedition = \"2024\"\n[dependencies]\n", name(folder));
            for other in &folders[..index] {
                manifest += &format!("{} = {{ path = \"{up}{other}\" }}\n", name(other));
            }
            made.write(&format!("{folder}/Cargo.toml"), &manifest);
        }
        made
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn tree(&self) -> Tree {
        // Where the temporary folder is behind a link, cargo names its target.
        let root = self.0.path().canonicalize().unwrap();
        Tree::read(&root, metadata::packages(&root).unwrap())
    }

    /// `from > to` of every use, once.
    fn edges(&self) -> Vec<String> {
        let mut edges: Vec<String> =
            edges::find(&self.tree()).iter().map(|edge| format!("{} > {}", edge.from, edge.to)).collect();
        edges.dedup();
        edges
    }

    fn inspect(&self, picture: &str) -> Structure {
        self.write("picture.md", &format!("```mermaid\ngraph TD\n{picture}\n```\n"));
        let root = self.0.path().canonicalize().unwrap();
        inspect(&root, metadata::packages(&root).unwrap(), &root.join("picture.md"))
    }
}

fn wrong(structure: &Structure) -> Vec<String> {
    structure.wrong_way.as_ref().unwrap().iter().map(report::line).collect()
}

const SPACE: (&str, &str) = ("sdk/core/src/space.rs", "pub struct Space;\npub fn lower() {}\n");

#[test]
fn a_use_against_the_arrows_is_named_with_its_place() {
    let made = Made::new(&[
        ("sdk/core/src/lib.rs", "pub mod cost;\npub mod space;\n"),
        ("sdk/core/src/space.rs", "use crate::{\n    cost::Cost,\n};\npub struct Space(Cost);\n"),
        ("sdk/core/src/cost.rs", "pub struct Cost;\n"),
        ("sdk/run/src/lib.rs", "pub fn run() -> my_sdk_core::space::Space {\n    todo!()\n}\n"),
    ]);
    let drawn = "subgraph core[\"sdk/core: my-sdk-core\"]\n cost[core/cost] --> space\nend\nrun[sdk/run] --> space";
    let structure = made.inspect(drawn);
    assert_eq!(structure.faults, [] as [&str; 0]);
    assert_eq!(
        wrong(&structure),
        ["sdk/core/src/space.rs:2: `core/space` may not use `core/cost`: use crate::cost::Cost"]
    );
    assert!(judge(&structure).unwrap_err().to_string().contains("faults of structure: 1"));
    // The other way round all is well.
    let structure = made.inspect("subgraph core[core]\n space --> cost\nend\nrun[my-sdk-run] --> core");
    assert_eq!(wrong(&structure), [] as [&str; 0]);
    judge(&structure).unwrap();
    // An arrow from a component of the crate is not one from the crate.
    let structure = made.inspect("subgraph core[core]\n space --> cost\nend\nrun");
    assert_eq!(wrong(&structure), ["sdk/run/src/lib.rs:1: `run` may not use `core/space`: my_sdk_core::space::Space"]);
}

#[test]
fn components_may_use_what_their_crate_and_their_arrows_reach() {
    let made = Made::new(&[
        ("a/src/lib.rs", "pub mod x;\npub mod y;\n"),
        ("a/src/x.rs", "pub struct X;"),
        ("a/src/y.rs", "pub struct Y;"),
        ("b/src/lib.rs", "pub mod z;\n"),
        ("b/src/z.rs", "pub struct Z(my_a::x::X);"),
        ("c/src/lib.rs", "pub mod w;\n"),
        ("c/src/w.rs", "pub struct W(my_a::x::X, my_a::y::Y, my_b::z::Z);"),
    ]);
    let texts = |picture: &str| -> Vec<String> {
        made.inspect(picture).wrong_way.unwrap().into_iter().map(|edge| edge.text).collect()
    };
    let components = "subgraph a\nx & y\nend\nsubgraph b\nz\nend\nsubgraph c\nw\nend\n";
    assert_eq!(texts(&format!("{components} c --> b\n b --> a")), [] as [&str; 0]);
    assert_eq!(texts(&format!("{components} w --> z\n z --> x")), ["my_a::y::Y"]);
    assert_eq!(texts(&format!("{components} c --> z\n b --> x")), ["my_a::y::Y"]);
    assert_eq!(texts(&format!("{components} w --> a")), ["my_a::x::X", "my_b::z::Z"]);
    // That a crate's component is reached says nothing of the crate's other components.
    assert_eq!(texts("a --> b\n b --> c").len(), 4);
}

#[test]
fn components_that_use_each_other_are_a_cycle() {
    let made = Made::new(&[
        ("core/src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("core/src/a.rs", "use crate::b::B;\npub struct A(B);"),
        ("core/src/b.rs", "use super::c;\npub struct B(c::C);"),
        ("core/src/c/mod.rs", "mod inner;\npub use inner::C;"),
        ("core/src/c/inner.rs", "use crate::a::A;\npub struct C(Box<A>);"),
    ]);
    let structure = made.inspect("subgraph core\n a --> b --> c\nend");
    assert_eq!(structure.cycles.clone().unwrap(), [["core/a", "core/b", "core/c"]]);
    assert!(judge(&structure).unwrap_err().to_string().contains("use each other: core/a, core/b, core/c"));
    assert_eq!(wrong(&structure).len(), 1);
}

#[test]
fn a_re_export_counts_for_the_room_that_defines_the_item() {
    let made = Made::new(&[
        ("core/src/lib.rs", "pub mod engine;\npub mod space;\npub use space::Space;\npub use engine::*;\n"),
        ("core/src/space.rs", SPACE.1),
        (
            "core/src/engine/mod.rs",
            "mod plan;\nmod load;\npub use load::{Load as Loaded, Space};\npub use plan::deep::Deep;\n",
        ),
        ("core/src/engine/load.rs", "pub use crate::space::Space;\npub struct Load;\n"),
        ("core/src/engine/plan/mod.rs", "pub mod deep;\n"),
        ("core/src/engine/plan/deep.rs", "pub struct Deep;\n"),
        ("run/src/lib.rs", "pub mod a;\npub mod b;\npub mod c;\npub mod d;\n"),
        ("run/src/a.rs", "use my_core::engine::Space;\n"),
        ("run/src/b.rs", "use my_core::{Loaded, Space};\n"),
        ("run/src/c.rs", "use my_core::Deep;\n"),
        ("run/src/d.rs", "use my_core as core;\nfn f() { core::engine::made_by_a_macro(); }\n"),
    ]);
    assert_eq!(
        made.edges(),
        [
            "core/engine > core/space",
            "run/a > core/space",
            "run/b > core/engine",
            "run/b > core/space",
            "run/c > core/engine/plan",
            "run/d > core",
            "run/d > core/engine",
        ]
    );
}

#[test]
fn a_folder_that_uses_its_own_rooms_has_edges_to_them() {
    let made = Made::new(&[
        ("core/src/lib.rs", "pub mod select;\n"),
        (
            "core/src/select/mod.rs",
            "mod governor;\npub use governor::Governor;\npub fn govern() -> Governor { Governor }\n",
        ),
        ("core/src/select/governor/mod.rs", "mod ladder;\nuse super::Budget;\npub struct Governor;\n"),
        ("core/src/select/governor/ladder.rs", "pub struct Rung(super::super::govern::Type);\n"),
    ]);
    assert_eq!(made.edges(), ["core/select > core/select/governor", "core/select/governor > core/select"]);
    assert_eq!(made.inspect("subgraph core\nselect\nend").cycles.unwrap(), [["core/select", "core/select/governor"]]);
}

#[test]
fn self_and_super_and_local_modules_are_followed() {
    let made = Made::new(&[
        ("core/src/lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\nmod inline { pub fn f() { super::a::f(); } }\n"),
        (
            "core/src/a.rs",
            "pub mod deep { pub fn g() { super::super::b::f(); self::h(); } pub fn h() {} }\npub fn f() {}",
        ),
        ("core/src/b.rs", "pub fn f() { use super::c; c::f() }"),
        ("core/src/c.rs", "pub fn f() { println!(\"{}\", crate::d::N) }"),
        ("core/src/d.rs", "#[arg(parser = crate::a::f)]\npub const N: u32 = 1;\npub(in crate::b) fn x() {}"),
        ("core/src/main.rs", "mod e;\nfn main() { my_core::a::f(); e::f(); }"),
        ("core/src/e.rs", "pub fn f() { crate::main() }"),
    ]);
    assert_eq!(
        made.edges(),
        [
            "core > core/a",
            "core > core/e",
            "core/a > core/b",
            "core/b > core/c",
            "core/c > core/d",
            "core/d > core/a",
            "core/e > core"
        ]
    );
}

#[test]
fn test_code_does_not_count() {
    let made = Made::new(&[
        (
            "core/src/lib.rs",
            "pub mod a;\npub mod b;\n#[cfg(test)]\nmod tests;\n#[cfg(all(test, unix))]\nuse a::A;\n#[cfg(not(test))]\nuse b::B;\n",
        ),
        (
            "core/src/a.rs",
            "pub struct A;\n// a comment\n\n/// Documented.\nimpl A {\n    #[cfg(test)]\n    fn t() { crate::b::f(); }\n}\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n",
        ),
        ("core/src/b.rs", "pub struct B;\npub const TEXT: &str = r\"\n// no comment\n\n\";\n"),
        ("core/src/tests.rs", "not rust at all"),
    ]);
    made.write("core/tests/whole.rs", "use my_core::a::A;\n");
    made.write("core/benches/lower.rs", "use my_core::a::A;\nfn main() {}\n");
    let tree = made.tree();
    assert_eq!(tree.faults, [] as [&str; 0]);
    assert_eq!(edges::find(&tree).into_iter().collect::<Vec<Edge>>(), []);
    let lines: Vec<(&str, usize)> = tree.files.iter().map(|file| (&*file.path, file.sizes.code_lines)).collect();
    assert_eq!(lines, [("core/src/lib.rs", 4), ("core/src/a.rs", 3), ("core/src/b.rs", 4)]);
    assert_eq!(tree.packages[0].benches, ["lower"]);
}

#[test]
fn components_that_are_missing_or_gone_and_cycles_are_faults_of_the_picture() {
    let made = Made::new(&[
        ("sdk/core/src/lib.rs", "pub mod space;\nmod cost;\n#[cfg(test)]\nmod tests;\n"),
        ("sdk/core/src/cost.rs", ""),
        SPACE,
        ("sdk/pages/src/lib.rs", "mod plot;\n"),
        ("sdk/pages/src/plot.rs", ""),
    ]);
    let faults = |picture: &str| made.inspect(picture).faults;
    assert_eq!(
        faults("pages[\"sdk/pages\"] --> core[\"sdk/core\"]"),
        ["picture.md: component `core/cost` is missing", "picture.md: component `core/space` is missing"]
    );
    // A crate that need not show its components must show all of them or none.
    let core = "subgraph sdk\nsubgraph core[\"sdk/core\"]\ns[\"space<br/>what to choose\"]\ncost\nend\nend\n";
    assert_eq!(faults(core), [] as [&str; 0]);
    assert_eq!(faults(&format!("{core}p[pages/plot]\nq[gone] --> p")).len(), 2);
    assert_eq!(
        faults(&format!("{core}s --> cost\ncost --> s")),
        ["picture.md: the arrows form a cycle: core/cost, core/space"]
    );
    assert_eq!(
        faults(&format!("{core}s --> pages\npages --> cost\npages --> sdk")),
        [
            "picture.md: line 11: `pages --> sdk` joins something else than components",
            "picture.md: the arrows form a cycle: core, pages"
        ]
    );
    assert_eq!(
        faults(&format!("{core}s --> core")),
        ["picture.md: line 9: `core/space` and `core` are a crate and its own component"]
    );
}

#[test]
fn what_cannot_be_read_is_a_fault_and_still_a_document() {
    let made = Made::new(&[("core/src/lib.rs", "mod a;\nmod b;\n"), ("core/src/a.rs", "fn {")]);
    let structure = made.inspect("core --- x");
    assert_eq!(structure.faults.len(), 3, "{:?}", structure.faults);
    assert!(structure.faults[0].starts_with("core/src/a.rs:1: "), "{:?}", structure.faults);
    assert!(structure.faults[1].starts_with("cannot read core/src/b/mod.rs"), "{:?}", structure.faults);
    assert!(structure.faults[2].contains("picture.md has no picture"), "{:?}", structure.faults);
    let document = report::document(&structure, &Measured::default());
    assert_eq!(document["wrong_way_edges"], Value::Null);
    assert_eq!(document["crates"][0]["name"], "my-core");
    let document = report::document(&Structure::default(), &Measured::default());
    assert_eq!(document["cycles"], Value::Null);
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "crates",
            "cycles",
            "longest_file",
            "longest_function",
            "lower_biggest_table1_us",
            "wasm_check",
            "wrong_way_edges"
        ]
    );
}

#[test]
fn public_items_are_those_that_other_crates_can_name() {
    let made = Made::new(&[
        ("core/src/lib.rs", "pub mod space;\nmod hidden;\npub use hidden::Shown;\npub fn f() {}\n"),
        ("core/src/space.rs", "#[derive(Debug, thiserror::Error)]\npub enum Fault {}\npub(crate) struct Own;\n"),
        (
            "core/src/hidden.rs",
            "pub struct Shown;\nimpl Shown {\n pub fn a(&self) {\n\n }\n fn b(&self) {}\n}\npub struct Kept;\nimpl Kept { pub fn c() {} }\n",
        ),
        (
            "run/src/lib.rs",
            "pub use my_core::{Shown, space::Fault as Error};\npub use wgpu::Backends;\npub struct E;\n",
        ),
        ("run/src/main.rs", "mod cli;\n"),
        ("run/src/cli.rs", "pub struct Arguments;\nimpl std::error::Error for Arguments {}\n"),
    ]);
    let structure = made.inspect("core & run");
    let shown =
        |index: usize| (structure.crates[index].surface.public_items, structure.crates[index].surface.error_types);
    // Fault, Shown, Shown::a, f; then Shown, Fault, Backends and E.
    assert_eq!([shown(0), shown(1)], [(4, 1), (4, 1)]);
    assert_eq!(structure.longest_function.unwrap().lines, 3);
    assert_eq!(structure.longest_file.unwrap().name, "core/src/hidden.rs");
}

#[test]
fn a_crate_that_only_computes_names_no_file_clock_or_gpu() {
    let lines =
        "use std::time::Duration;\nuse std::{fs, io};\nfn f() { std::time::Instant::now(); }\nuse wgpu::Device;\n";
    let made = Made::new(&[("core/src/lib.rs", lines), ("other/src/lib.rs", lines)]);
    let manifest = std::fs::read_to_string(made.0.path().join("core/Cargo.toml")).unwrap();
    made.write("core/Cargo.toml", &manifest.replace("my-core", "nestling-core"));
    let manifest = std::fs::read_to_string(made.0.path().join("other/Cargo.toml")).unwrap();
    made.write("other/Cargo.toml", &manifest.replace("my-core", "nestling-core"));
    let faults = pure::faults(&made.tree());
    let places: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["core/src/lib.rs:2", "core/src/lib.rs:4", "core/src/lib.rs:3"], "{faults:?}");
}
