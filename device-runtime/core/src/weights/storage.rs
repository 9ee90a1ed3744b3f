//! The storages, and the facts of each.

use crate::words::any_of;
use half::f16;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

crate::listed_enum! {
    /// How the shared weights are stored; the arithmetic is another choice.
    ///
    /// Append only: files hold a variant's number.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum WeightStorage {
        /// As they were trained: 4 bytes a weight.
        #[default]
        F32,
        /// The nearest 16-bit float, ties to even: 2 bytes a weight.
        F16,
        /// Multiples of a scale, from -127 to 127: 1 byte a weight. Every output channel of a tensor has its own scale,
        /// a 127th of its largest weight.
        Int8,
    }
}

/// The facts of a storage. A stored number is the weight, or the weight divided by its output channel's scale.
#[derive(Clone, Copy, Debug)]
pub struct StorageRow {
    /// Its name in files and on command lines.
    pub name: &'static str,
    /// Bytes of a weight.
    pub bytes: usize,
    /// Whether every output channel has a scale, which kernels multiply into batch norm.
    pub has_scales: bool,
    /// The stored number nearest to a share of a channel's largest number, -1 to 1.
    pub nearest: fn(share: f32) -> f32,
    /// The bits of a stored number, of which the lowest [`bytes`](Self::bytes) are stored.
    pub bits: fn(number: f32) -> u32,
    /// Every stored number for the self-test of an adapter; none where nothing is converted.
    pub test_numbers: fn() -> Vec<StoredNumber>,
    /// The WGSL type that holds four numbers.
    pub wgsl_element: &'static str,
    /// A WGSL expression that makes a `vec4<f32>` of `stored`, one such element.
    pub wgsl_numbers: &'static str,
}

/// A number that a weight can be stored as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredNumber {
    /// Its bits.
    pub bits: u32,
    /// The value that they stand for.
    pub number: f32,
    /// WGSL lets adapters flush what is denormal to zero, and lose zero's sign.
    pub may_be_zero: bool,
}

/// The largest code; its negative is the smallest.
pub const MAX_CODE: i8 = 127;

const F32: StorageRow = StorageRow {
    name: "f32",
    bytes: 4,
    has_scales: false,
    nearest: |share| share,
    bits: f32::to_bits,
    test_numbers: Vec::new,
    wgsl_element: "vec4<f32>",
    wgsl_numbers: "stored",
};

// Unpacking is core WGSL: no adapter needs to offer 16-bit floats in the arithmetic.
const F16: StorageRow = StorageRow {
    name: "f16",
    bytes: 2,
    has_scales: false,
    nearest: |share| f16::from_f32(share).to_f32(),
    bits: |number| u32::from(f16::from_f32(number).to_bits()),
    test_numbers: || {
        (0..=u16::MAX)
            .map(|bits| (u32::from(bits), f16::from_bits(bits)))
            .filter(|(_, number)| number.is_finite())
            .map(|(bits, number)| StoredNumber { bits, number: number.to_f32(), may_be_zero: !number.is_normal() })
            .collect()
    },
    wgsl_element: "vec2<u32>",
    wgsl_numbers: "vec4<f32>(unpack2x16float(stored.x), unpack2x16float(stored.y))",
};

// By shifts, to the top of a word and back down with the sign. They are exact everywhere: WGSL lets `unpack4x8snorm`,
// which divides by 127, be off by three units in the last place, and `unpack4xI8` is no core WGSL.
const INT8: StorageRow = StorageRow {
    name: "int8",
    bytes: 1,
    has_scales: true,
    nearest: |share| (f32::from(MAX_CODE) * share).round(),
    bits: |number| u32::from(number as i8 as u8),
    test_numbers: || {
        (i8::MIN..=i8::MAX)
            .map(|code| StoredNumber { bits: u32::from(code as u8), number: f32::from(code), may_be_zero: false })
            .collect()
    },
    wgsl_element: "u32",
    wgsl_numbers: "vec4<f32>((vec4<i32>(bitcast<i32>(stored)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))",
};

impl WeightStorage {
    /// Its row.
    pub const fn row(self) -> &'static StorageRow {
        match self {
            Self::F32 => &F32,
            Self::F16 => &F16,
            Self::Int8 => &INT8,
        }
    }

    /// Bytes of a weight.
    pub fn bytes(self) -> usize {
        self.row().bytes
    }
}

impl fmt::Display for WeightStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for WeightStorage {
    type Err = UnknownStorage;

    fn from_str(text: &str) -> Result<Self, UnknownStorage> {
        let found = Self::ALL.into_iter().find(|storage| storage.row().name == text);
        found.ok_or_else(|| UnknownStorage { given: text.to_owned() })
    }
}

/// No storage has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a weight storage: {}", any_of(WeightStorage::ALL.map(|one| one.row().name)))]
pub struct UnknownStorage {
    /// The name that was given.
    pub given: String,
}

impl UnknownStorage {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "unknown_weight_storage"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_number_comes_back_from_its_bits() {
        for storage in WeightStorage::ALL {
            let row = storage.row();
            for StoredNumber { bits, number, .. } in (row.test_numbers)() {
                assert_eq!((row.bits)(number), bits, "{storage}: {number}");
                assert!(bits < 1 << (8 * row.bytes), "{storage}: {bits:#x}");
            }
            for share in [-1.0, -0.3, 0.0, 0.7, 1.0] {
                let number = (row.nearest)(share);
                let largest = (row.nearest)(1.0);
                assert!((number / largest - share).abs() <= 0.5 / 127.0, "{storage}: {number} of {largest}");
                assert_eq!((row.nearest)(number / largest), number, "{storage}");
            }
        }
    }

    #[test]
    fn names_are_read_back_and_others_refused() {
        for storage in WeightStorage::ALL {
            assert_eq!(storage.to_string().parse(), Ok(storage));
            assert_eq!(serde_json::to_value(storage).unwrap(), storage.to_string());
        }
        let error = "f64".parse::<WeightStorage>().unwrap_err().to_string();
        assert_eq!(error, "`f64` is not a weight storage: f32, f16 or int8");
    }
}
