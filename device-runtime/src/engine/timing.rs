use super::infer::Input;
use super::{EngineError, PreparedChild, Supernet};
use crate::gpu::Wait;
use crate::input::Image;
use crate::space::LayerShape;
use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What measured a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The GPU's own, before and after the layer's pass.
    Timestamps,
    /// The host's, over repeated dispatches, with the cost of submitting and waiting subtracted.
    Wall,
}

/// How long one layer took.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTime {
    /// The layer's name.
    pub name: String,
    /// Its shape, the key of a latency table.
    pub shape: LayerShape,
    /// Median.
    pub time: Millis,
}

/// How long each layer of a child took.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTimes {
    /// What measured.
    pub clock: Clock,
    /// All layers, in order.
    pub layers: Vec<LayerTime>,
}

const ACTION: &str = "timing layers";

fn median(mut times: Vec<f64>) -> Millis {
    times.sort_by(f64::total_cmp);
    Millis(times.get(times.len() / 2).copied().unwrap_or(0.0))
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
        let (clock, times) = if self.timestamps.is_some() {
            (Clock::Timestamps, self.time_by_timestamps(child, repeats)?)
        } else {
            (Clock::Wall, self.time_by_wall(child, repeats)?)
        };
        let layers = (child.network().layers.iter().zip(times))
            .map(|(layer, time)| LayerTime { name: layer.name.clone(), shape: layer.shape, time })
            .collect();
        Ok(LayerTimes { clock, layers })
    }

    fn time_by_timestamps(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, EngineError> {
        let Some(timestamps) = &self.timestamps else { return Ok(Vec::new()) };
        let count = self.dispatches(child).len();
        let bytes = count as u64 * 16;
        let mut times = vec![Vec::with_capacity(repeats); count];
        for _ in 0..repeats.max(1) {
            let lease = pollster::block_on(timestamps.staging.take());
            let (submission, verdict) = {
                let _state = self.lock();
                self.context.guarded(ACTION, || {
                    let mut commands = self.context.encoder();
                    for (index, dispatch) in (0u32..).zip(self.dispatches(child)) {
                        let writes = wgpu::ComputePassTimestampWrites {
                            query_set: &timestamps.queries,
                            beginning_of_pass_write_index: Some(2 * index),
                            end_of_pass_write_index: Some(2 * index + 1),
                        };
                        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
                        self.encode(dispatch, &mut commands.begin_compute_pass(&descriptor));
                    }
                    commands.resolve_query_set(&timestamps.queries, 0..2 * count as u32, &timestamps.resolved, 0);
                    commands.copy_buffer_to_buffer(&timestamps.resolved, 0, lease.buffer(), 0, bytes);
                    self.context.submit(commands)
                })
            };
            let read = async {
                verdict.await?;
                lease.read(&self.context, ACTION, submission, bytes, Wait::Blocking).await
            };
            let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&pollster::block_on(read)?);
            for (all, pair) in times.iter_mut().zip(ticks.chunks_exact(2)) {
                all.push(pair[1].saturating_sub(pair[0]) as f64 * self.context.tick_ms());
            }
        }
        Ok(times.into_iter().map(median).collect())
    }

    /// Twice as many dispatches cost twice the work and the same overhead: the difference is the work.
    fn time_by_wall(&self, child: &PreparedChild, repeats: usize) -> Result<Vec<Millis>, EngineError> {
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
                times.push((twice - once).max(0.0) / f64::from(ONCE));
            }
            medians.push(median(times));
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
        let once = |_| {
            let started = Instant::now();
            pollster::block_on(self.run(child, Input::Image(image), Wait::Blocking))?;
            Ok(started.elapsed().into())
        };
        (0..runs).map(once).collect()
    }
}
