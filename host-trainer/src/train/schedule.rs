/// Exponential decay with constant ending (BigNAS, convergence behaviour), after a linear warm-up.
///
/// The rate is `highest` after `warmup` of `steps` steps. It falls to `ending * highest` at `decay_until * steps`, and
/// stays there.
///
/// ```
/// use nestling_train::train::learning_rate;
/// let rate = |step| learning_rate(step, 1000, 100, 0.5, 0.05, 0.2);
/// assert!((rate(49) - 0.1).abs() < 1e-12); // half way through the warm-up
/// assert!((rate(500) - 0.01).abs() < 1e-12 && rate(501) == rate(999));
/// ```
pub fn learning_rate(step: u64, steps: u64, warmup: u64, decay_until: f64, ending: f64, highest: f64) -> f64 {
    if step < warmup {
        return highest * (step + 1) as f64 / warmup as f64;
    }
    let decay_steps = (decay_until * steps as f64 - warmup as f64).max(1.0);
    let progress = ((step - warmup) as f64 / decay_steps).min(1.0);
    highest * ending.powf(progress)
}
