use crate::Error;
use crate::engine::run::{Dispatch, Input};
use crate::engine::{PreparedChild, Supernet};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use nestling_core::image::Image;
use nestling_core::latency::{Clock, LayerTime};
use nestling_core::metrics::{Millis, percentiles};
use std::sync::atomic::Ordering;
use std::time::Duration;
use web_time::Instant;

/// How long each layer of a child took.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTimes {
    /// The clock that measured.
    pub clock: Clock,
    /// All layers, in order.
    pub layers: Vec<LayerTime>,
}

const ACTION: &str = "timing layers";

fn median(times: &[Millis]) -> Millis {
    let [median] = percentiles(times, [50]);
    median
}

/// Why timestamps, one before and one after each layer, cannot be right; `None` if they can.
pub(super) fn timestamp_fault(ticks: &[u64], tick_ms: f64, wall: Millis) -> Option<String> {
    /// Host and GPU clocks drift apart by a little.
    const MAX_OF_WALL: f64 = 1.05;
    let (Some(&first), Some(&last)) = (ticks.first(), ticks.last()) else {
        return Some("the GPU wrote no timestamp".to_owned());
    };
    if let Some(index) = ticks.iter().position(|&tick| tick == 0) {
        return Some(format!("timestamp {index} is zero"));
    }
    if let Some(index) = ticks.windows(2).position(|pair| pair[0] > pair[1]) {
        return Some(format!("timestamp {} is earlier than the one before it", index + 1));
    }
    let gpu = Millis((last - first) as f64 * tick_ms);
    if !(gpu.0 > 0.0 && gpu.0 <= MAX_OF_WALL * wall.0) {
        return Some(format!("timestamps say {gpu} for a run that took {wall} by the host's clock"));
    }
    None
}

/// Far below any inference.
const SHORTEST: Duration = Duration::from_micros(1);

impl Supernet {
    /// Times every layer of a child, `repeats` runs of the whole network after one warm-up; the median counts.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn time_layers(&self, child: &PreparedChild, repeats: usize) -> Result<LayerTimes, Error> {
        block_on(self.time_layers_async(child, repeats))
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_layers_async(&self, child: &PreparedChild, repeats: usize) -> Result<LayerTimes, Error> {
        self.check_own(child)?;
        self.ready().await?;
        let zeros = vec![0.0; child.network().input.len()];
        self.run(child, Input::Tensor(&zeros)).await?; // warm-up: some drivers compile at the first dispatch
        self.time_layers_of_warm(child, repeats).await
    }

