//! Drivers that get a kernel wrong, for tests: the kernel's text is changed before the driver gets it.

use super::Context;

/// A way in which a driver gets a kernel wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sabotage {
    /// Every output is somewhat off.
    Wrong,
    /// Every output is NaN.
    NoNumber,
    /// Outputs depend on the values that were there before.
    Unstable,
    /// Outputs are right, and a value is written behind them.
    Beside,
}

impl Sabotage {
    pub(crate) const ALL: [Self; 4] = [Self::Wrong, Self::NoNumber, Self::Unstable, Self::Beside];

    /// An assignment to `place` that has this fault. `end` is the number of outputs, in WGSL.
    fn of(self, place: &str, value: &str, end: &str) -> String {
        match self {
            Self::Wrong => format!("{place} = ({value}) + vec4<f32>(0.01);"),
            Self::NoNumber => format!("{place} = sqrt(vec4<f32>(-1.0) - abs({value}));"),
            Self::Unstable => {
                let before = format!("select(0.001 * {place} + 1e-3, vec4<f32>(0.0), {place} != {place})");
                format!("{place} = ({value}) + {before};")
            }
            Self::Beside => format!("{place} = {value}; destination[{end} + 3u] = vec4<f32>(1.0);"),
        }
    }
}

impl Context {
    /// From now on this kernel is compiled wrong.
    pub(crate) fn sabotage(&self, kernel: &'static str, how: Sabotage) {
        self.inner.sabotage.lock().unwrap().push((kernel, how));
    }

    /// The text of a kernel as a faulty driver understands it.
    pub(crate) fn sabotaged(&self, kernel: &str, text: String) -> String {
        let known = self.inner.sabotage.lock().unwrap().iter().find(|(name, _)| *name == kernel).copied();
        let Some((_, how)) = known else { return text };
        let end = if text.contains("layer: Layer") {
            "layer.destination_offset + layer.output_groups * layer.output_width * layer.output_height"
        } else {
            "resize.target_side * resize.target_side"
        };
        let spoilt = |line: &str| match line.split_once(" = ") {
            Some((place, value)) if place.contains("destination[") => {
                how.of(place.trim(), value.trim_end_matches(';'), end)
            }
            _ => line.to_owned(),
        };
        text.lines().map(spoilt).collect::<Vec<_>>().join("\n")
    }
}
