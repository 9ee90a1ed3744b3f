//! Lists of a file with a bound on their length: an empty text takes one byte there and 24 in memory.

use serde::de::{Deserialize, Deserializer};
#[cfg(not(target_arch = "wasm32"))]
use serde::de::{Error, SeqAccess, Visitor};
#[cfg(not(target_arch = "wasm32"))]
use std::fmt;
#[cfg(not(target_arch = "wasm32"))]
use std::marker::PhantomData;

/// Most names of classes: as many as a space may have classes.
pub(super) const MAX_LABELS: usize = 16_384;
/// Most children of a list: those that ship, or those that were trained.
pub(crate) const MAX_CHILDREN: usize = 4096;
/// Most stages of a space, or of a child: more than a space may have, so that a space is refused with its own reason.
pub(super) const MAX_STAGES: usize = 64;
/// Most tables of known devices.
pub(super) const MAX_TABLES: usize = 4096;
/// Most optional features of an adapter.
pub(super) const MAX_FEATURES: usize = 64;

/// A list of at most so many values.
pub(super) struct Few<T, const MOST: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        few::<MOST, T, D>(from).map(Self)
    }
}

/// The same, for a field. A browser bounds the memory of a page itself, and the page's module must be small.
#[cfg(target_arch = "wasm32")]
pub(super) fn few<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Vec::deserialize(from)
}

/// The same, for a field.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn few<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    struct List<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a short list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                if values.len() == MOST {
                    return Err(A::Error::custom("the list is too long"));
                }
                values.push(value);
            }
            Ok(values)
        }
    }

    from.deserialize_seq(List::<T, MOST>(PhantomData))
}
