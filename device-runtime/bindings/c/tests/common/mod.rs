//! Paths and compilers for tests that build C programs.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
pub fn root() -> PathBuf {
    crate_folder().join("../../..").canonicalize().unwrap()
}

/// The trained bundle of the examples.
pub fn bundle() -> PathBuf {
    root().join("examples/assets/fashion.nestling")
}

/// A coat of the test images.
pub fn coat() -> PathBuf {
    crate_folder().join("examples/coat.pgm")
}

/// The folder of the libraries that cargo built for this test.
pub fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Runs a command to its end, and panics with its output if it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// The standard output of [`run`].
pub fn printed(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

/// A language and its strictest usual compiler.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    C11,
    Cpp17,
}

impl Language {
    /// The compiler, with every warning an error.
    pub fn compiler(self) -> Command {
        let (program, standard, name) = match self {
            Self::C11 => ("cc", "-std=c11", "c"),
            Self::Cpp17 => ("c++", "-std=c++17", "c++"),
        };
        let mut command = Command::new(program);
        command.args([standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-g", "-x", name, "-I"]);
        command.arg(crate_folder().join("include"));
        command
    }
}

/// How a program takes the library.
#[derive(Clone, Copy, Debug)]
pub enum Linked {
    Shared,
    Static,
}

/// Compiles a program of one file and returns its path.
pub fn compile(source: &Path, language: Language, linked: Linked, flags: &[&str], folder: &Path) -> PathBuf {
    let program = folder.join(format!("{}-{language:?}-{linked:?}", source.file_stem().unwrap().to_string_lossy()));
    let mut command = language.compiler();
    command.args(flags).arg(source).args(["-x", "none", "-o"]).arg(&program);
    match linked {
        Linked::Shared => {
            let path = libraries();
            command.arg("-L").arg(&path).arg("-lnestling_c").arg(format!("-Wl,-rpath,{}", path.display()));
        }
        Linked::Static => {
            command.arg(libraries().join("libnestling_c.a")).args(SYSTEM_LIBRARIES);
        }
    }
    run(&mut command);
    program
}

/// The libraries that a program with the static library links, as `rustc --print native-static-libs` names them.
pub const SYSTEM_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];
