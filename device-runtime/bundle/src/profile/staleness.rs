use crate::NetworkId;
use crate::profile::DeviceProfile;
use nestling_core::latency::DeviceKey;
use nestling_core::names::printable;
use nestling_core::tiles::Tiles;
use std::fmt;

/// A profile's times hold only where all of this is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileKey {
    /// Adapter, driver, backend, precision and features.
    pub device: DeviceKey,
    /// Identity of the network.
    pub network: NetworkId,
    /// Fingerprint of the kernels' texts.
    pub kernels: u128,
    /// How pointwise layers are tiled.
    pub tiles: Tiles,
    /// Side of the square image that whole inferences are timed with, in pixels.
    pub image_side: u32,
}

impl ProfileKey {
    pub(super) fn kernels_text(kernels: u128) -> String {
        format!("{kernels:032x}")
    }
}

/// Why a profile does not hold for a device and a bundle: a reason, no error of its own. [`ProfileError::Stale`] is the
/// error.
///
/// [`ProfileError::Stale`]: crate::ProfileError::Stale
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stale {
    /// Another adapter, driver, backend, precision or set of features.
    Device {
        /// The profile's device.
        profile: Box<DeviceKey>,
        /// The device that runs now.
        device: Box<DeviceKey>,
    },
    /// A bundle of another space, weights or children.
    Network {
        /// Identity of the profile's network.
        profile: String,
        /// Identity of the network that is open now.
        network: String,
    },
    /// Other kernels, which may be faster or slower.
    Kernels,
    /// Pointwise layers were tiled otherwise.
    Tiles {
        /// The profile's tiles.
        profile: Tiles,
        /// The tiles that run now.
        tiles: Tiles,
    },
    /// Images of another size, whose upload and resize take another time.
    ImageSide {
        /// The profile's side in pixels.
        profile: u32,
        /// The side that is expected now.
        side: u32,
    },
}

impl Stale {
    /// A stable name of this reason, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Device { .. } => "profile_stale_device",
            Self::Network { .. } => "profile_stale_network",
            Self::Kernels => "profile_stale_kernels",
            Self::Tiles { .. } => "profile_stale_tiles",
            Self::ImageSide { .. } => "profile_stale_image_side",
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { profile, device } => {
                write!(f, "it was measured on another device ({}); this is {device}", differences(profile, device))
            }
            Self::Network { profile, network } => {
                write!(f, "it was measured with network {}, but this bundle's is {network}", printable(profile))
            }
            Self::Kernels => f.write_str("it was measured with other kernels than this build's"),
            Self::Tiles { profile, tiles } => write!(
                f,
                "it was measured with tiles {profile}, but this runtime uses {tiles}; load with the profile's tiles"
            ),
            Self::ImageSide { profile, side } => {
                write!(f, "it was measured with images of {profile} pixels a side, but this runtime expects {side}")
            }
        }
    }
}

/// The parts of two keys that differ.
fn differences(profile: &DeviceKey, device: &DeviceKey) -> String {
    let parts = [
        ("adapter", &profile.adapter, &device.adapter),
        ("driver", &profile.driver, &device.driver),
        ("backend", &profile.backend, &device.backend),
        ("precision", &profile.precision, &device.precision),
    ];
    let missing = |of: &DeviceKey, from: &DeviceKey| -> Vec<String> {
        of.features.iter().filter(|feature| !from.features.contains(feature)).cloned().collect()
    };
    let or_none = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let (then, now) = (or_none(missing(profile, device)), or_none(missing(device, profile)));
    let features = (then != now).then(|| format!("features `{}`, not `{}`", printable(&then), printable(&now)));
    let differing = parts.iter().filter(|(_, then, now)| then != now);
    let differing =
        differing.map(|(name, then, now)| format!("{name} `{}`, not `{}`", printable(then), printable(now)));
    differing.chain(features).collect::<Vec<_>>().join("; ")
}

impl DeviceProfile {
    /// Whether it was measured with kernels of this fingerprint.
    pub fn is_of_kernels(&self, kernels: u128) -> bool {
        self.kernels == ProfileKey::kernels_text(kernels)
    }

    /// Why this profile does not hold for `key`; `None` if it does.
    pub fn staleness(&self, key: &ProfileKey) -> Option<Stale> {
        let ProfileKey { device, network, kernels, tiles, image_side } = key;
        if self.device() != device {
            return Some(Stale::Device { profile: Box::new(self.device().clone()), device: Box::new(device.clone()) });
        }
        self.staleness_for_network(*network, *kernels)
            .or_else(|| (self.tiles != *tiles).then_some(Stale::Tiles { profile: self.tiles, tiles: *tiles }))
            .or_else(|| self.staleness_for_images(*image_side))
    }

    /// Why its model does not hold for `network` with these kernels, on any device; `None` if it does. Profiles of two
    /// devices are compared only where neither is stale in this sense.
    pub fn staleness_for_network(&self, network: NetworkId, kernels: u128) -> Option<Stale> {
        if !self.is_of_kernels(kernels) {
            return Some(Stale::Kernels);
        }
        let network = network.to_string();
        (self.network != network).then(|| Stale::Network { profile: self.network.clone(), network })
    }

    /// Why its times are not those of images of this size; `None` if they are.
    pub fn staleness_for_images(&self, image_side: u32) -> Option<Stale> {
        (self.image_side != image_side).then_some(Stale::ImageSide { profile: self.image_side, side: image_side })
    }
}
