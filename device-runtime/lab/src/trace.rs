//! One inference on a time line: the activities of the host, and each layer on the GPU.

use nestling::Error;
use nestling::PreparedChild;
use nestling::block_on;
use nestling::low_level::{Supernet, Timeline};
use nestling_core::image::Image;
use nestling_core::latency::Clock;
use nestling_core::metrics::Millis;
use nestling_core::space::{Layer, LayerShape};
use serde::{Deserialize, Serialize};

/// Runs of each layer where only the host's clock can time it.
const WALL_REPEATS: usize = 3;

/// One inference, from its image to its logits, in ms since it began.
///
/// It runs like an app's inference, except for two things: each layer is a pass of its own, because timestamps are
/// taken at passes' ends; and waiting and reading back follow one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTrace {
    /// The clock that timed the layers. With the GPU's clock they are where they ran; with the host's they were timed
    /// alone, another time, and are laid end to end.
    pub clock: Clock,
    /// Why the GPU's clock was not trusted, if it has one and was not.
    pub clock_note: Option<String>,
    /// The host's activities, in order.
    pub host: Vec<HostSpan>,
    /// The GPU's activities, in order: the resize if its clock tells that, and every layer.
    ///
    /// The two clocks have no common zero: the last layer is placed where the wait for the GPU ended.
    pub gpu: Vec<GpuSpan>,
    /// The factor that fits the spans of [`LayerTrace::gpu`] into the host's submission and wait: 1 unless the clocks
    /// disagree, or layers timed alone take longer than together.
    pub gpu_scale: f64,
    /// The whole inference.
    pub whole_ms: Millis,
}

/// One activity of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostSpan {
    /// `upload`, `encode`, `submit`, `wait` or `read back`.
    pub name: String,
    /// When, since the inference began.
    pub start_ms: Millis,
    /// How long.
    pub duration_ms: Millis,
}

/// One activity of the GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuSpan {
    /// The layer's name, or `resize`.
    pub name: String,
    /// The layer's shape; `None` for the resize.
    pub shape: Option<LayerShape>,
    /// When, since the inference began.
    pub start_ms: Millis,
    /// How long.
    pub duration_ms: Millis,
}

impl LayerTrace {
    /// All layers' time together, as placed.
    pub fn layers_ms(&self) -> Millis {
        Millis(self.gpu.iter().filter(|span| span.shape.is_some()).map(|span| span.duration_ms.0).sum())
    }
}

impl HostSpan {
    fn end_ms(&self) -> f64 {
        self.start_ms.0 + self.duration_ms.0
    }
}

/// Places spans, given by their starts and durations, at the end of the range from `from` to `to`; returns the factor
/// that they were multiplied by to fit, too.
fn placed(spans: &[(f64, f64)], from: f64, to: f64) -> (Vec<(f64, f64)>, f64) {
    let length = spans.iter().map(|(start, duration)| start + duration).fold(0.0, f64::max);
    let scale = if length > to - from { ((to - from) / length).max(0.0) } else { 1.0 };
    let begin = (to - scale * length).max(from);
    let mut earliest = begin;
    let place = |&(start, duration): &(f64, f64)| {
        // Rounding may not put one span into another, or beyond the end.
        let start = (begin + scale * start).clamp(earliest, to.max(earliest));
        let duration = (scale * duration).min(to - start).max(0.0);
        earliest = start + duration;
        (start, duration)
    };
    (spans.iter().map(place).collect(), scale)
}

/// Starts after the first tick, and durations, of pairs of ticks.
fn spans_of_ticks(ticks: &[u64], tick_ms: f64) -> Vec<(f64, f64)> {
    let first = ticks.first().copied().unwrap_or(0);
    let ms = |ticks: u64| ticks as f64 * tick_ms;
    (ticks.chunks_exact(2))
        .map(|pair| (ms(pair[0].saturating_sub(first)), ms(pair[1].saturating_sub(pair[0]))))
        .collect()
}

fn end_to_end(durations: &[Millis]) -> Vec<(f64, f64)> {
    let mut end = 0.0;
    (durations.iter())
        .map(|duration| {
            let start = end;
            end += duration.0;
            (start, duration.0)
        })
        .collect()
}

/// Records when the host and the GPU did each part of one inference, after one warm-up.
///
/// Where the adapter has no timestamps, or they were found wrong ([`Supernet::check_timestamps`]) or are wrong in this
/// very run, layers are timed alone by the host's clock and laid end to end: [`LayerTrace::clock`] says so.
///
/// # Errors
/// As [`Supernet::infer`].
pub fn trace_layers(supernet: &Supernet, child: &PreparedChild, image: &Image<'_>) -> Result<LayerTrace, Error> {
    let Timeline { host, ticks, clock_note, tick_ms } = block_on(supernet.timeline(child, image))?;
    let host: Vec<HostSpan> = (host.into_iter())
        .map(|span| HostSpan { name: span.name.to_owned(), start_ms: span.start, duration_ms: span.duration })
        .collect();
    let whole_ms = Millis(host.last().map_or(0.0, HostSpan::end_ms));
    let begin = host.iter().find(|span| span.name == "submit").map_or(0.0, |span| span.start_ms.0);
    let end = host.iter().find(|span| span.name == "wait").map_or(whole_ms.0, HostSpan::end_ms);
    let layers = &child.network().layers;
    let named = |layer: &Layer| (layer.name.to_string(), Some(layer.shape));
    let (clock, names, spans): (_, Vec<_>, _) = match ticks {
        Some(ticks) => {
            let resize = std::iter::once(("resize".to_owned(), None));
            (Clock::Timestamps, resize.chain(layers.iter().map(named)).collect(), spans_of_ticks(&ticks, tick_ms))
        }
        None => {
            let times = block_on(supernet.time_layers_by_wall(child, WALL_REPEATS))?;
            (Clock::Wall, layers.iter().map(named).collect(), end_to_end(&times))
        }
    };
    let (places, gpu_scale) = placed(&spans, begin, end);
    let gpu = (names.into_iter().zip(places))
        .map(|((name, shape), (start, duration))| GpuSpan {
            name,
            shape,
            start_ms: Millis(start),
            duration_ms: Millis(duration),
        })
        .collect();
    Ok(LayerTrace { clock, clock_note, host, gpu, gpu_scale, whole_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_are_in_order_and_within_their_bounds(
            durations in prop::collection::vec(0f64..10.0, 0..40),
            from in 0f64..5.0,
            length in 0f64..100.0,
        ) {
            let durations: Vec<Millis> = durations.into_iter().map(Millis).collect();
            let (spans, scale) = placed(&end_to_end(&durations), from, from + length);
            prop_assert!(spans.len() == durations.len() && (0.0..=1.0).contains(&scale));
            let mut end = from;
            for (start, duration) in spans {
                prop_assert!(start >= end && duration >= 0.0, "{start} {end} {duration}");
                end = start + duration;
            }
            prop_assert!(end <= from + length + 1e-9);
        }
    }

    #[test]
    fn the_last_layer_ends_where_the_wait_ended() {
        let spans = spans_of_ticks(&[1000, 1500, 1500, 3000], 1e-3);
        assert_eq!(spans, [(0.0, 0.5), (0.5, 1.5)]);
        assert_eq!(placed(&spans, 1.0, 5.0), (vec![(3.0, 0.5), (3.5, 1.5)], 1.0));
        // Too long for the remaining time: all are shortened by one factor.
        assert_eq!(placed(&spans, 1.0, 2.0), (vec![(1.0, 0.25), (1.25, 0.75)], 0.5));
    }
}
