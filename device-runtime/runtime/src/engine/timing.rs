use crate::engine::{EngineError, PreparedChild, Supernet};
use crate::gpu::Wait;
use nestling_core::image::Image;
use nestling_core::latency::{Clock, LayerTime};
use nestling_core::metrics::{Millis, percentiles};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How long each layer of a child took.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTimes {
    /// What measured.
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

impl Supernet {
    /// Times every layer of a child, `repeats` runs of the whole network after one warm-up; the median counts.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub fn time_layers(&self, child: &PreparedChild, repeats: usize) -> Result<LayerTimes, EngineError> {
        self.check_own(child)?;
        self.wait_until_ready()?;
        let zeros = vec![0.0; child.network().input.len()];
        self.infer_tensor(child, &zeros)?; // warm-up: some drivers compile at the first dispatch
        self.time_layers_of_warm(child, repeats)
    }

    /// The same of a child that has run: no warm-up.
    pub fn time_layers_of_warm(&self, child: &PreparedChild, repeats: usize) -> Result<LayerTimes, EngineError> {
        let (clock, times) = if self.timestamps.is_some() && !self.timestamps_are_wrong.load(Ordering::Relaxed) {
            (Clock::Timestamps, self.time_by_timestamps(child, repeats)?)
        } else {
            (Clock::Wall, self.time_layers_by_wall(child, repeats)?)
        };
        let layers = (child.network().layers.iter().zip(times))
            .map(|(layer, time)| LayerTime { shape: layer.shape, latency_ms: time })
            .collect();
        Ok(LayerTimes { clock, layers })
    }

    /// Compares the GPU's clock with the host's over one run, and stops using it where it is wrong; says why.
    ///
    /// No query may be zero or run backwards, and the GPU's time must be positive and no more than 1.05 of the wall time
    /// around it. `None` if the clock is right, or there is none.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub fn check_timestamps(&self, child: &PreparedChild) -> Result<Option<String>, EngineError> {
        self.check_own(child)?;
        self.wait_until_ready()?;
        if self.timestamps.is_none() {
            return Ok(None);
        }
        let started = Instant::now();
        let ticks = self.query_timestamps(child)?;
        let fault = timestamp_fault(&ticks, self.context.tick_ms(), started.elapsed().into());
        self.timestamps_are_wrong.store(fault.is_some(), Ordering::Relaxed);
        Ok(fault)
    }

    fn time_by_timestamps(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, EngineError> {
        let mut times = vec![Vec::with_capacity(repeats); self.dispatches(child).len()];
        for _ in 0..repeats.max(1) {
            let ticks = self.query_timestamps(child)?;
            for (all, pair) in times.iter_mut().zip(ticks.chunks_exact(2)) {
                all.push(Millis(pair[1].saturating_sub(pair[0]) as f64 * self.context.tick_ms()));
            }
        }
        Ok(times.iter().map(|times| median(times)).collect())
    }

    /// Ticks before and after each layer of one run; none where the adapter has no clock.
    fn query_timestamps(&self, child: &PreparedChild) -> Result<Vec<u64>, EngineError> {
        let Some(timestamps) = &self.timestamps else { return Ok(Vec::new()) };
        let count = self.dispatches(child).len();
        let bytes = count as u64 * 16;
        let lease = pollster::block_on(timestamps.staging.take());
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
        let read = async {
            verdict.await?;
            lease.read(&self.context, ACTION, submission, bytes, Wait::Blocking).await
        };
        Ok(bytemuck::pod_collect_to_vec(&pollster::block_on(read)?))
    }

    /// Twice as many dispatches cost twice the work and the same overhead: the difference is the work.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub fn time_layers_by_wall(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, EngineError> {
        const ONCE: u32 = 8;
        let run = |dispatch: &super::prepare::Dispatch, count: u32| -> Result<f64, EngineError> {
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
            pollster::block_on(verdict)?;
            self.context.wait(ACTION, submission)?;
            Ok(started.elapsed().as_secs_f64() * 1e3)
        };
        let mut medians = Vec::with_capacity(self.dispatches(child).len());
        for dispatch in self.dispatches(child) {
            let mut times = Vec::with_capacity(repeats);
            for _ in 0..repeats.max(1) {
                let (once, twice) = (run(dispatch, ONCE)?, run(dispatch, 2 * ONCE)?);
                times.push(Millis((twice - once).max(0.0) / f64::from(ONCE)));
            }
            medians.push(median(&times));
        }
        Ok(medians)
    }

    /// Times whole inferences, from the image's upload to the logits' read-back, after one warm-up: one wall time a run.
    ///
    /// `image` stands for what the app will pass; its size counts.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub fn time_whole(
        &self,
        child: &PreparedChild,
        image: &Image<'_>,
        runs: usize,
    ) -> Result<Vec<Millis>, EngineError> {
        self.wait_until_ready()?;
        self.infer(child, image)?;
        self.time_runs(child, image, runs)
    }

    /// The same without warm-up.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub fn time_runs(&self, child: &PreparedChild, image: &Image<'_>, runs: usize) -> Result<Vec<Millis>, EngineError> {
        self.wait_until_ready()?;
        let once = |_| {
            let started = Instant::now();
            self.infer(child, image)?;
            Ok(started.elapsed().into())
        };
        (0..runs).map(once).collect()
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
