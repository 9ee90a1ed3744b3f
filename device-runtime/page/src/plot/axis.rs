/// Round numbers (1, 2 or 5 times a power of ten apart) from at or below `low` to at or above `high`: about `wanted`
/// of them.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (low, high) =
        if high > low { (low, high) } else { (low - 0.05 * low.abs() - 0.5, low + 0.05 * low.abs() + 0.5) };
    let step = nice_step((high - low) / wanted.max(1) as f64);
    // A bound that is a tick but for rounding gets no further tick.
    let first = (low / step + 1e-9).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9)).unwrap_or(10.0) * power
}

/// The title of an axis and its ticks, from its first value to its last.
#[derive(Clone, Debug)]
pub struct Axis {
    pub(crate) title: String,
    pub(crate) ticks: Vec<f64>,
}

impl Axis {
    /// An axis that holds all `values`; from 0 to 1 if there are none.
    pub fn over(title: &str, values: impl IntoIterator<Item = f64>, wanted: usize) -> Self {
        let (low, high) = (values.into_iter().filter(|value| value.is_finite()))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        Self { title: title.to_owned(), ticks: ticks(low, high, wanted) }
    }

    /// The last value on the axis.
    pub fn high(&self) -> f64 {
        self.ticks.last().copied().unwrap_or(1.0)
    }

    /// The first value on the axis.
    pub fn low(&self) -> f64 {
        self.ticks.first().copied().unwrap_or(0.0)
    }

    pub(super) fn contains(&self, value: f64) -> bool {
        let slack = 1e-9 * (self.high() - self.low());
        value >= self.low() - slack && value <= self.high() + slack
    }

    /// How far along the axis `value` is, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low()) / (self.high() - self.low())
    }

    pub(crate) fn label(&self, tick: f64) -> String {
        let step = (self.high() - self.low()) / (self.ticks.len().max(2) - 1) as f64;
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        let text = format!("{tick:.decimals$}");
        if text.trim_start_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ticks_are_nice_and_cover_the_range(low in -1e3f64..1e3, exponent in -2f64..6.0, wanted in 2usize..12) {
            let high = low + 10f64.powf(exponent);
            let ticks = ticks(low, high, wanted);
            let step = (ticks[ticks.len() - 1] - ticks[0]) / (ticks.len() - 1) as f64;
            prop_assert!(ticks[0] <= low + 1e-3 * step && ticks[ticks.len() - 1] >= high - 1e-3 * step);
            prop_assert!(ticks.len() >= 2 && ticks.len() <= wanted + 2, "{ticks:?}");
            let mantissa = step / 10f64.powf((step.log10() + 1e-6).floor());
            prop_assert!([1.0, 2.0, 5.0].iter().any(|nice| (mantissa - nice).abs() < 1e-3), "step {step}");
            // 0 is a tick wherever it is in range: each is a multiple of the step.
            prop_assert!(ticks.iter().all(|tick| (tick / step - (tick / step).round()).abs() < 1e-2));
        }
    }

    #[test]
    fn an_axis_of_nothing_or_of_one_value_still_has_a_length() {
        for axis in [Axis::over("", [], 5), Axis::over("", [f64::NAN], 5), Axis::over("", [92.5], 5)] {
            assert!(axis.high() > axis.low());
        }
    }

    #[test]
    fn tick_labels_have_the_decimals_that_they_need() {
        let labels = |low, high| {
            let axis = Axis::over("", [low, high], 4);
            axis.ticks.iter().map(|&tick| axis.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(89.6, 91.4), ["89.5", "90.0", "90.5", "91.0", "91.5"]);
        assert_eq!(labels(-10.0, 10.0), ["-10", "-5", "0", "5", "10"]);
        assert_eq!(labels(0.0, 0.0004), ["0.0000", "0.0001", "0.0002", "0.0003", "0.0004"]);
    }
}
