use crate::profile::DeviceProfile;
use nestling_core::governor::ThermalHint;
use nestling_core::metrics::{Load, Millis, PowerMode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The longest cadence of a profile that is believed.
const MOST_CADENCE: Millis = Millis(60_000.0);
/// Shares of the time that differ by more than this are of another load.
const SHARES: f64 = 0.2;
/// Cadences that differ by more than this ratio are others.
const RATIO: f64 = 1.1;

/// The conditions under which a device was measured. Figures of two profiles compare only where they are alike.
///
/// ```
/// use nestling_bundle::Conditions;
/// use nestling_core::governor::ThermalHint;
/// use nestling_core::metrics::{Load, Millis, PowerMode};
/// let paced = Conditions {
///     cadence_ms: Some(Millis(100.0)),
///     load: Load { share: 0.97 },
///     thermal_hint: ThermalHint::Fair,
///     power_mode: PowerMode::PluggedIn,
/// };
/// assert_eq!(paced.to_string(), "every 100.0 ms, plugged in, thermal hint fair");
/// let battery = Conditions { power_mode: PowerMode::Battery, ..paced };
/// assert_eq!(paced.differences(&battery), ["power: plugged in, then on battery"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The time from the beginning of a run to that of the next; none where each began as soon as the last one ended.
    pub cadence_ms: Option<Millis>,
    /// The part of the time that was ours, by all runs of the reference.
    pub load: Load,
    /// The thermal state at the beginning, if the app or the system told it.
    #[serde(default)]
    pub thermal_hint: ThermalHint,
    /// The power at the beginning, if the app or the system told it.
    #[serde(default)]
    pub power_mode: PowerMode,
}

impl Conditions {
    /// The conditions that differ from those of a later measurement, in words. An unknown one differs from none.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let ratio = match (self.cadence_ms, later.cadence_ms) {
            (Some(old), Some(new)) => (old.0 / new.0).max(new.0 / old.0),
            (old, new) if old == new => 1.0,
            _ => f64::INFINITY,
        };
        let heats = [self.thermal_hint, later.thermal_hint];
        let powers = [self.power_mode, later.power_mode];
        let differ = |is_known: bool, differ: bool, text: String| (is_known && differ).then_some(text);
        let all = [
            differ(true, ratio > RATIO, format!("cadence: {}, then {}", Cadence(self), Cadence(later))),
            differ(
                !powers.contains(&PowerMode::Unknown),
                powers[0] != powers[1],
                format!("power: {}, then {}", powers[0], powers[1]),
            ),
            differ(
                !heats.contains(&ThermalHint::Unknown),
                heats[0] != heats[1],
                format!("thermal hint: {}, then {}", heats[0], heats[1]),
            ),
            differ(
                true,
                (self.load.share - later.load.share).abs() > SHARES,
                format!("load: {}, then {}", self.load, later.load),
            ),
        ];
        all.into_iter().flatten().collect()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.cadence_ms.is_some_and(|cadence| !(cadence.0 > 0.0 && cadence.0 <= MOST_CADENCE.0)) {
            return Err("its cadence is impossible".to_owned());
        }
        let share = self.load.share;
        if (0.0..=1.0).contains(&share) { Ok(()) } else { Err("its load is impossible".to_owned()) }
    }
}

/// All but the load, which has words of its own.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, thermal hint {}", Cadence(self), self.power_mode, self.thermal_hint)
    }
}

/// The cadence in words.
struct Cadence<'a>(&'a Conditions);

impl fmt::Display for Cadence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.cadence_ms {
            Some(cadence) => write!(f, "every {cadence}"),
            None => f.write_str("back to back"),
        }
    }
}

impl DeviceProfile {
    /// The conditions under which it was measured. A profile of an older version was measured back to back, and its heat
    /// and power are unknown.
    pub fn measured_under(&self) -> Conditions {
        self.conditions.unwrap_or_else(|| Conditions {
            cadence_ms: None,
            load: self.moment().load(),
            thermal_hint: ThermalHint::Unknown,
            power_mode: PowerMode::Unknown,
        })
    }

    /// The cadence at which it was measured, and at which a choice times children; none if back to back.
    pub fn cadence(&self) -> Option<Duration> {
        let cadence = self.conditions?.cadence_ms?;
        Duration::try_from_secs_f64(cadence.0 * 1e-3).ok().filter(|cadence| !cadence.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Conditions = Conditions {
        cadence_ms: None,
        load: Load { share: 1.0 },
        thermal_hint: ThermalHint::Unknown,
        power_mode: PowerMode::Unknown,
    };

    #[test]
    fn each_condition_that_differs_is_named_and_an_unknown_one_is_not() {
        let told = Conditions { thermal_hint: ThermalHint::Nominal, power_mode: PowerMode::PluggedIn, ..QUIET };
        assert!(QUIET.differences(&told).is_empty() && told.differences(&QUIET).is_empty());
        let other = Conditions {
            cadence_ms: Some(Millis(33.0)),
            load: Load { share: 0.5 },
            thermal_hint: ThermalHint::Serious,
            power_mode: PowerMode::BatterySaver,
        };
        assert_eq!(
            told.differences(&other),
            [
                "cadence: back to back, then every 33.0 ms",
                "power: plugged in, then on battery, which is saved",
                "thermal hint: nominal, then serious",
                "load: quiet, then restless: 50 % of the time was ours",
            ]
        );
        let near = Conditions { cadence_ms: Some(Millis(33.3)), load: Load { share: 0.6 }, ..other };
        assert!(other.differences(&near).is_empty());
        assert_eq!(other.differences(&Conditions { cadence_ms: Some(Millis(100.0)), ..other }).len(), 1);
    }
}
