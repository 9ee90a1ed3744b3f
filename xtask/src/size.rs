//! `cargo xtask size`: how large the SDK is in an app, and how long it takes to build.

use crate::{process, workspace};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Flags of `cargo xtask size`.
#[derive(clap::Args)]
pub struct Options {
    /// Print one JSON document instead of a sentence
    #[arg(long)]
    json: bool,
}

/// An app's library: it opens a bundle, chooses a child and classifies.
const SOURCE: &str = r#"//! Opens a bundle, chooses a child for a budget, and classifies one grey picture.
use nestling::{Budget, Bundle, Image, Millis, Runtime, RuntimeOptions};

fn classify(path: &str, limit: f64, pixels: &[u8], side: u32) -> Option<u32> {
    let bundle = Bundle::open(path).ok()?;
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).ok()?;
    runtime.choose(Budget::p90(Millis(limit))).ok()?;
    let answer = runtime.classify(Image::grey8(side, side, pixels).ok()?).ok()?;
    u32::try_from(answer.top().class).ok()
}

#[unsafe(no_mangle)]
pub extern "C" fn classify_grey(limit: f64) -> u32 {
    let pixels = std::fs::read("pixels").unwrap_or_default();
    classify("app.nestling", limit, &pixels, 28).unwrap_or(u32::MAX)
}
"#;

/// Builds the app's library from nothing and reports its size and the time.
pub fn run(options: &Options) -> Result<()> {
    let folder = workspace::target().join("size");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let library = App::write(&folder)?;
    let start = Instant::now();
    process::run(&mut library.build())?;
    let seconds = start.elapsed().as_secs_f64();
    let path = library.path();
    let bytes = std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
    if options.json {
        println!("{:#}", json!({ "build_seconds": seconds, "cdylib_bytes": bytes }));
    } else {
        println!("a stripped release library that opens, chooses and classifies: {:.2} MB", bytes as f64 / 1e6);
        println!("built from nothing in {seconds:.0} s");
    }
    Ok(())
}

/// A package outside the workspace, as an app is.
struct App {
    folder: PathBuf,
}

impl App {
    fn write(folder: &Path) -> Result<Self> {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nnestling = {{ path = {:?} }}\n\n\
             [profile.release]\nstrip = true\n",
            workspace::root().join("device-runtime/runtime")
        );
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        std::fs::create_dir_all(folder.join("src")).with_context(|| format!("cannot make {}", folder.display()))?;
        write("Cargo.toml", &manifest)?;
        write("src/lib.rs", SOURCE)?;
        // The workspace's versions of all dependencies.
        std::fs::copy(workspace::root().join("Cargo.lock"), folder.join("Cargo.lock"))
            .context("cannot copy Cargo.lock")?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn build(&self) -> Command {
        let mut build = workspace::cargo(&["build", "--release", "--target-dir", "target"]);
        build.current_dir(&self.folder);
        build
    }

    fn path(&self) -> PathBuf {
        let name = format!("{}app{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        self.folder.join("target/release").join(name)
    }
}
