//! Facts as plain objects; `js/index.d.ts` declares the same records.

use crate::object::{array, count, object, or_null, set};
use crate::options::percent;
use nestling::low_level::{Counters, LayerTimes};
use nestling::{AdapterInfo, Answer, Candidate, ChildEntry, Choice, Governor, Latency, PreparedChild, Runtime};
use wasm_bindgen::JsValue;

/// `Adapter`.
pub fn adapter(info: &AdapterInfo) -> JsValue {
    object([
        ("name", info.name.as_str().into()),
        ("backend", info.backend.as_str().into()),
        ("kind", info.device_type.as_str().into()),
        ("driver", info.driver_text().into()),
        ("isSoftware", info.is_software().into()),
        ("features", array(info.features().into_iter().map(Into::into))),
    ])
}

/// `Child` of a bundle.
pub fn child(entry: &ChildEntry, may_answer: bool) -> JsValue {
    object([
        ("name", entry.name.as_str().into()),
        ("description", entry.child.to_string().into()),
        ("resolution", entry.child.resolution.into()),
        ("madds", count(entry.cost.madds.0)),
        ("parameters", count(entry.cost.params)),
        ("accuracy", or_null(entry.held_out.known_percent())),
        ("testAccuracy", or_null(entry.test.known_percent())),
        ("mayAnswer", may_answer.into()),
        ("hasArrived", true.into()),
        ("predictedMs", JsValue::NULL),
        ("measured", JsValue::NULL),
    ])
}

/// Every `Child` of a runtime, with the times of its profile, predicted and measured.
pub fn children(runtime: &Runtime) -> JsValue {
    let profile = runtime.current_profile();
    array(runtime.children().map(|entry| {
        let child = child(entry, runtime.may_answer(&entry.child));
        let prepared = runtime.prepared(&entry.name);
        set(&child, "hasArrived", &prepared.is_ok().into());
        if let (Some(profile), Ok(prepared)) = (&profile, prepared) {
            set(&child, "predictedMs", &profile.table.predict(prepared.network()).0.into());
            let times = profile.child(&entry.name).map(|times| latency(times.latency()));
            set(&child, "measured", &or_null(times));
        }
        child
    }))
}

/// `Latency`.
pub fn latency(Latency { p50, p90, p95 }: Latency) -> JsValue {
    object([("p50", p50.0.into()), ("p90", p90.0.into()), ("p95", p95.0.into())])
}

/// `Choice`.
pub fn choice(choice: &Choice) -> JsValue {
    let name = |candidate: Option<&Candidate>| or_null(candidate.map(|one| one.entry.name.as_str()));
    object([
        ("child", choice.entry().name.as_str().into()),
        ("budgetMs", choice.budget().limit.0.into()),
        ("quantile", percent(choice.budget().quantile).into()),
        ("accuracy", or_null(choice.entry().held_out.known_percent())),
        ("predictedMs", choice.predicted().0.into()),
        ("measured", latency(choice.measured())),
        ("why", choice.why().into()),
        ("nextFaster", name(choice.next_faster())),
        ("nextBetter", name(choice.next_better())),
        ("switchedUs", (choice.switched_in().as_secs_f64() * 1e6).into()),
    ])
}

/// `Answer`: the `top` most probable classes, and the child that answered.
pub fn answer(answer: &Answer, top: usize, runtime: &Runtime) -> JsValue {
    let guess = |guess: nestling::Guess<'_>| {
        object([
            ("label", guess.label.into()),
            ("class", count(guess.class as u64)),
            ("probability", guess.probability.into()),
        ])
    };
    let child = runtime.children().find(|entry| entry.child == *answer.child());
    object([
        ("guesses", array(answer.top_k(top).map(guess))),
        ("child", or_null(child.map(|entry| entry.name.as_str()))),
    ])
}

/// `LayerTimes`.
pub fn layers(times: &LayerTimes, child: &PreparedChild) -> JsValue {
    let layers = child.network().layers.iter().zip(&times.layers);
    let layer = layers.map(|(layer, time)| {
        object([
            ("name", layer.name.as_ref().into()),
            ("kind", layer.shape.operator.to_string().into()),
            ("description", layer.shape.to_string().into()),
            ("madds", count(layer.shape.madds())),
            ("ms", time.latency_ms.0.into()),
        ])
    });
    let layers = array(layer);
    object([("clock", format!("{:?}", times.clock).to_lowercase().into()), ("layers", layers)])
}

/// `Counters`.
pub fn counters(all: Counters) -> JsValue {
    object([
        ("weightBytesUploaded", count(all.weight_bytes_uploaded)),
        ("parameterBytesUploaded", count(all.parameter_bytes_uploaded)),
        ("inputBytesUploaded", count(all.input_bytes_uploaded)),
        ("buffers", count(all.buffers)),
        ("bindGroups", count(all.bind_groups)),
        ("pipelines", count(all.pipelines)),
        ("submissions", count(all.submissions)),
    ])
}

/// `GovernorState`.
pub fn governor(governor: &Governor) -> JsValue {
    object([
        ("child", governor.rung().name.as_str().into()),
        ("limitMs", governor.limit().0.into()),
        ("p95Ms", or_null(governor.p95().map(|time| time.0))),
        ("isTooSlow", governor.is_too_slow().into()),
    ])
}
