use super::{RunError, RunFolder};
use crate::train::{Checkpoint, EpochReport};
use std::thread::JoinHandle;

/// Writes checkpoints while the training goes on, one at a time and each whole.
///
/// A process that is killed in between loses the epochs since the last checkpoint that was written whole.
#[derive(Debug)]
pub struct Saver {
    folder: RunFolder,
    writing: Option<JoinHandle<Result<(), RunError>>>,
}

impl Saver {
    /// For a folder that training writes to.
    pub fn new(folder: &RunFolder) -> Self {
        Self { folder: folder.clone(), writing: None }
    }

    /// Begins to write; waits for the checkpoint before.
    ///
    /// # Errors
    /// [`RunError`] if the disk did not take the checkpoint before.
    pub fn save(&mut self, checkpoint: Checkpoint, epochs: &[EpochReport]) -> Result<(), RunError> {
        self.finish()?;
        let (folder, epochs) = (self.folder.clone(), epochs.to_vec());
        self.writing = Some(std::thread::spawn(move || folder.save(&checkpoint, &epochs)));
        Ok(())
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// [`RunError`] if the disk did not take it.
    pub fn finish(&mut self) -> Result<(), RunError> {
        match self.writing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(written)) => written,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Saver {
    /// A training that ends by an error keeps its last checkpoint.
    fn drop(&mut self) {
        let _ = self.writing.take().map(JoinHandle::join);
    }
}
