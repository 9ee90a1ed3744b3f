//! One inference on a time line, with timestamps and without.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;
#[path = "../../runtime/src/gpu/require.rs"]
mod require;

use nestling::{Context, ContextOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_core::latency::Clock;
use nestling_lab::trace::trace_layers;
use require::Feature;

#[test]
fn an_inference_is_traced_in_order_and_within_itself_with_timestamps_and_without() {
    let bundle = nestling_bundle::Bundle::from_bytes(&common::bundle_bytes()).unwrap();
    for use_timestamps in [true, false] {
        let options = ContextOptions::default().use_timestamps(use_timestamps);
        let context = Context::new(&options).unwrap();
        let runtime = Runtime::open_on(&context, &bundle, &RuntimeOptions::default()).unwrap();
        let (supernet, image) = (runtime.supernet(), runtime.probe_image());
        let prepared = runtime.prepared("smallest").unwrap();
        supernet.wait_until_ready().unwrap();
        let expected = supernet.infer(prepared, image).unwrap();
        let trace = trace_layers(supernet, prepared, &image).unwrap();
        let names: Vec<&str> = trace.host.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["upload", "encode", "submit", "wait", "read back"]);
        let layers: Vec<&str> = prepared.network().layers.iter().map(|layer| &*layer.name).collect();
        let traced: Vec<&str> =
            trace.gpu.iter().filter(|span| span.shape.is_some()).map(|span| span.name.as_str()).collect();
        assert_eq!(traced, layers);
        assert_eq!(trace.gpu.len() - layers.len(), usize::from(trace.clock == Clock::Timestamps));
        // A clock that was found wrong has a note, and is not used.
        let is_by_gpu = use_timestamps && Feature::Timestamps.can_be_tested(context.facts().timestamps);
        let clock = if is_by_gpu && trace.clock_note.is_none() { Clock::Timestamps } else { Clock::Wall };
        assert_eq!(trace.clock, clock, "{:?}", trace.clock_note);
        let mut end = 0.0;
        for span in &trace.gpu {
            assert!(span.start_ms.0 >= end && span.duration_ms.0 >= 0.0, "{trace:?}");
            end = span.start_ms.0 + span.duration_ms.0;
        }
        assert!(end > 0.0 && end <= trace.whole_ms.0 && trace.layers_ms().0 <= trace.whole_ms.0, "{trace:?}");
        assert!((trace.host.iter().map(|span| span.duration_ms.0).sum::<f64>() - trace.whole_ms.0).abs() < 1e-9);
        // Nothing is left behind that another inference would notice.
        assert_eq!(supernet.infer(prepared, image).unwrap(), expected);
    }
}
