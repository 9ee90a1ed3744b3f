use crate::Error;
use crate::engine::run::{PreparedChild, Supernet};
use crate::engine::trial::Check;
use crate::gpu::Fault;
use nestling_core::image::Image;
use std::time::Duration;

/// Answers after the device has rested.
const AFTER_REST: usize = 20;

impl Supernet {
    /// Classifies one image again and again, then rests and does so again: every answer must have the bits of the first
    /// one. Each encodes the same dispatches anew, because wgpu submits a command buffer only once. `is_over` gets the share that is done, and says whether the time is used up: answers before the rest are left out
    /// then, those after it never.
    ///
    /// # Errors
    /// As [`Supernet::infer`]. Another answer is no error but a [deviation](Check::deviations).
    pub async fn check_repeats_async(
        &self,
        children: &[&PreparedChild],
        image: &Image<'_>,
        (times, rest): (usize, Duration),
        mut is_over: impl AsyncFnMut(f64) -> bool,
    ) -> Result<Check, Error> {
        let mut check = Check::new(format!("one answer {times} times, and after {} s of rest", rest.as_secs_f32()));
        let all = times + AFTER_REST;
        let mut has_ended = false;
        let mut first = Vec::with_capacity(children.len());
        for child in children {
            first.push(self.infer_async(child, image).await?);
        }
        for turn in 1..all {
            let is_used_up = is_over(turn as f64 / all as f64).await;
            has_ended = has_ended || is_used_up;
            // Those after the rest are few, and nothing else finds what they do.
            if has_ended && turn < times {
                check.skipped += children.len();
                continue;
            }
            if turn == times {
                self.context.sleep(rest).await;
            }
            for (child, first) in children.iter().zip(&first) {
                let again = self.infer_async(child, image).await?;
                let fault = difference(first, &again);
                let worst = if fault.is_some() { f64::INFINITY } else { 0.0 };
                check.add(&format!("answer {turn} of {child}"), worst, fault);
            }
        }
        Ok(check)
    }
}

/// The first logit that is not finite, or has other bits.
fn difference(first: &[f32], again: &[f32]) -> Option<Fault> {
    let (index, (first, again)) =
        first.iter().zip(again).enumerate().find(|(_, (a, b))| !a.is_finite() || a.to_bits() != b.to_bits())?;
    let expected = if first.is_finite() { format!("{first:e}") } else { "a number".to_owned() };
    Some(Fault { found: format!("{again:e} as logit {index}"), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_and_nan_are_found() {
        assert_eq!(difference(&[1.0, -2.0], &[1.0, -2.0]), None);
        let other = f32::from_bits(2f32.to_bits() ^ 1);
        assert!(difference(&[1.0, 2.0], &[1.0, other]).unwrap().found.contains("logit 1"));
        assert!(difference(&[0.0], &[-0.0]).is_some());
        assert_eq!(difference(&[f32::NAN], &[f32::NAN]).unwrap().expected, "a number");
    }
}
