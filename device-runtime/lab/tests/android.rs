//! The script that measures on a phone, with a stand-in for adb that keeps the phone in a folder.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use nestling_bundle::DeviceProfile;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs what would run on the phone here, below `$PHONE`.
const ADB: &str = r#"#!/bin/sh
echo "$*" >> "$PHONE/log"
here() { echo "$1" | sed "s#/data/local/tmp#$PHONE#g"; }
case "$1" in
    get-state) cat "$PHONE/state" ;;
    push) cp "$2" "$(here "$3")" ;;
    pull) cp "$(here "$2")" "$3" ;;
    shell) shift; sh -c "$(here "$*")" ;;
esac
"#;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(state: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let adb = folder.path().join("adb");
        std::fs::write(&adb, ADB).unwrap();
        std::fs::set_permissions(&adb, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(folder.path().join("phone")).unwrap();
        std::fs::write(folder.path().join("phone/state"), state).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&Path], options: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("profile-on-android.sh");
        let mut command = Command::new("sh");
        command.arg(script).args(arguments).args(options);
        command.env("ADB", self.path("adb")).env("PHONE", self.path("phone")).output().unwrap()
    }

    /// All that lies on the phone, but the stand-in's own files.
    fn left_on_phone(&self) -> usize {
        std::fs::read_dir(self.path("phone")).unwrap().count() - 2
    }
}

#[test]
fn a_profile_is_fetched_and_nothing_stays_on_the_phone() {
    let desk = Desk::new("device");
    let (bundle, profile) = (common::write_bundle(desk.folder.path()), desk.path("phone.profile.json"));
    let program = Path::new(env!("CARGO_BIN_EXE_nestling-device"));
    let output = desk.run(&[program, &bundle, &profile], &["--seconds", "0", "--tune", "0", "--untrained"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(DeviceProfile::load(&profile).is_ok());
    assert_eq!(desk.left_on_phone(), 0);
    let log = std::fs::read_to_string(desk.path("phone/log")).unwrap();
    assert!(log.contains("profile bundle.nestling --out profile.json --seconds 0 --tune 0"), "{log}");
}

#[test]
fn what_is_missing_is_said_and_no_older_profile_is_lost() {
    let program = Path::new(env!("CARGO_BIN_EXE_nestling-device"));
    let refused = |desk: &Desk, arguments: &[&Path], options: &[&str], expected: &str| {
        let output = desk.run(arguments, options);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(expected), "{expected}: {message}");
    };
    let desk = Desk::new("unauthorized");
    let (bundle, profile) = (common::write_bundle(desk.folder.path()), desk.path("phone.profile.json"));
    std::fs::write(&profile, "an older one").unwrap();
    refused(&desk, &[program, &bundle, &profile], &[], "the phone is unauthorized");
    refused(&desk, &[&desk.path("none"), &bundle, &profile], &[], "no program at");
    refused(&desk, &[program, &desk.path("none"), &profile], &[], "no bundle at");
    refused(&desk, &[program, &bundle, &desk.path("no/profile.json")], &[], "no folder");
    refused(&desk, &[program, &bundle], &[], "Usage: profile-on-android.sh");
    std::fs::write(desk.path("phone/state"), "device").unwrap();
    refused(&desk, &[program, &bundle, &profile], &["--seconds", "1; reboot"], "a phone's shell would change");
    // A bundle that the program refuses on the phone.
    let damaged = desk.path("damaged.nestling");
    std::fs::write(&damaged, "no bundle").unwrap();
    refused(&desk, &[program, &damaged, &profile], &[], "nestling-device failed on the phone");
    assert_eq!(std::fs::read_to_string(&profile).unwrap(), "an older one");
    assert_eq!(desk.left_on_phone(), 0);
}
