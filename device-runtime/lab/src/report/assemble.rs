use crate::Progress;
use crate::evaluation::{Accuracy, accuracy};
use crate::report::layers::ChildLayers;
use crate::report::page::html;
use crate::report::warm_up::WarmUp;
use crate::trace::LayerTrace;
use nestling::Error;
use nestling::Runtime;
use nestling::low_level::{LoadTimes, MemoryUse};
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use nestling_bundle::{Bundle, ChildTimes, DeviceProfile};
use nestling_core::metrics::{Latency, MAdds, Millis};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A device's profile, and the other contents of its page. In JSON, the profile's fields are among the report's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// Whole children, the latency model, layers.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// The bundle's name for people.
    pub bundle_name: String,
    /// The cost and accuracy of each shipped child, fewest MAdds first.
    pub shipped: Vec<ShippedChild>,
    /// The prediction error of the latency model.
    pub errors: Errors,
    /// Times of opening.
    pub opening: Opening,
    /// Times of loading weights and building pipelines, a part of [`Opening::load_ms`].
    pub set_up: LoadTimes,
    /// Bytes held.
    pub memory: MemoryUse,
    /// The first answer after loading, and later ones.
    pub warm_up: WarmUp,
    /// Where the time goes, of some shipped children.
    pub layers_of: Vec<ChildLayers>,
    /// One inference on a time line, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<LayerTrace>,
}

/// Times of opening a bundle on a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Opening {
    /// Reading and verifying the file.
    pub open_ms: Millis,
    /// Time from opening the adapter to all children ready.
    pub load_ms: Millis,
}

/// A child that ships.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShippedChild {
    /// Its name in the bundle.
    pub name: String,
    /// The child, printed.
    pub child: String,
    /// Multiply-accumulates of one image.
    pub madds: MAdds,
    /// Parameters.
    pub params: u64,
    /// Percent right of the held-out images; `None` if it was not measured.
    pub held_out_top1: Option<f64>,
    /// Percent right of the test images; `None` if it was not measured.
    pub test_top1: Option<f64>,
}

/// The error of the latency model on the medians of whole children.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Errors {
    /// The error on the children that the latency model is fitted to: a lower bound.
    pub informative: Accuracy,
    /// The error on the shipped children, which are unseen by the fit unless they are informative too.
    pub shipped: Accuracy,
}

impl Errors {
    fn of(profile: &DeviceProfile) -> Self {
        let of = |children: &[ChildTimes]| {
            let predicted: Vec<f64> = children.iter().map(|times| times.predicted_ms.0).collect();
            let measured: Vec<f64> = children.iter().map(|times| times.measured_p50_ms.0).collect();
            accuracy("fit", &predicted, &measured)
        };
        Self { informative: of(&profile.informative), shipped: of(&profile.children) }
    }
}

/// Options of a report.
#[derive(Clone, Copy)]
pub struct ReportOptions<'a> {
    /// Names of shipped children whose layers are shown; of the biggest and the smallest if there is none.
    pub children: &'a [String],
    /// Called from time to time, for a progress bar; it must return soon.
    pub progress: Option<&'a dyn Fn(Progress)>,
}

impl fmt::Debug for ReportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportOptions({})", self.children.join(", "))
    }
}

impl DeviceReport {
    /// The shipped child with most MAdds: the one that is shown by default.
    pub fn biggest(runtime: &Runtime) -> Option<&str> {
        runtime.children().last().map(|entry| entry.name.as_str())
    }

    /// Assembles the measurements, and times the layers of some children.
    ///
    /// `warm_up` was measured right after loading, before the profile.
    ///
    /// # Errors
    /// [`Error::Bundle`] if a child that was asked for does not ship, [`Error`] if the GPU fails.
    pub fn assemble(
        runtime: &Runtime,
        bundle: &Bundle,
        opening: Opening,
        warm_up: WarmUp,
        profile: DeviceProfile,
        options: &ReportOptions<'_>,
    ) -> Result<Self, Error> {
        let mut names: Vec<&str> = options.children.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.extend(Self::biggest(runtime));
            names.extend(runtime.children().next().map(|entry| entry.name.as_str()));
            names.dedup();
        }
        let mut layers_of = Vec::with_capacity(names.len());
        for name in &names {
            if let Some(progress) = options.progress {
                let done = layers_of.len() as f64 / names.len() as f64;
                progress(Progress { fraction: done, doing: "timing layers of children" });
            }
            layers_of.push(ChildLayers::measure(runtime, name)?);
        }
        let shipped = (runtime.children())
            .map(|entry| ShippedChild {
                name: entry.name.clone(),
                child: entry.child.to_string(),
                madds: entry.cost.madds,
                params: entry.cost.params,
                held_out_top1: entry.held_out.known_percent(),
                test_top1: entry.test.known_percent(),
            })
            .collect();
        Ok(Self {
            errors: Errors::of(&profile),
            profile,
            bundle_name: bundle.manifest().name.clone(),
            shipped,
            opening,
            set_up: runtime.supernet().load_times(),
            memory: runtime.supernet().memory(),
            warm_up,
            layers_of,
            trace: None,
        })
    }

    /// The measured quantiles of a shipped child: the profile's, or those taken with its layers where the profile's
    /// time ran out before.
    pub fn latency_of(&self, name: &str) -> Option<Latency> {
        let with_layers = || self.layers_of.iter().find(|child| child.name == name).map(|child| child.whole);
        self.profile.child(name).map(ChildTimes::latency).or_else(with_layers)
    }

    /// Writes the page whole, or leaves the old one.
    ///
    /// # Errors
    /// [`WriteError`] if the folder is missing or read-only, or the disk is full.
    pub fn write_html(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |file| file.write_all(html(self).as_bytes()))
    }
}
