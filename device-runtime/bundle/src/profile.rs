use crate::atomic_file::{WriteError, write_atomically};
use crate::{NetworkId, canonical};
use nestling_core::latency::{Batches, Clock, DeviceKey, LatencyTable, LayerTime, MAX_INFORMATIVE, Sample};
use nestling_core::metrics::{Latency, Millis};
use nestling_core::space::{Child, ValidatedSpace};
use nestling_core::tiles::Tiles;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Version of the JSON that this crate writes and reads.
const FORMAT: u32 = 6;
/// A profile of a thousand children stays below this; more is never read.
const MAX_BYTES: u64 = 8 << 20;
/// A measured time is unlikely so many usual errors of the fit away from its prediction, and no less than so much.
const UNLIKELY: f64 = 3.0;
const MIN_UNLIKELY_PERCENT: f64 = 15.0;
/// Most children that prices are fitted to.
const MAX_KNOWN: usize = 100;

/// What one device measured with one bundle: enough to predict any child of the bundle's space on it.
///
/// A JSON file with a checksum, so that a person can read it, a report can draw it, and damage is noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceProfile {
    format: u32,
    /// Version of the crate that measured it; for people.
    pub nestling: String,
    /// Fingerprint of the kernels.
    pub kernels: String,
    /// How pointwise layers were tiled: the next start should ask for the same, as [`DeviceProfile::tile_choice`] says.
    pub tiles: Tiles,
    /// Identity of what computed: [`Bundle::network_id`](crate::Bundle::network_id).
    pub network: String,
    /// Side of the square image that whole inferences were timed with, in pixels.
    pub image_side: u32,
    /// What the smallest child took while it was measured: all times of the fit are at this pace.
    pub reference_ms: Millis,
    /// The device, and prices fitted to the informative children: what predicts.
    pub table: LatencyTable,
    /// What the prices are fitted to: informative children that were timed whole, the most telling first, then those that
    /// were timed when a child was chosen.
    pub informative: Vec<ChildTimes>,
    /// Shipped children that were timed whole; the fit knows nothing of them, unless they are above too.
    pub children: Vec<ChildTimes>,
    /// What timed the layers.
    pub clock: Clock,
    /// Why the GPU's own clock was not trusted, if it was not.
    pub clock_note: Option<String>,
    /// Layers timed alone, for reports.
    pub layers: Vec<LayerTime>,
}

/// A child that was timed whole, from image to logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildTimes {
    /// Its name in the bundle, if it ships.
    pub name: Option<String>,
    /// The child.
    #[serde(with = "as_text")]
    pub child: Child,
    /// What the fit predicts of the median.
    pub predicted_ms: Millis,
    /// Median of the runs, brought to the profile's pace, as are the other quantiles.
    pub measured_p50_ms: Millis,
    /// Nine runs of ten took at most this.
    pub measured_p90_ms: Millis,
    /// Nineteen runs of twenty took at most this.
    pub measured_p95_ms: Millis,
    /// Every run as it was, in the order in which they were made.
    pub runs_ms: Vec<Millis>,
}

impl ChildTimes {
    /// Runs of a child, to be seen at the pace at which the reference takes `usual`.
    pub fn new(name: Option<&str>, child: Child, predicted_ms: Millis, batches: &Batches, usual: Millis) -> Self {
        let Latency { p50, p90, p95 } = Latency::of(&batches.drift_corrected(usual));
        Self {
            name: name.map(str::to_owned),
            child,
            predicted_ms,
            measured_p50_ms: p50,
            measured_p90_ms: p90,
            measured_p95_ms: p95,
            runs_ms: batches.raw(),
        }
    }

    /// The measured quantiles.
    pub fn latency(&self) -> Latency {
        Latency { p50: self.measured_p50_ms, p90: self.measured_p90_ms, p95: self.measured_p95_ms }
    }

    /// How much the prediction was too long, in percent of the measured median.
    pub fn residual_percent(&self) -> f64 {
        100.0 * (self.predicted_ms.0 / self.measured_p50_ms.0.max(f64::MIN_POSITIVE) - 1.0)
    }
}

