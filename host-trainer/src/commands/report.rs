//! `report`: the page of a demo.

use super::data::DataArguments;
use super::{print, reserve, say, shown};
use anyhow::Result;
use clap::Args;
use nestling_bundle::atomic_file::check_outputs;
use nestling_train::data::LoadedData;
use nestling_train::report;
use nestling_train::run_folder::RunFolder;
use nestling_train::train::TrainError;
use serde_json::json;
use std::path::PathBuf;

/// Writes the page that shows a whole demo: plots, tables, sample images, in one HTML file that needs no network.
#[derive(Args, Debug)]
pub struct Report {
    /// Folder that `cargo xtask demo` filled
    #[arg(long, default_value = "target/demo")]
    demo: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// The page [default: report.html in the folder of the demo]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Report {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        // Without the demo there is something else to be told.
        let is_told = self.output.is_some() || self.demo.is_dir();
        let output = self.output.unwrap_or_else(|| self.demo.join("report.html"));
        reserve(&output, self.json);
        if is_told {
            let inputs = [report::inputs(&self.demo), self.data.inputs()].concat();
            check_outputs([&*output], inputs.iter().map(PathBuf::as_path))?;
        }
        let data = if report::has_samples(&self.demo) { Some(self.data.load()?) } else { None };
        if let Some(data) = &data {
            check_same_images(&RunFolder::open(&self.demo.join("run")), data)?;
        }
        let name = data.as_ref().map_or("the images of its run", |data: &LoadedData| &data.name);
        report::write(&self.demo, name, data.as_ref().map(|data| &data.test), &output)?;
        print(self.json, &json!({ "report": shown(&output) }), || output.display().to_string())
    }
}

/// The page shows the answers to the first test images beside their pixels: of other images they would be wrong.
fn check_same_images(run: &RunFolder, data: &LoadedData) -> Result<()> {
    let trained_on = run.checkpoint()?.and_then(|checkpoint| checkpoint.images);
    match trained_on {
        Some(images) if images != data.training.fingerprint()? => Err(TrainError::OtherImages.into()),
        Some(_) => Ok(()),
        None => {
            say("note: the demo does not say which images it was made with: the page shows those of the data set");
            Ok(())
        }
    }
}
