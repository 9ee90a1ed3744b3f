use nestling::Error;
use nestling::Runtime;
use nestling::block_on;
use nestling_core::metrics::{Latency, Millis};
use serde::Serialize;
use std::time::{Duration, Instant};

/// About how long later inferences are timed.
const PATIENCE: Duration = Duration::from_millis(250);
/// More runs add little.
const MAX_RUNS: usize = 50;
/// Fewer runs give no p90.
const MIN_RUNS: usize = 5;

/// How much longer the first answer takes than later ones: some drivers compile in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarmUp {
    /// The child's name in the bundle.
    pub child: String,
    /// The very first inference after loading, from image to logits.
    pub first_ms: Millis,
    /// From its end until all answers came from the fast kernels; the fallback ones answer until then.
    pub ready_after_ms: Millis,
    /// Quantiles of the inferences after that.
    pub later: Latency,
    /// How many these were.
    pub runs: usize,
}

impl WarmUp {
    /// Times a shipped child's first inference and some later ones. It is only meaningful for a runtime that was
    /// just made.
    ///
    /// # Errors
    /// [`Error::Bundle`] if no child of that name ships, [`Error`] if the GPU fails.
    pub fn measure(runtime: &Runtime, child: &str) -> Result<Self, Error> {
        let (supernet, prepared, image) = (runtime.supernet(), runtime.prepared(child)?, runtime.probe_image());
        let started = Instant::now();
        supernet.infer(prepared, image)?;
        let first_ms = started.elapsed().into();
        let started = Instant::now();
        supernet.wait_until_ready()?;
        let ready_after_ms = started.elapsed().into();
        let started = Instant::now();
        let mut runs = Vec::new();
        while runs.len() < MIN_RUNS || runs.len() < MAX_RUNS && started.elapsed() < PATIENCE {
            runs.extend(block_on(supernet.time_runs(prepared, &image, 1))?);
        }
        Ok(Self { child: child.to_owned(), first_ms, ready_after_ms, later: Latency::of(&runs), runs: runs.len() })
    }
}
