use super::{TrainConfig, TrainError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// A key of the configuration that has another value than in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key, with those that it lies in: `space.stages[1].widths`.
    pub key: String,
    /// Its value in the run.
    pub run: String,
    /// Its value now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {} in the run and {} now", self.key, self.run, self.now)
    }
}

/// A value that may change when a run goes on, with the consequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The learning rate depends on the number of epochs.
    Epochs {
        /// Epochs of the run so far.
        run: u32,
        /// Epochs from now on.
        now: u32,
        /// Learning rate of the last step.
        last_rate: f64,
        /// Learning rate of the next step.
        next_rate: f64,
    },
    /// A run may be more or less patient.
    Patience {
        /// Epochs that the run would wait.
        run: u32,
        /// Epochs that it waits now.
        now: u32,
    },
    /// Batch norm depends on the number of workers.
    Workers {
        /// Workers of the run so far.
        run: u32,
        /// Workers from now on.
        now: u32,
        /// Images a step.
        batch: u32,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Epochs { run, now, last_rate, next_rate } => write!(
                f,
                "`epochs` is {now} now, {run} before: the next step follows the learning-rate schedule of {now} epochs, \
                 with {next_rate:.4} after {last_rate:.4}; the weights will not be those of {now} epochs in one go"
            ),
            Self::Patience { run, now } => {
                write!(f, "`patience` is {now} now, {run} before: counted from the best epoch so far")
            }
            Self::Workers { run, now, batch } => write!(
                f,
                "`workers` is {now} now, {run} before: batch norm sees {} images at a time, {} before; the weights will \
                 not be those of one number of workers",
                batch / now,
                batch / run
            ),
        }
    }
}

/// Checks that a run of `done` epochs can go on as `now`: only the numbers of epochs, of workers and of patience may
/// differ. Without patience no best epoch is known, so that it cannot begin or end with that.
pub(super) fn check(run: &TrainConfig, now: &TrainConfig, done: u32) -> Result<(), TrainError> {
    let patience = if run.patience > 0 && now.patience > 0 { now.patience } else { run.patience };
    let same = TrainConfig { epochs: now.epochs, workers: now.workers, patience, ..run.clone() };
    let differences = differences(&same, now);
    if !differences.is_empty() {
        return Err(TrainError::OtherConfig { differences });
    }
    if now.epochs < done {
        return Err(TrainError::FewerEpochs { run: run.epochs, now: now.epochs, done });
    }
    Ok(())
}

/// All keys that differ.
pub fn differences(run: &TrainConfig, now: &TrainConfig) -> Vec<Difference> {
    let value = |config: &TrainConfig| serde_json::to_value(config).unwrap_or_default();
    let mut found = Vec::new();
    compare("", Some(&value(run)), Some(&value(now)), &mut found);
    found
}

fn compare(key: &str, run: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    match (run, now) {
        (Some(Value::Object(run)), Some(Value::Object(now))) => {
            for name in run.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
                let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                compare(&inner, run.get(name), now.get(name), found);
            }
        }
        (Some(Value::Array(run)), Some(Value::Array(now)))
            if run.iter().chain(now).any(|item| item.is_object() || item.is_array()) =>
        {
            for index in 0..run.len().max(now.len()) {
                compare(&format!("{key}[{index}]"), run.get(index), now.get(index), found);
            }
        }
        _ if run == now => {}
        _ => {
            let text = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), ToString::to_string);
            found.push(Difference { key: key.to_owned(), run: text(run), now: text(now) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_differs_is_named_with_both_values() {
        let run = TrainConfig::default();
        assert!(differences(&run, &run).is_empty());
        let mut now = TrainConfig { learning_rate: 0.2, seed: 7, ..run.clone() };
        now.augmentation.flip = true;
        now.space.stages[1].widths = vec![8];
        now.space.stages.pop();
        let found: Vec<String> = differences(&run, &now).iter().map(ToString::to_string).collect();
        for expected in [
            "`augmentation.flip` is false in the run and true now",
            "`learning_rate` is 0.4 in the run and 0.2 now",
            "`seed` is 1 in the run and 7 now",
        ] {
            assert!(found.iter().any(|line| line == expected), "{found:?}");
        }
        assert!(found.iter().any(|line| line.starts_with("`space.stages[1].widths` is [")), "{found:?}");
        assert!(found.iter().any(|line| line.ends_with("in the run and not set now")), "{found:?}");
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn epochs_and_workers_may_change_but_not_to_less_than_is_done() {
        let run = TrainConfig { epochs: 2, ..TrainConfig::default() };
        let with = |epochs, workers| TrainConfig { epochs, workers, ..run.clone() };
        assert!(check(&run, &with(4, 1), 2).is_ok() && check(&run, &with(1, 2), 1).is_ok());
        let error = check(&run, &with(1, 2), 2).unwrap_err().to_string();
        assert!(error.contains("`epochs` is 1 now") && error.contains("2 are done"), "{error}");
        let patient = |patience| TrainConfig { patience, ..run.clone() };
        assert!(check(&patient(2), &patient(5), 2).is_ok());
        assert!(check(&run, &patient(2), 2).is_err() && check(&patient(2), &run, 2).is_err());
        let other = TrainConfig { momentum: 0.5, ..with(4, 1) };
        let error = check(&run, &other, 2).unwrap_err().to_string();
        assert!(
            error.contains("`momentum` is 0.9 in the run and 0.5 now") && !error.contains("`workers` is"),
            "{error}"
        );
    }
}
