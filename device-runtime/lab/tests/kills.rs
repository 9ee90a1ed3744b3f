//! `nestling-device`, killed at random moments while it measures and writes.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use nestling_bundle::DeviceProfile;
use nestling_torture::Campaign;
use nestling_torture::kills::Moments;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A profile that was cut off long ago.
const DAMAGED: &str = "{\"checksum\": 1, \"children\": [";

struct Place {
    folder: tempfile::TempDir,
    bundle: PathBuf,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Measures three children, and writes profile, page, trace and compiled pipelines.
    fn profile(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
        command.arg("profile").arg(&self.bundle).args(["--seconds", "0", "--tune", "0"]);
        for (flag, name) in [("--out", "profile.json"), ("--html", "page.html"), ("--trace", "trace.json")] {
            command.arg(flag).arg(self.path(name));
        }
        command.arg("--pipeline-cache").arg(self.path("pipelines")).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Says what is wrong with the files. `was_damaged`: the profile was, before.
    fn fault(&self, was_damaged: bool) -> Option<String> {
        let read = |name: &str| std::fs::read_to_string(self.path(name)).ok();
        let is_old = was_damaged && read("profile.json").as_deref() == Some(DAMAGED);
        if !is_old && let Err(error) = DeviceProfile::load(&self.path("profile.json")) {
            return Some(error.to_string());
        }
        if was_damaged && !is_old && read("profile.json.old").as_deref() != Some(DAMAGED) {
            return Some("the profile before was not kept".to_owned());
        }
        if !read("page.html").is_some_and(|page| page.trim_end().ends_with("</html>")) {
            return Some("the page is cut off".to_owned());
        }
        let trace = read("trace.json").map(|trace| serde_json::from_str::<serde_json::Value>(&trace));
        trace.is_none_or(|trace| trace.is_err()).then(|| "the trace is cut off".to_owned())
    }
}

/// Starts a measurement and kills it after a time; whether it was still running.
fn is_killed(place: &Place, after: Duration) -> bool {
    let mut process = place.profile().stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let is_alive = process.try_wait().unwrap().is_none();
    process.kill().unwrap();
    process.wait().unwrap();
    is_alive
}

fn names(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_killed_measurement_leaves_whole_files() {
    let mut campaign = Campaign::new("kills of nestling-device profile", 2, 60);
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let place = Place { folder, bundle };
    // The second run finds compiled pipelines, as those that are killed do.
    let mut bound = Duration::ZERO;
    for _ in 0..2 {
        let started = Instant::now();
        assert!(place.profile().stderr(Stdio::null()).status().unwrap().success());
        bound = started.elapsed();
    }
    let mut moments = Moments::new(campaign.seed(5));
    while let Some(kill) = campaign.next() {
        let was_damaged = kill % 2 == 1;
        if was_damaged {
            std::fs::write(place.path("profile.json"), DAMAGED).unwrap();
            let _ = std::fs::remove_file(place.path("profile.json.old"));
        }
        // One that had ended was not killed.
        let was_alive = (0..20).any(|_| is_killed(&place, moments.below(bound)));
        assert!(was_alive, "twenty measurements ended before they could be killed, within {bound:?}");
        if let Some(fault) = place.fault(was_damaged) {
            campaign.fault(format!("kill {kill}: {fault}"));
        }
    }
    // The next one finds nothing in its way, takes the compiled pipelines, and leaves nothing behind.
    let output = place.profile().stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("is not used"), "{said}");
    assert_eq!(place.fault(false), None);
    let left = [names(place.folder.path()), names(&place.path("pipelines"))].concat();
    assert!(left.iter().all(|name| !name.contains(".tmp") && !name.contains("lock")), "{left:?}");
    campaign.finish();
}
