/// Inferences before anything is usual.
const LEAST: usize = 16;
/// The weight of a new inference in the averages.
const WEIGHT: f64 = 1.0 / 32.0;
/// The least deviation of a logarithm that counts: a tenth of the times are 3 % off on any device.
const LEAST_DEVIATION: f64 = 0.03;
/// Times count as shorter beyond this, or beyond the usual deviation.
const DRIFT: f64 = 0.05;
/// A single time counts at most so many deviations, and so many together are a change.
const MOST: f64 = 4.0;
const ALARM: f64 = 8.0;

/// Notices that inferences became faster for good, because another program ended or the device cooled down: a one-sided
/// cumulative sum (CUSUM, Page 1954) over the logarithms of the times.
#[derive(Clone, Debug, Default)]
pub(super) struct Relief {
    seen: usize,
    /// Averages of the logarithm, and of its distance from that.
    level: f64,
    deviation: f64,
    sum: f64,
}

impl Relief {
    /// Takes the time of an inference. If times have become shorter, the comparison starts anew. An infinite time says
    /// nothing of the speed.
    pub fn is_noticed(&mut self, time: f64) -> bool {
        if !time.is_finite() {
            return false;
        }
        let logarithm = time.max(f64::MIN_POSITIVE).ln();
        let deviation = self.deviation.max(LEAST_DEVIATION);
        let shorter = self.level - logarithm;
        if self.seen >= LEAST {
            self.sum = (self.sum + shorter.min(MOST * deviation) - self.deviation.max(DRIFT)).max(0.0);
            if self.sum > ALARM * deviation {
                *self = Self::default();
                return true;
            }
        }
        self.seen += 1;
        let weight = (1.0 / self.seen as f64).max(WEIGHT);
        self.level -= weight * shorter;
        self.deviation += weight * (shorter.abs() - self.deviation);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inference, counted from 0 at the change, at which it is noticed.
    fn noticed(usual: &[f64], then: &[f64]) -> Option<usize> {
        let mut relief = Relief::default();
        for run in 0..200 {
            assert!(!relief.is_noticed(usual[run % usual.len()]), "nothing changed at {run}");
        }
        (0..100).find(|run| relief.is_noticed(then[run % then.len()]))
    }

    #[test]
    fn a_load_that_ends_is_noticed_within_some_inferences() {
        assert_eq!(noticed(&[10.0, 10.1, 9.9], &[5.0]), Some(4));
        assert!(noticed(&[10.0, 12.0, 9.0, 14.0], &[7.0, 8.0, 6.5]).is_some_and(|run| run < 20));
    }

    #[test]
    fn the_same_times_and_slower_ones_are_no_relief() {
        assert_eq!(noticed(&[10.0, 10.2, 9.8], &[9.7, 10.0]), None);
        assert_eq!(noticed(&[10.0, 10.2, 9.8], &[20.0]), None);
        // One in eight takes a multiple.
        let contended = [5.0, 5.1, 4.9, 5.0, 5.0, 5.1, 4.9, 15.0];
        assert_eq!(noticed(&contended, &contended), None);
    }
}
