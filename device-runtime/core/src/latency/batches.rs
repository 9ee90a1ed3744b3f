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
    /// Whether the device rested between the runs, the reference's too.
    rested: bool,
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
        self.push_as(beside, runs, false);
    }

    /// The same of runs at a cadence, between which the device rests.
    pub fn push_rested(&mut self, beside: Vec<Millis>, runs: Vec<Millis>) {
        self.push_as(beside, runs, true);
    }

    fn push_as(&mut self, beside: Vec<Millis>, runs: Vec<Millis>, rested: bool) {
        let reference = Timeline::new(beside.iter().copied()).calm();
        self.0.push(Batch { beside, reference, runs, rested });
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
        let beside = self.corrected(usual, |batch| &batch.beside);
        let is_rested = self.0.iter().any(|batch| batch.rested);
        let timeline = if is_rested { Timeline::rested(beside) } else { Timeline::new(beside) };
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

    #[test]
    fn runs_at_a_cadence_meet_a_late_wake_once() {
        let [mut rested, mut in_a_row] = [Batches::default(), Batches::default()];
        let beside = [1.0, 1.0, 5.0, 1.0, 1.0, 5.0].map(Millis).to_vec();
        let runs = [4.0, 8.0, 4.0, 4.0].map(Millis).to_vec();
        rested.push_rested(beside.clone(), runs.clone());
        in_a_row.push(beside, runs);
        assert!((rested.calm(Millis(1.0)).0 - 4.0).abs() < 1e-6, "{}", rested.calm(Millis(1.0)));
        assert!(in_a_row.calm(Millis(1.0)).0 < 3.5);
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
