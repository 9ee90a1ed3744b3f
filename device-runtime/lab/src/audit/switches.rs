use nestling::Error;
use nestling::Runtime;
use nestling::low_level::Counters;
use nestling::low_level::{EngineOptions, Supernet};
use nestling::{PreparedChild, Start, TileChoice};
use nestling_bundle::Bundle;
use nestling_core::metrics::{Millis, percentiles};
use nestling_core::space::CalibratedChild;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// The GPU work of many random switches, and whether their answers are those of a fresh load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchAudit {
    /// Switches, each followed by an inference.
    pub switches: usize,
    /// Shipped and random children that were switched among.
    pub children: usize,
    /// Bytes of weights sent.
    pub weight_bytes: u64,
    /// Buffers made.
    pub buffers: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Pipelines made.
    pub pipelines: u64,
    /// Median time of a switch.
    pub switch_us_p50: f64,
    /// Time that 99 of 100 switches stay below.
    pub switch_us_p99: f64,
    /// Whether the answer after every switch has the same bits as that child's answer on a freshly loaded supernet.
    pub outputs_equal_fresh_load: bool,
}

/// Switches `switches` times at random among the shipped children and as many random ones as there are spare slots,
/// runs an inference after each, and counts the GPU objects made and the bytes sent.
///
/// The random children have made-up statistics, because only transfers are counted: their answers mean nothing. The
/// active child is the same afterwards.
///
/// # Errors
/// [`Error`] if the GPU fails.
pub fn audit_switches(
    runtime: &Runtime,
    bundle: &Bundle,
    switches: usize,
    random: &mut impl Rng,
) -> Result<SwitchAudit, Error> {
    let before = runtime.active();
    let audit = audit(runtime, bundle, switches, random);
    runtime.switch_to(before.prepared())?;
    if let Some(name) = before.name() {
        runtime.switch_to(name)?;
    }
    audit
}

fn audit(runtime: &Runtime, bundle: &Bundle, switches: usize, random: &mut impl Rng) -> Result<SwitchAudit, Error> {
    let mut calibrated: Vec<CalibratedChild> = bundle.calibrated().to_vec();
    let mut children: Vec<PreparedChild> =
        runtime.children().map(|entry| Ok(runtime.prepared(&entry.name)?.clone())).collect::<Result<_, Error>>()?;
    let names: Vec<String> = runtime.children().map(|entry| entry.name.clone()).collect();
    while let Some(slot) = spare(runtime, random)? {
        calibrated.push(slot.0);
        children.push(slot.1);
    }
    // From here on one set of kernels answers, and no thread makes pipelines.
    runtime.supernet().wait_until_ready()?;
    let expected = fresh(runtime, bundle, &calibrated)?;
    let image = runtime.probe_image();
    let mut equal = true;
    // Loaded and prepared: from here on nothing may be made.
    let loaded = runtime.supernet().counters();
    let mut times = Vec::with_capacity(switches);
    for _ in 0..switches {
        let index = random.random_range(0..children.len());
        let took = match names.get(index) {
            Some(name) => runtime.switch_to(name)?,
            None => runtime.switch_to(&children[index])?,
        };
        times.push(Millis::from(took));
        equal &= bits(&runtime.logits(image)?) == expected[index];
    }
    let Counters { weight_bytes_uploaded, buffers, bind_groups, pipelines, .. } =
        runtime.supernet().counters() - loaded;

    let [p50, p99] = percentiles(&times, [50, 99]);
    Ok(SwitchAudit {
        switches,
        children: children.len(),
        weight_bytes: weight_bytes_uploaded,
        buffers,
        bind_groups,
        pipelines,
        switch_us_p50: p50.micros(),
        switch_us_p99: p99.micros(),
        outputs_equal_fresh_load: equal,
    })
}

/// A random child in a spare slot; `None` if there is no slot left.
fn spare(runtime: &Runtime, random: &mut impl Rng) -> Result<Option<(CalibratedChild, PreparedChild)>, Error> {
    let child = runtime.space().sample(random);
    let calibrated = CalibratedChild::neutral(&runtime.space().lower(&child)?);
    match runtime.prepare(&calibrated) {
        Ok(prepared) => Ok(Some((calibrated, prepared))),
        Err(Error::SlotsInUse { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answers of each child on a supernet that was loaded afresh on the same device, one child in it at a time.
fn fresh(runtime: &Runtime, bundle: &Bundle, children: &[CalibratedChild]) -> Result<Vec<Vec<u32>>, Error> {
    let options = EngineOptions::default()
        .child_slots(1)
        .max_image_side(runtime.probe_image().width())
        .answers_in_flight(1)
        .weight_storage(runtime.supernet().weight_storage())
        .arithmetic(runtime.supernet().arithmetic())
        .start(Start::Tuned)
        .tiles(TileChoice::Given(runtime.supernet().tiles()));
    let (supernet, image) = (runtime.supernet(), runtime.probe_image());
    let (context, preprocessing) = (supernet.context(), supernet.preprocessing());
    let alone = Supernet::load(context, bundle.space(), &bundle.weights()?, preprocessing, &options)?;
    (children.iter()).map(|child| Ok(bits(&alone.infer(&alone.prepare(child)?, image)?))).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
