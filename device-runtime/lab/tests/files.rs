//! Files that are cut off while a runtime uses them, in a process of its own: a mapped page that is gone would end it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use nestling::{Bundle, Error, Image, Runtime, RuntimeOptions};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the child process finds its file.
const FILE: &str = "NESTLING_TEST_FILE";
const SURVIVED: &str = "the process is alive";

fn example() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "examples", "assets", "fashion.nestling"].iter().collect()
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

#[test]
fn a_bundle_that_is_cut_off_while_it_is_used_ends_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_process", "--nocapture"])
        .env(FILE, folder.path().join("bundle.nestling"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains(SURVIVED), "{}: {child:?}", child.status);
}

#[test]
#[ignore = "the test above runs it"]
fn child_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os(FILE).map_or_else(|| folder.path().join("bundle.nestling"), PathBuf::from);
    let whole = std::fs::read(example()).unwrap();
    let options = RuntimeOptions::default().max_image_side(64);
    for length in [0, 4096, 300_000] {
        // After opening: the weights are not there any more.
        std::fs::write(&path, &whole).unwrap();
        let bundle = Bundle::open(&path).unwrap();
        cut(&path, length);
        let error = Runtime::open(&bundle, &options).unwrap_err();
        assert!(matches!(error, Error::Bundle(_)) && error.code() == "bundle_changed", "{length}: {error}");

        // After loading: nothing of the file is needed any more.
        std::fs::write(&path, &whole).unwrap();
        let bundle = Bundle::open(&path).unwrap();
        let runtime = Runtime::open(&bundle, &options).unwrap();
        cut(&path, length);
        let pixels = vec![7; 28 * 28];
        let image = Image::grey8(28, 28, &pixels).unwrap();
        for name in ["smallest", "biggest"] {
            runtime.switch_to(name).unwrap();
            runtime.classify(image).unwrap();
        }
        let images: Vec<Image<'_>> = bundle.calibration_images().take(8).collect();
        runtime.calibrate(bundle.calibrated()[0].child(), &images).unwrap();
    }
    used_while_it_changes(&path, &whole, &options);
    println!("{SURVIVED}");
}

/// Opens, loads and classifies while another thread cuts the file off and writes it again.
fn used_while_it_changes(path: &Path, whole: &[u8], options: &RuntimeOptions) {
    std::fs::write(path, whole).unwrap();
    let context = nestling::Context::new(&options.context).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut length = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                length = (length + 70_001) % whole.len();
                cut(path, length as u64);
                std::fs::write(path, whole).unwrap();
            }
        });
        for _ in 0..40 {
            let Ok(bundle) = Bundle::open(path) else { continue };
            match Runtime::open_on(&context, &bundle, options) {
                Ok(runtime) => drop(runtime.classify(runtime.probe_image()).unwrap()),
                Err(error) => assert_eq!(error.code(), "bundle_changed", "{error}"),
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
