//! `images`: test images as PNG files.

use super::print;
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::atomic_file::write_atomically;
use nestling_train::data::{FASHION_LABELS, load_fashion};
use serde_json::json;
use std::path::PathBuf;

/// Writes the first test image of each class as a grey PNG, named after the class: something to try a bundle on.
#[derive(Args, Debug)]
pub struct Images {
    /// Folder to write to
    #[arg(long, default_value = "target/images")]
    output: PathBuf,
    /// Folder with the four Fashion-MNIST files [default: where the system's package puts them]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Images {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let (_, test) = load_fashion(self.data.as_deref())?;
        std::fs::create_dir_all(&self.output).with_context(|| format!("cannot make {}", self.output.display()))?;
        let mut written = Vec::new();
        for (class, label) in FASHION_LABELS.iter().enumerate() {
            let Some(index) = test.labels.iter().position(|&found| usize::from(found) == class) else { continue };
            let path = self.output.join(format!("{}.png", label.to_lowercase().replace(' ', "-")));
            write_atomically(&path, |file| {
                let mut encoder = png::Encoder::new(file, test.images.width, test.images.height);
                encoder.set_color(png::ColorType::Grayscale);
                encoder.set_depth(png::BitDepth::Eight);
                encoder.write_header()?.write_image_data(test.pixels(index))?;
                Ok(())
            })?;
            written.push(path);
        }
        print(self.json, &json!({ "images": written }), || {
            format!("{} images in {}", written.len(), self.output.display())
        })
    }
}
