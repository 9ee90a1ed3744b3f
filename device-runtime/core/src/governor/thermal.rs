use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Headroom from which Android forecasts severe throttling, by definition.
const SEVERE: f32 = 1.0;
/// Headroom from which a larger child would soon be too hot.
const HOT: f32 = 0.85;
/// Headroom from which a device is warm.
const WARM: f32 = 0.7;

/// The thermal state that the system reports; an app asks its system and passes it on.
///
/// | hint | what the governor does |
/// | --- | --- |
/// | `Unknown`, `Nominal`, `Fair` | goes by the measured times alone |
/// | `Serious` | takes no step up; the wait for one starts again when it is over |
/// | `Critical` | the same, and takes one step down at once, before the device throttles |
///
/// The next such step comes only after half a minute (the wait of a step up) below `Critical`.
///
/// ```
/// use nestling_core::governor::ThermalHint;
/// assert_eq!(ThermalHint::from_android_headroom(1.02), ThermalHint::Critical);
/// assert_eq!(ThermalHint::from_android_headroom(f32::NAN), ThermalHint::Unknown); // not supported, or asked too often
/// assert_eq!(ThermalHint::from_ios_state(2), ThermalHint::Serious);
/// assert!(ThermalHint::Serious > ThermalHint::Fair);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThermalHint {
    /// The system does not tell.
    #[default]
    Unknown,
    /// Cool.
    Nominal,
    /// Warmer than that, and not slowed down.
    Fair,
    /// Hot: more work would make the system slow it down.
    Serious,
    /// The system slows it down, or is about to.
    Critical,
}

impl ThermalHint {
    /// From `PowerManager.getThermalHeadroom`: the share of the thermal envelope that is in use or forecast to be,
    /// where 1.0 is severe throttling. Below 0.7 is nominal, below 0.85 fair, below 1.0 serious; what is not a number
    /// or negative is unknown.
    pub fn from_android_headroom(headroom: f32) -> Self {
        match headroom {
            SEVERE.. => Self::Critical,
            HOT.. => Self::Serious,
            WARM.. => Self::Fair,
            0.0.. => Self::Nominal,
            _ => Self::Unknown,
        }
    }

    /// From the raw value of `ProcessInfo.thermalState`: 0 nominal, 1 fair, 2 serious, 3 critical. A later system's
    /// higher state is critical, a negative one unknown.
    pub fn from_ios_state(state: i32) -> Self {
        match state {
            0 => Self::Nominal,
            1 => Self::Fair,
            2 => Self::Serious,
            3.. => Self::Critical,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for ThermalHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Nominal => "nominal",
            Self::Fair => "fair",
            Self::Serious => "serious",
            Self::Critical => "critical",
        })
    }
}

/// Whether a critical hint is news.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heat {
    answered: bool,
    below_since: Option<Duration>,
}

impl Heat {
    /// Whether to step down now: once, until the device was below critical for `relief`.
    pub fn asks(&mut self, now: Duration, hint: ThermalHint, relief: Duration) -> bool {
        if hint == ThermalHint::Critical {
            self.below_since = None;
            return !std::mem::replace(&mut self.answered, true);
        }
        if now - *self.below_since.get_or_insert(now) >= relief {
            self.answered = false;
        }
        false
    }
}
