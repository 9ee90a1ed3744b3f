use crate::BundleError;
use nestling_core::image::PixelFormat;
use nestling_core::space::{Activation, Block, Gate, Operator, OutputSize, Padding, SqueezeOf};
use nestling_core::weights::WeightStorage;

/// An enumeration whose values have numbers in the file. A number is never given to another value.
pub(crate) trait Coded: Sized {
    /// What it is, for errors.
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

/// One row for each value: a value without a row does not compile.
macro_rules! codes {
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

codes! {
    Activation, "activation":
        Identity = 0, Relu = 1, Relu6 = 2, Swish = 3, HardSwish = 4, Sigmoid = 5, HardSigmoid = 6;
    Block, "kind of block": InvertedResidual = 0, Separable = 1;
    Gate, "gate": Sigmoid = 0, HardSigmoid = 1;
    Operator, "operator": Dense = 0, Pointwise = 1, Depthwise = 2, Pool = 3, Linear = 4, AveragePool = 5;
    OutputSize, "output size": Large = 0, Medium = 1, Small = 2;
    Padding, "padding": Symmetric = 0, Same = 1;
    PixelFormat, "pixel format": Grey8 = 0, Rgba8 = 1;
    SqueezeOf, "rule for squeezed widths": BlockInput = 0, Expanded = 1;
    WeightStorage, "weight storage": F32 = 0, F16 = 1, Int8 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked<T: Coded + Copy + PartialEq + std::fmt::Debug>(count: u32) {
        for code in 0..count {
            let value = T::from_code(code).unwrap();
            assert_eq!(value.code(), code, "{value:?}");
        }
        let error = T::from_code(count).unwrap_err();
        assert!(matches!(&error, BundleError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(T::WHAT), "{error}");
    }

    #[test]
    fn every_number_is_a_value_and_the_next_one_is_of_a_newer_version() {
        checked::<Activation>(7);
        checked::<Block>(2);
        checked::<Gate>(2);
        checked::<Operator>(6);
        checked::<OutputSize>(3);
        checked::<Padding>(2);
        checked::<PixelFormat>(2);
        checked::<SqueezeOf>(2);
        checked::<WeightStorage>(3);
    }
}
