//! Results of self-tests that an earlier start left on disk.

use super::*;
use crate::engine::plan::Start;
use crate::gpu::Sabotage;
use std::fs;
use std::path::{Path, PathBuf};

fn context(folder: &Path) -> Context {
    Context::new(&ContextOptions { pipeline_cache: Some(folder.to_owned()), ..ContextOptions::default() }).unwrap()
}

/// A supernet of the demo's space; everything is tested before it is there.
fn loaded(context: &Context) -> Supernet {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(3));
    load(context, &space, &weights, &EngineOptions { start: Start::Tuned, ..EngineOptions::default() })
}

fn file(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "verdicts")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_second_start_tests_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let submissions = || {
        let context = context(folder.path());
        let before = context.counters();
        drop(loaded(&context));
        ((context.counters() - before).submissions, context.kernel_test_time())
    };
    let (first, took) = submissions();
    let written = fs::read(file(folder.path())).unwrap();
    let (second, took_again) = submissions();
    assert!(second + 20 < first, "{first} submissions at first, then {second}");
    assert!(took_again.0 < took.0 / 2.0, "{took} at first, then {took_again}");
    assert_eq!(fs::read(file(folder.path())).unwrap(), written);
}

#[test]
fn a_second_start_replaces_the_same_kernels_and_a_file_of_others_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = context(folder.path());
    faulty.sabotage("depthwise", Sabotage::Wrong);
    let replaced = loaded(&faulty).replaced();
    assert!(!replaced.is_empty());
    drop(faulty);
    // The driver is right now: only the file says that it was wrong.
    let again = context(folder.path());
    let supernet = loaded(&again);
    assert_eq!(supernet.replaced(), replaced);
    drop((supernet, again));
    let path = file(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    // The key begins behind magic, version and length.
    let mut another = whole.clone();
    another[20] ^= 1;
    for bytes in [damaged, another, b"{}".to_vec(), Vec::new()] {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(loaded(&context(folder.path())).replaced(), []);
        assert_ne!(fs::read(&path).unwrap(), bytes, "it was replaced by what was tested again");
    }
}

#[test]
fn a_folder_that_takes_no_file_costs_only_the_test() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("file");
    fs::write(&occupied, b"no folder").unwrap();
    assert_eq!(loaded(&context(&occupied)).replaced(), []);
    assert_eq!(fs::read(&occupied).unwrap(), b"no folder");
}
