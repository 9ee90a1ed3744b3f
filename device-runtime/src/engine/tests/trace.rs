use super::*;
use crate::input::Image;
use std::sync::atomic::Ordering;

#[test]
fn an_inference_is_traced_in_order_and_within_itself_with_timestamps_and_without() {
    let space = SearchSpace::fashion();
    let mut random = random(41);
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.smallest(), &mut random);
    let pixels = vec![90; 28 * 28];
    let image = Image::grey8(28, 28, &pixels).unwrap();
    for (context, found_wrong) in [(&*CONTEXT, false), (&*CONTEXT, true), (&*PLAIN_CONTEXT, false)] {
        let supernet = load(context, &space, &weights, &EngineOptions::default());
        supernet.timestamps_are_wrong.store(found_wrong, Ordering::Relaxed);
        let prepared = supernet.prepare(&child).unwrap();
        let expected = supernet.infer(&prepared, &image).unwrap();
        let trace = supernet.trace_layers(&prepared, &image).unwrap();
        let names: Vec<&str> = trace.host.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["upload", "encode", "submit", "wait", "read back"]);
        let layers: Vec<&str> = prepared.network().layers.iter().map(|layer| layer.name.as_str()).collect();
        let traced: Vec<&str> =
            trace.gpu.iter().filter(|span| span.shape.is_some()).map(|span| span.name.as_str()).collect();
        assert_eq!(traced, layers);
        assert_eq!(trace.gpu.len() - layers.len(), usize::from(trace.clock == Clock::Timestamps));
        let is_plain = found_wrong || !context.facts().timestamps;
        assert!(trace.clock == Clock::Wall || !is_plain);
        assert!(!found_wrong || !context.facts().timestamps || trace.clock_note.is_some());
        let mut end = 0.0;
        for span in &trace.gpu {
            assert!(span.start_ms.0 >= end && span.duration_ms.0 >= 0.0, "{trace:?}");
            end = span.start_ms.0 + span.duration_ms.0;
        }
        assert!(end > 0.0 && end <= trace.whole_ms.0 && trace.layers_ms().0 <= trace.whole_ms.0, "{trace:?}");
        assert!((trace.host.iter().map(|span| span.duration_ms.0).sum::<f64>() - trace.whole_ms.0).abs() < 1e-9);
        // Nothing is left behind that another inference would notice.
        assert_eq!(supernet.infer(&prepared, &image).unwrap(), expected);
    }
}
