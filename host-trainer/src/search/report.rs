use super::Evaluated;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::metrics::Top1;
use serde::{Deserialize, Serialize};

/// The result of a search: the file `search.json` of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// Training images that calibrated each child.
    pub calibration_images: u32,
    /// Every evaluated child.
    pub evaluated: Vec<Evaluated>,
    /// Indices of the evaluated children that the accuracy predictor was not fitted to. They tell its error.
    #[serde(default)]
    pub kept_from_predictor: Vec<usize>,
    /// Predicts the validation accuracy of any child. `None` where too few children were evaluated, and in older files.
    #[serde(default)]
    pub accuracy_predictor: Option<AccuracyPredictor>,
    /// The children that ship.
    pub chosen: Vec<Chosen>,
    /// CPU seconds.
    pub cpu_s: f64,
    /// Wall seconds.
    pub wall_s: f64,
}

/// A child that ships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its name in the bundle.
    pub name: String,
    /// Its index among the evaluated children.
    pub index: usize,
    /// Accuracy on the test images, evaluated once, after the choice.
    pub test: Top1,
}

impl SearchReport {
    /// The children that ship, each with its evaluation.
    pub fn shipped(&self) -> impl Iterator<Item = (&Chosen, &Evaluated)> {
        self.chosen.iter().filter_map(|chosen| Some((chosen, self.evaluated.get(chosen.index)?)))
    }

    /// Adds the evaluated children that it does not hold yet.
    pub(super) fn add<'a>(&mut self, evaluated: impl IntoIterator<Item = &'a Evaluated>) {
        for one in evaluated {
            if self.evaluated.iter().all(|known| known.child != one.child) {
                self.evaluated.push(one.clone());
            }
        }
    }

    /// Sorts the children that ship as a bundle has them: fewest MAdds first.
    pub(super) fn sort(&mut self) {
        let Self { evaluated, chosen, .. } = self;
        chosen.sort_by_key(|chosen| evaluated.get(chosen.index).map(|one| one.cost.madds));
    }

    /// The child that ships as `name`, if there is one.
    pub fn named(&self, name: &str) -> Option<&Chosen> {
        self.chosen.iter().find(|chosen| chosen.name == name)
    }
}
