//! `--profile` and `--out`: only a profile is ever replaced, and what cannot be read again is read once.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use nestling_bundle::DeviceProfile;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    command.args(arguments);
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The exit code and what is said on stderr.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The names and contents of all files of a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

struct Files {
    folder: tempfile::TempDir,
    bundle: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = text(&common::write_bundle(folder.path())).to_owned();
        image::GrayImage::new(28, 28).save(folder.path().join("photo.png")).unwrap();
        Self { folder, bundle }
    }

    fn at(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    /// A profile of this device in a file.
    fn profile(&self, name: &str) -> String {
        let path = self.at(name);
        let (code, said) =
            outcome(&mut program(&["profile", &self.bundle, "--seconds", "0", "--tune", "0", "--out", &path]));
        assert_eq!(code, Some(0), "{said}");
        path
    }
}

#[test]
fn an_input_is_never_replaced_by_a_profile() {
    let files = Files::new();
    let (bundle, photo) = (&files.bundle, &files.at("photo.png"));
    let other = files.profile("other.json");
    let link = files.at("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(photo, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::hard_link(photo, &link).unwrap();
    let before = contents(files.folder.path());
    for (arguments, profile) in [
        (&["choose", bundle, "--budget-ms", "20", "--seconds", "0"][..], bundle),
        (&["budgets", bundle, "--seconds", "0"], bundle),
        (&["govern", bundle, "--budget-ms", "20"], bundle),
        (&["predict", bundle, "--other", &other], &other),
        (&["run", bundle, photo, "--budget-ms", "20"], photo),
        (&["run", bundle, photo, "--budget-ms", "20"], bundle),
        (&["run", bundle, &link, "--budget-ms", "20"], photo),
        (&["run", bundle, photo, "--budget-ms", "20"], &link),
    ] {
        let (code, said) = outcome(program(arguments).args(["--profile", profile]));
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("also an input") && said.contains("name another file with --profile FILE"), "{said}");
        assert!(!said.contains("delete"), "{said}");
    }
    assert!(contents(files.folder.path()) == before);
}

#[test]
fn a_file_that_is_no_profile_is_refused_and_stays() {
    let files = Files::new();
    let bundle = &files.bundle;
    for (name, text) in [("notes.txt", "my notes"), ("empty", ""), ("list.json", "{\"children\": [1, 2]}")] {
        std::fs::write(files.at(name), text).unwrap();
    }
    let before = contents(files.folder.path());
    for name in ["photo.png", "notes.txt", "empty", "list.json"] {
        let file = files.at(name);
        for arguments in [
            &["profile", bundle, "--seconds", "0", "--tune", "0", "--out", &file][..],
            &["profile", bundle, "--seconds", "0", "--tune", "0", "--replace", "--out", &file],
            &["choose", bundle, "--budget-ms", "20", "--profile", &file],
            &["govern", bundle, "--budget-ms", "20", "--profile", &file],
            &["predict", bundle, "--other", &file],
        ] {
            let (code, said) = outcome(&mut program(arguments));
            assert_eq!(code, Some(1), "{arguments:?}: {said}");
            assert!(said.contains("is not a device profile: it") && said.contains("name another file"), "{said}");
            assert!(!said.contains("delete") && !said.contains("damaged"), "{said}");
        }
    }
    let folder = text(files.folder.path());
    let (_, said) = outcome(&mut program(&["choose", bundle, "--profile", folder]));
    assert!(said.contains("it is a folder") && !said.contains("`Runtime::"), "{said}");
    assert!(contents(files.folder.path()) == before);
}

#[test]
fn a_damaged_profile_gives_way_to_a_new_one_and_is_kept() {
    let files = Files::new();
    let stored = files.profile("stored.json");
    let whole = std::fs::read(&stored).unwrap();
    std::fs::write(&stored, &whole[..whole.len() / 2]).unwrap();
    let choose = ["choose", &files.bundle, "--budget-ms", "60000", "--seconds", "0", "--profile", &stored];
    let (code, said) = outcome(&mut program(&choose));
    assert!(code == Some(0) && said.contains("is damaged") && said.contains("measure again"), "{said}");
    DeviceProfile::load(Path::new(&stored)).unwrap();
    assert_eq!(std::fs::read(files.at("stored.json.old")).unwrap(), whole[..whole.len() / 2]);
}

#[cfg(unix)]
mod pipes {
    use super::*;
    use std::io::Write;

    /// Runs a command with these bytes in a pipe at its standard input.
    fn piped(arguments: &[&str], bytes: &[u8]) -> (Option<i32>, String) {
        let mut child =
            program(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that refuses its arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[test]
    fn a_profile_out_of_a_pipe_is_read_once() {
        let files = Files::new();
        let stored = files.profile("stored.json");
        let before = contents(files.folder.path());
        let choose = ["choose", &files.bundle, "--budget-ms", "60000", "--seconds", "0", "--profile", "/dev/stdin"];
        let fresh = std::fs::read(&stored).unwrap();
        let (code, said) = piped(&choose, &fresh);
        assert!(code == Some(0) && !said.contains("measuring") && !said.contains("damaged"), "{said}");
        let mut stale = DeviceProfile::load(Path::new(&stored)).unwrap();
        stale.kernels = "0".into();
        let (code, said) = piped(&choose, stale.to_json().as_bytes());
        assert!(code == Some(0) && said.contains("other kernels") && said.contains("it is not stored"), "{said}");
        let (code, said) = piped(&choose, b"my notes");
        assert!(code == Some(1) && said.contains("/dev/stdin is not a device profile"), "{said}");
        assert!(contents(files.folder.path()) == before);
    }

    #[test]
    fn a_bundle_without_a_folder_needs_a_name_for_its_profile() {
        let files = Files::new();
        let bytes = std::fs::read(&files.bundle).unwrap();
        let profile = ["profile", "/dev/stdin", "--seconds", "0", "--tune", "0"];
        let (code, said) = piped(&profile, &bytes);
        assert!(code == Some(2) && said.contains("name one with --out FILE"), "{said}");
        assert!(said.contains("Usage: nestling-device"), "{said}");
        // A redirected file has a name, but not that of its argument.
        let file = std::fs::File::open(&files.bundle).unwrap();
        let (code, said) = outcome(program(&profile).stdin(file));
        assert!(code == Some(2) && said.contains("--out FILE"), "{said}");
        let out = files.at("phone.json");
        let (code, said) = piped(&[&profile[..], &["--out", &out]].concat(), &bytes);
        assert_eq!(code, Some(0), "{said}");
        DeviceProfile::load(Path::new(&out)).unwrap();
        // It would be lost as well under the name of standard input.
        let file = std::fs::File::open(&files.bundle).unwrap();
        let (code, said) = outcome(program(&[&profile[..], &["--out", &files.bundle]].concat()).stdin(file));
        assert!(code == Some(1) && said.contains("also an input"), "{said}");
        assert_eq!(std::fs::read(&files.bundle).unwrap(), bytes);
    }
}
