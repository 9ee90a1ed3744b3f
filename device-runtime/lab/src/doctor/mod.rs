//! Is this device right? Kernels, pictures, repeated answers and golden pictures, beside what is known of its driver.

mod quirks;

pub use quirks::Quirk;

use crate::self_test::{SelfTest, SelfTestError};
use nestling::low_level::{EngineOptions, check_kernels_of_async, precision};
use nestling::{AdapterInfo, Check, Context, Error, Runtime, VerifyOptions, block_on};
use nestling_core::space::Preset;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Kernels that no check reaches.
const NOT_CHECKED: &str = "calibration's two kernels of moments and batch norm, and pictures in GPU textures";

/// Presets that together have every kernel of all presets, but one. Their other sizes, strides and activations are compared
/// with the bundle that has them.
const PRESETS: [&str; 3] = ["table1", "mobilenet-v3-large-1.0x", "fashion"];

/// The kernel that those lack: only spaces like AttentiveNAS have it.
const MISSING: &str = "average_pool";

/// A report on a device that fits into a bug report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// Version of Nestling.
    pub nestling: String,
    /// The adapter, its driver, and the features that it offers.
    pub adapter: AdapterInfo,
    /// Number type of products, and how weights are stored if not as f32.
    pub precision: String,
    /// The bundle's name; `None` if known networks were checked instead.
    pub bundle: Option<String>,
    /// Every check.
    pub checks: Vec<Check>,
    /// Cases that were wrong, of all checks.
    pub deviations: usize,
    /// Cases for which there was no time.
    pub skipped: usize,
    /// Parts that were replaced because the device gets them wrong, in words: answers do not come from them.
    pub replaced: Vec<String>,
    /// Things that the bundle has no data to check, in words.
    pub not_checked: Vec<String>,
    /// Publicly known faults of drivers of this vendor.
    pub quirks: Vec<Quirk>,
    /// The time that it took.
    pub seconds: f64,
}

/// A device computes something else than it should.
#[derive(Debug, thiserror::Error)]
#[error(
    "{deviations} cases are wrong on this device; the first check is {check}: update the driver or choose another adapter"
)]
pub struct DeviceWrong {
    /// Cases that were wrong.
    pub deviations: usize,
    /// The first check that found one.
    pub check: String,
}

impl DeviceWrong {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        "device_wrong"
    }
}

impl Doctor {
    /// Whether nothing deviates.
    ///
    /// # Errors
    /// [`DeviceWrong`] names the first check that does.
    pub fn verdict(&self) -> Result<(), DeviceWrong> {
        match self.checks.iter().find(|check| check.deviations > 0) {
            None => Ok(()),
            Some(first) => Err(DeviceWrong { deviations: self.deviations, check: first.name.clone() }),
        }
    }
}

/// Checks a runtime with all that its bundle, of this name, has. `started` is when the device began to be opened. A wrong result is a
/// [deviation](Doctor::deviations), and so is a device that does not answer.
pub fn examine(
    runtime: &Runtime,
    name: &str,
    golden_pictures: Result<SelfTest, SelfTestError>,
    options: &VerifyOptions<'_>,
    started: Instant,
) -> Doctor {
    let mut checks = match runtime.verify(options) {
        Ok(verification) => verification.checks,
        Err(error) => vec![failure("kernels, pictures and repeated answers", &error)],
    };
    let mut not_checked = vec![NOT_CHECKED.to_owned()];
    match golden_pictures.and_then(|test| golden(&test, runtime)) {
        Ok(check) => checks.push(check),
        Err(SelfTestError::NoGoldenPictures) => not_checked.push("golden pictures: the bundle has none".to_owned()),
        Err(error) => checks.push(failure("golden pictures", &error)),
    }
    let mut replaced: Vec<String> = runtime.replaced().iter().map(ToString::to_string).collect();
    replaced.extend(runtime.storage_fault().map(|fault| format!("the storage of the weights, by f32: {fault}")));
    let adapter = runtime.adapter().clone();
    let precision = runtime.device().precision.clone();
    Doctor { bundle: Some(name.to_owned()), replaced, not_checked, ..report(adapter, precision, checks, started) }
}

/// A check that the device did not bring to an end.
pub fn failure(name: &str, error: &dyn Display) -> Check {
    let (cases, skipped, deviations) = (1, 0, 1);
    Check { name: name.to_owned(), cases, skipped, deviations, worst: None, first: Some(error.to_string()) }
}

