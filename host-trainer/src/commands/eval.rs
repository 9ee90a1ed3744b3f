//! `eval`: accuracy of a bundle's children on the test images.

use super::data::DataArguments;
use super::{bar, open_bundle, print};
use anyhow::Result;
use clap::Args;
use nestling_bundle::Bundle;
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Network};
use nestling_train::calibrate::calibrate;
use nestling_train::data::Dataset;
use nestling_train::evaluate::evaluate;
use nestling_train::model::{Parameters, Resizer};
use nestling_train::torch;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Evaluates children of a bundle on the test images with the trainer's own forward pass.
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
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let device = torch::initialise().device;
        let bundle = open_bundle(&self.bundle)?;
        let data = self.data.load_for(bundle.space(), Some(&bundle.manifest().preprocessing))?;
        let test = &data.test;
        let (calibration, _) = data.training.split_at(self.calibration as usize);
        let parameters = Parameters::from_values(bundle.space(), &bundle.weights()?, device);
        let resizer = Resizer::new(bundle.space(), &bundle.manifest().preprocessing, test.side, device);
        let mut names = self.child;
        if names.is_empty() {
            names = bundle.children().iter().map(|entry| entry.name.clone()).collect();
        }
        let mut rows = Vec::new();
        let bar = bar(names.len() as u64, "test");
        for name in &names {
            let (network, calibrated) = find(&bundle, name, &parameters, &resizer, &calibration)?;
            rows.push(row(name, &network, &evaluate(&calibrated, &network, &parameters, &resizer, test, 100)?));
            bar.inc(1);
        }
        bar.finish_and_clear();
        print(self.json, &json!({ "children": rows }), || {
            rows.iter().fold(String::new(), |mut text, row| {
                let top1 = row["test_top1"].as_f64().unwrap_or_default();
                let _ = writeln!(text, "{top1:6.2} %  {}", row["child"].as_str().unwrap_or_default());
                text
            })
        })
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

fn row(name: &str, network: &Network, test: &Top1) -> Value {
    let cost = network.cost();
    json!({
        "name": name,
        "child": network.child.to_string(),
        "params": cost.params,
        "madds": cost.madds,
        "test_top1": test.percent(),
        "images": test.images,
    })
}
