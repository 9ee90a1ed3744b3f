//! The subcommands of `nestling`. They parse, call the library and print; they hold no logic.

mod advice;
mod beginning;
pub mod bench;
mod compare_table;
pub mod cost;
mod data;
mod dry_run;
mod error_code;
pub mod eval;
pub mod experiment;
pub mod export;
pub mod images;
pub mod import;
pub mod init;
pub mod latency;
mod new_bundle;
mod new_file;
mod output;
pub mod pack;
mod pack_one;
pub mod parity;
mod progress;
mod published_table;
mod ranks;
pub mod report;
pub mod scaling;
pub mod scan;
pub mod search;
mod search_budgets;
mod search_quantities;
mod search_under_limit;
pub mod slim;
pub mod spaces;
mod tested;
pub mod throughput;
pub mod train;
mod train_text;
mod train_view;
mod trained_run;

use output::{bar, print, reserve, say, shown};
pub use output::{complain, print_error};
pub use ranks::quiet_exit;

use anyhow::{Context, Result};
use nestling_bundle::Bundle;
use std::path::Path;

/// Opens a bundle; its path is a part of the error.
fn open_bundle(path: &Path) -> Result<Bundle> {
    Bundle::open(path).with_context(|| format!("cannot use {}", path.display()))
}
