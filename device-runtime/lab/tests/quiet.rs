//! A call that succeeds says nothing that its user cannot act on.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use std::process::Command;

/// Without a desktop, Wayland's library prints an error if it is asked for the compositor.
#[test]
fn opening_a_device_without_a_desktop_prints_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let picture = folder.path().join("picture.png");
    image::GrayImage::new(28, 28).save(&picture).unwrap();
    let quiet = |arguments: &[&str], exit: i32, lines: usize| {
        let output = Command::new(env!("CARGO_BIN_EXE_nestling-device"))
            .args(arguments)
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{stderr}");
        let is_complaint = |line: &&str| ["error", "warning"].iter().any(|word| line.to_lowercase().starts_with(word));
        assert_eq!(stderr.lines().filter(is_complaint).count(), lines, "{arguments:?}: {stderr}");
    };
    let (bundle, picture) = (bundle.to_str().unwrap(), picture.to_str().unwrap());
    quiet(&["info"], 0, 0);
    quiet(&["info", "--backend", "vulkan"], 0, 0);
    quiet(&["info", "--backend", "gl"], 0, 0);
    quiet(&["run", bundle, picture], 0, 0);
    // Its own error is still there, once.
    quiet(&["run", bundle, picture, "--adapter", "Voodoo 2"], 1, 1);
}
