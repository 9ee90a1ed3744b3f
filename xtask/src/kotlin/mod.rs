//! `cargo xtask kotlin`: the native library and the Kotlin package, for the JVM or for Android.

mod arm64;
mod elf;

use crate::small::{self, PROFILE};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask kotlin`.
#[derive(clap::Args)]
pub struct Options {
    /// The folder of the jar and the native library; made if missing
    #[arg(long, value_name = "DIR", default_value = "target/kotlin")]
    out: PathBuf,
    /// Build the native library for Android, such as aarch64-linux-android, into the Android package; its linker must be
    /// set up
    #[arg(long, value_name = "TRIPLE", conflicts_with = "arm64")]
    target: Option<String>,
    /// Build the native library for arm64 Linux with Debian's compiler, and check its pages and its size (10 minutes)
    #[arg(long)]
    arm64: bool,
}

impl Options {
    /// The check of the arm64 library.
    pub fn arm64() -> Self {
        Self { out: PathBuf::new(), target: None, arm64: true }
    }
}

/// The package with the native library.
const PACKAGE: &str = "nestling-uniffi";

/// Its library.
const LIBRARY: &str = "nestling_uniffi";

/// Most bytes of the stripped library on a phone.
const MAX_BYTES: u64 = 5_000_000;

/// Kotlin's version of the classes, which is that of the Gradle project.
const LANGUAGE: &str = "2.1";

/// Android's names of processors.
const ABIS: [(&str, &str); 4] = [
    ("aarch64-linux-android", "arm64-v8a"),
    ("x86_64-linux-android", "x86_64"),
    ("armv7-linux-androideabi", "armeabi-v7a"),
    ("i686-linux-android", "x86"),
];

/// Builds what the options ask for, checks it and prints it.
pub fn run(options: &Options) -> Result<()> {
    if options.arm64 {
        return arm64::check_library();
    }
    match &options.target {
        Some(target) => for_android(target),
        None => for_jvm(&workspace::root().join(&options.out)),
    }
}

fn for_jvm(out: &Path) -> Result<()> {
    let native = build(workspace::cargo(&[]), None, &[])?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    copy(&native, &out.join(native.file_name().context("a library has a name")?))?;
    let sources = sources()?;
    // The folder within names Android.
    compile(&sources.iter().filter(|path| path.is_file()).collect::<Vec<_>>(), &out.join("nestling.jar"))
}

/// Writes the classes of the Android package, compiled against the tests' declarations of Android.
pub fn android_classes(jar: &Path) -> Result<()> {
    let mut files = sources()?;
    for folder in files.clone().iter().filter(|path| path.is_dir()) {
        files.extend(entries(folder)?);
    }
    files.retain(|path| path.is_file());
    let declarations = entries(&workspace::root().join("device-runtime/bindings/uniffi/tests/kotlin/android"))?;
    files.extend(declarations.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "java")));
    compile(&files.iter().collect::<Vec<_>>(), jar)
}

fn compile(files: &[&PathBuf], jar: &Path) -> Result<()> {
    let compiler = setup::kotlin()?.join("kotlinc");
    // Apps with an older compiler read the classes of this version, and of no preview.
    let version = ["-nowarn", "-language-version", LANGUAGE, "-api-version", LANGUAGE];
    process::run(Command::new(compiler).args(version).arg("-d").arg(jar).args(files))?;
    print_size(jar)
}

/// The sources of the package, and folders of them.
fn sources() -> Result<Vec<PathBuf>> {
    entries(&android_package().join("nestling/src/main/kotlin/nestling"))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn for_android(target: &str) -> Result<()> {
    let Some((_, abi)) = ABIS.iter().find(|(triple, _)| *triple == target) else {
        let known = ABIS.map(|(triple, _)| triple).join(", ");
        bail!("{target} is no target of Android: give one of {known}");
    };
    let native = build(workspace::cargo(&[]), Some(target), &[])?;
    check(&native)?;
    let folder = android_package().join("nestling/src/main/jniLibs").join(abi);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    copy(&native, &folder.join(format!("lib{LIBRARY}.so")))
}

fn android_package() -> PathBuf {
    workspace::root().join("device-runtime/bindings/android")
}

/// Builds the stripped library with a cargo and flags that choose the linker, and returns its path.
fn build(mut cargo: Command, target: Option<&str>, linker: &[String]) -> Result<PathBuf> {
    cargo.args(["rustc", "--package", PACKAGE, "--lib", "--crate-type", "cdylib", "--profile", PROFILE]);
    let mut folder = workspace::target();
    cargo.arg("--target-dir").arg(&folder);
    if let Some(target) = target {
        cargo.args(["--target", target]);
        folder.push(target);
    }
    cargo.arg("--").args(target.map_or_else(small::flags_of_host, |_| small::flags_of_android()));
    cargo.args(linker);
    process::run(&mut cargo)?;
    let (beginning, end) = match target {
        Some(_) => ("lib", ".so"),
        None => (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
    };
    Ok(folder.join(PROFILE).join(format!("{beginning}{LIBRARY}{end}")))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    print_size(to)
}

/// Fails if a library's pages are not Android's or it is too large for a phone.
fn check(library: &Path) -> Result<()> {
    let bytes = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    elf::check_pages(&bytes).with_context(|| library.display().to_string())?;
    print_size(library)?;
    let length = bytes.len() as u64;
    ensure!(length <= MAX_BYTES, "{} has {length} bytes, and may have {MAX_BYTES}", library.display());
    Ok(())
}

fn print_size(path: &Path) -> Result<()> {
    let bytes = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    println!("{}: {:.2} MB", path.display(), bytes as f64 / 1e6);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_have_the_version_of_gradle() {
        let gradle = fs::read_to_string(android_package().join("build.gradle.kts")).unwrap();
        assert!(gradle.contains(&format!("id(\"org.jetbrains.kotlin.android\") version \"{LANGUAGE}.")), "{gradle}");
    }
}
