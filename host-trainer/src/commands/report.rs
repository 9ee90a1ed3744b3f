//! `report`: the page of a demo.

use super::print;
use anyhow::Result;
use clap::Args;
use nestling_train::data::load_fashion;
use nestling_train::report;
use serde_json::json;
use std::path::PathBuf;

/// Writes the page that shows a whole demo: plots, tables, sample images, in one HTML file that needs no network.
#[derive(Args, Debug)]
pub struct Report {
    /// Folder that `cargo xtask demo` filled
    #[arg(long, default_value = "target/demo")]
    demo: PathBuf,
    /// Folder with the four Fashion-MNIST files, for the sample images [default: where the system's package puts them]
    #[arg(long)]
    data: Option<PathBuf>,
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
        if self.demo.join("classified-0.json").exists() {
            let (_, test) = load_fashion(self.data.as_deref())?;
            report::gather(&self.demo, &test)?;
        }
        report::write(&self.demo, &output)?;
        print(self.json, &json!({"report": output}), || output.display().to_string())
    }
}