/// Checks the kernels of known networks on an adapter, without a bundle.
///
/// # Errors
/// [`Error`] if the device is lost or does not answer in time.
pub fn examine_kernels(
    context: &Context,
    engine: &EngineOptions,
    time: Duration,
    progress: &dyn Fn(f64),
) -> Result<Doctor, Error> {
    let started = Instant::now();
    let mut checks: Vec<Check> = Vec::new();
    for (turn, name) in (0u32..).zip(PRESETS) {
        let Some(preset) = Preset::find(name) else { continue };
        let until = time * (turn + 1) / PRESETS.len() as u32;
        let is_over = async |done: f64| {
            progress((f64::from(turn) + done) / PRESETS.len() as f64);
            started.elapsed() > until
        };
        let found = block_on(check_kernels_of_async(context, &preset.space().validated()?, engine, is_over))?;
        for check in found {
            match checks.iter_mut().find(|known| known.name == check.name) {
                Some(known) => merge(known, check),
                None => checks.push(check),
            }
        }
    }
    let not_checked = vec![
        NOT_CHECKED.to_owned(),
        "pictures, repeated answers and golden pictures: they need a bundle".to_owned(),
        format!("kernel `{MISSING}`: it needs a bundle of a space like AttentiveNAS"),
    ];
    let precision = precision(engine.arithmetic, engine.weight_storage);
    Ok(Doctor { not_checked, ..report(context.facts().clone(), precision, checks, started) })
}

fn report(adapter: AdapterInfo, precision: String, checks: Vec<Check>, started: Instant) -> Doctor {
    Doctor {
        nestling: env!("CARGO_PKG_VERSION").to_owned(),
        quirks: Quirk::of(&adapter),
        adapter,
        precision,
        bundle: None,
        deviations: checks.iter().map(|check| check.deviations).sum(),
        skipped: checks.iter().map(|check| check.skipped).sum(),
        checks,
        replaced: Vec::new(),
        not_checked: Vec::new(),
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn merge(known: &mut Check, more: Check) {
    known.cases += more.cases;
    known.skipped += more.skipped;
    known.deviations += more.deviations;
    known.worst = known.worst.zip(more.worst).map(|(a, b)| a.max(b));
    known.first = known.first.take().or(more.first);
}

/// The bundle's golden pictures as one check.
fn golden(test: &SelfTest, runtime: &Runtime) -> Result<Check, SelfTestError> {
    let before = runtime.active();
    let report = test.run(runtime)?;
    match before.name() {
        Some(name) => runtime.switch_to(name)?,
        None => runtime.switch_to(before.prepared())?,
    };
    let worst = report.answers.iter().map(|answer| answer.relative / report.tolerance).fold(0.0, f64::max);
    Ok(Check {
        name: "golden pictures: decoded and classified as by the trainer".to_owned(),
        cases: report.answers.len(),
        skipped: 0,
        deviations: report.wrong,
        worst: Some(worst).filter(|worst| worst.is_finite()),
        first: report.verdict().err().map(|error| error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling::Arithmetic;
    use nestling::low_level::{Planner, Traits, Vendor, vendor_tiles};
    use std::collections::BTreeSet;

    /// The kernels that a preset's biggest network runs on adapters of a vendor.
    fn kernels(preset: &Preset, vendor: Vendor) -> BTreeSet<&'static str> {
        let space = preset.space().validated().unwrap();
        let software = vendor == Vendor::Software;
        let traits = Traits { software, tiles: vendor_tiles(vendor, true), arithmetic: Arithmetic::F32 };
        let planner = Planner::new(&space, traits);
        let network = space.lower(&space.biggest()).unwrap();
        network.layers.iter().map(|layer| planner.plan(&layer.shape).unwrap().kernel.entry_point()).collect()
    }

    #[test]
    fn the_presets_have_every_kernel_of_all_presets() {
        for vendor in [Vendor::Software, Vendor::Adreno, Vendor::Nvidia] {
            let ours: BTreeSet<&str> =
                PRESETS.iter().flat_map(|name| kernels(Preset::find(name).unwrap(), vendor)).collect();
            for preset in Preset::ALL {
                let mut all = kernels(preset, vendor);
                assert!(!all.remove(MISSING) || preset.name.starts_with("attentivenas"), "{}", preset.name);
                assert!(all.is_subset(&ours), "{}, {vendor:?}: {all:?} of {ours:?}", preset.name);
            }
        }
    }

    #[test]
    fn two_checks_of_a_kernel_are_one() {
        let check = |cases, deviations, worst| Check {
            name: "kernel".to_owned(),
            cases,
            skipped: 1,
            deviations,
            worst,
            first: (deviations > 0).then(|| "a case".to_owned()),
        };
        let mut known = check(2, 0, Some(0.5));
        merge(&mut known, check(3, 1, Some(2.0)));
        assert_eq!((known.cases, known.skipped, known.deviations, known.worst), (5, 2, 1, Some(2.0)));
        assert_eq!(known.first.as_deref(), Some("a case"));
        merge(&mut known, check(1, 1, None));
        assert_eq!(known.worst, None, "NaN stays");
    }
}
