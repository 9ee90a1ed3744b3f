use super::{DeviceKey, Latency, LatencyTable};
use crate::atomic_file::{WriteError, write_atomically};
use crate::bundle::BundleId;
use crate::engine::{Clock, TileChoice, Tiles};
use crate::gpu::AdapterFacts;
use crate::space::Child;
use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Version of the JSON that this crate writes and reads.
const FORMAT: u32 = 2;
/// A profile of a thousand children stays below this; more is never read.
const MOST_BYTES: u64 = 8 << 20;

/// What one device measured with one bundle: enough to predict any child of the bundle's space on it.
///
/// A JSON file, so that a person can read it and a report can draw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    format: u32,
    /// Version of this crate: kernels change with it.
    pub nestling: String,
    /// Fingerprint of the kernels.
    pub kernels: String,
    /// How pointwise layers were tiled: the next start should ask for the same, as [`DeviceProfile::tile_choice`] says.
    pub tiles: Tiles,
    /// Whether subgroup operations were used.
    pub subgroups: bool,
    /// Identity of the bundle.
    pub bundle: String,
    /// When it was measured, in seconds since 1970 (UTC).
    pub measured_at: u64,
    /// Side of the square image that whole inferences were timed with, in pixels.
    pub image_side: u32,
    /// What timed the layers.
    pub clock: Clock,
    /// Layer times, and how they add up to a child's.
    pub table: LatencyTable,
    /// Shipped children that were timed whole.
    pub children: Vec<ChildTimes>,
}

/// A child that was timed whole, from image to logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildTimes {
    /// Its name in the bundle.
    pub name: String,
    /// The child.
    #[serde(with = "as_text")]
    pub child: Child,
    /// What the table predicts.
    pub predicted_ms: Millis,
    /// Median of the runs.
    pub measured_p50_ms: Millis,
    /// Nine runs of ten took at most this.
    pub measured_p90_ms: Millis,
    /// Every run, in the order in which they were made.
    pub runs_ms: Vec<Millis>,
}

impl ChildTimes {
    /// The measured quantiles.
    pub fn latency(&self) -> Latency {
        Latency { p50: self.measured_p50_ms, p90: self.measured_p90_ms }
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
    /// Another adapter, driver, backend or precision.
    #[error("it was measured on {profile}, but this is {device}")]
    Device {
        /// What it was measured on.
        profile: Box<DeviceKey>,
        /// What runs now.
        device: Box<DeviceKey>,
    },
    /// Another bundle.
    #[error("it was measured with bundle {profile}, but this is bundle {bundle}")]
    Bundle {
        /// What it was measured with.
        profile: String,
        /// What is open now.
        bundle: String,
    },
    /// Another version of this crate, whose kernels may be faster or slower.
    #[error("it was measured by nestling {profile}, but this is {nestling}")]
    Version {
        /// What measured it.
        profile: String,
        /// What runs now.
        nestling: String,
    },
    /// Kernels that were changed between two releases.
    #[error("it was measured with other kernels than this build's")]
    Kernels,
    /// With subgroup operations, or without.
    #[error("it was measured {} subgroup operations, but this runtime works {}", with(*profile), with(!*profile))]
    Subgroups {
        /// Whether it was measured with them.
        profile: bool,
    },
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

fn with(subgroups: bool) -> &'static str {
    if subgroups { "with" } else { "without" }
}

/// The version of this crate.
fn this_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn this_kernels() -> String {
    format!("{:032x}", nestling_shaders::fingerprint())
}

impl DeviceProfile {
    pub(crate) fn new(
        bundle: BundleId,
        tiles: Tiles,
        subgroups: bool,
        image_side: u32,
        clock: Clock,
        table: LatencyTable,
        children: Vec<ChildTimes>,
    ) -> Self {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            format: FORMAT,
            nestling: this_version().to_owned(),
            kernels: this_kernels(),
            tiles,
            subgroups,
            bundle: bundle.to_string(),
            measured_at: since_1970.map_or(0, |time| time.as_secs()),
            image_side,
            clock,
            table,
            children,
        }
    }

    /// Measured on.
    pub fn device(&self) -> &DeviceKey {
        &self.table.device
    }

