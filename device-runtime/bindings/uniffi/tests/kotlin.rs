//! The Kotlin package, compiled with its sample and its guide, and run on the JVM. No test reaches a network.
//!
//! Kotlin that names Android or CameraX is compiled against the declarations in `kotlin/android`.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::{blocks, crate_folder, files, libraries, package_file, root, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const GUIDE: &str = "docs/kotlin.md";

/// A program of the folder that `cargo xtask setup --kotlin` makes.
fn tool(name: &str) -> Command {
    let path = root().join("target/kotlin-compiler").join(name);
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup --kotlin`", path.display());
    Command::new(path)
}

/// The guide's shortest program, and all its other code as one file, the imports first.
fn guide() -> (String, String) {
    let blocks = blocks(GUIDE, "kotlin");
    let (shortest, others): (Vec<String>, Vec<String>) =
        blocks.into_iter().partition(|block| block.contains("\nfun main("));
    assert_eq!(shortest.len(), 1, "the page has one program");
    let others = others.join("\n");
    let (imports, rest): (Vec<&str>, Vec<&str>) = others.lines().partition(|line| line.starts_with("import "));
    let page = format!("package guide\n\n{}\n\n{}\n", imports.join("\n"), rest.join("\n"));
    (format!("package shortest\n\n{}", shortest[0]), page)
}

/// Everything that is Kotlin, compiled once for all tests.
fn jar() -> &'static Path {
    static JAR: OnceLock<PathBuf> = OnceLock::new();
    JAR.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kotlin");
        fs::create_dir_all(&folder).unwrap();
        let (jar, app, page) = (folder.join("tests.jar"), folder.join("App.kt"), folder.join("Guide.kt"));
        let (shortest, others) = guide();
        fs::write(&app, shortest).unwrap();
        fs::write(&page, others).unwrap();
        let mut compile = tool("kotlinc");
        compile.arg("-nowarn").arg("-d").arg(&jar).arg(app).arg(page);
        let tests = crate_folder().join("tests/kotlin");
        compile.args(files(&package_file("android"), ".kt")).args(files(&tests, ".kt")).args(files(&tests, ".java"));
        run(&mut compile);
        jar
    })
}

/// Runs a class of the jar; returns its standard output.
fn java(class: &str, arguments: &[&Path]) -> String {
    let mut java = tool("kotlin");
    java.arg(libraries()).arg(jar()).arg(class).args(arguments);
    java.env("NESTLING_ASSETS", root().join("examples/assets")).env("NESTLING_VERSION", env!("CARGO_PKG_VERSION"));
    String::from_utf8(run(&mut java).stdout).unwrap()
}

/// Runs a group of the tests in Kotlin, `count` of them.
fn run_group(name: &str, count: usize) {
    let text = java("nestling.tests.HarnessKt", &[Path::new(name)]);
    assert!(text.ends_with(&format!("{count} of {count} passed\n")), "{text}");
}

#[test]
fn profiles_choices_switches_and_governors() {
    run_group("session", 11);
}

#[test]
fn calls_are_cancelled_watched_and_side_by_side() {
    run_group("calls", 8);
}

#[test]
fn frames_of_cameras() {
    run_group("frames", 4);
}

#[test]
fn the_sample_without_its_android() {
    run_group("live", 4);
}

#[test]
#[ignore = "measures times"]
fn times_of_calls() {
    print!("{}", java("nestling.tests.SpeedKt", &[]));
}

#[test]
fn the_program_of_the_guide_runs() {
    let folder = tempfile::tempdir().unwrap();
    let assets = root().join("examples/assets");
    let text = java("guide.GuideMainKt", &[&assets.join("fashion.nestling"), &assets.join("coat.png"), folder.path()]);
    for part in ["(bundle_open)", "on ", "coat ", "measured", "this device needs", "biggest: ", "begins", "cancelled"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.ends_with("done\n") && folder.path().join("profile.json").is_file(), "{text}");
}

#[test]
fn the_shortest_program_of_the_guide_runs() {
    let assets = root().join("examples/assets");
    assert_eq!(java("shortest.AppKt", &[&assets.join("fashion.nestling"), &assets.join("coat.png")]), "coat\n");
}

#[test]
fn the_layouts_have_the_names_of_the_sample() {
    let declared = fs::read_to_string(crate_folder().join("tests/kotlin/android/R.kt")).unwrap();
    let names = declared.lines().filter_map(|line| line.trim().strip_prefix("const val ")?.split_once(" = "));
    let resources = package_file("android/sample/src/main/res");
    let texts: Vec<String> = files(&resources, ".xml").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut count = 0;
    for (name, _) in names {
        let is_id = texts.iter().any(|text| text.contains(&format!("\"@+id/{name}\"")));
        assert!(is_id || resources.join(format!("layout/{name}.xml")).is_file(), "{name}");
        count += 1;
    }
    assert_eq!(count, 9);
}
