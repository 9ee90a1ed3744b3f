use super::{Answer, Sample};
use crate::data::Dataset;
use crate::run_folder::{RunError, read_json, write_json};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Images on the page.
const SHOWN: usize = 24;

/// What `nestling-device classify --json` says, as far as the page needs it.
#[derive(Deserialize)]
struct Classified {
    name: Option<String>,
    child: String,
    images: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    label: String,
    probability: f64,
    expected: Option<String>,
}

#[derive(Serialize)]
struct Samples {
    images: Vec<Sample>,
}

/// Joins the answers of `classified-0.json`, `classified-1.json`, ... with the pixels that were classified, the first of
/// `images`, and writes `samples.json`. Images that some child got wrong come first: they are what one wants to see.
///
/// # Errors
/// [`RunError`] if a file is damaged or the disk does not take the new one.
pub fn gather(folder: &Path, images: &Dataset) -> Result<(), RunError> {
    let mut all: Vec<Classified> = Vec::new();
    while folder.join(format!("classified-{}.json", all.len())).exists() {
        let path = folder.join(format!("classified-{}.json", all.len()));
        all.push(read_json(&path, "cargo xtask demo")?);
    }
    let count = all.iter().map(|classified| classified.images.len()).min().unwrap_or(0).min(images.len());
    let expected = |index: usize| all[0].images[index].expected.clone().unwrap_or_default();
    let is_wrong = |index: &usize| all.iter().any(|child| child.images[*index].label != expected(*index));
    let (wrong, right): (Vec<usize>, Vec<usize>) = (0..count).partition(is_wrong);
    let shown = wrong.into_iter().take(SHOWN / 2).chain(right).take(SHOWN);
    let images = shown
        .map(|index| Sample {
            pixels: images.pixels(index).iter().map(|&pixel| f32::from(pixel)).collect(),
            width: images.images.width,
            height: images.images.height,
            label: expected(index),
            answers: (all.iter())
                .map(|classified| Answer {
                    name: classified.name.clone().unwrap_or_else(|| classified.child.clone()),
                    label: classified.images[index].label.clone(),
                    probability: classified.images[index].probability,
                })
                .collect(),
        })
        .collect();
    Ok(write_json(&folder.join("samples.json"), &Samples { images })?)
}
