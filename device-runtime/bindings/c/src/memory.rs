//! Every use of a pointer that the caller gave. Null and misaligned ones are refused; that the rest points to memory of
//! the caller is what the interface demands of it.

use crate::fault::Fault;
use crate::status::nestling_status;
use std::ffi::{CStr, c_char};

fn check<T>(pointer: *const T, name: &str) -> Result<(), Fault> {
    if pointer.is_null() {
        return Err(Fault::new(nestling_status::NESTLING_NULL_POINTER, format!("`{name}` is null")));
    }
    if !pointer.is_aligned() {
        return Err(Fault::argument(format!("`{name}` is not aligned to {} bytes", align_of::<T>())));
    }
    Ok(())
}

/// Borrows a struct of the caller.
///
/// # Safety
/// Unless it is null or not aligned, `pointer` points to a `T` that nobody changes during `'a`.
pub unsafe fn read<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Fault> {
    check(pointer, name)?;
    // SAFETY: it is aligned and not null, and the caller promises the rest.
    Ok(unsafe { &*pointer })
}

/// Borrows an array of the caller; an empty one may be null.
///
/// # Safety
/// Unless it is null or not aligned, `pointer` points to `count` values that nobody changes during `'a`.
pub unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Fault> {
    if count == 0 {
        return Ok(&[]);
    }
    check(pointer, name)?;
    check_count::<T>(count, name)?;
    // SAFETY: it is aligned and not null, its size fits into an `isize`, and the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// No object is larger than `isize::MAX`: such a length is a negative number of the caller.
pub fn check_count<T>(count: usize, name: &str) -> Result<(), Fault> {
    match count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
        true => Ok(()),
        false => Err(Fault::argument(format!("the length {count} of `{name}` is impossible"))),
    }
}

/// Checks that a result can be written, before a call does anything.
pub fn check_result<T>(pointer: *mut T, name: &str) -> Result<(), Fault> {
    check(pointer, name)
}

/// As [`check_result`], for a result that the caller may not want.
pub fn check_optional<T>(pointer: *mut T, name: &str) -> Result<(), Fault> {
    if pointer.is_null() { Ok(()) } else { check(pointer, name) }
}

/// Writes a result.
///
/// # Safety
/// Unless it is null or not aligned, `pointer` points to memory for a `T` that nobody else uses now.
pub unsafe fn write<T>(pointer: *mut T, name: &str, value: T) -> Result<(), Fault> {
    check(pointer, name)?;
    // SAFETY: it is aligned and not null, and the caller promises the rest.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Writes a result unless the pointer is null.
///
/// # Safety
/// As [`write`].
pub unsafe fn write_optional<T>(pointer: *mut T, name: &str, value: T) -> Result<(), Fault> {
    // SAFETY: the same promise.
    if pointer.is_null() { Ok(()) } else { unsafe { write(pointer, name, value) } }
}

/// Reads a text of the caller; `None` if it is null.
///
/// # Safety
/// Unless it is null, `pointer` points to a text that ends with a zero and that nobody changes during `'a`.
pub unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    let fault = |_| Fault::new(nestling_status::NESTLING_NOT_UTF8, format!("`{name}` is not UTF-8"));
    text.to_str().map(Some).map_err(fault)
}

/// Writes a text with a zero behind it, and its length without that zero. A buffer that is too short gets its beginning,
/// cut between characters; a null buffer of length 0 only asks for the length.
///
/// # Safety
/// Unless they are null, `buffer` points to `capacity` bytes and `length` to a number, and nobody else uses them now.
pub unsafe fn write_text(text: &str, buffer: *mut c_char, capacity: usize, length: *mut usize) -> Result<(), Fault> {
    // SAFETY: the same promise.
    unsafe { write_optional(length, "length", text.len())? };
    if capacity == 0 && buffer.is_null() && !length.is_null() {
        return Ok(());
    }
    check(buffer, "buffer")?;
    check_count::<u8>(capacity, "buffer")?;
    let most = text.len().min(capacity.saturating_sub(1));
    let room = (0..=most).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    if capacity > 0 {
        // SAFETY: `room + 1` bytes are at most `capacity`, and `text` is memory of this library.
        unsafe {
            buffer.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), room);
            buffer.add(room).write(0);
        }
    }
    if room == text.len() && capacity > 0 {
        return Ok(());
    }
    let text = format!("the text has {} bytes with its zero, but the buffer has {capacity}", text.len() + 1);
    Err(Fault::new(nestling_status::NESTLING_BUFFER_TOO_SHORT, text))
}

