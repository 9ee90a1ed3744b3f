//! The answers that a program prints, and their distance from those of another.

use super::part;
use crate::logits::{best, mean, of_probabilities, relative_error};
use crate::process;
use crate::values::list;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The output of a language's program.
#[derive(Default)]
pub struct Answers {
    /// For each frame the logits of all classes. C gives probabilities: its logits lack a constant.
    pub logits: Vec<Vec<f64>>,
    /// Whether the constant is missing.
    is_shifted: bool,
    /// The call that was timed.
    pub call: String,
    /// Its time in microseconds: the mean of the fastest round.
    pub call_overhead_us: f64,
    /// Microseconds of a classification that are not Rust's: the median.
    pub classify_overhead_us: f64,
    /// From the start of the program to the first answer; in a browser from the page's.
    pub first_result_ms: f64,
    /// Bytes of the WebAssembly module as a server sends it.
    pub wasm_gzip: Option<u64>,
}

/// Runs a program and reads its lines.
pub fn of(command: &mut Command) -> Result<Answers> {
    let shown = process::display(command);
    eprintln!("{shown}");
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start `{shown}`"))?;
    let stdout = child.stdout.take().context("a program has no output")?;
    let mut answers = Answers::default();
    for line in BufReader::new(stdout).lines() {
        if answers.logits.is_empty() {
            answers.first_result_ms = start.elapsed().as_secs_f64() * 1e3;
        }
        answers.take(&line?).with_context(|| format!("`{shown}`"))?;
    }
    let status = child.wait().with_context(|| format!("lost `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    ensure!(!answers.call.is_empty(), "`{shown}` timed no call");
    Ok(answers)
}

impl Answers {
    fn take(&mut self, line: &str) -> Result<()> {
        let line: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        let numbers = |value: &Value| list(value).iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
        if let Some(logits) = part(&line, "logits") {
            self.logits.push(numbers(logits).context("a logit is no number")?);
        } else if let Some(scores) = part(&line, "scores") {
            let scores = numbers(scores).context("a score is no number")?;
            self.logits.push(of_probabilities(&scores));
            self.is_shifted = true;
        } else if let Some(call) = line["call"].as_str() {
            self.call = call.to_owned();
            self.call_overhead_us = line["call_overhead_us"].as_f64().context("the call took no time")?;
            self.classify_overhead_us = line["classify_overhead_us"].as_f64().context("no classification was timed")?;
            self.first_result_ms = line["first_result_ms"].as_f64().unwrap_or(self.first_result_ms);
            self.wasm_gzip = line["wasm_gzip"].as_u64();
        } else {
            bail!("a line of no known kind: {line}");
        }
        Ok(())
    }

    /// The share of frames with the same best class, and the largest difference of a logit over the largest logit of its
    /// frame.
    pub fn beside(&self, reference: &Self) -> Result<(f64, f64)> {
        ensure!(
            self.logits.len() == reference.logits.len() && !self.logits.is_empty(),
            "{} answers beside {}",
            self.logits.len(),
            reference.logits.len()
        );
        let (mut same, mut worst) = (0, 0.0_f64);
        for (ours, theirs) in self.logits.iter().zip(&reference.logits) {
            ensure!(ours.len() == theirs.len(), "{} classes beside {}", ours.len(), theirs.len());
            let shift = if self.is_shifted { mean(theirs) } else { 0.0 };
            let ours: Vec<f64> = ours.iter().map(|logit| logit + shift).collect();
            same += usize::from(best(&ours) == best(theirs));
            let error = relative_error(&ours, theirs);
            ensure!(!error.is_nan(), "a logit is not a number");
            worst = worst.max(error);
        }
        Ok((f64::from(same as u32) / self.logits.len() as f64, worst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(lines: &[&str]) -> Answers {
        let mut answers = Answers::default();
        for line in lines {
            answers.take(line).unwrap();
        }
        answers
    }

    #[test]
    fn differences_are_shares_of_the_largest_logit() {
        let reference = answers(&[r#"{"logits": [1, -4, 3]}"#, r#"{"logits": [0, 2, 1]}"#]);
        let other = answers(&[r#"{"logits": [1, -4, 3.004]}"#, r#"{"logits": [0, 2, 2.5]}"#]);
        assert_eq!(reference.beside(&reference).unwrap(), (1.0, 0.0));
        let (agreement, error) = other.beside(&reference).unwrap();
        assert!(agreement == 0.5 && (error - 0.75).abs() < 1e-12, "{agreement} {error}");
    }

    #[test]
    fn probabilities_stand_for_logits() {
        let logits = [1.0_f64, -4.0, 3.0];
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let scores: Vec<f64> = logits.iter().map(|logit| logit.exp() / sum).collect();
        let reference = answers(&[r#"{"logits": [1, -4, 3]}"#]);
        let (agreement, error) = answers(&[&format!("{{\"scores\": {scores:?}}}")]).beside(&reference).unwrap();
        assert!(agreement == 1.0 && error < 1e-12, "{error}");
        // A probability of zero has no logarithm.
        assert!(answers(&[r#"{"scores": [0, 0.2, 0.8]}"#]).beside(&reference).is_err());
    }

    #[test]
    fn too_few_answers_and_other_lines_are_errors() {
        let one = answers(&[r#"{"logits": [1, 2]}"#]);
        assert!(Answers::default().beside(&one).is_err() && answers(&[]).beside(&Answers::default()).is_err());
        assert!(answers(&[r#"{"logits": [1]}"#]).beside(&one).is_err());
        let mut broken = Answers::default();
        assert!(broken.take("text").is_err() && broken.take("{}").is_err());
        assert!(broken.take(r#"{"logits": [1, "NaN"]}"#).is_err());
    }
}