/// A child is one line of text in JSON.
mod as_text {
    use super::Child;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(child: &Child, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(child)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Child, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Why a profile cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read at all.
    #[error(
        "cannot read device profile {path}: {source}; check the path, or measure one with `nestling-device profile`"
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No JSON of a profile, or one that was cut off.
    #[error("device profile {path} is damaged: {problem}; delete it and measure again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Another version wrote it.
    #[error("device profile {path} has format {given}, but this runtime reads format {supported}; measure again")]
    Version {
        /// Which file.
        path: PathBuf,
        /// Format of the file.
        given: u32,
        /// Format of this crate.
        supported: u32,
    },
}

/// Why a profile says nothing about a device and a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stale {
    /// Another adapter, driver, backend, precision or set of features.
    #[error("it was measured on {profile}, but this is {device}")]
    Device {
        /// What it was measured on.
        profile: Box<DeviceKey>,
        /// What runs now.
        device: Box<DeviceKey>,
    },
    /// A bundle of another space, weights or children.
    #[error("it was measured with network {profile}, but this bundle's is {network}")]
    Network {
        /// What it was measured with.
        profile: String,
        /// What is open now.
        network: String,
    },
    /// Other kernels, which may be faster or slower.
    #[error("it was measured with other kernels than this build's")]
    Kernels,
    /// Pointwise layers were tiled otherwise.
    #[error("it was measured with tiles {profile}, but this runtime uses {tiles}; give it the profile's when it loads")]
    Tiles {
        /// What it was measured with.
        profile: Tiles,
        /// What runs now.
        tiles: Tiles,
    },
    /// Images of another size, whose upload and resize take another time.
    #[error("it was measured with images of {profile} pixels a side, but this runtime expects {side}")]
    ImageSide {
        /// What it was measured with.
        profile: u32,
        /// What is expected now.
        side: u32,
    },
}

/// What a profile belongs to: what must be the same for its times to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileKey {
    /// Adapter, driver, backend, precision and features.
    pub device: DeviceKey,
    /// Identity of what computes.
    pub network: NetworkId,
    /// Fingerprint of the kernels' texts.
    pub kernels: u128,
    /// How pointwise layers are tiled.
    pub tiles: Tiles,
    /// Side of the square image that whole inferences are timed with, in pixels.
    pub image_side: u32,
}

impl ProfileKey {
    fn kernels_text(kernels: u128) -> String {
        format!("{kernels:032x}")
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// The usual time of the smallest child while everything else was measured.
    pub reference_ms: Millis,
    /// The device's latency table.
    pub table: LatencyTable,
    /// Informative children, the most telling first.
    pub informative: Vec<ChildTimes>,
    /// Shipped children.
    pub children: Vec<ChildTimes>,
    /// What timed the layers.
    pub clock: Clock,
    /// Why the GPU's own clock was not trusted, if it was not.
    pub clock_note: Option<String>,
    /// Layers timed alone.
    pub layers: Vec<LayerTime>,
}

impl DeviceProfile {
    /// A profile of what was measured.
    pub fn new(key: &ProfileKey, measured: Measurements) -> Self {
        let Measurements { reference_ms, table, informative, children, clock, clock_note, layers } = measured;
        Self {
            format: FORMAT,
            nestling: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: ProfileKey::kernels_text(key.kernels),
            tiles: key.tiles,
            network: key.network.to_string(),
            image_side: key.image_side,
            reference_ms,
            table,
            informative,
            children,
            clock,
            clock_note,
            layers,
        }
    }

    /// Top1 on.
    pub fn device(&self) -> &DeviceKey {
        &self.table.device
    }

    /// Whether it was measured with kernels of this fingerprint.
    pub fn is_of_kernels(&self, kernels: u128) -> bool {
        self.kernels == ProfileKey::kernels_text(kernels)
    }

    /// The shipped child called `name`, if it was timed whole.
    pub fn child(&self, name: &str) -> Option<&ChildTimes> {
        self.children.iter().find(|times| times.name.as_deref() == Some(name))
    }

    /// A shipped child's median time: what was timed whole is known better than what is predicted, unless the two are so
    /// unlike each other that something must have disturbed the device. A governor's ladder would lose every child that a
    /// disturbed time seems to beat.
    pub fn likely_time(&self, name: &str, predicted: Millis) -> Millis {
        let most = (UNLIKELY * self.table.residual_percent).max(MIN_UNLIKELY_PERCENT);
        let likely = |times: &&ChildTimes| (100.0 * (times.measured_p50_ms.0 / predicted.0 - 1.0)).abs() <= most;
        self.child(name).filter(likely).map_or(predicted, |times| times.measured_p50_ms)
    }

    /// A child that the prices are fitted to.
    pub fn learned(&self, child: &Child) -> Option<&ChildTimes> {
        self.informative.iter().find(|times| times.child == *child)
    }

