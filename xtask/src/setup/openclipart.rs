//! Drawings in topic folders for `cargo xtask pictures`: Debian's package `openclipart-png`, public domain.
//!
//! The package is unpacked under target/, never installed.

use super::whole_folder;
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "openclipart-png";

/// The folder of topics in the package.
const INSIDE: &str = "usr/share/openclipart/png";

/// Topics that name a subject and have enough drawings.
const TOPICS: [&str; 12] = [
    "animals",
    "computer",
    "food",
    "geography",
    "office",
    "people",
    "plants",
    "recreation",
    "shapes",
    "signs_and_symbols",
    "tools",
    "transportation",
];

/// Most drawings of one topic: the largest would be half of all.
const MOST_OF_A_TOPIC: usize = 350;

/// Returns the folder of class folders; fetches and sorts the drawings first if it is missing.
pub fn ensure() -> Result<PathBuf> {
    let folder = workspace::target().join("pictures/openclipart");
    if !folder.is_dir() {
        whole_folder::make(&folder, fill)?;
    }
    Ok(folder)
}

fn fill(part: &Path) -> Result<()> {
    println!("setup: {PACKAGE} (131 MB to fetch, 80 MB on disk)");
    let unpacked = part.join(".unpacked");
    fs::create_dir_all(&unpacked)?;
    download(&unpacked)?;
    let package = files(&unpacked, "deb")?.pop().context("apt-get download left no package")?;
    process::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked))?;
    for topic in TOPICS {
        sort(&unpacked.join(INSIDE).join(topic), &part.join(topic))?;
    }
    Ok(fs::remove_dir_all(&unpacked)?)
}

fn download(into: &Path) -> Result<()> {
    if process::answer("apt-get", &["--version"]).is_none() {
        bail!(
            "no apt on this system: unpack Debian's package {PACKAGE} on another and copy target/pictures/openclipart"
        );
    }
    let download = || {
        // As root, apt would hand the work to a user who cannot write here.
        let mut command = Command::new("apt-get");
        command.args(["--quiet=2", "--option", "APT::Sandbox::User=root", "download", PACKAGE]);
        process::run(command.current_dir(into))
    };
    if download().is_ok() {
        return Ok(());
    }
    // A fresh container has no index yet.
    process::run(Command::new("apt-get").args(["--quiet=2", "update"]))
        .and_then(|()| download())
        .with_context(|| format!("{PACKAGE} could not be fetched; run `sudo apt-get update` and this command again"))
}

/// Moves a topic's drawings, whatever their subfolder, to one class folder: at most [`MOST_OF_A_TOPIC`], evenly spaced
/// in the order of their names.
fn sort(topic: &Path, class: &Path) -> Result<()> {
    let mut found = files(topic, "png")?;
    found.sort();
    fs::create_dir_all(class)?;
    let count = found.len().min(MOST_OF_A_TOPIC);
    for index in 0..count {
        let from = &found[index * found.len() / count];
        let name = from.strip_prefix(topic)?.to_string_lossy().replace('/', "__");
        fs::rename(from, class.join(name)).with_context(|| format!("could not move {}", from.display()))?;
    }
    Ok(())
}

/// All regular files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            found.extend(files(&path, extension)?);
        } else if kind.is_file() && path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_keeps_an_even_share_of_all_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let topic = folder.path().join("food");
        for (sub, count) in [("fruit", 300), ("bread/dark", 400)] {
            fs::create_dir_all(topic.join(sub)).unwrap();
            (0..count).for_each(|index| fs::write(topic.join(sub).join(format!("{index:03}.png")), "x").unwrap());
        }
        fs::write(topic.join("readme.txt"), "x").unwrap();
        let class = folder.path().join("class");
        sort(&topic, &class).unwrap();
        let names: Vec<String> = files(&class, "png").unwrap().iter().map(|p| p.display().to_string()).collect();
        assert_eq!(names.len(), MOST_OF_A_TOPIC);
        assert_eq!(names.iter().filter(|name| name.contains("bread__dark__")).count(), 200);
    }
}
