//! Distances between the answers of two programs.

/// The largest difference of a logit, over the largest logit of the reference; not a number if a logit is none.
pub fn relative_error(ours: &[f64], reference: &[f64]) -> f64 {
    let largest = reference.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let differences = ours.iter().zip(reference).map(|(ours, theirs)| (ours - theirs).abs() / largest);
    // `max` would drop what is not a number.
    differences.fold(0.0, |worst, error| if error.is_nan() || error > worst { error } else { worst })
}

/// The class of the largest logit.
pub fn best(logits: &[f64]) -> Option<usize> {
    (0..logits.len()).max_by(|&one, &other| logits[one].total_cmp(&logits[other]))
}

/// The mean of a picture's logits.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The logits of probabilities, but for a constant: their mean is zero.
pub fn of_probabilities(probabilities: &[f64]) -> Vec<f64> {
    let logarithms: Vec<f64> = probabilities.iter().map(|one| one.ln()).collect();
    let mean = mean(&logarithms);
    logarithms.into_iter().map(|one| one - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_tell_logits_but_for_a_constant() {
        let logits = [1.0_f64, -4.0, 3.0];
        let probabilities: Vec<f64> = logits.iter().map(|logit| logit.exp() / 30.0).collect();
        let centred = of_probabilities(&probabilities);
        assert!(relative_error(&centred, &[1.0, -4.0, 3.0]) < 1e-12 && mean(&centred).abs() < 1e-12);
        assert_eq!(best(&centred), Some(2));
        assert!(relative_error(&of_probabilities(&[0.0, 1.0]), &[1.0, 2.0]).is_nan());
        assert_eq!(relative_error(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
    }
}
