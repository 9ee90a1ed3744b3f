use crate::{BundleError, BundledImages};
use nestling_core::image::{Fit, PixelFormat};
use nestling_core::space::{Activation, Block, Gate, Operator, OutputSize, Padding, SqueezeOf};
use nestling_core::weights::WeightStorage;

/// An enumeration whose values have numbers in the file. A number is never given to another value.
pub(crate) trait Coded: Sized {
    /// Its name in errors.
    const WHAT: &'static str;

    /// The value's number.
    fn code(self) -> u32;

    /// The value of a number that this version knows.
    fn known(code: u32) -> Option<Self>;

    /// The value of a number from a file: an unknown one is of a newer version.
    fn from_code(code: u32) -> Result<Self, BundleError> {
        Self::known(code).ok_or_else(|| BundleError::Unsupported { what: format!("{} number {code}", Self::WHAT) })
    }
}

/// Enumerations whose values are numbered in the order of their list, to which values are only appended.
macro_rules! listed {
    ($($name:ident, $what:literal;)+) => {$(
        impl Coded for $name {
            const WHAT: &'static str = $what;

            fn code(self) -> u32 {
                self as u32
            }

            fn known(code: u32) -> Option<Self> {
                Self::ALL.get(code as usize).copied()
            }
        }
    )+};
}

/// Enumerations that are numbered here: a value without a number does not compile.
macro_rules! numbered {
    ($($name:ident, $what:literal: $($variant:ident = $code:literal),+;)+) => {$(
        impl Coded for $name {
            const WHAT: &'static str = $what;

            fn code(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            fn known(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    )+};
}

listed! {
    Activation, "activation";
    Operator, "operator";
    WeightStorage, "weight storage";
}

numbered! {
    Fit, "fit": Crop = 0, Pad = 1, Squash = 2;
    Block, "kind of block": InvertedResidual = 0, Separable = 1;
    Gate, "gate": Sigmoid = 0, HardSigmoid = 1;
    OutputSize, "output size": Large = 0, Medium = 1, Small = 2;
    Padding, "padding": Symmetric = 0, Same = 1;
    SqueezeOf, "rule for squeezed widths": BlockInput = 0, Expanded = 1;
}

impl Coded for PixelFormat {
    const WHAT: &'static str = "pixel format";

    fn code(self) -> u32 {
        self as u32
    }

    /// Only the formats that a bundle may hold: the others are for an app's frames.
    fn known(code: u32) -> Option<Self> {
        BundledImages::FORMATS.get(code as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    /// The values from 0 on have these names for ever; more may follow them.
    fn numbered<T: Coded + Copy + Debug>(names: &[&str]) {
        for (code, name) in (0..).zip(names) {
            let value = T::from_code(code).unwrap();
            assert_eq!((value.code(), format!("{value:?}")), (code, (*name).to_owned()));
        }
        let unknown = (0..).find(|&code| T::known(code).is_none()).unwrap();
        let error = T::from_code(unknown).unwrap_err();
        assert!(matches!(&error, BundleError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(T::WHAT), "{error}");
    }

    #[test]
    fn numbers_stay_and_one_beyond_them_is_of_a_newer_version() {
        numbered::<Activation>(&["Identity", "Relu", "Relu6", "Swish", "HardSwish", "Sigmoid", "HardSigmoid"]);
        numbered::<Block>(&["InvertedResidual", "Separable"]);
        numbered::<Fit>(&["Crop", "Pad", "Squash"]);
        numbered::<Gate>(&["Sigmoid", "HardSigmoid"]);
        numbered::<Operator>(&["Dense", "Pointwise", "Depthwise", "Pool", "Linear", "AveragePool"]);
        numbered::<OutputSize>(&["Large", "Medium", "Small"]);
        numbered::<Padding>(&["Symmetric", "Same"]);
        numbered::<PixelFormat>(&["Grey8", "Rgba8"]);
        numbered::<SqueezeOf>(&["BlockInput", "Expanded"]);
        numbered::<WeightStorage>(&["F32", "F16", "Int8"]);
    }
}
