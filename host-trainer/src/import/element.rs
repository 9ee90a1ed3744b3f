use super::WeightsError;

/// How a number is stored. All become `f32`, also counters such as `num_batches_tracked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    BF16,
    F32,
    F64,
    I32,
    I64,
    I16,
    I8,
    U8,
    Bool,
    /// Quantised: the numbers mean nothing without the scales that lie beside them.
    Quantised8,
    Quantised32,
    Complex64,
    Complex128,
}

impl Element {
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool | Self::Quantised8 => 1,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::F32 | Self::I32 | Self::Quantised32 => 4,
            Self::F64 | Self::I64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// Why it is no weight, if it is none.
    pub fn unreadable(self) -> Option<&'static str> {
        match self {
            Self::Quantised8 | Self::Quantised32 => Some(QUANTISED),
            Self::Complex64 | Self::Complex128 => Some("its numbers are complex; save real ones"),
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => None,
            Self::I32 | Self::I64 | Self::I16 | Self::I8 | Self::U8 | Self::Bool => None,
        }
    }

    /// The number that starts `bytes`, which must hold one.
    fn number(self, bytes: &[u8]) -> f32 {
        let two = || u16::from_le_bytes([bytes[0], bytes[1]]);
        let four = || [bytes[0], bytes[1], bytes[2], bytes[3]];
        let eight = || [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]];
        match self {
            Self::F16 => half(two()),
            // The upper half of an f32.
            Self::BF16 => f32::from_bits(u32::from(two()) << 16),
            Self::F32 => f32::from_le_bytes(four()),
            Self::F64 => f64::from_le_bytes(eight()) as f32,
            Self::I32 => i32::from_le_bytes(four()) as f32,
            Self::I64 => i64::from_le_bytes(eight()) as f32,
            Self::I16 => f32::from(two() as i16),
            Self::I8 => f32::from(bytes[0] as i8),
            Self::U8 => f32::from(bytes[0]),
            Self::Bool => f32::from(u8::from(bytes[0] != 0)),
            // `gather` refuses them.
            Self::Quantised8 | Self::Quantised32 | Self::Complex64 | Self::Complex128 => f32::NAN,
        }
    }
}

/// The reason and the remedy for a quantised tensor.
pub(super) const QUANTISED: &str =
    "its numbers are quantised; save the model as it was before, or each tensor with `tensor.dequantize()`";

/// An IEEE half: 1 bit of sign, 5 of exponent with bias 15, 10 of fraction.
fn half(bits: u16) -> f32 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// Where the numbers of a tensor are in its storage, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub shape: Vec<usize>,
    /// How far apart neighbours along each axis are: files hold transposed and sliced tensors too.
    pub strides: Vec<usize>,
    pub offset: usize,
}

impl View {
    /// A tensor stored row by row.
    pub fn contiguous(shape: &[usize]) -> Self {
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            // Where this overflows there are too many elements, which `gather` refuses.
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        Self { shape: shape.to_vec(), strides, offset: 0 }
    }

    /// The numbers in row-major order. At most `budget` of them, which shrinks by their number: many tensors may share
    /// one storage, and a hostile file would name it thousands of times.
    pub fn gather(
        &self,
        name: &str,
        element: Element,
        storage: &[u8],
        budget: &mut usize,
    ) -> Result<Vec<f32>, WeightsError> {
        let held = storage.len() / element.bytes();
        let wrong = |what: String| WeightsError::Tensor { name: name.to_owned(), what };
        if let Some(reason) = element.unreadable() {
            return Err(wrong(reason.to_owned()));
        }
        let beyond = || wrong(format!("{self:?} reaches beyond its storage of {held} elements"));
        let count = self.shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size)).ok_or_else(beyond)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let last = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |last, (&size, &stride)| last.checked_add((size - 1).checked_mul(stride)?));
        if last.is_none_or(|last| last >= held) {
            return Err(beyond());
        }
        // Stride 0 repeats elements for free.
        if count > held {
            return Err(wrong(format!("{count} elements in a storage of {held}: save it as `tensor.contiguous()`")));
        }
        *budget = budget.checked_sub(count).ok_or_else(|| {
            wrong("with it, the tensors hold many times what the file does: save each with its own storage".into())
        })?;
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..count {
            values.push(element.number(&storage[at * element.bytes()..]));
            // An odometer: the last axis turns fastest. Wrapping, because the step behind the last may be a huge
            // stride.
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at = at.wrapping_add(self.strides[axis]);
                if index[axis] < self.shape[axis] {
                    break;
                }
                at = at.wrapping_sub(self.strides[axis].wrapping_mul(self.shape[axis]));
                index[axis] = 0;
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        let known = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn strides_that_overflow_are_refused() {
        let huge = usize::MAX / 2;
        for view in [
            View { shape: vec![3, 3], strides: vec![huge, huge], offset: 0 },
            View { shape: vec![huge, 3], strides: vec![0, 0], offset: 0 },
            View { shape: vec![1], strides: vec![1], offset: usize::MAX },
            View { shape: vec![5], strides: vec![0], offset: 0 },
        ] {
            view.gather("t", Element::F32, &[0; 16], &mut 100).unwrap_err();
        }
    }

    #[test]
    fn an_odometer_at_the_edge_does_not_overflow() {
        // The step past the end is as far as the largest stride allows.
        let view = View { shape: vec![1, 2], strides: vec![usize::MAX, 1], offset: 0 };
        let values = view.gather("t", Element::F32, &[0; 8], &mut 2);
        assert_eq!(values.unwrap(), [0.0, 0.0]);
    }
}
