use crate::metrics::{Latency, Millis};

/// Batches of a child's runs, each with the reference's time beside it.
#[derive(Clone, Debug, Default)]
pub struct Batches(Vec<(Millis, Vec<Millis>)>);

impl Batches {
    /// Adds a batch of runs, beside which the reference took `reference`.
    pub fn push(&mut self, reference: Millis, runs: Vec<Millis>) {
        self.0.push((reference, runs));
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, runs)| runs.len()).sum()
    }

    /// Every run as it was, in order.
    pub fn raw(&self) -> Vec<Millis> {
        self.0.iter().flat_map(|(_, runs)| runs.iter().copied()).collect()
    }

    /// Every run as it would have been while the reference takes `usual`.
    pub fn drift_corrected(&self, usual: Millis) -> Vec<Millis> {
        let scaled = |(reference, runs): &(Millis, Vec<Millis>)| {
            let factor = usual.0 / reference.0.max(f64::MIN_POSITIVE);
            runs.iter().map(|run| Millis(run.0 * factor)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(scaled).collect()
    }

    /// The median of each batch, corrected to that speed.
    pub fn drift_corrected_medians(&self, usual: Millis) -> Vec<Millis> {
        self.0
            .iter()
            .map(|(reference, runs)| Millis(Latency::of(runs).p50.0 * usual.0 / reference.0.max(f64::MIN_POSITIVE)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_slows_down_by_half_changes_no_time_at_one_pace() {
        let mut batches = Batches::default();
        batches.push(Millis(1.0), vec![Millis(4.0), Millis(4.2)]);
        batches.push(Millis(2.0), vec![Millis(8.0)]);
        assert_eq!(batches.drift_corrected(Millis(1.0)), [Millis(4.0), Millis(4.2), Millis(4.0)]);
        assert_eq!(batches.drift_corrected_medians(Millis(2.0)), [Millis(8.0), Millis(8.0)]);
        assert_eq!((batches.len(), batches.raw()[2]), (3, Millis(8.0)));
    }
}
