//! A process ends as it should, at whatever moment: no thread may be in a driver that is being unloaded. Every run
//! compiles anew, so that it ends while the fast kernels are still being compiled.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs of each kind, two at a time.
const RUNS: usize = 24;

fn asset(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "examples", "assets", name].iter().collect()
}

/// `nestling-device run`, with an empty folder as the driver's cache of compiled shaders.
fn classify(more: &[&str]) -> Output {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    command.arg("run").arg(asset("fashion.nestling")).arg(asset("bag.png")).args(more);
    command.env("MESA_SHADER_CACHE_DIR", cache.path()).env("XDG_CACHE_HOME", cache.path()).output().unwrap()
}

fn many_times(more: &[&str], code: i32, said: &str) {
    let run = || {
        for _ in 0..RUNS / 2 {
            let output = classify(more);
            let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(code), "{:?}: {text}", output.status);
            assert!(text.contains(said) && !text.contains("panicked"), "{text}");
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(run);
        run();
        other.join().unwrap();
    });
}

#[test]
fn a_process_that_ends_while_kernels_are_compiled_does_not_crash() {
    many_times(&[], 0, "bag");
}

#[test]
fn a_process_that_ends_with_an_error_does_not_crash() {
    many_times(&["--image-side", "8192"], 1, "error: ");
}
