//! The figures of `cargo xtask pictures`: means and spreads over seeds.

use super::runs::{ALONE_EPOCHS, SUPERNET_EPOCHS, Training};
use crate::values::{list, number, word};
use serde_json::{Value, json};

/// Most points of top-1 that the supernet's biggest and smallest child may be below their own fine-tuning.
const ALLOWED_LOSS: [(&str, f64); 2] = [("smallest", 2.0), ("biggest", 1.0)];

/// The most CPU-seconds of one seed.
const MOST_CPU_S: f64 = 3600.0;

/// The outcome of one training.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub training: Training,
    pub seed: u32,
    /// Processor time of the training, curves included.
    pub cpu_s: f64,
    /// Accuracy on the test pictures in percent, smallest and biggest child; NaN for one that was not trained.
    pub top1: [f64; 2],
}

impl Outcome {
    /// Its line of `summary.json`.
    pub fn document(&self) -> Value {
        let [smallest, biggest] = self.top1;
        json!({
            "training": self.training.name(), "seed": self.seed, "cpu_s": self.cpu_s,
            "smallest": smallest, "biggest": biggest,
        })
    }
}

/// Mean and standard deviation of a sample; the deviation of one value is 0.
fn mean_and_spread(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    [mean, variance.sqrt()]
}

fn of(outcomes: &[Outcome], training: Training) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(move |outcome| outcome.training == training)
}

/// Accuracies of one end of the space: mean and spread over seeds for each way to train it.
fn end(outcomes: &[Outcome], name: &str, index: usize, alone: Training) -> Value {
    let mut document = json!({});
    let trainings = [("fine_tuned", Training::Supernet), ("alone", alone), ("scratch", Training::Scratch)];
    for (key, training) in trainings {
        let values: Vec<f64> = of(outcomes, training).map(|outcome| outcome.top1[index]).collect();
        let [mean, spread] = mean_and_spread(&values);
        document[key] = json!(mean);
        document[format!("{key}_spread")] = json!(spread);
    }
    let equal = of(outcomes, Training::EqualEpochs).next();
    document["fine_tuned_equal_epochs"] = json!(equal.map(|outcome| outcome.top1[index]));
    // Each seed has its own test pictures: pairs tell more than means.
    let losses: Vec<f64> = of(outcomes, alone)
        .zip(of(outcomes, Training::Supernet))
        .map(|(alone, supernet)| alone.top1[index] - supernet.top1[index])
        .collect();
    let [loss, spread] = mean_and_spread(&losses);
    document["below_alone"] = json!(loss);
    document["below_alone_spread"] = json!(spread);
    document["allowed"] = json!(ALLOWED_LOSS.iter().find(|one| one.0 == name).map(|one| one.1));
    document
}

/// The parts of `summary.json` that the trainings give.
pub fn document(outcomes: &[Outcome], seeds: u32) -> Value {
    let trainings = Training::ALL;
    let cpu_of = |training| of(outcomes, training).map(|outcome| outcome.cpu_s).sum::<f64>() / f64::from(seeds);
    let alone = f64::midpoint(cpu_of(Training::BiggestAlone), cpu_of(Training::SmallestAlone));
    json!({
        "seeds": seeds,
        "alone_epochs": ALONE_EPOCHS,
        "supernet_epochs": SUPERNET_EPOCHS,
        "cpu_s": trainings.into_iter().map(cpu_of).sum::<f64>(),
        "supernet_cpu_s": cpu_of(Training::Supernet),
        "four_alone_cpu_s": 4.0 * alone,
        "smallest": end(outcomes, "smallest", 0, Training::SmallestAlone),
        "biggest": end(outcomes, "biggest", 1, Training::BiggestAlone),
        "trainings": outcomes.iter().map(Outcome::document).collect::<Vec<_>>(),
    })
}

/// Whether a value is known and no larger.
fn within(value: f64, most: f64) -> bool {
    value <= most
}

