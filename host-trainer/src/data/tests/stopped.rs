//! Builds of a cache that stop after each change of the disk.

use super::*;
use nestling_bundle::atomic_file::stopped::{each_point, stop};
use nestling_torture::Campaign;

/// The threads that decode are not stopped, only the one that opens, cuts and syncs the pixels and writes the indices.
#[test]
fn a_cache_is_whole_or_made_again_wherever_its_build_stops() {
    let mut campaign = Campaign::new("stopped builds of a cache of pictures", 1, 1);
    let place = Place::with_classes(4);
    let whole = contents(&place.load().training);
    let count = each_point(if campaign.is_long() { 7 } else { 499 }, |at| {
        let _ = std::fs::remove_dir_all(place.cache());
        let (_, is_stopped) = stop(at, || load(&place.request(), &()).map(drop));
        match load(&place.request(), &()) {
            Ok(data) if contents(&data.training) == whole => {}
            Ok(_) => campaign.fault(format!("{at:?}: other pixels")),
            Err(error) => campaign.fault(format!("{at:?}: {error}")),
        }
        is_stopped
    });
    campaign.add(count);
    campaign.finish();
}

#[test]
fn pixels_of_a_generation_that_nobody_reads_any_more_are_removed() {
    let place = Place::with_classes(4);
    place.load();
    let pixels = place.pixel_file();
    let name = pixels.to_string_lossy().into_owned();
    let (stray, other) = (name.replace("-0.pixels", "-7.pixels"), name.replace("-0.pixels", "-x.pixels"));
    assert_ne!(stray, name);
    std::fs::write(&stray, "x").unwrap();
    std::fs::write(&other, "x").unwrap();
    place.load();
    assert!(pixels.exists() && Path::new(&other).exists() && !Path::new(&stray).exists());
}
