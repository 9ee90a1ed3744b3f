//! Classifies PNG files with the most accurate child of a bundle.
//!
//! ```text
//! cargo run --release -p nestling-examples --example classify
//! cargo run --release -p nestling-examples --example classify -- other.nestling shoe.png coat.png
//! ```

use anyhow::{Context, Result};
use nestling::input::Picture;
use nestling::{Bundle, Runtime, RuntimeOptions};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let path = arguments.next().unwrap_or_else(|| assets.join("fashion.nestling"));
    let mut pictures: Vec<PathBuf> = arguments.collect();
    if pictures.is_empty() {
        pictures = pictures_in(&assets)?;
    }

    let bundle = Bundle::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let runtime = Runtime::new(&bundle, RuntimeOptions::default())?;
    // Children come fewest multiply-adds first, and the first is active. No budget here, so take the best.
    if let Some(best) = bundle.children().iter().max_by_key(|entry| entry.held_out.correct) {
        runtime.switch_to(&best.name)?;
    }
    println!("{}", runtime.adapter());

    for path in &pictures {
        let picture = Picture::open_png(path)?;
        let answer = runtime.classify(&picture.image()?)?;
        let top = answer.top();
        println!("{}: {} {:.1} %", path.display(), top.label, 100.0 * top.probability);
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
