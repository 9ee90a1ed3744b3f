//! Early stopping: a run ends when no epoch was better for some time, and the weights of its best epoch ship.

use super::Probe;

/// The best epoch of a run with `patience`, with the weights that it shipped then.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The epoch, counted from 1; the first of equal ones.
    pub epoch: u32,
    /// Its [`mean_accuracy`] in percent.
    pub accuracy: f64,
    /// The weights, averaged if the run averages them.
    pub weights: Vec<f32>,
}

impl Best {
    /// Whether `patience` epochs came after this one.
    pub fn is_out_of_patience(&self, patience: u32, epochs_done: u32) -> bool {
        patience > 0 && epochs_done.saturating_sub(self.epoch) >= patience
    }
}

/// Mean accuracy in percent of the biggest and the smallest probe child on validation images: what an epoch is judged
/// by. A supernet is worth as much as both ends of its range.
pub fn mean_accuracy(probes: &[Probe]) -> f64 {
    let ends = [probes.first(), probes.last()].map(|probe| probe.map_or(0.0, |probe| probe.held_out.percent()));
    ends.iter().sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::metrics::Top1;
    use nestling_core::space::SearchSpace;

    #[test]
    fn an_epoch_is_judged_by_both_ends_and_the_middle_does_not_count() {
        let space = SearchSpace::fashion().validated().unwrap();
        let probe = |name: &str, correct| Probe {
            name: name.to_owned(),
            child: space.biggest(),
            held_out: Top1 { correct, images: 100 },
        };
        let of =
            |correct: &[u32]| mean_accuracy(&correct.iter().map(|&correct| probe("any", correct)).collect::<Vec<_>>());
        assert_eq!((of(&[40, 0, 60]), of(&[40, 99, 60]), of(&[70])), (50.0, 50.0, 70.0));
    }

    #[test]
    fn patience_ends_after_so_many_epochs_that_were_no_better() {
        let best = Best { epoch: 3, accuracy: 50.0, weights: Vec::new() };
        assert!(!best.is_out_of_patience(2, 3) && !best.is_out_of_patience(2, 4) && best.is_out_of_patience(2, 5));
        assert!(!best.is_out_of_patience(0, 99), "0 is off");
    }
}
