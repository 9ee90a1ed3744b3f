//! Pictures that are files of their own.

use super::{Entry, Source, Stamp, read_file, stamp_of};
use std::io;
use std::path::PathBuf;

/// Files with their classes, in a folder or on a list.
#[derive(Debug)]
pub(super) struct Files {
    kind: &'static str,
    pub(super) entries: Vec<Entry>,
    /// The path of each entry.
    paths: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

impl Files {
    /// No files yet.
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, entries: Vec::new(), paths: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn add(&mut self, entry: Entry, path: PathBuf) {
        self.entries.push(entry);
        self.paths.push(path);
    }
}

impl Source for Files {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn read(&self, index: usize, limit: u64) -> io::Result<Vec<u8>> {
        read_file(&self.paths[index], limit)
    }

    fn stamp(&self, index: usize) -> io::Result<Stamp> {
        stamp_of(&self.paths[index])
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        Some(self.paths[index].clone())
    }
}
