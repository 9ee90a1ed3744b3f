//! `images`: test images as PNG files.

use super::data::DataArguments;
use super::print;
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::atomic_file::write_atomically;
use nestling_train::data::grey_png;
use serde_json::json;
use std::path::PathBuf;

/// Writes the first test image of each class as a grey PNG, named after the class, to try a bundle on.
#[derive(Args, Debug)]
pub struct Images {
    /// Folder to write to
    #[arg(long, default_value = "target/images")]
    output: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Images {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let (_, test) = self.data.load()?;
        std::fs::create_dir_all(&self.output).with_context(|| format!("cannot make {}", self.output.display()))?;
        let mut written = Vec::new();
        for (class, label) in self.data.dataset().labels.iter().enumerate() {
            let Some(index) = test.labels.iter().position(|&found| usize::from(found) == class) else { continue };
            let path = self.output.join(format!("{}.png", label.to_lowercase().replace(' ', "-")));
            let file = grey_png(test.pixels(index), test.images.width, test.images.height)?;
            write_atomically(&path, |writer| writer.write_all(&file))?;
            written.push(path);
        }
        print(self.json, &json!({ "images": written }), || {
            format!("{} images in {}", written.len(), self.output.display())
        })
    }
}
