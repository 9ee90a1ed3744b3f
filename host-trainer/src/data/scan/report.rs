use super::{Scan, ScanFault};
use crate::data::dataset::{DataError, Part};
use crate::data::source::Source;
use nestling_bundle::atomic_file::write_atomically;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The outcome of a scan as a document.
#[derive(Clone, Debug, Serialize)]
pub struct ScanReport {
    /// The kind of source.
    pub source: String,
    /// All files.
    pub files: usize,
    /// Those that are used.
    pub pictures: usize,
    /// Whether no picture has colour.
    pub all_grey: bool,
    /// Number of pictures of each class in each part, in the order of the classes.
    pub classes: Vec<ClassCount>,
    /// Number of remarks of each kind.
    pub counts: BTreeMap<String, usize>,
    /// All remarks.
    pub faults: Vec<ScanFault>,
    /// Names of files with the same bytes.
    pub duplicates: Vec<Vec<String>>,
    /// Names of pictures that look the same.
    pub near_duplicates: Vec<Vec<String>>,
    /// Remarks on what was left out.
    pub notes: Vec<String>,
    /// Every picture that is used.
    pub used: Vec<UsedPicture>,
}

/// Pictures of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub class: String,
    /// To train on.
    pub training: usize,
    /// To validate with.
    pub held_out: usize,
    /// To test with.
    pub test: usize,
}

/// A picture in the document.
#[derive(Clone, Debug, Serialize)]
pub struct UsedPicture {
    /// Its name in the source.
    pub path: String,
    /// Its class.
    pub class: String,
    /// Its use.
    pub part: Part,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Hash of its bytes.
    pub content: String,
    /// Hash of its looks.
    pub looks: String,
}

impl ScanReport {
    /// The document of a scan whose pictures were given to parts and classes.
    pub fn new(source: &dyn Source, scan: &Scan, labels: &[String], parts: &[Part]) -> Self {
        let entries = source.entries();
        let mut classes: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        let mut used = Vec::with_capacity(parts.len());
        for (picture, &part) in scan.pictures.iter().zip(parts) {
            let entry = &entries[picture.entry];
            classes.entry(&entry.class).or_default()[part as usize] += 1;
            used.push(UsedPicture {
                path: entry.name.clone(),
                class: entry.class.clone(),
                part,
                width: picture.facts.width,
                height: picture.facts.height,
                content: picture.content.to_string(),
                looks: format!("{:016x}", picture.facts.thumbnail.hash()),
            });
        }
        let count = |class: &String| {
            let [training, held_out, test] = classes.get(class.as_str()).copied().unwrap_or_default();
            ClassCount { class: class.clone(), training, held_out, test }
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        scan.faults.iter().for_each(|fault| *counts.entry(fault.kind.to_string()).or_default() += 1);
        Self {
            source: source.kind().to_owned(),
            files: entries.len(),
            pictures: scan.pictures.len(),
            all_grey: scan.pictures.iter().all(|picture| picture.facts.is_grey),
            classes: labels.iter().map(count).collect(),
            counts,
            faults: scan.faults.clone(),
            duplicates: scan.duplicates.clone(),
            near_duplicates: scan.near_duplicates.clone(),
            notes: source.notes().to_vec(),
            used,
        }
    }

    /// Accepts no file that seems to be a picture and cannot be used, or whose name or end is wrong.
    ///
    /// # Errors
    /// [`DataError::Faults`] if there is one.
    pub fn check_strictly(&self) -> Result<(), DataError> {
        let losses = self.faults.iter().filter(|fault| fault.kind.is_refused_strictly());
        let first: Vec<String> = losses.map(|fault| format!("{} ({})", fault.path, fault.reason)).collect();
        if first.is_empty() {
            return Ok(());
        }
        Err(DataError::Faults { count: first.len(), files: self.files, first })
    }

    /// A sentence on what was found.
    pub fn summary(&self) -> String {
        let remarks: Vec<String> = self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
        let total = |count: fn(&ClassCount) -> usize| self.classes.iter().map(count).sum::<usize>();
        format!(
            "{} of {} files are used{remarks}: {} to train on, {} to validate with, {} to test with, in {} classes",
            self.pictures,
            self.files,
            total(|class| class.training),
            total(|class| class.held_out),
            total(|class| class.test),
            self.classes.len()
        )
    }
}

/// Writes the document of a scan, whole or not at all.
///
/// # Errors
/// [`DataError::Write`] if the disk does not take it.
pub fn write_report(report: &ScanReport, path: &Path) -> Result<(), DataError> {
    Ok(write_atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, report)?;
        file.write_all(b"\n")
    })?)
}
