//! The choice of a data set, shared by all commands that read images.

use anyhow::Result;
use clap::Args;
use nestling_train::data::{Dataset, DatasetInfo, FASHION_MNIST};
use std::path::PathBuf;

/// The data set of a command.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// Folder with the four Fashion-MNIST files [default: the folder of the system's package]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl DataArguments {
    /// The row of the catalogue. There is one data set so far; a flag that chooses another belongs here.
    pub fn dataset(&self) -> &'static DatasetInfo {
        &FASHION_MNIST
    }

    /// The training and the test images.
    pub fn load(&self) -> Result<(Dataset, Dataset)> {
        Ok(self.dataset().load(self.data.as_deref())?)
    }
}
