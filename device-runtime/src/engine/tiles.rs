use crate::gpu::Vendor;
use crate::latency::Coverage;
pub use crate::space::OutputSize as Size;
use nestling_shaders::Tile;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How one kind of pointwise layer is tiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// What a thread computes; [`Tile::ONE`] is a kernel of its own.
    pub tile: Tile,
    /// Threads of a workgroup.
    pub workgroup: u32,
    /// Whether weights are broadcast in the subgroup; the workgroup is then a multiple of 8.
    pub broadcast: bool,
}

/// How pointwise layers are tiled: large tiles load less, small ones leave enough threads to fill a GPU.
///
/// The default of a vendor is a start; [`TileChoice::Timed`] measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "[StoredVariant; 3]", try_from = "[StoredVariant; 3]")]
pub struct Tiles {
    /// Of [`Size::Large`], [`Size::Medium`] and [`Size::Small`] outputs.
    variants: [Variant; 3],
}

/// Where the tiles of a supernet come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TileChoice {
    /// The vendor's default.
    #[default]
    Vendor,
    /// These, as an earlier start found them and a device profile remembers them; the vendor's where the adapter cannot run
    /// them.
    Given(Tiles),
    /// Whatever is fastest on this adapter of what can be compiled and timed within so long. In a browser the vendor's.
    Timed(Duration),
}

impl Variant {
    /// One pixel and one group a thread.
    const ONE: Self = Self { tile: Tile::ONE, workgroup: 64, broadcast: false };

    const fn new(pixels: u32, groups: u32, workgroup: u32) -> Self {
        Self { tile: Tile { pixels, groups }, workgroup, broadcast: false }
    }

    const fn broadcasting(self) -> Self {
        Self { broadcast: true, ..self }
    }

    /// Whether an engine may build it: registers, threads and lanes that exist everywhere.
    fn is_sound(&self) -> bool {
        let Tile { pixels, groups } = self.tile;
        (1..=8).contains(&pixels)
            && (1..=8).contains(&groups)
            && (8..=128).contains(&self.workgroup)
            && self.workgroup.is_multiple_of(8)
            && (!self.broadcast || groups.is_multiple_of(2))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.tile.pixels, 4 * self.tile.groups)?;
        if self.broadcast { write!(f, " broadcast") } else { Ok(()) }
    }
}

impl Tiles {
    /// What to start from on a vendor's GPUs.
    ///
    /// From what runtimes for phones have found to suit (TFLite's GPU delegate above all); of them only software is
    /// measured here.
    pub fn of_vendor(vendor: Vendor, subgroups: bool) -> Self {
        let (large, medium, small) = match vendor {
            // Hundreds of sums a thread: too many registers for a GPU, right where a load costs as much as a hundred
            // multiplications. A workgroup is one SIMD vector.
            Vendor::Software if subgroups => {
                let large = Variant::new(8, 8, 8).broadcasting();
                (large, large, Variant::new(2, 8, 8).broadcasting())
            }
            Vendor::Software => (Variant::new(8, 4, 8), Variant::new(8, 4, 8), Variant::new(4, 4, 8)),
            Vendor::Adreno => (Variant::new(4, 2, 16), Variant::new(2, 2, 16), Variant::ONE),
            Vendor::Mali => (Variant::new(4, 2, 16), Variant::new(2, 2, 16), Variant::new(2, 1, 16)),
            Vendor::PowerVr => (Variant::new(1, 8, 32), Variant::new(1, 4, 32), Variant::new(1, 2, 32)),
            Vendor::Apple => (Variant::new(4, 2, 32), Variant::new(2, 2, 32), Variant::ONE),
            Vendor::Nvidia => (Variant::new(2, 4, 32), Variant::new(2, 2, 32), Variant::ONE),
            Vendor::Amd => (Variant::new(4, 2, 64), Variant::new(2, 2, 64), Variant::ONE),
            Vendor::Intel if subgroups => {
                let large = Variant::new(1, 4, 16).broadcasting();
                (large, large, Variant::new(1, 2, 16).broadcasting())
            }
            Vendor::Intel => (Variant::new(1, 4, 16), Variant::new(1, 4, 16), Variant::new(1, 2, 16)),
            // Few registers a lane.
            Vendor::V3d => (Variant::new(2, 2, 16), Variant::new(1, 2, 16), Variant::ONE),
            Vendor::Other => (Variant::new(1, 4, 16), Variant::new(1, 2, 16), Variant::ONE),
        };
        Self { variants: [large, medium, small] }
    }