    /// This profile with more children that were timed whole: prices are fitted to them too, all at its pace. A child that
    /// was timed before is known by its new time.
    pub fn refined(&self, space: &ValidatedSpace, tables: &[LatencyTable], timed: &[(Child, Batches)]) -> Self {
        let mut refined = self.clone();
        let known = &mut refined.informative;
        known.retain(|old| timed.iter().all(|(child, _)| *child != old.child));
        // Predictions follow below, for all.
        let times = |(child, batches): &(Child, Batches)| {
            ChildTimes::new(None, child.clone(), Millis::default(), batches, self.reference_ms)
        };
        known.extend(timed.iter().map(times));
        // Of a shipped child the newest time is what counts.
        for (child, batches) in timed {
            if let Some(old) = refined.children.iter_mut().find(|old| old.child == *child) {
                *old = ChildTimes { name: old.name.clone(), ..times(&(child.clone(), batches.clone())) };
            }
        }
        // The most informative children come first and stay, and so do the newest.
        while known.len() > MAX_KNOWN {
            known.remove(MAX_INFORMATIVE);
        }
        let sample = |times: &ChildTimes| Some(Sample::new(&space.lower(&times.child).ok()?, times.measured_p50_ms));
        let samples: Vec<Sample> = known.iter().filter_map(sample).collect();
        refined.table.fit_to(&samples, tables);
        let fit = &refined.table.model;
        for times in refined.informative.iter_mut().chain(&mut refined.children) {
            if let Ok(network) = space.lower(&times.child) {
                times.predicted_ms = fit.predict(&network);
            }
        }
        refined
    }

    /// Why this profile does not hold for `key`; `None` if it does.
    pub fn is_stale_for(&self, key: &ProfileKey) -> Option<Stale> {
        let ProfileKey { device, network, kernels, tiles, image_side } = key;
        if self.device() != device {
            return Some(Stale::Device { profile: Box::new(self.device().clone()), device: Box::new(device.clone()) });
        }
        self.is_stale_for_network(*network, *kernels)
            .or_else(|| (self.tiles != *tiles).then_some(Stale::Tiles { profile: self.tiles, tiles: *tiles }))
            .or_else(|| self.is_stale_for_images(*image_side))
    }

    /// Why its model does not hold for `network` with these kernels, on whatever device; `None` if it does: what another
    /// device's profile must fulfil to be compared with this device's.
    pub fn is_stale_for_network(&self, network: NetworkId, kernels: u128) -> Option<Stale> {
        if !self.is_of_kernels(kernels) {
            return Some(Stale::Kernels);
        }
        let network = network.to_string();
        (self.network != network).then(|| Stale::Network { profile: self.network.clone(), network })
    }

    /// Why its times are not those of images of this size; `None` if they are.
    pub fn is_stale_for_images(&self, image_side: u32) -> Option<Stale> {
        (self.image_side != image_side).then_some(Stale::ImageSide { profile: self.image_side, side: image_side })
    }

    /// The file's text: indented JSON with a checksum of its values.
    pub fn to_json(&self) -> String {
        // Every number of a profile is finite and every key a string: serialising cannot fail.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", canonical::seal(value))
    }

    /// Writes the file whole, or leaves the old one.
    ///
    /// # Errors
    /// [`WriteError`] if the folder is missing or read-only, or the disk is full.
    pub fn save(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |file| file.write_all(self.to_json().as_bytes()))
    }

