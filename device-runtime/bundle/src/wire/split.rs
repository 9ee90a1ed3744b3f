use crate::DataSplit;
use serde::{Deserialize, Serialize};

/// How the pictures of a training were divided.
#[derive(Serialize, Deserialize)]
pub(crate) struct Split {
    seed: u64,
    held_out: f64,
    test: f64,
    training: String,
}

impl From<&DataSplit> for Split {
    fn from(split: &DataSplit) -> Self {
        let DataSplit { seed, held_out, test, training } = split.clone();
        Self { seed, held_out, test, training }
    }
}

impl From<Split> for DataSplit {
    fn from(split: Split) -> Self {
        let Split { seed, held_out, test, training } = split;
        Self { seed, held_out, test, training }
    }
}
