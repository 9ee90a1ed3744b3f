use crate::data::Dataset;
use crate::run_folder::{RunError, Step, read_json};
use nestling_lab::documents::{Classified, ClassifiedImage, Tried};
use std::path::{Path, PathBuf};

/// Number of images on the page.
const MAX_SAMPLES: usize = 24;

/// A test image with the answers of the chosen children.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Bytes, row by row.
    pub pixels: Vec<u8>,
    /// Rows and columns.
    pub side: u32,
    /// The right class.
    pub label: String,
    /// One answer for each budget.
    pub answers: Vec<Answer>,
}

/// The answer of one child for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Name of the child in the bundle.
    pub name: String,
    /// The most probable class.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f64,
}

fn classified_path(folder: &Path, budget: usize) -> PathBuf {
    folder.join(format!("classified-{budget}.json"))
}

/// The files of all budgets.
pub(super) fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    (0..).map(move |budget| classified_path(folder, budget)).take_while(|path| path.exists())
}

/// Whether the demo in `folder` classified test images.
pub fn has_samples(folder: &Path) -> bool {
    classified_path(folder, 0).exists()
}

/// Joins the answers of `classified-0.json`, `classified-1.json`, ... with the first of `images`, which were
/// classified.
///
/// Images that some child got wrong come first, because they are the most interesting ones.
///
/// # Errors
/// [`RunError::Damaged`] if a file cannot be read.
pub(super) fn read_samples(folder: &Path, images: &Dataset) -> Result<Vec<Sample>, RunError> {
    let files: Vec<Classified> = files(folder).map(|path| read_json(&path, Step::Demo)).collect::<Result<_, _>>()?;
    // Up to the first image without an answer.
    let answered =
        |file: &Classified| -> Vec<ClassifiedImage> { file.images.iter().map_while(Tried::done).cloned().collect() };
    let all: Vec<Vec<ClassifiedImage>> = files.iter().map(answered).collect();
    let count = all.iter().map(Vec::len).min().unwrap_or(0).min(images.len());
    let expected = |index: usize| all[0][index].expected.clone().unwrap_or_default();
    let is_wrong = |index: &usize| all.iter().any(|child| child[*index].label != expected(*index));
    let (wrong, right): (Vec<usize>, Vec<usize>) = (0..count).partition(is_wrong);
    let shown = wrong.into_iter().take(MAX_SAMPLES / 2).chain(right).take(MAX_SAMPLES);
    let answer = |(file, answers): (&Classified, &Vec<ClassifiedImage>), index: usize| Answer {
        name: file.name.clone().unwrap_or_else(|| file.child.clone()),
        label: answers[index].label.clone(),
        probability: answers[index].probability,
    };
    let sample = |index: usize| {
        Ok(Sample {
            pixels: images.pixels(index)?,
            side: images.side,
            label: expected(index),
            answers: files.iter().zip(&all).map(|child| answer(child, index)).collect(),
        })
    };
    shown.map(sample).collect()
}
