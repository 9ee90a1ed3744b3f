//! The package, tested by scripts in Python: no test reaches a network or installs anything.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::{assemble, bundle, equipped_python, python, root, run, run_script, system_python};

#[test]
fn profiles_choices_switches_and_governors() {
    run_script(&system_python(), "test_session");
}

#[test]
fn images_without_pil_and_numpy() {
    run_script(&system_python(), "test_images");
}

#[test]
fn errors_have_their_codes() {
    run_script(&system_python(), "test_errors");
}

#[test]
fn threads_and_the_end_of_the_process() {
    run_script(&system_python(), "test_threads");
}

#[test]
fn stubs_documentation_and_programs() {
    run_script(&system_python(), "test_package");
}

#[test]
fn images_of_pillow_and_numpy() {
    run_script(&equipped_python(), "test_real_images");
}

#[test]
fn the_types_are_sound() {
    let package = assemble();
    let mut check = python(&equipped_python(), package.path());
    check.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(package.path().join("cache"));
    run(check.arg(package.path().join("nestling")).current_dir(package.path()));
}

#[test]
fn every_line_of_the_guide_runs() {
    let (package, folder) = (assemble(), tempfile::tempdir().unwrap());
    for (name, file) in [("fashion.nestling", "fashion.nestling"), ("coat.png", "coat.png")] {
        std::fs::copy(bundle().with_file_name(file), folder.path().join(name)).unwrap();
    }
    let mut guide = python(&equipped_python(), package.path());
    guide.args(["-m", "guide"]).arg(root().join("docs/python.md")).current_dir(folder.path());
    run(&mut guide);
    assert!(folder.path().join("profile.json").is_file());
}

#[test]
fn the_page_slices_and_plots_without_a_trainer() {
    let (package, folder) = (assemble(), tempfile::tempdir().unwrap());
    let mut page = python(&equipped_python(), package.path());
    page.arg(root().join("examples/python/train_and_slice.py")).current_dir(folder.path());
    page.env("NESTLING_PAGE_BUNDLE", bundle());
    let output = run(&mut page);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("the bundle was given") && text.contains("coat "), "{text}");
    let picture = std::fs::read(folder.path().join("pareto.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} bytes", picture.len());
}
