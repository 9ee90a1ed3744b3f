//! The page that shows a whole run: one HTML file with plots, tables and sample images that needs no network.
//!
//! [`Demo`] reads the files of a demo with the types that wrote them, and [`html`] turns it into the page. Plots and
//! tables are drawn by [`nestling_page`].

mod charts;
mod demo;
mod page;
mod samples;

pub use demo::{Demo, Summary};
pub use page::html;
pub use samples::{Answer, Sample, has_samples};

/// All files of a demo that the page is made of.
pub fn inputs(folder: &Path) -> Vec<PathBuf> {
    let own = ["summary.json", "device-profile.json"].map(|name| folder.join(name));
    let run = RunFolder::open(&folder.join("run")).files();
    own.into_iter().chain(run).chain(samples::files(folder)).collect()
}

use crate::data::Dataset;
use crate::run_folder::{RunError, RunFolder};
use nestling_bundle::atomic_file::write_atomically;
use std::path::{Path, PathBuf};

/// Reads the demo of `folder` and writes its page to `output`, whole or not at all.
///
/// `dataset` is the name of the images, and `test` holds those to test with; without them the page shows no samples.
///
/// # Errors
/// [`RunError`] if a file of the demo is missing or damaged, or the disk does not take the page.
pub fn write(folder: &Path, dataset: &str, test: Option<&Dataset>, output: &Path) -> Result<(), RunError> {
    let page = html(&Demo::read(folder, test)?, dataset);
    Ok(write_atomically(output, |file| file.write_all(page.as_bytes()))?)
}

#[cfg(test)]
mod tests;
