//! `cargo xtask python`: the wheel of the Python package, and that of the trainer.

use crate::small::{self, PROFILE};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask python`.
#[derive(clap::Args)]
pub struct Options {
    /// The folder of the wheels; made if missing
    #[arg(long, value_name = "DIR", default_value = "target/python")]
    out: PathBuf,
    /// A built trainer, such as target/release/nestling: also make its wheel, which needs torch beside it
    #[arg(long, value_name = "FILE")]
    trainer: Option<PathBuf>,
}

/// Most bytes of a wheel: the runtime's is fetched by every app, the trainer's beside 500 MB of torch.
const MAX_RUNTIME: u64 = 6_000_000;
const MAX_TRAINER: u64 = 8_000_000;

/// Builds the wheels, checks their sizes and prints what is in them.
pub fn run(options: &Options) -> Result<()> {
    let python = setup::sdk_python()?;
    let out = workspace::root().join(&options.out);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let wheel = runtime_wheel(&python, &out)?;
    print_contents(&python, &wheel, MAX_RUNTIME)?;
    if let Some(trainer) = &options.trainer {
        let wheel = trainer_wheel(&python, &workspace::root().join(trainer), &out)?;
        print_contents(&python, &wheel, MAX_TRAINER)?;
    }
    Ok(())
}

fn binding() -> PathBuf {
    workspace::root().join("device-runtime/bindings/python")
}

/// The runtime's wheel that this command built last.
pub fn wheel() -> Result<PathBuf> {
    let folder = workspace::target().join("python");
    find(&folder, &format!("nestling-{}-", env!("CARGO_PKG_VERSION"))).context("`cargo xtask python` builds one")
}

/// The trainer's wheel that this command packed last.
pub fn newest_trainer_wheel() -> Result<PathBuf> {
    find(&workspace::target().join("python"), &format!("nestling_trainer-{}-", env!("CARGO_PKG_VERSION")))
}

/// Builds the runtime's wheel, with the program `nestling-device` in it.
fn runtime_wheel(python: &Path, out: &Path) -> Result<PathBuf> {
    let target = workspace::target();
    let mut build = workspace::cargo(&["rustc", "--package", "nestling-lab", "--bin", "nestling-device"]);
    build.args(["--profile", PROFILE, "--target-dir"]).arg(&target);
    process::run(build.arg("--").args(small::flags_of_host()))?;
    let name = format!("nestling-device{}", std::env::consts::EXE_SUFFIX);
    let _program = Placed::new(&target.join(PROFILE).join(&name), &binding().join("python/nestling/_bin").join(&name))?;
    let mut maturin = Command::new(python);
    maturin.args(["-m", "maturin", "build", "--profile", PROFILE, "--compression-level", "9", "--out"]).arg(out);
    maturin.arg("--manifest-path").arg(binding().join("Cargo.toml")).arg("--interpreter").arg(python);
    process::run(maturin.arg("--").args(small::flags_of_host()).env("CARGO_TARGET_DIR", &target))?;
    find(out, &format!("nestling-{}-", env!("CARGO_PKG_VERSION")))
}

/// A file in a folder of its own, until it is dropped: maturin packs what lies beside the Python files.
struct Placed(PathBuf);

impl Placed {
    fn new(from: &Path, to: &Path) -> Result<Self> {
        let folder = to.parent().context("a file lies in a folder")?.to_owned();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let placed = Self(folder);
        fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        Ok(placed)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // It is ignored by git; a copy that stays does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Packs a trainer that was built before.
fn trainer_wheel(python: &Path, trainer: &Path, out: &Path) -> Result<PathBuf> {
    ensure!(
        trainer.is_file(),
        "there is no trainer at {}: `cargo build --release -p nestling-train` builds one",
        trainer.display()
    );
    let mut pack = Command::new(python);
    pack.arg("-c").arg(include_str!("trainer_wheel.py")).arg(trainer).arg(out).arg(env!("CARGO_PKG_VERSION"));
    // Not `process::run`, whose message would hold the whole script.
    ensure!(pack.status().context("could not start python")?.success(), "the trainer could not be packed");
    find(out, &format!("nestling_trainer-{}-", env!("CARGO_PKG_VERSION")))
}

/// The newest wheel whose name begins so.
fn find(folder: &Path, beginning: &str) -> Result<PathBuf> {
    let mut wheels = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(beginning) && name.ends_with(".whl") {
            wheels.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    let newest = wheels.into_iter().max().map(|(_, path)| path);
    newest.with_context(|| format!("no {beginning}*.whl in {}", folder.display()))
}

/// Prints the files of a wheel, and fails if it is too large.
fn print_contents(python: &Path, wheel: &Path, most: u64) -> Result<()> {
    let list = "import json, sys, zipfile\n\
                print(json.dumps([[one.filename, one.file_size] for one in zipfile.ZipFile(sys.argv[1]).infolist()]))";
    let files = process::json(Command::new(python).args(["-c", list]).arg(wheel))?;
    let bytes = fs::metadata(wheel).with_context(|| format!("cannot read {}", wheel.display()))?.len();
    println!("\n{}: {:.2} MB, at most {:.0}", wheel.display(), bytes as f64 / 1e6, most as f64 / 1e6);
    for file in files.as_array().map_or(&[][..], Vec::as_slice) {
        println!("  {:>10}  {}", file[1], file[0].as_str().unwrap_or_default());
    }
    ensure!(bytes <= most, "{} has {bytes} bytes, and may have {most}", wheel.display());
    Ok(())
}
