use serde::{Deserialize, Serialize};
use std::fmt;

/// How much output a layer has: kernels are chosen by it, and a small one leaves a GPU idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputSize {
    /// At least 16,384 elements of four channels: the first stages.
    Large,
    /// At least 2,048.
    Medium,
    /// Fewer.
    Small,
}

impl OutputSize {
    /// All sizes.
    pub const ALL: [Self; 3] = [Self::Large, Self::Medium, Self::Small];

    /// The size of an output of `pixels` times `groups` elements; `None` for fewer than 4 pixels, which are never
    /// tiled.
    pub fn of(pixels: u32, groups: u32) -> Option<Self> {
        match u64::from(pixels) * u64::from(groups) {
            _ if pixels < 4 => None,
            16_384.. => Some(Self::Large),
            2_048.. => Some(Self::Medium),
            _ => Some(Self::Small),
        }
    }
}

impl fmt::Display for OutputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Large => "large",
            Self::Medium => "medium",
            Self::Small => "small",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::space::output_size::OutputSize as Size;

    #[test]
    fn sizes_begin_where_they_say() {
        for (pixels, groups, size) in [
            (3, 1000, None),
            (4, 511, Some(Size::Small)),
            (4, 512, Some(Size::Medium)),
            (128, 128, Some(Size::Large)),
            (u32::MAX, u32::MAX, Some(Size::Large)),
        ] {
            assert_eq!(Size::of(pixels, groups), size);
        }
    }
}
