//! Making the files.

use super::{Folders, VERSION, copy, copy_folder, own, script};
use crate::programs::Programs;
use crate::{arm64, cross, kotlin, metadata, process, python, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// The licences that every archive carries.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The parts of the AAR that are another project's.
const NOTICE: &str = "The classes of nestling.* and the native libraries contain code that UniFFI generated and its \
                      runtime, (c) Mozilla, under MPL-2.0; their source: https://github.com/mozilla/uniffi-rs\n";

/// The name of the Android library's coordinates. Its publisher puts a group of their own before it.
pub const GROUP: &str = "nestling";

/// Makes every file.
pub fn all(folders: &Folders) -> Result<()> {
    crates(folders)?;
    let trainer = Programs::build()?.trainer(&[]);
    own(&["python", "--trainer", Path::new(trainer.get_program()).to_str().context("the path is not UTF-8")?])?;
    for wheel in [python::wheel()?, python::newest_trainer_wheel()?] {
        copy(&wheel, &folders.files.join(wheel.file_name().context("a wheel has a name")?))?;
    }
    own(&["web"])?;
    let npm = format!("nestling-web-{VERSION}.tgz");
    copy(&workspace::target().join("web").join(&npm), &folders.files.join(&npm))?;
    own(&["kotlin"])?;
    android(folders)?;
    swift(folders)?;
    c(folders)?;
    device(folders, "x86_64-unknown-linux-gnu", &cross::device_for_host()?)?;
    device(folders, arm64::TARGET, &cross::device_for_arm64()?)
}

/// A file of every crate that may be published; `cargo xtask package` also builds each.
fn crates(folders: &Folders) -> Result<()> {
    let packages = metadata::packages(&workspace::root())?;
    let mut package = workspace::cargo(&["package", "--allow-dirty", "--no-verify", "--target-dir"]);
    package.arg(&folders.work);
    for one in packages.iter().filter(|one| one.is_published) {
        package.args(["--package", &one.name]);
    }
    process::run(&mut package)?;
    for one in packages.iter().filter(|one| one.is_published) {
        let name = format!("{}-{VERSION}.crate", one.name);
        copy(&folders.work.join("package").join(&name), &folders.files.join(&name))?;
    }
    Ok(())
}

fn android_package() -> PathBuf {
    workspace::root().join("device-runtime/bindings/android")
}

/// The AAR as Gradle lays it out, and its pom. The native libraries are those that `cargo xtask kotlin --target` put into
/// the package.
fn android(folders: &Folders) -> Result<()> {
    let (aar, library) = (folders.work.join("aar"), android_package().join("nestling"));
    fs::create_dir_all(&aar).context("cannot make the folder of the AAR")?;
    kotlin::android_classes(&aar.join("classes.jar"))?;
    fs::write(aar.join("AndroidManifest.xml"), android_manifest()?).context("cannot write the manifest")?;
    copy(&library.join("consumer-rules.pro"), &aar.join("proguard.txt"))?;
    fs::write(aar.join("R.txt"), "").context("cannot write R.txt")?;
    licences(&aar)?;
    fs::write(aar.join("NOTICE"), NOTICE).context("cannot write NOTICE")?;
    let native = library.join("src/main/jniLibs");
    if native.is_dir() {
        copy_folder(&native, &aar.join("jni"))?;
    } else {
        println!("note: no native library for Android is here: run `cargo xtask kotlin --target TRIPLE` with the NDK");
    }
    let name = format!("nestling-{VERSION}");
    script(&[&aar, &folders.files.join(format!("{name}.aar"))])?;
    fs::write(folders.files.join(format!("{name}.pom")), pom()).context("cannot write the pom")
}

/// The manifest as Gradle writes it, from the values of `build.gradle.kts`.
fn android_manifest() -> Result<String> {
    let gradle =
        fs::read_to_string(android_package().join("nestling/build.gradle.kts")).context("no build.gradle.kts")?;
    let value = |key: &str| {
        let line = gradle.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
        line.map(|value| value.trim().trim_matches('"').to_owned())
            .with_context(|| format!("build.gradle.kts: no {key}"))
    };
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<manifest \
         xmlns:android=\"http://schemas.android.com/apk/res/android\" package=\"{}\">\n    <uses-sdk \
         android:minSdkVersion=\"{}\" />\n</manifest>\n",
        value("namespace")?,
        value("minSdk")?
    ))
}

