use nestling::Error;
use nestling::Runtime;
use nestling_core::latency::Clock;
use nestling_core::metrics::{Latency, MAdds, Millis};
use nestling_core::space::LayerShape;
use serde::Serialize;
use std::time::Instant;

/// About how long a child's layers are timed, and the child whole.
const PATIENCE: Millis = Millis(500.0);
/// Fewest and most runs.
const RUNS: [f64; 2] = [5.0, 50.0];
/// More repeats of a layer add little.
const MAX_REPEATS: f64 = 25.0;

/// Where the time of a child goes, layer by layer.
///
/// Layers are timed alone: they do not add up to the child, because consecutive layers share the cost of
/// starting and waiting, and the child's own time includes an upload, a resize and a read-back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChildLayers {
    /// The child's name in the bundle.
    pub name: String,
    /// The child, printed.
    pub child: String,
    /// Quantiles of its whole inferences, timed just before its layers.
    pub whole: Latency,
    /// The clock that timed the layers.
    pub clock: Clock,
    /// All layers, in order.
    pub layers: Vec<LayerCost>,
    /// All layers' times together.
    pub sum_ms: Millis,
    /// How much longer all layers alone take than the child's median, in percent of that; negative if shorter.
    pub sum_over_whole_percent: f64,
}

/// One layer: its time alone, and its work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerCost {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: LayerShape,
    /// Median time of one execution, alone.
    pub ms: Millis,
    /// Its share of all layers' times, in percent.
    pub share_percent: f64,
    /// Multiply-accumulates.
    pub madds: MAdds,
    /// The fewest bytes that must cross memory in f32.
    pub bytes: u64,
}

/// `part` of `whole` in percent; 0 of nothing.
pub(super) fn percent_of(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

impl ChildLayers {
    /// Times a shipped child whole, then each of its layers.
    ///
    /// # Errors
    /// [`Error::Bundle`] if no child of that name ships, [`Error`] if the GPU fails.
    pub fn measure(runtime: &Runtime, name: &str) -> Result<Self, Error> {
        let (supernet, prepared, image) = (runtime.supernet(), runtime.prepared(name)?, runtime.probe_image());
        supernet.wait_until_ready()?;
        let started = Instant::now();
        supernet.infer(prepared, image)?;
        let whole =
            Latency::of(&supernet.time_whole(prepared, &image, PATIENCE.runs_of(started.elapsed().into(), RUNS))?);
        let started = Instant::now();
        let once = supernet.time_layers(prepared, 1)?;
        let repeats = PATIENCE.runs_of(started.elapsed().into(), [1.0, MAX_REPEATS]);
        let times = if repeats > 1 { supernet.time_layers(prepared, repeats)? } else { once };
        let sum: f64 = times.layers.iter().map(|layer| layer.latency_ms.0).sum();
        let layers = (times.layers.into_iter().zip(&prepared.network().layers))
            .map(|(layer, of)| LayerCost {
                share_percent: percent_of(layer.latency_ms.0, sum),
                madds: MAdds(layer.shape.madds()),
                bytes: layer.shape.bytes(),
                ms: layer.latency_ms,
                name: of.name.to_string(),
                shape: layer.shape,
            })
            .collect();
        Ok(Self {
            name: name.to_owned(),
            child: prepared.to_string(),
            sum_over_whole_percent: percent_of(sum - whole.p50.0, whole.p50.0),
            whole,
            clock: times.clock,
            layers,
            sum_ms: Millis(sum),
        })
    }
}
