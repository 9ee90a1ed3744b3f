//! `images`: test images as PNG files.

use super::data::{DataArguments, LabelArguments};
use super::{print, shown};
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_train::data::to_png;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Most characters of a file's name, each of up to four bytes.
const MAX_STEM: usize = 60;

/// Writes the first test image of each class as a PNG, named after the class, to try a bundle on.
#[derive(Args, Debug)]
pub struct Images {
    /// Folder to write to
    #[arg(long, default_value = "target/images")]
    output: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    labels: LabelArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Images {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        std::fs::create_dir_all(&self.output).with_context(|| format!("cannot make {}", self.output.display()))?;
        let inputs = [self.data.inputs(), self.labels.inputs()].concat();
        let inputs = || inputs.iter().map(PathBuf::as_path);
        check_outputs([&*self.output.join("class.png")], inputs())?;
        let data = self.data.load()?;
        let test = &data.test;
        let (mut files, mut stems) = (Vec::new(), BTreeSet::new());
        for (class, label) in self.labels.labels(&data, test.classes)?.iter().enumerate() {
            let Some(index) = test.labels.iter().position(|&found| usize::from(found) == class) else { continue };
            let mut stem = file_stem(label);
            while !stems.insert(stem.clone()) {
                // Another label gives the same name.
                stem = format!("{stem}-{class}");
            }
            files.push((index, self.output.join(format!("{stem}.png"))));
        }
        check_outputs(files.iter().map(|(_, path)| path.as_path()), inputs())?;
        let mut written = Vec::new();
        for (index, path) in files {
            let file = to_png(&test.pixels(index)?, test.side)?;
            write_atomically(&path, |writer| writer.write_all(&file))?;
            written.push(shown(&path));
        }
        print(self.json, &json!({ "images": written }), || {
            format!("{} images in {}", written.len(), self.output.display())
        })
    }
}

/// A label as the name of a file: `T-shirt/top` is `t-shirt-top`.
fn file_stem(label: &str) -> String {
    let separated = label.to_lowercase().replace(|c: char| !c.is_alphanumeric() && !"-_.,()&+".contains(c), "-");
    separated.chars().take(MAX_STEM).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_a_file_name_that_stays_in_its_folder() {
        for (label, stem) in [
            ("ankle boot", "ankle-boot"),
            ("T-shirt/top", "t-shirt-top"),
            ("../../escaped", "..-..-escaped"),
            ("tench\tn02", "tench-n02"),
            ("Füße", "füße"),
        ] {
            assert_eq!(file_stem(label), stem);
        }
        assert!(file_stem(&"ß".repeat(300)).len() < 250);
    }
}
