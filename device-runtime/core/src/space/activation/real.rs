use std::ops::{Add, Div, Mul, Neg, Sub};

/// The arithmetic that rows are written in: `f32` or `f64`.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The nearest number to a constant.
    fn of(value: f64) -> Self;
    /// The larger of this and a constant.
    fn at_least(self, low: f64) -> Self;
    /// This, kept between two constants.
    fn clamp(self, low: f64, high: f64) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// 1 if this is above a constant, else 0.
    fn is_above(self, low: f64) -> Self;
}

macro_rules! real {
    ($($type:ident: $exp:path),+ $(,)?) => {$(
        // Always inlined, into the trainer's loops for each instruction set.
        impl Real for $type {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn at_least(self, low: f64) -> Self {
                $type::max(self, low as $type)
            }

            #[inline(always)]
            fn clamp(self, low: f64, high: f64) -> Self {
                $type::clamp(self, low as $type, high as $type)
            }

            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }

            #[inline(always)]
            fn is_above(self, low: f64) -> Self {
                $type::from(u8::from(self > low as $type))
            }
        }
    )+};
}

real!(f32: exp_f32, f64: f64::exp);

/// `exp` in operations that the compiler vectorises, which the standard library's is not; at most 2 units in the last
/// place off. Inputs beyond the range of normal numbers give its ends.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then is in the low bits.
    const ROUNDING: f32 = 12_582_912.0; // 1.5 * 2^23
    /// The logarithm of 2 in two parts: the product of the first with a small integer is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.3, 88.3);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let power = shifted - ROUNDING;
    let rest = x - power * LN_2[0] - power * LN_2[1];
    // Cephes' polynomial for |rest| <= ln(2) / 2.
    let mut series = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        series = series * rest + coefficient;
    }
    let mantissa = series * rest * rest + rest + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUNDING.to_bits()).wrapping_add(127) << 23;
    mantissa * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        for index in -870_000..=880_000 {
            let x = index as f32 * 1e-4;
            let (value, expected) = (Real::exp(x), f64::from(x).exp());
            let unit = f64::from(f32::EPSILON) * expected;
            assert!((f64::from(value) - expected).abs() <= 2.0 * unit, "exp({x}) = {value}, not {expected}");
        }
    }

    #[test]
    fn the_exponential_has_no_holes() {
        assert!(Real::exp(f32::NAN).is_nan());
        assert!(Real::exp(f32::NEG_INFINITY) < 2e-38 && Real::exp(f32::NEG_INFINITY) > 0.0);
        assert!(Real::exp(f32::INFINITY) > 1e38 && Real::exp(1e30f32).is_finite());
        assert_eq!(Real::exp(0.0f32), 1.0);
    }
}
