//! The heat and power of this device, where Linux or Android tells them in files that anybody may read. Nothing is guessed.

use nestling_core::governor::ThermalHint;
use nestling_core::metrics::PowerMode;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel tells them. Other systems have no such folder.
pub const SYSTEM: &str = "/sys/class";

/// The power that the device runs on. A saver is not told there.
pub fn power_mode(system: &Path) -> PowerMode {
    // The battery of a mouse or a pen is none of this device.
    let own: Vec<PathBuf> =
        entries(&system.join("power_supply"), "").filter(|path| text(path, "scope") != "Device").collect();
    let is_charger = |path: &PathBuf| {
        let kind = text(path, "type");
        kind == "Mains" || kind == "Wireless" || kind.starts_with("USB")
    };
    let has_battery_that =
        |status: &str| own.iter().any(|path| text(path, "type") == "Battery" && text(path, "status") == status);
    if own.iter().any(|path| is_charger(path) && text(path, "online") == "1") || has_battery_that("Charging") {
        PowerMode::PluggedIn
    } else if has_battery_that("Discharging") {
        PowerMode::Battery
    } else {
        PowerMode::Unknown
    }
}

/// [`ThermalHint::Critical`] where a zone has reached a trip point from which the kernel slows the device down. Below
/// them all, the system does not say how warm is warm.
pub fn thermal_hint(system: &Path) -> ThermalHint {
    let is_slowed_down = |zone: PathBuf| {
        let Some(temperature) = number(&zone, "temp") else { return false };
        let trips = (0..).map_while(|trip| {
            let kind = text(&zone, &format!("trip_point_{trip}_type"));
            (!kind.is_empty()).then(|| (kind, number(&zone, &format!("trip_point_{trip}_temp"))))
        });
        // A trip point that is switched off is at zero or below.
        let slows = |kind: &str| matches!(kind, "passive" | "hot" | "critical");
        trips.into_iter().any(|(kind, at)| slows(&kind) && at.is_some_and(|at| at > 0 && temperature >= at))
    };
    match entries(&system.join("thermal"), "thermal_zone").any(is_slowed_down) {
        true => ThermalHint::Critical,
        false => ThermalHint::Unknown,
    }
}

fn entries(folder: &Path, prefix: &'static str) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    all.filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path())
}

/// The words of a file; none if it cannot be read.
fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn number(folder: &Path, name: &str) -> Option<i64> {
    text(folder, name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{contents}\n")).unwrap();
        }
        folder
    }

    #[test]
    fn power_is_that_of_the_device_and_unknown_where_nothing_tells_it() {
        let of = |files: &[(&str, &str)]| power_mode(system(files).path());
        let battery = ("power_supply/BAT0/type", "Battery");
        let discharging = ("power_supply/BAT0/status", "Discharging");
        let (mains, online, offline) =
            (("power_supply/AC/type", "Mains"), ("power_supply/AC/online", "1"), ("power_supply/AC/online", "0"));
        assert_eq!(of(&[]), PowerMode::Unknown);
        assert_eq!(of(&[battery, discharging]), PowerMode::Battery);
        assert_eq!(of(&[battery, discharging, mains, offline]), PowerMode::Battery);
        // A weak charger.
        assert_eq!(of(&[battery, discharging, mains, online]), PowerMode::PluggedIn);
        let usb = [("power_supply/usb/type", "USB_PD"), ("power_supply/usb/online", "1")];
        assert_eq!(of(&usb), PowerMode::PluggedIn);
        assert_eq!(of(&[battery, ("power_supply/BAT0/status", "Charging")]), PowerMode::PluggedIn);
        // A full battery may or may not be plugged in.
        assert_eq!(of(&[battery, ("power_supply/BAT0/status", "Full"), mains, offline]), PowerMode::Unknown);
        assert_eq!(of(&[battery, discharging, ("power_supply/BAT0/scope", "Device")]), PowerMode::Unknown);
    }

    #[test]
    fn heat_is_critical_from_a_trip_point_on_and_unknown_below() {
        let at = |temperature: &str, kind: &str, trip: &str| {
            let zone = [
                ("thermal/thermal_zone1/temp", temperature),
                ("thermal/thermal_zone1/trip_point_0_type", "active"),
                ("thermal/thermal_zone1/trip_point_0_temp", "1000"),
                ("thermal/thermal_zone1/trip_point_1_type", kind),
                ("thermal/thermal_zone1/trip_point_1_temp", trip),
            ];
            thermal_hint(system(&zone).path())
        };
        assert_eq!(at("85000", "passive", "85000"), ThermalHint::Critical);
        assert_eq!(at("84000", "passive", "85000"), ThermalHint::Unknown);
        // A fan is no slowing down, and a trip point at zero is off.
        assert_eq!(at("85000", "active", "80000"), ThermalHint::Unknown);
        assert_eq!(at("85000", "passive", "0"), ThermalHint::Unknown);
        assert_eq!(at("hot", "passive", "1000"), ThermalHint::Unknown);
        assert_eq!(thermal_hint(system(&[]).path()), ThermalHint::Unknown);
    }
}
