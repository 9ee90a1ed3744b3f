use crate::trace::LayerTrace;
use nestling_core::latency::{Clock, DeviceKey};
use serde_json::{Value, json};

const PROCESS: u32 = 1;
const HOST: u32 = 1;
const GPU: u32 = 2;

/// An inference in the trace event format, which `ui.perfetto.dev` and `chrome://tracing` open: a track of the host and
/// one of the GPU. Times are in microseconds since the inference began; `otherData` says how to read them.
///
/// `child` is what the child is called.
pub fn trace_events(trace: &LayerTrace, device: &DeviceKey, child: &str) -> Value {
    let name = |thread: u32, kind: &str, name: &str| json!({"name": kind, "ph": "M", "pid": PROCESS, "tid": thread, "args": {"name": name}});
    let complete = |thread: u32, name: &str, start: f64, duration: f64, args: Value| {
        json!({"name": name, "cat": if thread == GPU { "gpu" } else { "host" }, "ph": "X", "pid": PROCESS, "tid": thread,
               "ts": start, "dur": duration, "args": args})
    };
    let mut events = vec![
        name(HOST, "process_name", &format!("nestling: {child}")),
        name(HOST, "thread_name", "CPU"),
        name(GPU, "thread_name", "GPU"),
        complete(HOST, "inference", 0.0, trace.whole_ms.micros(), json!({"child": child})),
    ];
    events.extend(
        trace
            .host
            .iter()
            .map(|span| complete(HOST, &span.name, span.start_ms.micros(), span.duration_ms.micros(), json!({}))),
    );
    events.extend(trace.gpu.iter().map(|span| {
        let args = span.shape.map_or(json!({}), |shape| {
            json!({"shape": shape.to_string(), "operator": shape.operator, "MAdds": shape.madds(),
                   "bytes": shape.bytes()})
        });
        complete(GPU, &span.name, span.start_ms.micros(), span.duration_ms.micros(), args)
    }));
    let layers = match trace.clock {
        Clock::Timestamps => {
            "where they ran, by the GPU's clock; the two clocks have no common zero, so that the last layer is placed \
             where the host's wait ended"
        }
        Clock::Wall => {
            "not where they ran: timed alone by the host's clock, laid end to end and placed before the end of the \
             host's wait"
        }
    };
    json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "child": child,
            "device": device.to_string(),
            "clock": trace.clock,
            "clock_note": trace.clock_note,
            "layers": layers,
            "gpu_scale": trace.gpu_scale,
            "bytes": "the fewest that must cross memory in f32",
            "passes": "each layer is a pass of its own, which it is not in an app",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{GpuSpan, HostSpan};
    use nestling_core::metrics::Millis;
    use nestling_core::space::SearchSpace;

    fn device() -> DeviceKey {
        let text = str::to_owned;
        let (adapter, driver, backend) = (text("a \"b\"\n"), text("d"), text("Vulkan"));
        DeviceKey { adapter, driver, backend, precision: text("f32"), features: Vec::new() }
    }

    fn trace(clock: Clock) -> LayerTrace {
        let space = SearchSpace::fashion().validated().unwrap();
        let layers = space.lower(&space.smallest()).unwrap().layers;
        let span = |index: usize| (Millis(1.0 + 0.1 * index as f64), Millis(0.05));
        let gpu = (layers.into_iter().enumerate()).map(|(index, layer)| {
            let (start_ms, duration_ms) = span(index);
            GpuSpan { name: layer.name.to_string(), shape: Some(layer.shape), start_ms, duration_ms }
        });
        let host = ["upload", "encode", "submit", "wait", "read back"].iter().enumerate();
        let host = host.map(|(index, name)| HostSpan {
            name: (*name).to_owned(),
            start_ms: Millis(index as f64),
            duration_ms: Millis(1.0),
        });
        let (host, gpu) = (host.collect(), gpu.collect());
        LayerTrace { clock, clock_note: None, host, gpu, gpu_scale: 1.0, whole_ms: Millis(5.0) }
    }

    #[test]
    fn a_trace_has_both_tracks_in_order_and_says_how_its_layers_were_timed() {
        for (clock, said) in [(Clock::Timestamps, "where they ran, by"), (Clock::Wall, "laid end to end")] {
            let trace = trace(clock);
            let text = trace_events(&trace, &device(), "big <\"gest\">").to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["displayTimeUnit"], "ms");
            assert!(value["otherData"]["layers"].as_str().unwrap().starts_with(said) || clock == Clock::Wall);
            assert!(value["otherData"]["layers"].as_str().unwrap().contains(said));
            let of = |thread: u32| -> Vec<&Value> {
                let events = value["traceEvents"].as_array().unwrap().iter();
                events.filter(|event| event["ph"] == "X" && event["tid"] == thread).collect()
            };
            assert_eq!((of(HOST).len(), of(GPU).len()), (1 + trace.host.len(), trace.gpu.len()));
            assert_eq!(of(GPU)[0]["args"]["MAdds"], trace.gpu[0].shape.unwrap().madds());
            assert_eq!(of(HOST)[1]["ts"], 0.0);
            assert_eq!(of(HOST)[2]["ts"], 1000.0);
        }
    }
}
