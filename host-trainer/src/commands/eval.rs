//! `eval`: answers of a bundle's children for the test images.

use super::data::DataArguments;
use super::progress::Progress;
use super::ranks::RankArguments;
use super::tested::classification;
use super::{open_bundle, print};
use anyhow::Result;
use clap::Args;
use nestling_bundle::Bundle;
use nestling_core::space::{CalibratedChild, Child, Network};
use nestling_train::calibrate::calibrate;
use nestling_train::classification::{ClassificationReport, TestedChild};
use nestling_train::data::Dataset;
use nestling_train::evaluate::{Answer, answers};
use nestling_train::model::{Parameters, Resizer};
use nestling_train::ranks::Ranks;
use nestling_train::torch;
use std::fmt::Write;
use std::path::PathBuf;

/// Evaluates children of a bundle on the test images with the trainer's own forward pass.
///
/// A bundle of own pictures says how they were divided, so that no picture that was trained on is tested with. One of
/// an older version does not: give the --split-seed of its training.
///
/// --json prints confusion matrix, precision and recall of every class with 95 % intervals, calibration error and the
/// fifty worst mistakes of each child, with whole numbers from which all shares can be computed again.
#[derive(Args, Debug)]
pub struct Eval {
    /// Bundle to evaluate
    bundle: PathBuf,
    /// A shipped child's name, or any child of the space as text; may be repeated [default: every shipped child]
    #[arg(long)]
    child: Vec<String>,
    /// Training images that calibrate a child that does not ship
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    calibration: u32,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    ranks: RankArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.ranks.run(|ranks| self.evaluate(ranks))
    }

    /// Evaluates the children, each on one of the processes.
    fn evaluate(&self, ranks: &Ranks) -> Result<()> {
        let device = torch::initialise().device;
        let bundle = open_bundle(&self.bundle)?;
        let data = self.data.load_for_bundle(&bundle)?;
        let test = &data.test;
        let (calibration, _) = data.training.split_at(self.calibration as usize);
        let parameters = Parameters::from_values(bundle.space(), &bundle.weights()?, device);
        let resizer = Resizer::new(bundle.space(), &bundle.manifest().preprocessing, test.side, device);
        let mut names = self.child.clone();
        if names.is_empty() {
            names = bundle.children().iter().map(|entry| entry.name.clone()).collect();
        }
        let (progress, count) = (Progress::new(names.len(), "test"), names.len());
        let mut done = 0;
        let own: Result<Vec<Vec<Answer>>> = (ranks.own(count))
            .map(|index| {
                let (network, calibrated) = find(&bundle, &names[index], &parameters, &resizer, &calibration)?;
                let answers = answers(&calibrated, &network, &parameters, &resizer, test, 100)?;
                done += 1;
                progress.set((done * ranks.count() as usize).min(count), count);
                Ok(answers)
            })
            .collect();
        let all = ranks.exchange(own)?;
        drop(progress);
        let tested: Result<Vec<TestedChild>> = (names.into_iter().zip(all))
            .map(|(name, answers)| {
                let child = child_of(&bundle, &name)?;
                Ok(TestedChild { name, cost: bundle.space().lower(&child)?.cost(), child, answers })
            })
            .collect();
        let tested = tested?;
        let report = classification(&data, &bundle.manifest().labels, &self.data.inputs(), &tested);
        print(self.json, &report, || text(&report))
    }
}

/// A line for each child.
fn text(report: &ClassificationReport) -> String {
    report.children.iter().fold(String::new(), |mut text, child| {
        let interval = child.top1.map_or_else(String::new, |top1| format!(" ({:.1} to {:.1})", top1.low, top1.high));
        let confused = child.confused.first().map_or_else(String::new, |pair| {
            format!(", most often {} for {} ({})", pair.answer, pair.truth, pair.images)
        });
        let _ = writeln!(
            text,
            "{:6.2} %{interval}  {}: macro accuracy {:.2} %, calibration error {:.2} %{confused}\n          {}",
            child.test_top1,
            child.name,
            child.macro_accuracy_percent,
            child.calibration.expected_error_percent,
            child.child
        );
        text
    })
}

/// The child of a name or a text.
fn child_of(bundle: &Bundle, name: &str) -> Result<Child> {
    match bundle.child(name) {
        Ok(entry) => Ok(entry.network.child.clone()),
        Err(unknown) => bundle.space().parse_child(name).map_err(|_| unknown.into()),
    }
}

/// A shipped child as it ships, or any other child calibrated on `calibration`.
fn find(
    bundle: &Bundle,
    name: &str,
    parameters: &Parameters,
    resizer: &Resizer,
    calibration: &Dataset,
) -> Result<(Network, CalibratedChild)> {
    match bundle.child(name) {
        Ok(child) => Ok((child.network.clone(), child.calibrated.clone())),
        Err(unknown) => {
            let Ok(child) = bundle.space().parse_child(name) else { return Err(unknown.into()) };
            let network = bundle.space().lower(&child)?;
            let calibrated = calibrate(&network, parameters, resizer, calibration, 128)?;
            Ok((network, calibrated))
        }
    }
}
