use super::Timeline;
use crate::metrics::{Latency, Millis};

/// Batches of a child's runs, each with the reference's runs beside it.
#[derive(Clone, Debug, Default)]
pub struct Batches(Vec<Batch>);

#[derive(Clone, Debug)]
struct Batch {
    beside: Vec<Millis>,
    /// The reference's undisturbed time beside the batch.
    reference: Millis,
    runs: Vec<Millis>,
}

impl Batch {
    /// The factor that corrects its times to the speed at which the reference takes `usual`.
    fn factor(&self, usual: Millis) -> f64 {
        usual.0 / self.reference.0.max(f64::MIN_POSITIVE)
    }
}

impl Batches {
    /// Adds a batch of runs, with the reference's runs before and after it.
    pub fn push(&mut self, beside: Vec<Millis>, runs: Vec<Millis>) {
        let reference = Timeline::new(beside.iter().copied()).calm();
        self.0.push(Batch { beside, reference, runs });
    }

    /// Adds later batches of the same child.
    pub fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.0.iter().map(|batch| batch.runs.len()).sum()
    }

    /// Every run as it was, in order.
    pub fn raw(&self) -> Vec<Millis> {
        self.0.iter().flat_map(|batch| batch.runs.iter().copied()).collect()
    }

    /// The runs of each batch, as they were.
    pub fn rounds(&self) -> Vec<Vec<Millis>> {
        self.0.iter().map(|batch| batch.runs.clone()).collect()
    }

    /// Every run as it would have been while the reference takes `usual` undisturbed.
    pub fn drift_corrected(&self, usual: Millis) -> Vec<Millis> {
        self.corrected(usual, |batch| &batch.runs)
    }

    /// The median of each batch, corrected to that speed.
    pub fn drift_corrected_medians(&self, usual: Millis) -> Vec<Millis> {
        self.0.iter().map(|batch| Millis(Latency::of(&batch.runs).p50.0 * batch.factor(usual))).collect()
    }

    /// The child's time while nothing interrupts it and the reference takes `usual`: its work in runs of the reference,
    /// which were interrupted as often as its own.
    pub fn calm(&self, usual: Millis) -> Millis {
        let timeline = Timeline::new(self.corrected(usual, |batch| &batch.beside));
        Millis(timeline.work_of(&self.drift_corrected(usual)) * usual.0)
    }

    fn corrected(&self, usual: Millis, of: impl Fn(&Batch) -> &Vec<Millis>) -> Vec<Millis> {
        let scaled =
            |batch: &Batch| of(batch).iter().map(|run| Millis(run.0 * batch.factor(usual))).collect::<Vec<_>>();
        self.0.iter().flat_map(scaled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supply::{Supply, percent_off};

    #[test]
    fn a_device_that_slows_down_by_half_changes_no_time_at_one_speed() {
        let mut batches = Batches::default();
        batches.push(vec![Millis(1.0); 9], vec![Millis(4.0), Millis(4.2)]);
        batches.push(vec![Millis(2.0); 9], vec![Millis(8.0)]);
        assert_eq!(batches.drift_corrected(Millis(1.0)), [Millis(4.0), Millis(4.2), Millis(4.0)]);
        assert_eq!(batches.drift_corrected_medians(Millis(2.0)), [Millis(8.0), Millis(8.0)]);
        assert_eq!((batches.len(), batches.raw()[2]), (3, Millis(8.0)));
        assert!((batches.calm(Millis(1.0)).0 - 4.0).abs() < 1e-6);
    }

    /// The clock falls to half in the middle, and another program takes half of the time.
    #[test]
    fn the_calm_time_is_the_same_on_a_busy_and_slower_device() {
        for duty in [0.0, 0.5, 1.0] {
            let mut errors = 0.0;
            for seed in 0..8 {
                let mut device = Supply::new(duty, seed);
                let mut batches = Batches::default();
                for batch in 0..20 {
                    device.speed = if batch < 10 { 1.0 } else { 0.5 };
                    let mut beside = device.batch(0.5, 15.0);
                    let runs = device.batch(2.5, 50.0);
                    beside.extend(device.batch(0.5, 15.0));
                    batches.push(beside, runs);
                }
                errors += percent_off(batches.calm(Millis(0.5)).0, 2.5).abs() / 8.0;
            }
            assert!(errors < 8.0, "busy {duty}: {errors:.1} %");
        }
    }
}
