//! Percentiles of measured times: the one definition of a median.

use crate::metrics::Millis;

/// Times that so many percent of `times` are at most, by nearest rank: each is one of them, and the median of two is
/// the shorter. Zeros if there is none.
pub fn percentiles<const N: usize>(times: &[Millis], percents: [usize; N]) -> [Millis; N] {
    let mut sorted = times.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    // In integers: 0.9 * 10 is a little more than 9.
    let rank = |percent: usize| (percent * sorted.len()).div_ceil(100).saturating_sub(1);
    percents.map(|percent| sorted.get(rank(percent)).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = [4.0, 1.0, 3.0, 2.0].map(Millis);
        assert_eq!(percentiles(&times, [0, 50, 75, 99, 100]), [1.0, 2.0, 3.0, 4.0, 4.0].map(Millis));
        assert_eq!(percentiles(&times[..2], [50]), [Millis(1.0)]);
        assert_eq!(percentiles(&[], [50, 99]), [Millis(0.0); 2]);
    }
}
