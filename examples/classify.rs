//! Classifies photographs with the most accurate child of a bundle: the five most probable labels of each.
//!
//! ```text
//! cargo run --release -p nestling-examples --example classify
//! cargo run --release -p nestling-examples --example classify -- other.nestling photo.jpg coat.png
//! ```

use anyhow::{Context, Result, ensure};
use nestling::{Bundle, Picture, PictureOptions, Runtime, RuntimeOptions};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let path = arguments.next().unwrap_or_else(|| assets.join("fashion.nestling"));
    let mut paths: Vec<PathBuf> = arguments.collect();
    if paths.is_empty() {
        paths = pictures_in(&assets)?;
    }
    let bundle = Bundle::open(&path).with_context(|| format!("opening {}", path.display()))?;
    // Shrinking pictures is the GPU's work. The headers tell how large they are, and the bundle how much of them is read.
    let preprocessing = &bundle.manifest().preprocessing;
    let decoding = PictureOptions::for_fit(preprocessing.fit);
    let sizes = paths.iter().filter_map(|path| Picture::read_size(path, &decoding).ok());
    let largest = sizes.map(|(width, height)| preprocessing.needed_side(width, height)).max().unwrap_or(0);
    let mut options = RuntimeOptions::default();
    options.max_image_side = options.max_image_side.max(largest);
    let runtime = Runtime::open(&bundle, &options)?;
    // Children come fewest multiply-adds first, and the first is active. No budget here, so take the best that was
    // trained.
    let trained = bundle.children().iter().filter(|entry| bundle.manifest().trained.covers(&entry.child));
    if let Some(best) = trained.max_by_key(|entry| entry.held_out.correct) {
        runtime.switch_to(&best.name)?;
    }
    println!("{}", runtime.adapter());

    // One at a time: memory does not grow with their number, and a bad one does not spoil the others.
    let mut failed = 0;
    for path in &paths {
        if let Err(error) = classify(&runtime, path, &decoding) {
            eprintln!("error: {error:#}");
            failed += 1;
        }
    }
    ensure!(failed == 0, "{failed} of {} pictures have no answer", paths.len());
    Ok(())
}

fn classify(runtime: &Runtime, path: &Path, decoding: &PictureOptions) -> Result<()> {
    let picture = Picture::open_with(path, decoding)?;
    let answer = runtime.classify(picture.image())?;
    println!("{}", path.display());
    for guess in answer.top_k(5) {
        println!("  {:<16} {:>5.1} %", guess.label, 100.0 * guess.probability);
    }
    Ok(())
}

fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "png") {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}
