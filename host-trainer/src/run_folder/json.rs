use super::{MAX_BYTES, RunError, Step};
use nestling_bundle::atomic_file::{WriteError, read_text, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Writes a value as indented JSON, whole or not at all.
///
/// # Errors
/// [`WriteError`] if the disk does not take it.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    write_atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}

/// Reads a JSON file that `step` writes.
///
/// # Errors
/// [`RunError::Missing`] or [`RunError::Damaged`].
pub fn read_json<T: DeserializeOwned>(path: &Path, step: Step) -> Result<T, RunError> {
    let damaged = |problem: String| RunError::Damaged { path: path.to_owned(), problem };
    match read_text(path, MAX_BYTES) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(RunError::Missing { path: path.to_owned(), step })
        }
        Err(error) => Err(damaged(error.to_string())),
    }
}
