//! `--processes`: a command as several processes.

use super::error_code::error_code;
use super::output::mute;
use anyhow::Result;
use clap::Args;
use nestling_train::ranks::{LOST, Place, RankError, Ranks, is_launched, launch};
use nestling_train::torch;
use std::sync::Arc;
use std::time::Duration;

/// The processes of a command.
#[derive(Args, Debug, Default)]
pub struct RankArguments {
    /// Processes on this host that share the work, each with a GPU of its own if there are GPUs. On several hosts start
    /// the command with `torchrun --no-python` instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    processes: Option<u32>,
    /// Seconds without an answer after which another process counts as lost
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    process_timeout: u64,
}

impl RankArguments {
    /// Does the work as one of several processes, or starts them and waits for their end.
    pub fn run(&self, work: impl FnOnce(&Arc<Ranks>) -> Result<()>) -> Result<()> {
        let place = Place::from_environment()?;
        if let Some(count @ 2..) = self.processes.filter(|_| place.count == 1 && !is_launched()) {
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            return Ok(launch(count, &std::env::current_exe()?, &arguments)?);
        }
        torch::set_local_rank(place.local_rank);
        if place.rank > 0 {
            mute();
        }
        let ranks = Arc::new(Ranks::join(place, Duration::from_secs(self.process_timeout))?);
        let done = work(&ranks);
        if let Err(error) = done.as_ref().map_err(|error| format!("{error:#}")) {
            ranks.report_fault(&error);
        }
        done
    }
}

/// The exit code of an error that nobody need explain: another process does, or has.
pub fn quiet_exit(error: &anyhow::Error) -> Option<u8> {
    if let Some(RankError::First { exit_code }) = error.downcast_ref() {
        return Some(*exit_code);
    }
    let is_elsewhere = ["ranks_lost", "ranks_elsewhere"].contains(&error_code(error));
    (is_elsewhere && is_launched()).then_some(LOST)
}
