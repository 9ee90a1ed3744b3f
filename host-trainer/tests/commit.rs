//! The commit that the build script finds, in checkouts of every form.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

#[allow(dead_code)] // the build script alone prints it
#[path = "../build/commit.rs"]
mod commit;

use std::path::{Path, PathBuf};

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

fn write(path: PathBuf, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn found(root: &Path) -> (Option<String>, Vec<PathBuf>) {
    let mut files = Vec::new();
    let commit = commit::commit(root, &mut |file| files.push(file.to_owned()));
    (commit, files)
}

#[test]
fn the_commit_of_a_branch_lies_in_its_file_or_among_packed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert_eq!(found(root), (None, Vec::new()));
    write(root.join(".git/HEAD"), "ref: refs/heads/main\n");
    assert_eq!(found(root).0, None, "a branch without a commit");
    write(
        root.join(".git/packed-refs"),
        &format!("# pack-refs\n{} refs/heads/not-main\n{HASH} refs/heads/main\n", HASH.replace('0', "9")),
    );
    assert_eq!(found(root), (Some(HASH.to_owned()), vec![root.join(".git/HEAD")]));
    let newer = HASH.replace('0', "8");
    write(root.join(".git/refs/heads/main"), &format!("{newer}\n"));
    write(root.join(".git/logs/HEAD"), "");
    assert_eq!(found(root), (Some(newer), vec![root.join(".git/HEAD"), root.join(".git/logs/HEAD")]));
    write(root.join(".git/HEAD"), &format!("{HASH}\n"));
    assert_eq!(found(root).0.as_deref(), Some(HASH));
    write(root.join(".git/HEAD"), "not a hash\n");
    assert_eq!(found(root).0, None);
}

#[test]
fn a_further_work_tree_has_its_own_head_and_the_branches_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    write(first.join(".git/refs/heads/other"), HASH);
    write(first.join(".git/worktrees/second/HEAD"), "ref: refs/heads/other");
    write(first.join(".git/worktrees/second/commondir"), "../..\n");
    write(second.join(".git"), &format!("gitdir: {}\n", first.join(".git/worktrees/second").display()));
    assert_eq!(found(&second).0.as_deref(), Some(HASH));
    write(second.join(".git"), "gitdir: /nowhere\n");
    assert_eq!(found(&second).0, None);
}

#[test]
fn the_code_says_its_commit_or_that_it_is_unknown() {
    let (_, commit) = nestling_train::train::CODE_VERSION.rsplit_once("commit ").unwrap();
    assert!(commit == "unknown" || commit.len() >= 40, "{commit}");
}