/// The description that Maven reads, with the dependencies of the package's `build.gradle.kts`.
fn pom() -> String {
    let dependencies = [
        ("net.java.dev.jna", "jna", "5.17.0", "aar"),
        ("org.jetbrains.kotlinx", "kotlinx-coroutines-android", "1.9.0", "jar"),
    ];
    let dependencies: String = dependencies
        .iter()
        .map(|(group, name, version, kind)| {
            format!(
                "    <dependency>\n      <groupId>{group}</groupId>\n      <artifactId>{name}</artifactId>\n      \
                 <version>{version}</version>\n      <type>{kind}</type>\n      <scope>compile</scope>\n    </dependency>\n"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
         <modelVersion>4.0.0</modelVersion>\n  <groupId>{GROUP}</groupId>\n  <artifactId>nestling</artifactId>\n  \
         <version>{VERSION}</version>\n  <packaging>aar</packaging>\n  <name>Nestling</name>\n  \
         <description>Slices a child network out of one resident supernet to fit a latency budget</description>\n  \
         <licenses>\n    <license><name>MIT OR Apache-2.0</name></license>\n  </licenses>\n  <dependencies>\n{dependencies}  \
         </dependencies>\n</project>\n"
    )
}

/// The Swift package; the XCFramework is in it where `cargo xtask swift` made it.
fn swift(folders: &Folders) -> Result<()> {
    let (from, to) = (workspace::root().join("device-runtime/bindings/swift"), folders.work.join("swift/Nestling"));
    copy(&from.join("Package.swift"), &to.join("Package.swift"))?;
    copy(&from.join("README.md"), &to.join("README.md"))?;
    for folder in ["Sources", "include"] {
        copy_folder(&from.join(folder), &to.join(folder))?;
    }
    let framework = from.join("NestlingFFI.xcframework");
    if framework.is_dir() {
        copy_folder(&framework, &to.join("NestlingFFI.xcframework"))?;
    } else {
        println!("note: no XCFramework is here: run `cargo xtask swift` on macOS");
    }
    licences(&to)?;
    script(&[&folders.work.join("swift"), &folders.files.join(format!("Nestling-swift-{VERSION}.zip"))])
}

/// The library for C as it is installed.
fn c(folders: &Folders) -> Result<()> {
    let name = format!("nestling-c-{VERSION}-x86_64-unknown-linux-gnu");
    let prefix = folders.work.join("c").join(&name);
    own(&["c", "--prefix", prefix.to_str().context("the path is not UTF-8")?])?;
    licences(&prefix)?;
    script(&[&folders.work.join("c"), &folders.files.join(format!("{name}.tar.gz"))])
}

/// The program for boards, which needs there a Vulkan driver and a C library as new as this machine's.
fn device(folders: &Folders, target: &str, program: &Path) -> Result<()> {
    let name = format!("nestling-device-{VERSION}-{target}");
    let folder = folders.work.join(target).join(&name);
    copy(program, &folder.join("nestling-device"))?;
    licences(&folder)?;
    script(&[&folders.work.join(target), &folders.files.join(format!("{name}.tar.gz"))])
}

fn licences(folder: &Path) -> Result<()> {
    for licence in LICENCES {
        copy(&workspace::root().join(licence), &folder.join(licence))?;
    }
    ensure!(folder.is_dir(), "{} is missing", folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_the_values_of_gradle() {
        let manifest = android_manifest().unwrap();
        assert!(manifest.contains("package=\"nestling.android\"") && manifest.contains("minSdkVersion=\"26\""));
    }

    #[test]
    fn the_pom_has_the_versions_of_gradle() {
        let gradle = fs::read_to_string(android_package().join("nestling/build.gradle.kts")).unwrap();
        let pom = pom();
        for line in gradle.lines().filter(|line| line.contains("implementation(") || line.contains("api(")) {
            let quoted = line.split('"').nth(1).unwrap().trim_end_matches("@aar");
            for part in quoted.split(':') {
                assert!(pom.contains(&format!(">{part}<")), "{part} of {line}");
            }
        }
        assert_eq!(pom.matches("<dependency>").count(), 2);
    }
}
