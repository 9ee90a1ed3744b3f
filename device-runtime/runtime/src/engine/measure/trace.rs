//! One inference on a time line: what the host did, and the GPU's ticks around each layer.

use super::timing::timestamp_fault;
use crate::Error;
use crate::engine::plan::activation_bytes;
use crate::engine::run::Input;
use crate::engine::{PreparedChild, Supernet};
use crate::gpu::Staging;
use nestling_core::image::Image;
use nestling_core::metrics::Millis;
use std::sync::atomic::Ordering;
use web_time::Instant;

const ACTION: &str = "tracing an inference";

/// One inference as the host's and the GPU's clocks saw it.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The host's activities, in order.
    pub host: Vec<HostSpan>,
    /// Begin and end of the resize and of each layer by the GPU's clock, in ticks; `None` where that cannot be trusted.
    pub ticks: Option<Vec<u64>>,
    /// Why the GPU's clock was not trusted, if it has one and was not.
    pub clock_note: Option<String>,
    /// Milliseconds of a tick.
    pub tick_ms: f64,
}

/// One activity of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpan {
    /// `upload`, `encode`, `submit`, `wait` or `read back`.
    pub name: &'static str,
    /// When, since the inference began.
    pub start: Millis,
    /// How long.
    pub duration: Millis,
}

impl HostSpan {
    /// When it ended, in ms since the inference began.
    pub fn end_ms(&self) -> f64 {
        self.start.0 + self.duration.0
    }
}

/// Reads the host's clock at the end of each step.
struct Laps {
    started: Instant,
    spans: Vec<HostSpan>,
}

impl Laps {
    fn end(&mut self, name: &'static str) {
        let start = self.spans.last().map_or(0.0, HostSpan::end_ms);
        let duration = Millis((self.started.elapsed().as_secs_f64() * 1e3 - start).max(0.0));
        self.spans.push(HostSpan { name, start: Millis(start), duration });
    }
}

impl Supernet {
    /// Runs one inference and says when the host and the GPU did what, after one warm-up. Each layer is a pass of its
    /// own, because timestamps are taken at passes' ends; waiting and reading back follow one another.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn timeline(&self, child: &PreparedChild, image: &Image<'_>) -> Result<Timeline, Error> {
        self.ready().await?;
        self.infer_async(child, image).await?; // warm-up: some drivers compile at the first dispatch
        let (laps, ticks) = self.trace_once(child, image).await?;
        let host = laps.spans;
        let span = |name: &str| host.iter().find(|span| span.name == name);
        let begin = span(SUBMIT).map_or(0.0, |span| span.start.0);
        let end = span(WAIT).map_or(begin, HostSpan::end_ms);
        let tick_ms = self.context.tick_ms();
        let fault = ticks.as_ref().and_then(|ticks| timestamp_fault(ticks, tick_ms, Millis(end - begin)));
        let wrong_before = self.timestamps.is_some() && self.timestamps_are_wrong.load(Ordering::Relaxed);
        let earlier = wrong_before.then(|| "its timestamps were found wrong".to_owned());
        let ticks = ticks.filter(|_| fault.is_none());
        Ok(Timeline { host, ticks, clock_note: fault.or(earlier), tick_ms })
    }

    /// The host's steps, and the GPU's ticks before and after the resize and each layer if its clock may be right.
    async fn trace_once(&self, child: &PreparedChild, image: &Image<'_>) -> Result<(Laps, Option<Vec<u64>>), Error> {
        self.check_own(child)?;
        self.context.check(ACTION)?;
        let timestamps = self.timestamps.as_ref().filter(|_| !self.timestamps_are_wrong.load(Ordering::Relaxed));
        let dispatches = self.dispatches(child);
        let tick_bytes = (dispatches.len() as u64 + 1) * 16;
        let logits_bytes = activation_bytes(self.space.classes, 1);
        let lease = Staging::take(&self.answers).await;
        let ticks_lease = match timestamps {
            Some(timestamps) => Some(timestamps.staging.take().await),
            None => None,
        };
        let mut laps = Laps { started: Instant::now(), spans: Vec::new() };
        let (submission, verdict) = {
            let mut state = self.lock();
            self.upload(child, Input::Image(image), &mut state)?;
            laps.end(UPLOAD);
            self.context.guarded(ACTION, || {
                let mut commands = self.context.encoder();
                let pass = |index: u32| wgpu::ComputePassDescriptor {
                    label: None,
                    timestamp_writes: timestamps.map(|timestamps| timestamps.of_pass(index)),
                };
                self.encode_resize(&state, &mut commands.begin_compute_pass(&pass(0)))?;
                for (index, dispatch) in (1u32..).zip(dispatches) {
                    self.encode(dispatch, &mut commands.begin_compute_pass(&pass(index)));
                }
                commands.copy_buffer_to_buffer(&self.arena.block, 0, lease.buffer(), 0, logits_bytes);
                if let (Some(timestamps), Some(lease)) = (timestamps, &ticks_lease) {
                    timestamps.resolve(dispatches.len() as u32 + 1, &mut commands, lease.buffer());
                }
                laps.end(ENCODE);
                let submission = self.context.submit(commands);
                laps.end(SUBMIT);
                Ok::<_, Error>(submission)
            })
        };
        verdict.await?;
        let submission = submission?;
        self.context.settle(ACTION, submission.clone()).await?;
        laps.end(WAIT);
        lease.read(&self.context, ACTION, submission.clone(), logits_bytes).await?;
        laps.end(READ_BACK);
        let ticks = match ticks_lease {
            Some(lease) => {
                let bytes = lease.read(&self.context, ACTION, submission, tick_bytes).await?;
                Some(bytemuck::pod_collect_to_vec(&bytes))
            }
            None => None,
        };
        Ok((laps, ticks))
    }
}

const UPLOAD: &str = "upload";
const ENCODE: &str = "encode";
const SUBMIT: &str = "submit";
const WAIT: &str = "wait";
const READ_BACK: &str = "read back";
