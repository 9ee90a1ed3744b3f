use crate::gpu::{AdapterInfo, Vendor};
use nestling_core::tiles::{TileVariant, Tiles};
use std::time::Duration;

/// Where the tiles of a supernet come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TileChoice {
    /// The vendor's default.
    #[default]
    Vendor,
    /// These, as an earlier start found them and a device profile remembers them; the vendor's where the adapter cannot
    /// run them.
    Given(Tiles),
    /// The fastest tiles on this adapter among those that can be compiled and timed within this duration. In a browser
    /// the vendor's.
    Timed(Duration),
}

impl TileChoice {
    /// The tiles of a profile if it was measured on this adapter with these kernels; the vendor's otherwise.
    pub fn of_profile(profile: &nestling_bundle::DeviceProfile, facts: &AdapterInfo) -> Self {
        let device = profile.device();
        let same = device.adapter == facts.name
            && device.driver == facts.driver_text()
            && device.backend == facts.backend
            && device.features == facts.features()
            && profile.is_of_kernels(nestling_shaders::fingerprint());
        if same { Self::Given(profile.tiles) } else { Self::Vendor }
    }
}

/// Default tiles for a vendor's GPUs. They follow runtimes for phones (TFLite's GPU delegate above all). Only those for
/// software adapters were measured.
pub fn vendor_tiles(vendor: Vendor, subgroups: bool) -> Tiles {
    let (large, medium, small) = match vendor {
        // Hundreds of sums a thread: too many registers for a GPU, right where a load costs as much as a hundred
        // multiplications. A workgroup is one SIMD vector.
        Vendor::Software if subgroups => {
            let large = TileVariant::new(8, 8, 8).broadcasting();
            (large, large, TileVariant::new(2, 8, 8).broadcasting())
        }
        Vendor::Software => (TileVariant::new(8, 4, 8), TileVariant::new(8, 4, 8), TileVariant::new(4, 4, 8)),
        Vendor::Adreno => (TileVariant::new(4, 2, 16), TileVariant::new(2, 2, 16), TileVariant::ONE),
        Vendor::Mali => (TileVariant::new(4, 2, 16), TileVariant::new(2, 2, 16), TileVariant::new(2, 1, 16)),
        Vendor::PowerVr => (TileVariant::new(1, 8, 32), TileVariant::new(1, 4, 32), TileVariant::new(1, 2, 32)),
        Vendor::Apple => (TileVariant::new(4, 2, 32), TileVariant::new(2, 2, 32), TileVariant::ONE),
        Vendor::Nvidia => (TileVariant::new(2, 4, 32), TileVariant::new(2, 2, 32), TileVariant::ONE),
        Vendor::Amd => (TileVariant::new(4, 2, 64), TileVariant::new(2, 2, 64), TileVariant::ONE),
        Vendor::Intel if subgroups => {
            let large = TileVariant::new(1, 4, 16).broadcasting();
            (large, large, TileVariant::new(1, 2, 16).broadcasting())
        }
        Vendor::Intel => (TileVariant::new(1, 4, 16), TileVariant::new(1, 4, 16), TileVariant::new(1, 2, 16)),
        // Few registers a lane.
        Vendor::V3d => (TileVariant::new(2, 2, 16), TileVariant::new(1, 2, 16), TileVariant::ONE),
        Vendor::Other => (TileVariant::new(1, 4, 16), TileVariant::new(1, 2, 16), TileVariant::ONE),
    };
    Tiles::new([large, medium, small])
}

/// Tiles that [`TileChoice::Timed`] tries beside the vendor's.
pub(in crate::engine) fn tile_candidates(software: bool, subgroups: bool) -> Vec<TileVariant> {
    let tiles: &[(u32, u32)] =
        if software { &[(8, 2), (4, 4), (8, 4)] } else { &[(1, 2), (1, 4), (2, 2), (2, 4), (4, 2), (4, 4), (8, 2)] };
    let workgroup = if software { 8 } else { 32 };
    let plain = tiles.iter().map(|&(pixels, groups)| TileVariant::new(pixels, groups, workgroup));
    let broadcast: &[(u32, u32)] = match (software, subgroups) {
        (_, false) => &[],
        (true, true) => &[(2, 8), (4, 8), (6, 8), (8, 8)],
        (false, true) => &[(1, 4), (2, 4), (4, 4)],
    };
    let broadcast = broadcast.iter().map(|&(p, g)| TileVariant::new(p, g, workgroup).broadcasting());
    plain.chain(broadcast).chain([TileVariant::ONE]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_s_tiles_are_sound_and_come_back_from_a_profile() {
        for vendor in Vendor::ALL {
            for subgroups in [false, true] {
                let tiles = vendor_tiles(vendor, subgroups);
                assert!(tiles.all().all(|variant| variant.is_sound()), "{vendor:?}: {tiles}");
                assert!(tiles.run_on(subgroups), "{vendor:?}: {tiles}");
                let text = serde_json::to_string(&tiles).unwrap();
                assert_eq!(serde_json::from_str::<Tiles>(&text).unwrap(), tiles);
            }
        }
        let broadcasting = vendor_tiles(Vendor::Software, true);
        assert!(!broadcasting.run_on(false));
    }

    #[test]
    fn candidates_are_sound() {
        for (software, subgroups) in [(false, false), (false, true), (true, false), (true, true)] {
            let candidates = tile_candidates(software, subgroups);
            assert!(candidates.iter().all(TileVariant::is_sound));
            assert!(subgroups || candidates.iter().all(|variant| !variant.broadcast));
        }
    }

    #[test]
    fn a_tile_that_no_engine_builds_is_refused() {
        let whole = serde_json::to_string(&vendor_tiles(Vendor::Software, true)).unwrap();
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
