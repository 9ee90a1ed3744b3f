//! `report`: the page of a demo.

use super::data::DataArguments;
use super::print;
use anyhow::Result;
use clap::Args;
use nestling_train::report;
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
        let output = self.output.unwrap_or_else(|| self.demo.join("report.html"));
        let test = if report::has_samples(&self.demo) { Some(self.data.load()?.1) } else { None };
        report::write(&self.demo, self.data.dataset(), test.as_ref(), &output)?;
        print(self.json, &json!({"report": output}), || output.display().to_string())
    }
}