    /// What to load with on an adapter so that this profile holds: its tiles, if they were found on that adapter with
    /// these kernels; the vendor's otherwise.
    ///
    /// ```no_run
    /// # fn load(bundle: &nestling::Bundle, profile: nestling::latency::DeviceProfile) -> Result<(), Box<dyn std::error::Error>> {
    /// use nestling::{Runtime, RuntimeOptions, gpu::Context};
    /// let options = RuntimeOptions::default();
    /// let context = Context::new(&options.context)?;
    /// let options = RuntimeOptions { tiles: profile.tile_choice(context.facts()), ..options };
    /// let runtime = Runtime::with_context(&context, bundle, &options)?;
    /// runtime.use_profile(profile)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tile_choice(&self, facts: &AdapterFacts) -> TileChoice {
        let device = self.device();
        let same = device.adapter == facts.name
            && device.driver == facts.driver_text()
            && device.backend == facts.backend
            && self.subgroups == facts.subgroups
            && self.nestling == this_version()
            && self.kernels == this_kernels();
        if same { TileChoice::Given(self.tiles) } else { TileChoice::Vendor }
    }

    /// The shipped child called `name`, if it was timed whole.
    pub fn child(&self, name: &str) -> Option<&ChildTimes> {
        self.children.iter().find(|times| times.name == name)
    }

    /// How much longer p90 is than p50 on this device: the median over the timed children, at least 1.
    pub fn spread(&self) -> f64 {
        let mut ratios: Vec<f64> = (self.children.iter())
            .filter(|times| times.measured_p50_ms.0 > 0.0)
            .map(|times| times.measured_p90_ms.0 / times.measured_p50_ms.0)
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(1.0).max(1.0)
    }

    /// Why this profile says nothing about `device` and `bundle`; `None` if it is fresh.
    pub fn is_stale_for(
        &self,
        device: &DeviceKey,
        bundle: BundleId,
        (tiles, subgroups): (Tiles, bool),
        image_side: u32,
    ) -> Option<Stale> {
        if self.device() != device {
            return Some(Stale::Device { profile: Box::new(self.device().clone()), device: Box::new(device.clone()) });
        }
        if self.nestling != this_version() {
            return Some(Stale::Version { profile: self.nestling.clone(), nestling: this_version().to_owned() });
        }
        if self.kernels != this_kernels() {
            return Some(Stale::Kernels);
        }
        if self.subgroups != subgroups {
            return Some(Stale::Subgroups { profile: self.subgroups });
        }
        if self.tiles != tiles {
            return Some(Stale::Tiles { profile: self.tiles, tiles });
        }
        if self.bundle != bundle.to_string() {
            return Some(Stale::Bundle { profile: self.bundle.clone(), bundle: bundle.to_string() });
        }
        (self.image_side != image_side).then_some(Stale::ImageSide { profile: self.image_side, side: image_side })
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for a profile that was measured or loaded; the type is what serde_json returns.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Writes the file whole, or leaves the old one.
    ///
    /// # Errors
    /// [`WriteError`] if the folder is missing or read-only, or the disk is full.
    pub fn save(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |file| file.write_all(self.to_json()?.as_bytes()))
    }

    /// Reads a file that [`DeviceProfile::save`] wrote. Nothing of it is trusted.
    ///
    /// # Errors
    /// [`ProfileError`] says whether the file is missing, damaged or of another version.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let open = |source| ProfileError::Open { path: path.to_owned(), source };
        let mut text = String::new();
        match File::open(path).map_err(open)?.take(MOST_BYTES + 1).read_to_string(&mut text) {
            Ok(_) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(ProfileError::Damaged { path: path.to_owned(), problem: "it is no text".to_owned() })
            }
            Err(error) => Err(open(error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ProfileError> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |problem: String| ProfileError::Damaged { path: path.to_owned(), problem };
        if text.len() as u64 > MOST_BYTES {
            return Err(damaged(format!("it has more than {MOST_BYTES} bytes")));
        }
        let Format { format } = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT {
            return Err(ProfileError::Version { path: path.to_owned(), given: format, supported: FORMAT });
        }
        let profile: Self = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        profile.check().map_err(damaged)?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let sound = |time: &Millis| time.0.is_finite() && time.0 >= 0.0;
        if !self.table.is_sound() {
            return Err("its latency table holds an impossible time".to_owned());
        }
        for times in &self.children {
            let all = [times.predicted_ms, times.measured_p50_ms, times.measured_p90_ms];
            if !all.iter().chain(&times.runs_ms).all(sound) {
                return Err(format!("child `{}` has an impossible time", times.name));
            }
        }
        Ok(())
    }
}