    /// The same of a child that has run: no warm-up.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_layers_of_warm(&self, child: &PreparedChild, repeats: usize) -> Result<LayerTimes, Error> {
        let (clock, times) = if self.timestamps.is_some() && !self.timestamps_are_wrong.load(Ordering::Relaxed) {
            (Clock::Timestamps, self.time_by_timestamps(child, repeats).await?)
        } else {
            (Clock::Wall, self.time_layers_by_wall(child, repeats).await?)
        };
        let layers = (child.network().layers.iter().zip(times))
            .map(|(layer, time)| LayerTime { shape: layer.shape, latency_ms: time })
            .collect();
        Ok(LayerTimes { clock, layers })
    }

    /// Compares the GPU's clock with the host's over one run, and stops using it where it is wrong; says why.
    ///
    /// No query may be zero or run backwards, and the GPU's time must be positive and no more than 1.05 of the wall
    /// time around it. `None` if the clock is right, or there is none.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn check_timestamps(&self, child: &PreparedChild) -> Result<Option<String>, Error> {
        self.check_own(child)?;
        self.ready().await?;
        if self.timestamps.is_none() {
            return Ok(None);
        }
        let started = Instant::now();
        let ticks = self.query_timestamps(child).await?;
        let fault = timestamp_fault(&ticks, self.context.tick_ms(), started.elapsed().into());
        self.timestamps_are_wrong.store(fault.is_some(), Ordering::Relaxed);
        Ok(fault)
    }

    async fn time_by_timestamps(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, Error> {
        let mut times = vec![Vec::with_capacity(repeats); self.dispatches(child).len()];
        for _ in 0..repeats.max(1) {
            let ticks = self.query_timestamps(child).await?;
            for (all, pair) in times.iter_mut().zip(ticks.chunks_exact(2)) {
                all.push(Millis(pair[1].saturating_sub(pair[0]) as f64 * self.context.tick_ms()));
            }
        }
        Ok(times.iter().map(|times| median(times)).collect())
    }

    /// Ticks before and after each layer of one run; none where the adapter has no clock.
    async fn query_timestamps(&self, child: &PreparedChild) -> Result<Vec<u64>, Error> {
        let Some(timestamps) = &self.timestamps else { return Ok(Vec::new()) };
        let count = self.dispatches(child).len();
        let bytes = count as u64 * 16;
        let lease = timestamps.staging.take().await;
        let (submission, verdict) = {
            let _state = self.lock();
            self.context.guarded(ACTION, || {
                let mut commands = self.context.encoder();
                for (index, dispatch) in (0u32..).zip(self.dispatches(child)) {
                    let timestamp_writes = Some(timestamps.of_pass(index));
                    let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
                    self.encode(dispatch, &mut commands.begin_compute_pass(&descriptor));
                }
                timestamps.resolve(count as u32, &mut commands, lease.buffer());
                self.context.submit(commands)
            })
        };
        verdict.await?;
        let read = lease.read(&self.context, ACTION, submission, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&read))
    }

    /// Twice as many dispatches cost twice the work and the same overhead: the difference is the work.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_layers_by_wall(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, Error> {
        const ONCE: u32 = 8;
        let mut medians = Vec::with_capacity(self.dispatches(child).len());
        for dispatch in self.dispatches(child) {
            let mut times = Vec::with_capacity(repeats);
            for _ in 0..repeats.max(1) {
                let once = self.time_dispatches(dispatch, ONCE).await?;
                let twice = self.time_dispatches(dispatch, 2 * ONCE).await?;
                times.push(Millis((twice - once).max(0.0) / f64::from(ONCE)));
            }
            medians.push(median(&times));
        }
        Ok(medians)
    }

    /// Milliseconds of one dispatch, so many times in one submission.
    async fn time_dispatches(&self, dispatch: &Dispatch, count: u32) -> Result<f64, Error> {
        let started = Instant::now();
        let (submission, verdict) = {
            let _state = self.lock();
            self.context.guarded(ACTION, || {
                let mut commands = self.context.encoder();
                {
                    let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    for _ in 0..count {
                        self.encode(dispatch, &mut pass);
                    }
                }
                self.context.submit(commands)
            })
        };
        verdict.await?;
        self.context.settle(ACTION, submission).await?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }

    /// Times whole inferences, from the image's upload to the logits' read-back, after one warm-up: one wall time a
    /// run.
    ///
    /// `image` stands for what the app will pass; its size counts.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn time_whole(&self, child: &PreparedChild, image: &Image<'_>, runs: usize) -> Result<Vec<Millis>, Error> {
        block_on(self.time_whole_async(child, image, runs))
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_whole_async(
        &self,
        child: &PreparedChild,
        image: &Image<'_>,
        runs: usize,
    ) -> Result<Vec<Millis>, Error> {
        self.ready().await?;
        self.infer_async(child, image).await?;
        self.time_runs(child, image, runs).await
    }

    /// The same without warm-up.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_runs(&self, child: &PreparedChild, image: &Image<'_>, runs: usize) -> Result<Vec<Millis>, Error> {
        self.ready().await?;
        let mut times = Vec::new();
        for _ in 0..runs {
            let started = Instant::now();
            self.infer_async(child, image).await?;
            // A browser's clock is coarse, and no inference takes no time.
            times.push(started.elapsed().max(SHORTEST).into());
        }
        Ok(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_that_cannot_be_right_are_told() {
        let fault = |ticks: &[u64]| timestamp_fault(ticks, 0.001, Millis(10.0));
        assert_eq!(fault(&[5000, 6000, 6000, 9000]), None);
        for (ticks, what) in [
            (vec![], "no timestamp"),
            (vec![5000, 0, 6000], "timestamp 1 is zero"),
            (vec![5000, 7000, 6000], "timestamp 2 is earlier"),
            (vec![5000, 5000], "say 0.000 ms"),
            (vec![5000, 17_000], "say 12.0 ms for a run that took 10.0 ms"),
        ] {
            assert!(fault(&ticks).unwrap().contains(what), "{ticks:?}: {:?}", fault(&ticks));
        }
        // One percent more than the wall time is a clock's drift.
        assert_eq!(fault(&[5000, 15_100]), None);
    }
}
