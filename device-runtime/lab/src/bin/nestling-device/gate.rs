//! Limits that a test lab sets on measured figures: `p90=8ms,memory=64MB`.

use nestling_lab::documents::Fault;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A figure that may be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The median inference.
    P50,
    /// Nine inferences of ten.
    P90,
    /// The first result after loading.
    First,
    /// Loading, from opening the adapter to all children ready.
    Load,
    /// Memory of the GPU.
    Memory,
    /// The most memory that the process had.
    Process,
}

impl Quantity {
    const ALL: [(&'static str, Self); 6] = [
        ("p50", Self::P50),
        ("p90", Self::P90),
        ("first", Self::First),
        ("load", Self::Load),
        ("memory", Self::Memory),
        ("process", Self::Process),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|one| one.1 == self).map_or("", |one| one.0)
    }

    /// Names of units with their size: in milliseconds, or in bytes.
    fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::P50 | Self::P90 | Self::First | Self::Load => &[("ms", 1.0), ("us", 1e-3), ("s", 1e3)],
            Self::Memory | Self::Process => &[("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)],
        }
    }
}

/// A limit of one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    text: String,
    quantity: Quantity,
    /// In milliseconds or bytes.
    most: f64,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Quantity::ALL.map(|one| one.0).join(", ");
        let (name, value) = text.split_once('=').ok_or_else(|| "give NAME=VALUE, such as p90=8ms".to_owned())?;
        let quantity = Quantity::ALL.into_iter().find(|one| one.0 == name);
        let (_, quantity) = quantity.ok_or_else(|| format!("`{name}` is none of {}", names()))?;
        let units = quantity.units();
        let unit = units.iter().find(|unit| value.ends_with(unit.0));
        let example = || format!("`{value}` has no unit: give {}{}", 8, units[0].0);
        let (unit, size) = unit.ok_or_else(example)?;
        let number = value[..value.len() - unit.len()].trim().parse::<f64>().ok();
        match number.filter(|number| number.is_finite() && *number > 0.0) {
            Some(number) => Ok(Self { text: text.to_owned(), quantity, most: number * size }),
            None => Err(format!("`{value}` is not a number above zero with {unit}")),
        }
    }
}

/// A limit with the figure that it was compared with.
#[derive(Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The limit as it was given.
    gate: String,
    quantity: Quantity,
    /// The child whose figure it is; none for a figure of the whole program.
    child: Option<String>,
    /// In milliseconds or bytes; none where this system does not tell it.
    value: Option<f64>,
    met: bool,
}

impl Gate {
    /// The figure that is limited.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// Compares a figure, in milliseconds or bytes. One that this system does not tell misses its limit.
    pub fn judge(&self, child: Option<&str>, value: Option<f64>) -> Judged {
        let met = value.is_some_and(|value| value <= self.most);
        Judged { gate: self.text.clone(), quantity: self.quantity, child: child.map(str::to_owned), value, met }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) =
            self.quantity.units().iter().find(|unit| ["ms", "MB"].contains(&unit.0)).unwrap_or(&("", 1.0));
        let value = self
            .value
            .map_or_else(|| "not told by this system".to_owned(), |value| format!("{:.3} {unit}", value / size));
        let child = self.child.as_ref().map(|child| format!(" of {child}")).unwrap_or_default();
        let verdict = if self.met { "met" } else { "missed" };
        write!(f, "{verdict}: {}, {}{child} is {value}", self.gate, self.quantity.name())
    }
}

/// The fault of all limits that were missed.
pub fn missed(all: &[Judged]) -> Option<Fault> {
    let missed: Vec<String> = all.iter().filter(|one| !one.met).map(ToString::to_string).collect();
    (!missed.is_empty()).then(|| Fault { code: Fault::GATE.to_owned(), message: missed.join("; ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_names_and_units() {
        let most = |text: &str| text.parse::<Gate>().map(|gate| gate.most);
        assert_eq!((most("p90=8ms"), most("first=0.5s"), most("p50=900us")), (Ok(8.0), Ok(500.0), Ok(0.9)));
        assert_eq!((most("memory=64MB"), most("process=1GB"), most("memory=12B")), (Ok(64e6), Ok(1e9), Ok(12.0)));
        for (wrong, why) in [
            ("p90", "NAME=VALUE"),
            ("p99=8ms", "none of p50, p90"),
            ("p90=8", "no unit"),
            ("p90=8MB", "no unit"),
            ("memory=-1MB", "above zero"),
            ("p90=NaNms", "above zero"),
        ] {
            let error = wrong.parse::<Gate>().unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_missed_limit_and_a_missing_figure_are_faults() {
        let gate: Gate = "p90=8ms".parse().unwrap();
        let all = [gate.judge(Some("small"), Some(7.9)), gate.judge(Some("big"), Some(8.1)), gate.judge(None, None)];
        let fault = missed(&all).unwrap();
        assert_eq!(fault.code, Fault::GATE);
        assert!(
            fault.message.contains("p90 of big is 8.100 ms") && fault.message.contains("not told"),
            "{}",
            fault.message
        );
        assert!(missed(&all[..1]).is_none() && !fault.message.contains("small"));
    }
}
