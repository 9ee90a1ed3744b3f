use std::fmt;

/// Mean and spread of one value a seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The mean.
    pub mean: f64,
    /// The sample's standard deviation; one value has none.
    pub spread: Option<f64>,
}

impl Statistics {
    pub(super) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let spread = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Self { mean, spread }
    }

    /// Whether both are the same, but for the last digits.
    pub(super) fn is_near(self, other: Self) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        let is_near = match (self.spread, other.spread) {
            (Some(one), Some(other)) => near(one, other),
            (one, other) => one == other,
        };
        near(self.mean, other.mean) && is_near
    }
}

/// `87.1 ± 0.4`, or `87.1` for one seed.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        write!(f, "{:.digits$}", self.mean)?;
        self.spread.map_or(Ok(()), |spread| write!(f, " ± {spread:.digits$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample_and_one_value_has_none() {
        let three = Statistics::of(&[86.0, 87.0, 88.0]);
        assert_eq!((three.mean, three.spread, &*three.to_string()), (87.0, Some(1.0), "87.0 ± 1.0"));
        let one = Statistics::of(&[86.25]);
        assert_eq!((one.spread, &*one.to_string(), &*format!("{one:.2}")), (None, "86.2", "86.25"));
        assert!(three.is_near(three) && !one.is_near(Statistics { spread: Some(0.0), ..one }));
    }
}
