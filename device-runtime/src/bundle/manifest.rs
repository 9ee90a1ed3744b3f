use super::BundledImages;
use crate::accuracy::AccuracyPredictor;
use crate::input::Preprocessing;
use crate::latency::LatencyTable;
use crate::space::{Child, Cost, SearchSpace};
use crate::weights::WeightStorage;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything small in a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// A name for people.
    pub name: String,
    /// What trained it: crate version and a line on data and recipe.
    pub provenance: String,
    /// What a child may choose.
    pub space: SearchSpace,
    /// How pixels become a network's input.
    pub preprocessing: Preprocessing,
    /// One name a class.
    pub labels: Vec<String>,
    /// The children that ship with statistics, fewest MAdds first.
    pub children: Vec<ChildEntry>,
    /// Latency tables of known devices.
    pub latency_tables: Vec<LatencyTable>,
    /// Which children's weights were trained.
    pub trained: Trained,
    /// How the file stores the weights.
    pub weight_storage: WeightStorage,
    /// Predicts the accuracy of any child on the images held out from training; none if nothing was evaluated. It was fitted to
    /// children of the weights before they were rounded for their storage.
    pub accuracy_predictor: Option<AccuracyPredictor>,
    /// What the images of the bundle are; none if it ships without.
    pub images: Option<BundledImages>,
}

/// Which children of a supernet answer sensibly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trained {
    /// All of them: a supernet that was trained as one.
    WholeSpace,
    /// These only: weights of single networks that were imported into their slices, or none at all.
    Only(Vec<Child>),
}

impl Trained {
    /// Whether this child was trained.
    pub fn covers(&self, child: &Child) -> bool {
        match self {
            Self::WholeSpace => true,
            Self::Only(children) => children.contains(child),
        }
    }
}

/// A child that ships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildEntry {
    /// `smallest`, `biggest`, or `pareto-3`; unique in the bundle.
    pub name: String,
    /// The child.
    pub child: Child,
    /// What it costs.
    pub cost: Cost,
    /// Accuracy on images held out from training, by which it was chosen; of no images if it was not measured.
    pub held_out: Measured,
    /// Accuracy on the test images, by which nothing was chosen; of no images if it was not measured.
    pub test: Measured,
}

/// A measured accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Images whose most probable class was right.
    pub correct: u32,
    /// Images looked at.
    pub images: u32,
}

impl Measured {
    /// Share of right answers in percent; `None` if nothing was looked at.
    pub fn known_percent(self) -> Option<f64> {
        (self.images > 0).then(|| self.top1_percent())
    }

    /// Share of right answers in percent; 0 if nothing was looked at.
    pub fn top1_percent(self) -> f64 {
        100.0 * f64::from(self.correct) / f64::from(self.images.max(1))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_percent() {
            Some(percent) => write!(f, "{percent:.2} %"),
            None => f.write_str("unmeasured"),
        }
    }
}
