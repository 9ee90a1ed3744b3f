//! The division of a layer's output among threads and workgroups.

use crate::space::OutputSize;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Pixels that a workgroup covers in pointwise layers with a large, a medium and a small output: the last workgroup
/// also computes pixels beyond the edge, up to half of all in a small layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage(pub [u32; 3]);

impl Coverage {
    /// No pixel beyond the edge is computed.
    pub const EXACT: Self = Self([1; 3]);

    /// The pixels for which work is done.
    pub(crate) fn pixels(self, size: OutputSize, pixels: u32) -> u32 {
        pixels.next_multiple_of(self.0[size as usize].max(1))
    }

    /// Whether a GPU may have it.
    pub fn is_sound(self) -> bool {
        self.0.iter().all(|pixels| (1..=1 << 16).contains(pixels))
    }
}

/// The outputs that one thread computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Pixels.
    pub pixels: u32,
    /// Groups of four output channels.
    pub groups: u32,
}

impl Tile {
    /// One pixel, one group.
    pub const ONE: Self = Self { pixels: 1, groups: 1 };
}

/// How one kind of pointwise layer is tiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileVariant {
    /// The outputs that a thread computes; [`Tile::ONE`] is a kernel of its own.
    pub tile: Tile,
    /// Threads of a workgroup.
    pub workgroup: u32,
    /// Whether weights are broadcast in the subgroup; the workgroup is then a multiple of 8.
    pub broadcast: bool,
}

/// How pointwise layers are tiled: large tiles load less, small ones leave enough threads to fill a GPU.
///
/// The default of a vendor is a start; the engine can measure others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "[StoredVariant; 3]", try_from = "[StoredVariant; 3]")]
pub struct Tiles {
    /// For [`OutputSize::Large`], [`OutputSize::Medium`] and [`OutputSize::Small`] outputs.
    variants: [TileVariant; 3],
}

impl TileVariant {
    /// One pixel and one group a thread.
    pub const ONE: Self = Self { tile: Tile::ONE, workgroup: 64, broadcast: false };

    /// So many pixels by so many groups a thread; weights come from the buffer.
    pub const fn new(pixels: u32, groups: u32, workgroup: u32) -> Self {
        Self { tile: Tile { pixels, groups }, workgroup, broadcast: false }
    }

    /// The same with weights broadcast in the subgroup.
    pub const fn broadcasting(self) -> Self {
        Self { broadcast: true, ..self }
    }

    /// Whether an engine may build it: registers, threads and lanes that exist everywhere.
    pub fn is_sound(&self) -> bool {
        let Tile { pixels, groups } = self.tile;
        (1..=8).contains(&pixels)
            && (1..=8).contains(&groups)
            && (8..=128).contains(&self.workgroup)
            && self.workgroup.is_multiple_of(8)
            && (!self.broadcast || groups.is_multiple_of(2))
    }
}

impl fmt::Display for TileVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.tile.pixels, 4 * self.tile.groups)?;
        if self.broadcast { write!(f, " broadcast") } else { Ok(()) }
    }
}

impl Tiles {
    /// The tiles for large, medium and small outputs.
    pub const fn new(variants: [TileVariant; 3]) -> Self {
        Self { variants }
    }

    /// Whether an adapter can run them.
    pub fn run_on(&self, subgroups: bool) -> bool {
        subgroups || self.variants.iter().all(|variant| !variant.broadcast)
    }

    /// The variant of outputs of one size.
    pub fn of(&self, size: OutputSize) -> TileVariant {
        self.variants[size as usize]
    }

    /// The same with another variant for one size.
    pub fn with(mut self, size: OutputSize, variant: TileVariant) -> Self {
        self.variants[size as usize] = variant;
        self
    }

    /// The variant for an output of so many pixels and groups of four channels.
    pub fn for_output(&self, pixels: u32, groups: u32) -> TileVariant {
        OutputSize::of(pixels, groups).map_or(TileVariant::ONE, |size| self.of(size))
    }

    /// How many pixels their workgroups cover.
    pub fn coverage(&self) -> Coverage {
        // A kernel of one pixel a thread goes through pixels and groups alike.
        let pixels =
            |variant: TileVariant| if variant.tile == Tile::ONE { 1 } else { variant.tile.pixels * variant.workgroup };
        Coverage(self.variants.map(pixels))
    }

    /// Every variant that a layer can get.
    pub fn all(&self) -> impl Iterator<Item = TileVariant> {
        self.variants.into_iter().chain([TileVariant::ONE])
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
        tiles.variants.map(|TileVariant { tile: Tile { pixels, groups }, workgroup, broadcast }| StoredVariant {
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
        let variants = stored.map(|one| TileVariant {
            tile: Tile { pixels: one.pixels, groups: one.groups },
            workgroup: one.workgroup,
            broadcast: one.broadcast,
        });
        let sound = variants.iter().all(TileVariant::is_sound);
        sound.then_some(Self { variants }).ok_or("a tile that no engine builds")
    }
}
