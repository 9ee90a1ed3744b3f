//! Robust non-negative least squares.

/// A child counts fully up to so many usual errors away from the fit; further away, less and less (Huber's weights): a
/// disturbance while it was timed must not set coefficients.
const USUAL_ERRORS: f64 = 1.5;
/// No device has less noise.
const MIN_ERROR: f64 = 0.01;
/// Rounds of reweighting: a few are enough to converge.
const ROUNDS: usize = 4;
/// Sweeps of coordinate descent; convergence ends it far sooner.
const MAX_SWEEPS: usize = 20_000;
/// Relative to the mean time.
const CONVERGED: f64 = 1e-10;

/// Rows whose error is unusual count less, from round to round.
pub fn robust_non_negative_least_squares(rows: &[Vec<f64>], start: &[f64], trust: &[f64], max: f64) -> Vec<f64> {
    let errors = |solution: &[f64]| -> Vec<f64> {
        let sum = |row: &Vec<f64>| row.iter().zip(solution).map(|(amount, value)| amount * value).sum::<f64>();
        rows.iter().map(|row| (sum(row) - 1.0).abs()).collect()
    };
    let mut weights = vec![1.0; rows.len()];
    let mut solution = non_negative_least_squares(rows, &weights, start, trust, max);
    for _ in 0..ROUNDS {
        let errors = errors(&solution);
        let mut sorted = errors.clone();
        sorted.sort_by(f64::total_cmp);
        // The median of normal errors' sizes is 0.67 standard deviations.
        let usual = (sorted[sorted.len() / 2] / 0.67).max(MIN_ERROR);
        weights = errors.iter().map(|error| (USUAL_ERRORS * usual / error.max(f64::MIN_POSITIVE)).min(1.0)).collect();
        solution = non_negative_least_squares(rows, &weights, start, trust, max);
    }
    solution
}

/// The solution that minimises the weighted sum over rows of `(row * solution - 1)^2` plus that of
/// `trust * (value - start)^2`, none below zero or beyond [`max`]. By coordinate descent, which converges because the
/// problem is convex.
fn non_negative_least_squares(rows: &[Vec<f64>], weights: &[f64], start: &[f64], trust: &[f64], max: f64) -> Vec<f64> {
    let count = start.len();
    let mut solution: Vec<f64> = start.iter().map(|value| value.clamp(0.0, max)).collect();
    let mut residuals: Vec<f64> = (rows.iter())
        .map(|row| row.iter().zip(&solution).map(|(amount, value)| amount * value).sum::<f64>() - 1.0)
        .collect();
    let weighted = || rows.iter().zip(weights);
    let curvature: Vec<f64> = (0..count)
        .map(|column| weighted().map(|(row, weight)| weight * row[column].powi(2)).sum::<f64>() + trust[column])
        .collect();
    for _ in 0..MAX_SWEEPS {
        let mut moved: f64 = 0.0;
        for column in (0..count).filter(|&column| curvature[column] > 0.0) {
            let slope: f64 = (weighted().zip(&residuals))
                .map(|((row, weight), residual)| weight * row[column] * residual)
                .sum::<f64>()
                + trust[column] * (solution[column] - start[column]);
            let next = (solution[column] - slope / curvature[column]).clamp(0.0, max);
            let step = next - solution[column];
            if step == 0.0 {
                continue;
            }
            for (row, residual) in rows.iter().zip(&mut residuals) {
                *residual += step * row[column];
            }
            moved = moved.max(step.abs() * curvature[column].sqrt());
            solution[column] = next;
        }
        if moved < CONVERGED {
            break;
        }
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_minimum_is_where_no_coefficient_can_move(
            rows in prop::collection::vec(prop::collection::vec(0.0f64..2.0, 4), 1..8),
            start in prop::collection::vec(0.0f64..2.0, 4),
        ) {
            let trust = [0.01; 4];
            let solution = non_negative_least_squares(&rows, &vec![1.0; rows.len()], &start, &trust, 1e6);
            let loss = |solution: &[f64]| -> f64 {
                let fitted = rows.iter().map(|row| {
                    (row.iter().zip(solution).map(|(a, p)| a * p).sum::<f64>() - 1.0).powi(2)
                });
                let kept = solution.iter().zip(&start).zip(&trust).map(|((p, s), t)| t * (p - s).powi(2));
                fitted.sum::<f64>() + kept.sum::<f64>()
            };
            for column in 0..4 {
                for step in [-1e-3, 1e-3] {
                    let mut moved = solution.clone();
                    moved[column] = (moved[column] + step).max(0.0);
                    prop_assert!(loss(&moved) >= loss(&solution) - 1e-12);
                }
            }
        }
    }
}
