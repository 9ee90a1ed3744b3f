//! Each file, used once as an app uses it.

use super::{Folders, VERSION, copy_folder};
use crate::bindings::{self, languages};
use crate::values::{list, word};
use crate::{arm64, process, setup, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Frames that the packages classify.
const FRAMES: usize = 2;

/// Checks every file.
pub fn all(folders: &Folders) -> Result<()> {
    crates(folders)?;
    wheel(folders)?;
    let (frames, _) = bindings::draw(&bundle(), &made(&folders.work.join("frames"))?, FRAMES)?;
    browser(folders, &frames)?;
    android(folders, &frames)?;
    swift(folders)?;
    c(folders)?;
    let host = unpacked_device(folders, "x86_64-unknown-linux-gnu")?;
    device(Command::new(host))?;
    let emulated = setup::arm64()?;
    device(emulated.command(&unpacked_device(folders, arm64::TARGET)?))
}

fn bundle() -> PathBuf {
    workspace::root().join("examples/assets/fashion.nestling")
}

fn coat() -> PathBuf {
    workspace::root().join("examples/assets/coat.png")
}

fn made(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// Unpacks a file of the release into a folder of its own.
fn unpack(folders: &Folders, name: &str) -> Result<PathBuf> {
    let (file, folder) = (folders.files.join(name), made(&folders.work.join("unpacked").join(name))?);
    let mut unpack = Command::new(setup::pip_python()?);
    unpack.args(["-c", "import shutil, sys; shutil.unpack_archive(*sys.argv[1:])"]).arg(file).arg(&folder);
    let is_zip = [".aar", ".zip"].iter().any(|ending| name.ends_with(ending));
    process::run(unpack.arg(if is_zip { "zip" } else { "gztar" }))?;
    Ok(folder)
}

/// An app outside the workspace, which has the crates from their files: it opens a bundle and classifies a picture.
fn crates(folders: &Folders) -> Result<()> {
    let app = made(&folders.work.join("app"))?;
    let mut patches = String::new();
    for name in ["nestling", "nestling-bundle", "nestling-core", "nestling-pictures", "nestling-shaders"] {
        let folder = unpack(folders, &format!("{name}-{VERSION}.crate"))?.join(format!("{name}-{VERSION}"));
        patches.push_str(&format!("{name} = {{ path = {folder:?} }}\n"));
    }
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         nestling = {{ version = \"{VERSION}\", features = [\"pictures\"] }}\n\n[patch.crates-io]\n{patches}\n\
         {PROFILE}"
    );
    fs::write(app.join("Cargo.toml"), manifest).context("cannot write the app")?;
    fs::write(made(&app.join("src"))?.join("main.rs"), APP).context("cannot write the app")?;
    // The workspace's versions of all dependencies.
    fs::copy(workspace::root().join("Cargo.lock"), app.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    let mut run = workspace::cargo(&["run", "--quiet", "--"]);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(workspace::target, PathBuf::from);
    run.env("CARGO_TARGET_DIR", workspace::root().join(target));
    let label = process::output(run.current_dir(&app).arg(bundle()).arg(coat()))?;
    ensure!(label.trim() == "coat", "the crates answer {label:?}");
    Ok(())
}

/// The workspace's profile, with which the crates of others were built before.
const PROFILE: &str = "[profile.dev]\ndebug = false\nopt-level = 1\n\n[profile.dev.package]\n\
                       naga = { opt-level = 2 }\nwgpu-core = { opt-level = 2 }\nxxhash-rust = { opt-level = 3 }\n";

/// The app.
const APP: &str = r#"use nestling::{Bundle, Picture, Runtime, RuntimeOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bundle = Bundle::open(&arguments[0])?;
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default())?;
    let picture = Picture::decode(&std::fs::read(&arguments[1])?)?;
    println!("{}", runtime.classify(picture.image())?.top().label);
    Ok(())
}
"#;

/// The wheels in an empty Python: the module, and the program in it. The trainer's, without PyTorch, says what it needs.
fn wheel(folders: &Folders) -> Result<()> {
    let python = bindings::python_with(&wheel_of(folders, "nestling-")?, &folders.work.join("python"))?;
    let code = "import nestling, sys\nwith nestling.Runtime(sys.argv[1]) as runtime:\n    \
                print(runtime.classify(sys.argv[2]).label)";
    let label = process::output(Command::new(&python).args(["-c", code]).arg(bundle()).arg(coat()))?;
    ensure!(label.trim() == "coat", "the wheel answers {label:?}");
    device(Command::new(python.with_file_name("nestling-device")))?;
    bindings::install_wheel(&wheel_of(folders, "nestling_trainer-")?, &python)?;
    let output = Command::new(python.with_file_name("nestling")).arg("--help").output().context("no trainer")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains("the trainer needs PyTorch 2.11"), "the trainer says {text}");
    Ok(())
}

fn wheel_of(folders: &Folders, beginning: &str) -> Result<PathBuf> {
    let names = fs::read_dir(&folders.files)?.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(beginning) && name.ends_with(".whl")
    };
    names.into_iter().find(is_it).with_context(|| format!("there is no wheel {beginning}"))
}

