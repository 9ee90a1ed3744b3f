//! Least squares with a penalty on the size of the coefficients (ridge regression), in f64.

/// A linear function: what is added, and one coefficient a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The value where all features are 0.
    pub constant: f64,
    /// One a feature.
    pub coefficients: Vec<f64>,
}

impl Linear {
    /// The function's value.
    pub fn value(&self, features: &[f64]) -> f64 {
        self.constant + self.coefficients.iter().zip(features).map(|(a, b)| a * b).sum::<f64>()
    }
}

/// Sums over observations from which every fit without some of them follows by subtraction.
#[derive(Clone, Debug)]
pub struct Sums {
    features: usize,
    count: f64,
    /// Sums of each feature, then of the target.
    values: Vec<f64>,
    /// Sums of each product of two of these, row by row.
    products: Vec<f64>,
}

impl Sums {
    /// Adds up rows of as many features as the first has, each with its target.
    pub fn of<'a>(features: usize, rows: impl Iterator<Item = (&'a [f64], f64)>) -> Self {
        let side = features + 1;
        let mut sums = Self { features, count: 0.0, values: vec![0.0; side], products: vec![0.0; side * side] };
        let mut row = vec![0.0; side];
        for (values, target) in rows {
            row[..features].copy_from_slice(values);
            row[features] = target;
            sums.count += 1.0;
            for (i, a) in row.iter().enumerate() {
                sums.values[i] += a;
                for (sum, b) in sums.products[i * side..].iter_mut().zip(&row) {
                    *sum += a * b;
                }
            }
        }
        sums
    }

    /// The sums over what is not in `part`.
    pub fn without(&self, part: &Self) -> Self {
        let minus = |all: &[f64], some: &[f64]| all.iter().zip(some).map(|(a, b)| a - b).collect();
        Self {
            features: self.features,
            count: self.count - part.count,
            values: minus(&self.values, &part.values),
            products: minus(&self.products, &part.products),
        }
    }

    /// Minimises the mean squared error plus the sum of `penalties[i] * coefficients[i]^2`; all penalties must be
    /// positive. The constant is free.
    pub fn fit(&self, penalties: &[f64]) -> Linear {
        let (n, side) = (self.features, self.features + 1);
        let covariance = |i: usize, j: usize| {
            self.products[i * side + j] / self.count - self.values[i] * self.values[j] / self.count.powi(2)
        };
        // Cholesky: the lower triangle of the factor, row by row. A pivot is never below its penalty but for rounding.
        let mut factor = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let done: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
                let left = covariance(i, j) - done;
                factor[i * n + j] =
                    if i == j { (left + penalties[i]).max(penalties[i]).sqrt() } else { left / factor[j * n + j] };
            }
        }
        let mut solution: Vec<f64> = (0..n).map(|i| covariance(i, n)).collect();
        for i in 0..n {
            let done: f64 = (0..i).map(|k| factor[i * n + k] * solution[k]).sum();
            solution[i] = (solution[i] - done) / factor[i * n + i];
        }
        for i in (0..n).rev() {
            let done: f64 = (i + 1..n).map(|k| factor[k * n + i] * solution[k]).sum();
            solution[i] = (solution[i] - done) / factor[i * n + i];
        }
        let mean = |i: usize| self.values[i] / self.count;
        let constant = mean(n) - solution.iter().enumerate().map(|(i, one)| one * mean(i)).sum::<f64>();
        Linear { constant, coefficients: solution }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_function_is_found_again_and_a_penalty_shrinks_it() {
        let rows: Vec<([f64; 2], f64)> = (0..12)
            .map(|index| {
                let (a, b) = (f64::from(index % 4) - 1.0, f64::from(index / 4));
                ([a, b], 3.0 + 2.0 * a - 0.5 * b)
            })
            .collect();
        let sums = |rows: &[([f64; 2], f64)]| Sums::of(2, rows.iter().map(|(row, target)| (&row[..], *target)));
        let close = |a: &Linear, b: &Linear| {
            let differences = a.coefficients.iter().zip(&b.coefficients).map(|(a, b)| (a - b).abs());
            differences.fold((a.constant - b.constant).abs(), f64::max) < 1e-6
        };
        let all = sums(&rows);
        let truth = Linear { constant: 3.0, coefficients: vec![2.0, -0.5] };
        assert!(close(&all.fit(&[1e-12; 2]), &truth), "{:?}", all.fit(&[1e-12; 2]));
        assert!((truth.value(&[1.0, 2.0]) - 4.0).abs() < 1e-12);
        // By hand: the variance of the first feature is 1.25, and the features do not correlate.
        let shrunk = all.fit(&[1.25, 1e-12]);
        assert!((shrunk.coefficients[0] - 1.0).abs() < 1e-6 && (shrunk.coefficients[1] + 0.5).abs() < 1e-6);
        let (first, rest) = rows.split_at(5);
        assert!(close(&all.without(&sums(first)).fit(&[0.1; 2]), &sums(rest).fit(&[0.1; 2])));
    }

    #[test]
    fn features_that_say_the_same_share_a_coefficient() {
        let rows: Vec<[f64; 2]> = (0..6).map(|index| [f64::from(index); 2]).collect();
        let fit = Sums::of(2, rows.iter().map(|row| (&row[..], 4.0 * row[0]))).fit(&[1e-6; 2]);
        assert!(fit.coefficients.iter().all(|one| (one - 2.0).abs() < 1e-3), "{fit:?}");
    }
}
