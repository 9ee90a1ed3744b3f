//! The page that shows a whole run: one HTML file with plots, tables and sample images that needs no network.
//!
//! [`Demo`] reads what the steps of a demo left; [`html`] turns it into the page; nothing here computes with tensors.
//! Plots, tables and text are drawn by [`nestling_page`].

mod charts;
mod demo;
mod page;
mod picture;
mod samples;

pub use demo::{Answer, Budget, Demo, Device, Parity, Sample, Shipped, Summary, Switch, Times, Train};
pub use page::html;
pub use samples::gather;

use crate::run_folder::RunError;
use nestling_bundle::atomic_file::write_atomically;
use std::path::Path;

/// Reads the demo of `folder` and writes its page to `output`, whole or not at all.
///
/// # Errors
/// [`RunError`] if a file of the demo is missing or damaged, or the disk does not take the page.
pub fn write(folder: &Path, output: &Path) -> Result<(), RunError> {
    let page = html(&Demo::read(folder)?);
    Ok(write_atomically(output, |file| file.write_all(page.as_bytes()))?)
}

#[cfg(test)]
mod tests;