/// The archive for npm: installed and imported by Node, where there is one, and run in a browser.
fn browser(folders: &Folders, frames: &languages::Frames) -> Result<()> {
    let name = format!("nestling-web-{VERSION}.tgz");
    let folder = unpack(folders, &name)?;
    let site = made(&folders.work.join("site"))?;
    copy_folder(&folder.join("package"), &site.join("nestling"))?;
    setup::browser()?;
    let lines = process::output(&mut languages::browser(frames, Some(&site)))?;
    ensure!(lines.lines().filter(|line| line.contains("\"logits\"")).count() == FRAMES, "the browser said {lines}");
    if process::answer("npm", &["--version"]).is_none() {
        println!("note: npm is not here: the archive was not installed by it");
        return Ok(());
    }
    let app = made(&folders.work.join("npm"))?;
    let mut install = Command::new("npm");
    install.args(["install", "--offline", "--no-audit", "--no-fund", "--prefix"]).arg(&app).current_dir(&app);
    process::run(install.arg(folders.files.join(&name)))?;
    let code = "const { open, support } = await import('@nestling/web'); console.log(typeof open, typeof support)";
    let types = process::output(Command::new("node").args(["--input-type=module", "-e", code]).current_dir(&app))?;
    ensure!(types.trim() == "function function", "the package exports {types}");
    Ok(())
}

/// The classes of the AAR on the JVM, with this machine's native library.
fn android(folders: &Folders, frames: &languages::Frames) -> Result<()> {
    let folder = unpack(folders, &format!("nestling-{VERSION}.aar"))?;
    for name in ["R.txt", "proguard.txt"] {
        ensure!(folder.join(name).is_file(), "the AAR has no {name}");
    }
    let manifest = fs::read_to_string(folder.join("AndroidManifest.xml")).context("the AAR has no manifest")?;
    ensure!(manifest.contains("package=") && manifest.contains("minSdkVersion"), "the manifest is {manifest}");
    let list = "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))";
    let classes =
        process::output(Command::new(setup::pip_python()?).args(["-c", list]).arg(folder.join("classes.jar")))?;
    for class in ["nestling/Runtime", "nestling/android/ThermalWatch", "nestling/android/AndroidKt"] {
        ensure!(classes.lines().any(|name| name == format!("{class}.class")), "the AAR has no class {class}");
    }
    ensure!(!classes.lines().any(|name| name.starts_with("android")), "the AAR has classes of Android: {classes}");
    let jar = made(&folders.work.join("jvm"))?.join("parity.jar");
    let mut run = languages::kotlin_program(&folder.join("classes.jar"), &jar)?;
    languages::give(&mut run, frames);
    let lines = process::output(&mut run)?;
    ensure!(lines.lines().filter(|line| line.contains("\"logits\"")).count() == FRAMES, "Kotlin said {lines}");
    Ok(())
}

/// The Swift package has all files that its manifest names but the XCFramework, which only macOS makes.
fn swift(folders: &Folders) -> Result<()> {
    let folder = unpack(folders, &format!("Nestling-swift-{VERSION}.zip"))?.join("Nestling");
    let manifest = fs::read_to_string(folder.join("Package.swift")).context("the Swift package has no manifest")?;
    for part in manifest.split("path: \"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_there = folder.join(part).exists() || part.ends_with(".xcframework");
        ensure!(is_there, "the Swift package has no {part}");
    }
    ensure!(folder.join("Sources/Nestling/Nestling.swift").is_file(), "the Swift package has no sources");
    Ok(())
}

/// The archive for C, unpacked somewhere else than it was installed: pkg-config finds it, and a program runs.
fn c(folders: &Folders) -> Result<()> {
    setup::c_tools()?;
    let name = format!("nestling-c-{VERSION}-x86_64-unknown-linux-gnu");
    let prefix = unpack(folders, &format!("{name}.tar.gz"))?.join(&name);
    let mut run = languages::c_program(&prefix, "classify", &folders.work.join("classify-c"))?;
    let picture = workspace::root().join("device-runtime/bindings/c/examples/coat.pgm");
    let text = process::output(run.arg(bundle()).arg(picture).arg("100000"))?;
    ensure!(text.contains("coat"), "the program in C said {text}");
    Ok(())
}

fn unpacked_device(folders: &Folders, target: &str) -> Result<PathBuf> {
    let name = format!("nestling-device-{VERSION}-{target}");
    Ok(unpack(folders, &format!("{name}.tar.gz"))?.join(&name).join("nestling-device"))
}

/// The program answers for a picture.
fn device(mut program: Command) -> Result<()> {
    let document = process::json(program.arg("run").arg(bundle()).arg(coat()).arg("--json"))?;
    let labels: Vec<&str> = list(&document["images"]).iter().map(|image| word(&image["label"])).collect();
    ensure!(labels == ["coat"], "nestling-device answers {labels:?}");
    Ok(())
}
