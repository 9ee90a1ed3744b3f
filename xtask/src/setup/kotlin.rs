//! Kotlin's compiler and the libraries beside which the Kotlin package is built and tested on the JVM.
//!
//! The compiler comes from PyPI, in the Kotlin kernel of Jupyter, so that no other server needs to be reached.

use super::{packages, pip, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// A line of a requirements file, with the hash of the only wheel that is accepted. Apache-2.0.
const WHEEL: &str = "kotlin-jupyter-kernel==0.19.0.944 \
                     --hash=sha256:dc654a426a28e6621aeb0bd7772d268a9a877aabae4a17b73383752a416281a3";

/// Beginnings of the names of its jars, and their names here. The first has the compiler and kotlinx-coroutines.
const JARS: [(&str, &str); 5] = [
    ("kotlin-jupyter-kernel-", "compiler.jar"),
    ("kotlin-stdlib-", "kotlin-stdlib.jar"),
    ("kotlin-reflect-", "kotlin-reflect.jar"),
    ("kotlin-script-runtime-", "kotlin-script-runtime.jar"),
    ("annotations-", "annotations.jar"),
];

/// The class that calls native libraries, of Debian's package.
const JNA: &str = "/usr/share/java/jna.jar";

/// A program of the folder: compiles the Kotlin files of its arguments, beside the jars of CLASSPATH.
const COMPILE: &str = r#"#!/bin/sh
here=$(dirname "$0")
exec java -Xmx2g -cp "$here/compiler.jar:$here/kotlin-stdlib.jar:$here/kotlin-reflect.jar:$here/kotlin-script-runtime.jar:$here/annotations.jar" \
    org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -no-stdlib -no-reflect \
    -cp "$here/kotlin-stdlib.jar:$here/compiler.jar:@JNA@${CLASSPATH:+:$CLASSPATH}" "$@"
"#;

/// A program of the folder: runs a class of a jar, with the native libraries of a folder.
const RUN: &str = r#"#!/bin/sh
here=$(dirname "$0")
libraries=$1 jar=$2
shift 2
jni=$(dirname "$(ls /usr/lib/*/jni/libjnidispatch*.so | head -n 1)")
exec java -Djna.library.path="$libraries" -Djna.boot.library.path="$jni" \
    -cp "$jar:$here/kotlin-stdlib.jar:@JNA@:$here/compiler.jar" "$@"
"#;

/// Returns the folder with the programs `kotlinc` and `kotlin`; makes it if it is missing.
pub fn ensure() -> Result<PathBuf> {
    let mut missing = Vec::new();
    if process::answer("java", &["-version"]).is_none() {
        missing.push("default-jre-headless");
    }
    if !Path::new(JNA).is_file() {
        missing.push("libjna-java");
    }
    packages::install(&missing)?;
    ensure!(Path::new(JNA).is_file(), "{JNA} is missing: install JNA, Debian's package libjna-java");
    let folder = workspace::target().join("kotlin-compiler");
    if !folder.join("kotlin").is_file() {
        whole_folder::make(&folder, fill)?;
    }
    Ok(folder)
}

fn fill(part: &Path) -> Result<()> {
    println!("setup: Kotlin's compiler (80 MB to fetch, 90 MB on disk)");
    let unpacked = part.join("unpacked");
    pip::unpack(&[WHEEL], &["run_kotlin_kernel/jars/*.jar"], &unpacked)?;
    let jars = unpacked.join("run_kotlin_kernel/jars");
    for entry in fs::read_dir(&jars).with_context(|| format!("could not read {}", jars.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((_, jar)) = JARS.iter().find(|(beginning, _)| name.starts_with(beginning)) {
            fs::rename(&path, part.join(jar)).with_context(|| format!("could not move {name}"))?;
        }
    }
    for (_, jar) in JARS {
        ensure!(part.join(jar).is_file(), "the wheel of Kotlin's compiler has no {jar}");
    }
    fs::remove_dir_all(&unpacked)?;
    program(&part.join("kotlinc"), COMPILE)?;
    // The last one: its presence says that the folder is whole.
    program(&part.join("kotlin"), RUN)
}

fn program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text.replace("@JNA@", JNA)).with_context(|| format!("could not write {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
