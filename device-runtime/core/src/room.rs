//! Memory for sizes that a file or a caller names. Where the system has none left, that is an error; the allocations of
//! `Vec` and `Box` end the process.

/// The system gave no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no {bytes} bytes of memory: free some, or use a smaller bundle or smaller images")]
pub struct NoRoom {
    /// Bytes that were asked for.
    pub bytes: u64,
}

impl NoRoom {
    /// A stable name of this kind of error, for bindings.
    pub fn code(&self) -> &'static str {
        "out_of_memory"
    }
}

/// Makes a vector at least so long, with room for no more than that.
///
/// # Errors
/// [`NoRoom`] if the system gives no memory.
#[cfg_attr(target_arch = "wasm32", inline(always))]
pub fn grow<T: Clone>(values: &mut Vec<T>, length: usize, value: T) -> Result<(), NoRoom> {
    let more = length.saturating_sub(values.len());
    reserve(values, more)?;
    values.resize(values.len() + more, value);
    Ok(())
}

/// A vector of one value, so many times.
///
/// # Errors
/// [`NoRoom`] if the system gives no memory.
#[cfg_attr(target_arch = "wasm32", inline(always))]
pub fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>, NoRoom> {
    let mut values = Vec::new();
    grow(&mut values, count, value)?;
    Ok(values)
}

/// A copy.
///
/// # Errors
/// [`NoRoom`] if the system gives no memory.
#[cfg_attr(target_arch = "wasm32", inline(always))]
pub fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>, NoRoom> {
    let mut copy = Vec::new();
    reserve(&mut copy, values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Room for so many more values.
///
/// # Errors
/// [`NoRoom`] if the system gives no memory.
///
/// In a browser the page ends instead: its module must be small.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
pub fn reserve<T>(values: &mut Vec<T>, more: usize) -> Result<(), NoRoom> {
    values.reserve_exact(more);
    Ok(())
}

/// Room for so many more values.
///
/// # Errors
/// [`NoRoom`] if the system gives no memory.
#[cfg(not(target_arch = "wasm32"))]
pub fn reserve<T>(values: &mut Vec<T>, more: usize) -> Result<(), NoRoom> {
    let bytes = || (values.len() as u64).saturating_add(more as u64).saturating_mul(size_of::<T>() as u64);
    let no_room = NoRoom { bytes: bytes() };
    values.try_reserve_exact(more).map_err(|_| no_room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_all_memory_is_an_error() {
        assert_eq!(filled(7u8, 3), Ok(vec![7; 3]));
        assert_eq!(copied(&[1.0, 2.0]), Ok(vec![1.0, 2.0]));
        let mut values = vec![1u32];
        grow(&mut values, 3, 2).unwrap();
        assert_eq!(values, [1, 2, 2]);
        assert_eq!(grow(&mut values, 1, 0), Ok(()));
        assert_eq!(filled(0u32, usize::MAX), Err(NoRoom { bytes: u64::MAX }));
        let no_room = reserve(&mut values, 1 << 60).unwrap_err();
        assert_eq!((no_room.code(), values.len()), ("out_of_memory", 3));
        assert!(no_room.to_string().contains("bytes of memory"), "{no_room}");
    }
}
