use crate::BundledImages;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::image::Preprocessing;
use nestling_core::latency::LatencyTable;
use nestling_core::space::{Child, ChildEntry, SearchSpace};
use nestling_core::weights::WeightStorage;

/// Everything small in a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// A name for people.
    pub name: String,
    /// How it was trained: crate version and a line on data and recipe.
    pub provenance: String,
    /// The choices of a child.
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
    /// Predicts the accuracy of any child on the images held out from training; none if no child was evaluated. It was
    /// fitted to children of the weights before they were rounded for their storage.
    pub accuracy_predictor: Option<AccuracyPredictor>,
    /// Describes the images of the bundle; none if it ships without.
    pub images: Option<BundledImages>,
    /// How the pictures of the training were divided; none if their source said it, or it is not known.
    pub split: Option<DataSplit>,
}

/// How the pictures of a training were divided into those to train on, to validate with and to test with.
///
/// With it a program that tests the bundle leaves out the pictures that were trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSplit {
    /// Seed of the choice.
    pub seed: u64,
    /// Share of each class to validate with, from 0 to 1.
    pub held_out: f64,
    /// Share of each class to test with, from 0 to 1; 0 if the validation part of the source tests.
    pub test: f64,
    /// Fingerprint of the pictures that were trained on, as the trainer computes it.
    pub training: String,
}

impl DataSplit {
    /// Whether the shares are possible.
    pub(crate) fn is_sound(&self) -> bool {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        is_share(self.held_out) && is_share(self.test) && is_share(self.held_out + self.test)
    }
}

/// Which children of a supernet answer sensibly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trained {
    /// All of them: a supernet that was trained as one.
    WholeSpace,
    /// Only these: weights of single networks that were imported into their slices, or none at all.
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