/// The targets that are missed, as sentences.
pub fn missed(document: &Value) -> Vec<String> {
    let mut missed = Vec::new();
    for (name, allowed) in ALLOWED_LOSS {
        let loss = number(&document[name]["below_alone"]);
        if !within(loss, allowed) {
            missed.push(format!("the {name} child is {loss:.1} points below its own fine-tuning ({allowed} allowed)"));
        }
    }
    let (supernet, four) = (number(&document["supernet_cpu_s"]), number(&document["four_alone_cpu_s"]));
    if !within(supernet, four) {
        missed.push(format!("the supernet took {supernet:.0} CPU-seconds, four networks alone take {four:.0}"));
    }
    let cpu_s = number(&document["cpu_s"]);
    if !within(cpu_s, MOST_CPU_S) {
        missed.push(format!("a seed took {cpu_s:.0} CPU-seconds ({MOST_CPU_S:.0} allowed)"));
    }
    if number(&document["device_agreement"]) != 1.0 {
        missed.push(format!("the device agrees with the trainer for {} of all answers", document["device_agreement"]));
    }
    missed
}

/// The summary as a table for people.
pub fn table(document: &Value) -> String {
    let columns = ["child", "supernet", "alone", "from random", "below alone", "at equal epochs (seed 1)"];
    let [child, supernet, alone, random, below, equal] = columns;
    let mut text = format!("  {child:9}  {supernet:14}  {alone:14}  {random:14}  {below:14}  {equal}\n");
    for name in ["biggest", "smallest"] {
        let child = &document[name];
        let cell =
            |key: &str| format!("{:5.1} +- {:3.1} %", number(&child[key]), number(&child[format!("{key}_spread")]));
        let cells = ["fine_tuned", "alone", "scratch", "below_alone"].map(cell);
        let equal = number(&child["fine_tuned_equal_epochs"]);
        text += &format!("  {name:9}  {}  {equal:5.1} %\n", cells.join("  "));
    }
    text += &format!(
        "  {} seeds, {} pictures, {} classes; CPU-seconds a seed: {:.0}, of them the supernet {:.0} (four alone: {:.0})\n",
        document["seeds"],
        document["images"],
        document["classes"],
        number(&document["cpu_s"]),
        number(&document["supernet_cpu_s"]),
        number(&document["four_alone_cpu_s"])
    );
    for one in list(&document["variants"]) {
        text += &format!(
            "  {:20} {:+5.1} biggest, {:+5.1} smallest, {:4.2} of the time (seed 1, equal epochs)\n",
            word(&one["name"]),
            number(&one["biggest_gain"]),
            number(&one["smallest_gain"]),
            number(&one["cpu_ratio"])
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(losses: [f64; 2]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for seed in 1..=3 {
            let base = 60.0 + f64::from(seed);
            for training in Training::ALL {
                let (cpu_s, top1) = match training {
                    Training::Supernet => (900.0, [base - losses[0], base - losses[1]]),
                    Training::BiggestAlone => (400.0, [f64::NAN, base]),
                    Training::SmallestAlone => (100.0, [base, f64::NAN]),
                    Training::EqualEpochs | Training::Scratch | Training::Variant(_) => (700.0, [30.0, 31.0]),
                };
                outcomes.push(Outcome { training, seed, cpu_s, top1 });
            }
        }
        outcomes
    }

    #[test]
    fn means_spreads_and_pairs() {
        let document = document(&outcomes([1.5, 0.5]), 3);
        assert_eq!(document["biggest"]["alone"], json!(62.0));
        assert_eq!(document["biggest"]["alone_spread"], json!(1.0));
        assert_eq!(document["smallest"]["below_alone"], json!(1.5));
        assert_eq!(document["smallest"]["below_alone_spread"], json!(0.0));
        assert_eq!((&document["cpu_s"], &document["four_alone_cpu_s"]), (&json!(2100.0), &json!(1000.0)));
    }

    #[test]
    fn a_missed_target_is_named() {
        let of = |losses, agreement: f64| {
            let mut document = document(&outcomes(losses), 3);
            document["device_agreement"] = json!(agreement);
            missed(&document)
        };
        assert!(of([2.0, 1.0], 1.0).is_empty());
        assert!(of([2.5, 1.0], 1.0)[0].contains("smallest child is 2.5 points"));
        assert!(of([2.0, f64::NAN], 1.0)[0].contains("biggest"));
        assert_eq!(of([2.0, 1.0], 0.99).len(), 1);
    }
}