/// Every `unsafe` of this module, on memory that Miri watches.
#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::{null, null_mut};

    fn status<T>(result: Result<T, Fault>) -> nestling_status {
        result.map_or_else(|fault| fault.status, |_| nestling_status::NESTLING_OK)
    }

    /// A pointer to a number, one byte off.
    fn misaligned(bytes: &mut [u64; 2]) -> *mut u32 {
        bytes.as_mut_ptr().cast::<u8>().wrapping_add(1).cast()
    }

    #[test]
    fn values_are_read_and_written_only_where_they_can_be() {
        let (mut value, mut bytes) = (7u32, [0; 2]);
        // SAFETY: each pointer is null, misaligned, or of a living value.
        unsafe {
            assert_eq!(read(&raw const value, "x").copied().ok(), Some(7));
            write(&raw mut value, "x", 8).unwrap();
            write_optional(&raw mut value, "x", value + 1).unwrap();
            write_optional(null_mut::<u32>(), "x", 1).unwrap();
            assert_eq!(value, 9);
            assert_eq!(status(read(null::<u32>(), "x")), nestling_status::NESTLING_NULL_POINTER);
            assert_eq!(status(write(null_mut(), "x", 1u32)), nestling_status::NESTLING_NULL_POINTER);
            let odd = misaligned(&mut bytes);
            assert_eq!(status(read(odd.cast_const(), "x")), nestling_status::NESTLING_INVALID_ARGUMENT);
            assert_eq!(status(write_optional(odd, "x", 1)), nestling_status::NESTLING_INVALID_ARGUMENT);
        }
        assert_eq!(bytes, [0; 2]);
        assert!(check_optional(null_mut::<u32>(), "x").is_ok() && check_result(null_mut::<u32>(), "x").is_err());
    }

    #[test]
    fn arrays_have_possible_lengths() {
        let values = [1u32, 2, 3];
        // SAFETY: each length is that of the values, nothing, or refused.
        unsafe {
            assert_eq!(array(values.as_ptr(), 3, "x").ok(), Some(&values[..]));
            assert_eq!(array(null::<u32>(), 0, "x").ok(), Some(&[][..]));
            assert_eq!(status(array(null::<u32>(), 1, "x")), nestling_status::NESTLING_NULL_POINTER);
            for count in [usize::MAX, usize::MAX / 4, isize::MAX as usize / 4 + 1] {
                assert_eq!(status(array(values.as_ptr(), count, "x")), nestling_status::NESTLING_INVALID_ARGUMENT);
            }
        }
    }

    #[test]
    fn texts_end_with_a_zero_and_are_cut_between_characters() {
        let text = c"caf\u{e9}";
        // SAFETY: the texts end with a zero, and the buffers have the capacity that is told.
        unsafe {
            assert_eq!(super::text(text.as_ptr(), "x").ok(), Some(Some("caf\u{e9}")));
            assert_eq!(super::text(null(), "x").ok(), Some(None));
            assert_eq!(status(super::text(c"\xff".as_ptr(), "x")), nestling_status::NESTLING_NOT_UTF8);
            for capacity in 0..=7 {
                // A zero behind the buffer would be noticed.
                let (mut buffer, mut length) = ([1u8; 8], 0);
                let result = write_text("caf\u{e9}", buffer.as_mut_ptr().cast(), capacity, &raw mut length);
                assert_eq!((result.is_ok(), length), (capacity >= 6, 5), "{capacity}");
                let expected: &[u8] = match capacity {
                    0 => b"",
                    1 => b"\0",
                    2 => b"c\0",
                    3 => b"ca\0",
                    4 | 5 => b"caf\0",
                    _ => b"caf\xc3\xa9\0",
                };
                let written = expected.len();
                assert_eq!(
                    (&buffer[..written], &buffer[written..]),
                    (expected, &vec![1u8; 8 - written][..]),
                    "{capacity}"
                );
            }
            let mut length = 0;
            assert!(write_text("caf\u{e9}", null_mut(), 0, &raw mut length).is_ok() && length == 5);
            assert_eq!(status(write_text("x", null_mut(), 2, null_mut())), nestling_status::NESTLING_NULL_POINTER);
        }
    }
}
