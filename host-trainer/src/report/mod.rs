//! Pages that show a whole run: each one HTML file with plots, tables and pictures that needs no network.
//!
//! [`Demo`] reads the files of a demo with the types that wrote them, and [`html`] turns it into a page; [`RunPage`] is
//! that of a run alone. Both show how the children classify the test images ([`Evaluation`]). Plots and tables are
//! drawn by [`nestling_page`].

mod answers;
mod charts;
mod demo;
mod evaluation;
mod matrix;
mod page;
mod run;
mod samples;

pub use demo::{Demo, Summary};
pub use evaluation::Evaluation;
pub use page::html;
pub use run::RunPage;
pub use samples::{Answer, Sample, has_samples};

/// All files of a demo that the page is made of.
pub fn inputs(folder: &Path) -> Vec<PathBuf> {
    let own = ["summary.json", "device-profile.json"].map(|name| folder.join(name));
    let run = RunFolder::open(&folder.join("run")).files();
    own.into_iter().chain(run).chain(samples::files(folder)).collect()
}

use crate::run_folder::RunFolder;
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use std::path::{Path, PathBuf};

/// Writes a page, whole or not at all.
///
/// # Errors
/// [`WriteError`] if the disk does not take it.
pub fn write(page: &str, output: &Path) -> Result<(), WriteError> {
    write_atomically(output, |file| file.write_all(page.as_bytes()))
}

#[cfg(test)]
mod tests;
