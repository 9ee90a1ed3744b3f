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
    ($($type:ident),+) => {$(
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
                $type::exp(self)
            }

            #[inline(always)]
            fn is_above(self, low: f64) -> Self {
                $type::from(u8::from(self > low as $type))
            }
        }
    )+};
}

real!(f32, f64);
