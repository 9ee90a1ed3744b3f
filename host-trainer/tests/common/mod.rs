//! A made-up data set and a space that are so small that a training takes a moment.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)] // each test file uses some of these helpers

use nestling_bundle::{Bundle, DeviceProfile};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Classes of the made-up data.
pub const CLASSES: u8 = 3;

/// A space of two children for grey images of three classes.
pub const SPACE: &str = r#"
[space]
name = "tiny"
input_channels = 1
resolutions = [8]
classes = 3
activation = "relu"
padding = "symmetric"
norm_epsilon = 1e-5
stem = { widths = [4], kernel = 3, stride = 2 }
head = { widths = [8] }

[[space.stages]]
widths = [4, 8]
depths = [1]
kernels = [3]
expand_ratios = [2]
"#;

/// The `nestling` program.
pub fn nestling<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command that must succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs a command that must succeed, with `--json`.
pub fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&succeed(command.arg("--json")).stdout).unwrap()
}

/// The message of a command that must fail, without a panic.
pub fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{message}");
    assert!(message.contains("error: ") && !message.contains("panicked"), "{message}");
    message
}

/// A folder with made-up data and a configuration.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        write_data(&place.path("data"), 0);
        let keys = "epochs = 1\nbatch_size = 8\nheld_out = 16\nprobe_calibration = 8\nprobe_images = 8\n";
        std::fs::write(place.path("config.toml"), [keys, SPACE].concat()).unwrap();
        std::fs::write(place.path("space.toml"), SPACE.replace("[space]", "").replace("space.stages", "stages"))
            .unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of all files in a folder below.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.path(folder).read_dir().unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A step of a run, without options.
    pub fn step(&self, step: &str, run: &str) -> Command {
        let mut command = nestling([step, "--run"]);
        command.arg(self.path(run)).arg("--data").arg(self.path("data"));
        command
    }

    /// A training with the configuration.
    pub fn train(&self, run: &str) -> Command {
        let mut command = self.step("train", run);
        command.arg("--config").arg(self.path("config.toml"));
        command
    }

    /// A short search.
    pub fn search(&self, run: &str) -> Command {
        let mut command = self.step("search", run);
        command.args(["--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "8"]);
        command
    }

    /// A bundle of random weights.
    pub fn init(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        succeed(nestling(["init", "--space"]).arg(self.path("space.toml")).arg("--output").arg(&path));
        path
    }

    /// A device profile that fits a bundle.
    pub fn profile(&self, bundle: &Path, adapter: &str) -> PathBuf {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/profile-v6.json");
        let mut profile = DeviceProfile::load(&golden).unwrap();
        profile.network = Bundle::open(bundle).unwrap().network_id().to_string();
        profile.kernels = format!("{:032x}", nestling_shaders::fingerprint());
        profile.table.device.adapter = adapter.to_owned();
        let path = self.path(&format!("{adapter}.json"));
        profile.save(&path).unwrap();
        path
    }
}

/// Writes four files named as MNIST's, with images of 8x8 pixels: the place of a bright row is the class.
pub fn write_data(folder: &Path, shade: u8) {
    std::fs::create_dir_all(folder).unwrap();
    let idx = |sizes: &[u32], bytes: Vec<u8>| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, (sizes.clone().count() / 4) as u8].into_iter().chain(sizes).chain(bytes).collect::<Vec<u8>>()
    };
    for (part, count) in [("train", 48u32), ("t10k", 12)] {
        let labels: Vec<u8> = (0..count).map(|index| index as u8 % CLASSES).collect();
        let pixel = |index: u32| {
            let (image, row) = (index / 64, index / 8 % 8);
            let noise = (index.wrapping_mul(2_654_435_761) >> 26) as u8 + shade;
            if row / 2 == image % u32::from(CLASSES) { 180 + noise } else { noise }
        };
        let images = idx(&[count, 8, 8], (0..count * 64).map(pixel).collect());
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], labels)).unwrap();
    }
}
