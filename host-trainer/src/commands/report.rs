//! `report`: the page of a run, or of a demo.

use super::data::DataArguments;
use super::tested::{classification, test_run};
use super::trained_run::{RunArguments, TrainedRun};
use super::{print, reserve, say, shown};
use anyhow::Result;
use clap::Args;
use nestling_bundle::atomic_file::check_outputs;
use nestling_train::classification::ClassificationReport;
use nestling_train::new_file::check_page;
use nestling_train::report::{self, Demo, Evaluation, RunPage};
use nestling_train::run_folder::{RunError, RunFolder};
use nestling_train::search::SearchReport;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes the page of a run or of a demo: how its children classify the test images, plots and tables, in one HTML file
/// that needs no network.
///
/// For the biggest and the smallest child and each one that ships: confusion matrix, precision and recall of every
/// class with 95 % intervals, calibration error, and the fifty worst mistakes with their files. --json prints all of it.
/// A run may be reported while it is trained.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  nestling report --run run --data pictures\n  nestling report --demo target/demo")]
pub struct Report {
    /// Folder of a run, searched or not
    #[arg(long, conflicts_with = "demo")]
    run: Option<PathBuf>,
    /// Folder that `cargo xtask demo` filled; the page then shows its device, too
    #[arg(long, default_value = "target/demo")]
    demo: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// The page [default: report.html in the folder of the run or the demo]; an older page there is replaced
    #[arg(long)]
    output: Option<PathBuf>,
    /// Replace the file even if it is no page of Nestling
    #[arg(long)]
    replace: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Training images that calibrate the children of a run that was not searched.
const CALIBRATION: u32 = 2000;

impl Report {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        self.data.resolve(&RunFolder::open(&self.run.clone().unwrap_or_else(|| self.demo.join("run"))))?;
        let folder = self.run.as_ref().unwrap_or(&self.demo);
        // Without the folder there is something else to be told.
        let is_told = self.output.is_some() || folder.is_dir();
        let output = self.output.clone().unwrap_or_else(|| folder.join("report.html"));
        reserve(&output, self.json);
        if is_told {
            let own =
                self.run.as_deref().map_or_else(|| report::inputs(&self.demo), |run| RunFolder::open(run).files());
            let inputs = [own, self.data.inputs()].concat();
            check_outputs([&*output], inputs.iter().map(PathBuf::as_path))?;
            check_page(&output, self.replace)?;
            if self.output.is_some() {
                self.data.keep_out(&output)?;
            }
        }
        let json = self.json;
        let evaluation = match self.run.clone() {
            Some(run) => self.write_run(run, &output)?,
            None => self.write_demo(&output)?,
        };
        print(json, &json!({ "report": shown(&output), "evaluation": evaluation }), || output.display().to_string())
    }

    /// Writes the page of the run; returns the numbers.
    fn write_run(self, run: PathBuf, output: &Path) -> Result<Option<ClassificationReport>> {
        let folder = RunFolder::open(&run);
        let tested = Tested::load(RunArguments { run, data: self.data, json: self.json }, &folder)?;
        let epochs = folder.epochs(tested.run.checkpoint.step)?;
        let evaluation = tested.evaluate()?;
        let page = RunPage { epochs: &epochs, search: tested.search.as_ref(), evaluation: &evaluation };
        report::write(&page.html(), output)?;
        Ok(Some(evaluation.report))
    }

    /// Writes the page of the demo; returns the numbers, if its images and its run are there.
    fn write_demo(self, output: &Path) -> Result<Option<ClassificationReport>> {
        let run = self.demo.join("run");
        let folder = RunFolder::open(&run);
        if !report::has_samples(&self.demo) {
            let page = report::html(&Demo::read(&self.demo, None)?, "the images of its run", None);
            report::write(&page, output)?;
            return Ok(None);
        }
        if !folder.is_trained()? {
            say("note: the demo does not say which images it was made with: the page shows those of the data set");
            let data = self.data.load()?;
            let page = report::html(&Demo::read(&self.demo, Some(&data.test))?, &data.name, None);
            report::write(&page, output)?;
            return Ok(None);
        }
        let tested = Tested::load(RunArguments { run, data: self.data, json: self.json }, &folder)?;
        let demo = Demo::read(&self.demo, Some(&tested.run.data.test))?;
        let evaluation = tested.evaluate()?;
        report::write(&report::html(&demo, &tested.run.data.name, Some(&evaluation)), output)?;
        Ok(Some(evaluation.report))
    }
}

/// A run to be tested, and its search, if it was searched.
struct Tested {
    roots: Vec<PathBuf>,
    run: TrainedRun,
    search: Option<SearchReport>,
}

impl Tested {
    fn load(arguments: RunArguments, folder: &RunFolder) -> Result<Self> {
        let search = match folder.searched() {
            Err(RunError::Missing { .. }) => None,
            read => Some(read?),
        };
        let calibration = search.as_ref().map_or(CALIBRATION, |search| search.calibration_images);
        let run = TrainedRun::load(&arguments, folder, calibration)?;
        Ok(Self { roots: arguments.data.inputs(), run, search })
    }

    fn evaluate(&self) -> Result<Evaluation> {
        let data = &self.run.data;
        let tested = test_run(&self.run, self.search.as_ref())?;
        let classes = data.labels(data.test.classes);
        Ok(Evaluation::new(classification(data, &classes, &self.roots, &tested), &data.test)?)
    }
}
