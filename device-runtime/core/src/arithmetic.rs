//! The number type that kernels multiply in.

use crate::words::any_of;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

crate::listed_enum! {
    /// The number type of products. Sums are 32-bit floats with both, but for the four products of one pointwise
    /// matrix-vector product.
    ///
    /// Independent of how weights are stored: that is a [`WeightStorage`](crate::weights::WeightStorage).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Arithmetic {
        /// 32-bit floats.
        #[default]
        F32,
        /// 16-bit floats in pointwise and depthwise convolutions, where nearly all the work is. Factors and products
        /// must stay below 65,504.
        F16,
    }
}

/// The text is not an [`Arithmetic`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an arithmetic: it is {}", any_of(Arithmetic::ALL.map(|one| format!("`{one}`"))))]
pub struct UnknownArithmetic {
    /// The text.
    pub given: String,
}

impl UnknownArithmetic {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "unknown_arithmetic"
    }
}

impl Arithmetic {
    /// Its type in WGSL.
    pub fn wgsl(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wgsl())
    }
}

impl FromStr for Arithmetic {
    type Err = UnknownArithmetic;

    fn from_str(text: &str) -> Result<Self, UnknownArithmetic> {
        let known = Self::ALL.into_iter().find(|one| one.wgsl() == text);
        known.ok_or_else(|| UnknownArithmetic { given: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_comes_back_and_another_is_refused() {
        for one in Arithmetic::ALL {
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        let error = "half".parse::<Arithmetic>().unwrap_err();
        assert_eq!(error.to_string(), "`half` is not an arithmetic: it is `f32` or `f16`");
    }
}
