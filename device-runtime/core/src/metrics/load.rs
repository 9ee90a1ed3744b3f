use serde::{Deserialize, Serialize};
use std::fmt;

/// A device is quiet if at least this share of the time is ours, and restless below the second.
const QUIET: f64 = 0.9;
const RESTLESS: f64 = 0.6;

/// How much of a device's time is left by other programs, while it is measured.
///
/// ```
/// use nestling_core::metrics::Load;
/// assert_eq!(Load { share: 0.68 }.to_string(), "busy: 68 % of the time was ours");
/// assert_eq!(Load { share: 1.0 }.to_string(), "quiet");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The part of the time that was ours, from 0 to 1.
    pub share: f64,
}

impl Load {
    /// Whether nearly all of the time was ours.
    pub fn is_quiet(self) -> bool {
        self.share >= QUIET
    }

    /// The cheapest thing that a person can do about it; none on a quiet device.
    pub fn advice(self) -> Option<&'static str> {
        match self.share {
            share if share >= QUIET => None,
            share if share >= RESTLESS => Some("close other programs for steadier times"),
            _ => Some("other programs take most of the time: close them and measure again"),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.share {
            share if share >= QUIET => return f.write_str("quiet"),
            share if share >= RESTLESS => "busy",
            _ => "restless",
        };
        write!(f, "{name}: {:.0} % of the time was ours", 100.0 * self.share)
    }
}