    /// What [`TileChoice::Timed`] tries beside the vendor's.
    pub(super) fn candidates(software: bool, subgroups: bool) -> Vec<Variant> {
        let tiles: &[(u32, u32)] = if software {
            &[(8, 2), (4, 4), (8, 4)]
        } else {
            &[(1, 2), (1, 4), (2, 2), (2, 4), (4, 2), (4, 4), (8, 2)]
        };
        let workgroup = if software { 8 } else { 32 };
        let plain = tiles.iter().map(|&(pixels, groups)| Variant::new(pixels, groups, workgroup));
        let broadcast: &[(u32, u32)] = match (software, subgroups) {
            (_, false) => &[],
            (true, true) => &[(2, 8), (4, 8), (6, 8), (8, 8)],
            (false, true) => &[(1, 4), (2, 4), (4, 4)],
        };
        let broadcast = broadcast.iter().map(|&(p, g)| Variant::new(p, g, workgroup).broadcasting());
        plain.chain(broadcast).chain([Variant::ONE]).collect()
    }

    /// Whether an adapter can run them.
    pub(super) fn run_on(&self, subgroups: bool) -> bool {
        subgroups || self.variants.iter().all(|variant| !variant.broadcast)
    }

    /// The variant of outputs of one size.
    pub fn of(&self, size: Size) -> Variant {
        self.variants[size as usize]
    }

    /// The same with another variant for one size.
    pub(super) fn with(mut self, size: Size, variant: Variant) -> Self {
        self.variants[size as usize] = variant;
        self
    }

    /// The variant for an output of so many pixels and groups of four channels.
    pub(super) fn for_output(&self, pixels: u32, groups: u32) -> Variant {
        Size::of(pixels, groups).map_or(Variant::ONE, |size| self.of(size))
    }

    /// How many pixels their workgroups cover.
    pub fn coverage(&self) -> Coverage {
        // A kernel of one pixel a thread goes through pixels and groups alike.
        let pixels =
            |variant: Variant| if variant.tile == Tile::ONE { 1 } else { variant.tile.pixels * variant.workgroup };
        Coverage(self.variants.map(pixels))
    }

    /// Every variant that a layer can get.
    pub(super) fn all(&self) -> impl Iterator<Item = Variant> {
        self.variants.into_iter().chain([Variant::ONE])
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [large, medium, small] = self.variants;
        write!(f, "{large}, {medium}, {small}")
    }
}

/// A variant in a device profile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StoredVariant {
    pixels: u32,
    groups: u32,
    workgroup: u32,
    broadcast: bool,
}

impl From<Tiles> for [StoredVariant; 3] {
    fn from(tiles: Tiles) -> Self {
        tiles.variants.map(|Variant { tile: Tile { pixels, groups }, workgroup, broadcast }| StoredVariant {
            pixels,
            groups,
            workgroup,
            broadcast,
        })
    }
}

impl TryFrom<[StoredVariant; 3]> for Tiles {
    type Error = &'static str;

    fn try_from(stored: [StoredVariant; 3]) -> Result<Self, Self::Error> {
        let variants = stored.map(|one| Variant {
            tile: Tile { pixels: one.pixels, groups: one.groups },
            workgroup: one.workgroup,
            broadcast: one.broadcast,
        });
        let sound = variants.iter().all(Variant::is_sound);
        sound.then_some(Self { variants }).ok_or("a tile that no engine builds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_s_tiles_are_sound_and_come_back_from_a_profile() {
        for vendor in Vendor::ALL {
            for subgroups in [false, true] {
                let tiles = Tiles::of_vendor(vendor, subgroups);
                assert!(tiles.all().all(|variant| variant.is_sound()), "{vendor:?}: {tiles}");
                assert!(tiles.run_on(subgroups), "{vendor:?}: {tiles}");
                let text = serde_json::to_string(&tiles).unwrap();
                assert_eq!(serde_json::from_str::<Tiles>(&text).unwrap(), tiles);
            }
        }
        let broadcasting = Tiles::of_vendor(Vendor::Software, true);
        assert!(!broadcasting.run_on(false));
    }

    #[test]
    fn candidates_are_sound() {
        for (software, subgroups) in [(false, false), (false, true), (true, false), (true, true)] {
            let candidates = Tiles::candidates(software, subgroups);
            assert!(candidates.iter().all(Variant::is_sound));
            assert!(subgroups || candidates.iter().all(|variant| !variant.broadcast));
        }
    }

    #[test]
    fn a_tile_that_no_engine_builds_is_refused() {
        let whole = serde_json::to_string(&Tiles::of_vendor(Vendor::Software, true)).unwrap();
        for (from, to) in [
            ("\"pixels\":8", "\"pixels\":0"),
            ("\"pixels\":8", "\"pixels\":9"),
            ("\"groups\":8", "\"groups\":7"), // pairs of groups are broadcast
            ("\"workgroup\":8", "\"workgroup\":12"),
            ("\"workgroup\":8", "\"workgroup\":512"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_ne!(text, whole);
            assert!(serde_json::from_str::<Tiles>(&text).unwrap_err().to_string().contains("no engine"), "{text}");
        }
    }
}
