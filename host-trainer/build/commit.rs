//! The commit of the checkout, read from its `.git` without git.

use std::path::{Path, PathBuf};

/// Gives the code `NESTLING_COMMIT`: the commit in a release build, else `unknown`. A debug build does not ask, so that
/// a commit does not rebuild every test.
pub fn print_commit() {
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let checkout = package.parent().filter(|_| is_release);
    let commit =
        checkout.and_then(|root| commit(root, &mut |read| println!("cargo::rerun-if-changed={}", read.display())));
    println!("cargo::rustc-env=NESTLING_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// The commit of the checkout at `root`, if it is one; `depends` is told of each file that changes with it.
pub fn commit(root: &Path, depends: &mut dyn FnMut(&Path)) -> Option<String> {
    let git = git_folder(&root.join(".git"))?;
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path));
    let head = read(&git.join("HEAD"))?;
    // The log grows with every commit and every checkout. Only files that exist: a missing one would always be built.
    for file in [git.join("HEAD"), git.join("logs/HEAD")].into_iter().filter(|file| file.is_file()) {
        depends(&file);
    }
    let Some(name) = head.strip_prefix("ref: ") else { return known(&head) };
    let packed = || {
        let text = read(&common.join("packed-refs"))?;
        text.lines().find_map(|line| known(line.strip_suffix(name)?.strip_suffix(' ')?))
    };
    read(&common.join(name)).and_then(|hash| known(&hash)).or_else(packed)
}

/// The folder that `.git` is or, in a further work tree, names.
fn git_folder(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let text = read(path)?;
    Some(path.parent()?.join(text.strip_prefix("gitdir: ")?))
}

fn read(path: &Path) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// A hash in hexadecimal, of SHA-1 or SHA-256.
fn known(hash: &str) -> Option<String> {
    ([40, 64].contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
}