    /// Reads a file that [`DeviceProfile::save`] wrote. Nothing of it is trusted.
    ///
    /// # Errors
    /// [`ProfileError`] says whether the file is missing, damaged or of another version.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let open = |source| ProfileError::Open { path: path.to_owned(), source };
        let mut text = String::new();
        match File::open(path).map_err(open)?.take(MAX_BYTES + 1).read_to_string(&mut text) {
            Ok(_) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(ProfileError::Damaged { path: path.to_owned(), problem: "it is no text".to_owned() })
            }
            Err(error) => Err(open(error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ProfileError> {
        let damaged = |problem: String| ProfileError::Damaged { path: path.to_owned(), problem };
        if text.len() as u64 > MAX_BYTES {
            return Err(damaged(format!("it has more than {MAX_BYTES} bytes")));
        }
        let mut value: serde_json::Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        // Before the checksum: another format may keep its own otherwise.
        let format = value.get("format").and_then(serde_json::Value::as_u64).and_then(|one| u32::try_from(one).ok());
        match format {
            Some(FORMAT) => {}
            Some(given) => {
                return Err(ProfileError::Version { path: path.to_owned(), given, supported: FORMAT });
            }
            None => return Err(damaged("it has no format".to_owned())),
        }
        if !canonical::unseal(&mut value) {
            return Err(damaged("it does not match its checksum".to_owned()));
        }
        let profile: Self = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        profile.check().map_err(damaged)?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let sound = |time: &Millis| time.0.is_finite() && !time.0.is_sign_negative();
        if !(sound(&self.reference_ms) && self.reference_ms.0 > 0.0) {
            return Err("the time of its reference is impossible".to_owned());
        }
        if !self.table.is_sound() {
            return Err("its latency table holds an impossible number".to_owned());
        }
        for times in self.informative.iter().chain(&self.children) {
            let all = [times.predicted_ms, times.measured_p50_ms, times.measured_p90_ms, times.measured_p95_ms];
            if !all.iter().chain(&times.runs_ms).all(sound) || times.measured_p50_ms.0 <= 0.0 {
                return Err(format!("child `{}` has an impossible time", times.child));
            }
        }
        match self.layers.iter().find(|layer| !sound(&layer.latency_ms)) {
            Some(layer) => Err(format!("layer `{}` has an impossible time", layer.shape)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::latency::{LatencyModel, informative_children};
    use nestling_core::metrics::Spread;
    use nestling_core::space::SearchSpace;
    use rand::SeedableRng;

    /// Children of the demo's space that all take what is nominal, times a factor.
    fn profile(space: &ValidatedSpace, factor: f64) -> DeviceProfile {
        let device = DeviceKey {
            adapter: "a".to_owned(),
            driver: "d".to_owned(),
            backend: "b".to_owned(),
            precision: "f32".to_owned(),
            features: Vec::new(),
        };
        let fit = LatencyModel::nominal().scaled(factor);
        let times = |child: &Child, name: Option<&str>| {
            let time = fit.predict(&space.lower(child).unwrap());
            ChildTimes::new(name, child.clone(), time, &batches(Millis(1.0), time), Millis(1.0))
        };
        let informative = informative_children(space, 5).iter().map(|child| times(child, None)).collect();
        let children = vec![times(&space.smallest(), Some("smallest")), times(&space.biggest(), Some("biggest"))];
        let spread = Spread { p90: 1.0, p95: 1.0 };
        DeviceProfile {
            format: FORMAT,
            nestling: String::new(),
            kernels: String::new(),
            tiles: Tiles::new([nestling_core::tiles::TileVariant::ONE; 3]),
            network: String::new(),
            image_side: 28,
            reference_ms: Millis(1.0),
            table: LatencyTable { device, measured_at: 0, model: fit, spread, children: 5, residual_percent: 0.0 },
            informative,
            children,
            clock: Clock::Wall,
            clock_note: None,
            layers: Vec::new(),
        }
    }

    fn batches(reference: Millis, time: Millis) -> Batches {
        let mut batches = Batches::default();
        batches.push(reference, vec![time; 3]);
        batches
    }

    #[test]
    fn what_is_timed_while_the_device_is_slow_teaches_the_profiles_pace() {
        let space = SearchSpace::fashion().validated().unwrap();
        let old = profile(&space, 1.0);
        // Everything takes three times as long, the reference too.
        let time = |child: &Child, factor: f64| Millis(factor * old.table.predict(&space.lower(child).unwrap()).0);
        let timed: Vec<(Child, Batches)> =
            [space.biggest(), space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(7))]
                .into_iter()
                .map(|child| (child.clone(), batches(Millis(3.0), time(&child, 3.0))))
                .collect();
        let new = old.refined(&space, &[], &timed);
        assert_eq!((new.informative.len(), new.table.children), (6, 6), "the biggest was known, the other was not");
        assert!(new.table.residual_percent < 1.0, "{}", new.table.residual_percent);
        let biggest = new.child("biggest").unwrap();
        assert!((biggest.measured_p50_ms.0 / time(&space.biggest(), 1.0).0 - 1.0).abs() < 1e-9);
        assert_eq!(biggest.runs_ms, [time(&space.biggest(), 3.0); 3], "as they were");
        assert!(new.informative.iter().chain(&new.children).all(|times| times.residual_percent().abs() < 1.0));
    }

    #[test]
    fn a_disturbed_time_is_not_believed() {
        let mut profile = profile(&SearchSpace::fashion().validated().unwrap(), 1.0);
        let predicted = profile.children[0].predicted_ms;
        profile.children[0].measured_p50_ms.0 *= 1.1;
        assert_eq!(profile.likely_time("smallest", predicted).0, 1.1 * predicted.0);
        profile.children[0].measured_p50_ms.0 *= 2.0;
        assert_eq!(profile.likely_time("smallest", predicted), predicted);
        assert_eq!(profile.likely_time("unknown", predicted), predicted);
    }
}
