use serde::{Deserialize, Serialize};
use std::fmt;

/// The power that a device runs on: its system may slow it down without. An app asks its system and passes it on.
///
/// | system | where it is told |
/// | --- | --- |
/// | Android | `PowerManager.isPowerSaveMode`, `BatteryManager.isCharging` |
/// | iOS | `ProcessInfo.isLowPowerModeEnabled`, `UIDevice.batteryState` |
/// | Linux | `/sys/class/power_supply` |
///
/// ```
/// use nestling_core::metrics::PowerMode;
/// assert_eq!(PowerMode::default(), PowerMode::Unknown);
/// assert_eq!(PowerMode::PluggedIn.to_string(), "plugged in");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerMode {
    /// The battery, with no saver known.
    Battery,
    /// The battery, while the system saves it: low power mode.
    BatterySaver,
    /// A charger or the mains.
    PluggedIn,
    /// The system does not tell, or a newer version has told more than this one knows.
    #[default]
    #[serde(other)]
    Unknown,
}

impl fmt::Display for PowerMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Battery => "on battery",
            Self::BatterySaver => "on battery, which is saved",
            Self::PluggedIn => "plugged in",
            Self::Unknown => "power unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_of_a_newer_version_is_unknown() {
        let of = |text: &str| serde_json::from_str::<PowerMode>(text).unwrap();
        assert_eq!((of("\"battery_saver\""), of("\"solar\"")), (PowerMode::BatterySaver, PowerMode::Unknown));
        for mode in [PowerMode::Battery, PowerMode::BatterySaver, PowerMode::PluggedIn, PowerMode::Unknown] {
            assert_eq!(of(&serde_json::to_string(&mode).unwrap()), mode);
        }
    }
}
