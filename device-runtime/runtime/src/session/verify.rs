use crate::engine::{Check, PreparedChild};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::progress::report;
use crate::session::Runtime;
use crate::{Error, OnProgress, Phase, Progress};
use nestling_core::latency::DeviceKey;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use web_time::Instant;

/// Answers of one image that are compared bit for bit, before the rest.
const REPEATS: usize = 200;
/// The part of the time that kernels may take; the rest is for repeated answers.
const KERNELS: f64 = 0.7;

/// Options of [`Runtime::verify`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct VerifyOptions<'a> {
    /// The time that it may take, about; checks for which there is none are counted as skipped.
    pub time: Duration,
    /// How long the device rests before answers are repeated. Drivers have been seen to lower clocks or to evict memory
    /// by then.
    pub rest: Duration,
    /// Called from time to time; it must return soon.
    pub progress: Option<OnProgress<'a>>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self { time: Duration::from_secs(18), rest: Duration::from_secs(5), progress: None }
    }
}

impl<'a> VerifyOptions<'a> {
    nestling_core::setters! { time: Duration, rest: Duration, progress: Option<OnProgress<'a>> }
}

/// A device's results beside the definitions. Prints as a short report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The device that was checked.
    pub device: DeviceKey,
    /// Every check, the kernels first.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Cases that were wrong, of all checks.
    pub fn deviations(&self) -> usize {
        self.checks.iter().map(|check| check.deviations).sum()
    }

    /// Cases for which there was no time.
    pub fn skipped(&self) -> usize {
        self.checks.iter().map(|check| check.skipped).sum()
    }
}

impl Runtime {
    /// Checks this device: every kernel that the bundle's children can use, beside a reference in f64; pictures of all
    /// formats and odd sizes to tensors; and whether one image gets one answer, bit for bit, two hundred times and after
    /// a rest. Takes up to twenty seconds by default. Nobody else should classify meanwhile.
    ///
    /// ```no_run
    /// # fn verify(runtime: &nestling::Runtime) -> Result<(), nestling::Error> {
    /// let verification = runtime.verify(&nestling::VerifyOptions::default())?;
    /// for check in verification.checks.iter().filter(|check| !check.is_right()) {
    ///     println!("{}: {} of {} cases are wrong", check.name, check.deviations, check.cases);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error`] if the device is lost or does not answer in time; [`Error::Busy`] while another call measures. A wrong
    /// result is no error but a [deviation](Check::deviations).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn verify(&self, options: &VerifyOptions<'_>) -> Result<Verification, Error> {
        block_on(self.verify_async(options))
    }

    /// As [`Runtime::verify`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::verify`].
    pub async fn verify_async(&self, options: &VerifyOptions<'_>) -> Result<Verification, Error> {
        let _turn = self.turn.take("a verification")?;
        let started = Instant::now();
        let working = options.time.saturating_sub(options.rest);
        let over = async |until: f64, (from, share): (f64, f64), done: f64| {
            let fraction = from + share * done;
            report(options.progress, Progress { fraction, phase: Phase::Verifying }).await;
            started.elapsed() > working.mul_f64(until)
        };
        let kernels = async |done| over(KERNELS, (0.0, KERNELS), done).await;
        let mut checks = self.supernet.check_kernels_async(kernels).await?;
        let children = self.smallest_and_biggest();
        if let Some(child) = children.first() {
            checks.push(self.supernet.check_resize_async(child).await?);
        }
        let image = self.probe_image();
        let repeats = async |done: f64| over(1.0, (KERNELS, 1.0 - KERNELS), done).await;
        checks.push(self.supernet.check_repeats_async(&children, &image, (REPEATS, options.rest), repeats).await?);
        if let Some(progress) = options.progress {
            progress(Progress { fraction: 1.0, phase: Phase::Verifying });
        }
        Ok(Verification { device: self.device.clone(), checks })
    }

    /// Those of the shipped children that have arrived with the fewest and the most multiply-adds.
    fn smallest_and_biggest(&self) -> Vec<&PreparedChild> {
        let arrived: Vec<_> = self.shipped.iter().filter_map(|one| Some((&one.entry, one.active.get()?))).collect();
        let [first, last] = [arrived.first(), arrived.last()].map(|one| one.map(|(_, active)| active.prepared()));
        let mut both: Vec<&PreparedChild> = first.into_iter().collect();
        both.extend(last.filter(|_| arrived.len() > 1));
        both
    }
}
