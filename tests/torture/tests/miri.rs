//! Parsers and FFI under Miri, which finds undefined behaviour that no other test sees.
//!
//! Needs `rustup +nightly component add miri rust-src`. Miri knows neither GPUs nor processes: only tests that use neither
//! run, and it is a hundred times slower, so property tests have a few cases each.

use nestling_torture::Campaign;
use std::path::Path;
use std::process::{Command, Stdio};

/// Arguments of `cargo miri test`, and those of the tests' own program.
const RUNS: [(&[&str], &[&str]); 4] = [
    // Without locks between processes, pipes and disks: system calls that Miri lacks.
    (&["--package", "nestling-bundle", "--lib"], &["--skip", "atomic_file", "--skip", "file_lock"]),
    (&["--package", "nestling-core", "--lib"], &["weights", "names", "image::pixels"]),
    // Not whole pictures: they take hours.
    (&["--package", "nestling-pictures", "--lib", "--features", "idx"], &["header", "exif", "jpeg::bits", "idx::"]),
    (&["--package", "nestling-c", "--lib"], &[]),
];

/// The whole test is a campaign: Miri compiles everything anew.
#[test]
#[ignore = "cargo xtask torture --only miri"]
fn parsers_and_ffi_have_no_undefined_behaviour() {
    let mut campaign = Campaign::new("sets of tests under Miri", 1, RUNS.len() as u64);
    if !campaign.is_long() {
        println!("skipped: `cargo xtask torture --only miri` runs it where Miri is");
        return;
    }
    while let Some(index) = campaign.next() {
        let (arguments, own) = RUNS[index as usize % RUNS.len()];
        let mut command = Command::new("cargo");
        command.args(["+nightly", "miri", "test"]).args(arguments).arg("--").args(own).stdin(Stdio::null());
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        // Files of test data are read; random cases are few, and none is kept.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "4");
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        match command.status() {
            Ok(status) if status.success() => {}
            outcome => campaign.fault(format!("{arguments:?}: {outcome:?}")),
        }
    }
    campaign.finish();
}
