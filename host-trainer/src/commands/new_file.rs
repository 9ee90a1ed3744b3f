//! The file of a new bundle, shared by the commands that write one.

use super::advice::advice;
use super::say;
use anyhow::Result;
use clap::Args;
use nestling_bundle::Bundle;
use nestling_bundle::file_lock::LockError;
use nestling_core::latency::LatencyTable;
use nestling_core::space::SearchSpace;
use nestling_train::new_file::{Claim, NewFile};
use std::path::{Path, PathBuf};

/// Permission to replace.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReplaceArgument {
    /// Replace the file whatever it holds, also the bundle of another training
    #[arg(long)]
    replace: bool,
}

impl ReplaceArgument {
    /// Checks and locks the file of a new bundle; `is_own` tells an older bundle that the same work made.
    pub fn claim(
        self,
        path: &Path,
        inputs: &[PathBuf],
        activity: &str,
        is_own: impl FnOnce(&Bundle) -> bool,
    ) -> Result<NewFile> {
        Ok(NewFile::claim(Claim { path, inputs, replace: self.replace, activity }, is_own, tell_waiting)?)
    }
}

/// Says which process is waited for.
pub fn tell_waiting(held: &LockError) {
    say(&format!("waiting: {held}"));
}

/// The latency tables of the bundle that is replaced. Says so where they are lost.
pub fn latency_tables(file: &mut NewFile, space: &SearchSpace) -> Vec<LatencyTable> {
    file.take_latency_tables(space).unwrap_or_else(|why| {
        let hint = advice(&why).map(|hint| format!("; {hint}")).unwrap_or_default();
        say(&format!("note: the bundle ships without latency tables: {why}{hint}"));
        Vec::new()
    })
}
