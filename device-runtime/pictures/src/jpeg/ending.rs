//! Where the data of a scan end, and what is behind them.
//!
//! Encoders fill the last byte of the data with ones, some with zeros. The bytes behind it tell a file that is only
//! sloppy from one whose data go on, or ended earlier:
//!
//! - Nothing: the next marker follows, or the end of the file. That is how files should be.
//! - Bytes of one value. They fill up the file, and they may hold the end of a file that was cut off before. So the
//!   data must have ended before them: a last byte of the same value was no data, unless all its bits were taken and
//!   the byte before it is another one, or only a few bytes follow.
//! - Other bytes. An end marker behind more than a few of them is the image's own, so they are data that no block took.
//!   Without an end marker they are something that a program appended, if the last byte is filled with ones.

use crate::jpeg::bits::{Bits, Stop};
use crate::jpeg::segments::END;

/// Most bytes, of any value, between the data and an end marker: encoders in hardware write whole units of memory.
const MAX_BEFORE_END: usize = 15;
/// The same before another marker, and where the last byte is filled with zeros.
const MAX_STRAY: usize = 2;

/// The bytes of a file from a place on up to the next marker, with the place and the kind of that marker, if there is
/// one.
pub fn behind(bytes: &[u8], from: usize) -> (&[u8], Option<(usize, u8)>) {
    let mut at = from;
    while let Some(distance) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) {
        let first = at + distance;
        let Some(fill) = bytes[first..].iter().position(|&byte| byte != 0xff) else {
            return (&bytes[from..first], None);
        };
        let marker = bytes[first + fill];
        if marker != 0 {
            return (&bytes[from..first], Some((first + fill, marker)));
        }
        at = first + fill + 1;
    }
    (bytes.get(from..).unwrap_or_default(), None)
}

/// Checks that the data end where the last bit was taken. `is_over` says whether no more data are to come.
pub fn check_end(bits: &Bits<'_>, is_over: bool) -> Result<(), Stop> {
    let (bytes, end) = (bits.bytes(), bits.end());
    let (rest, marker) = behind(bytes, end);
    let Some(&first) = rest.first() else { return Ok(()) };
    let (padding, count) = bits.padding();
    let has_ones = u32::from(padding) == (1 << count) - 1;
    let (last, before) = last_two(&bytes[..end]);
    let is_data = has_ones && (before != last || rest.len() <= MAX_STRAY);
    if last == Some(first) && !is_data {
        return Err(Stop::Filled);
    }
    let is_fill = rest.iter().all(|&byte| byte == first);
    let is_sound = match marker.map(|(_, marker)| marker) {
        _ if !is_over => has_ones && rest.len() <= MAX_STRAY,
        Some(END | 0xd0..=0xd7) if has_ones => is_fill || rest.len() <= MAX_BEFORE_END,
        _ if has_ones => true,
        _ => padding == 0 && (is_fill || rest.len() <= MAX_STRAY),
    };
    if is_sound { Ok(()) } else { Err(Stop::LeftOver) }
}

/// The last byte of data and the one before it. A zero behind 0xff is none.
fn last_two(data: &[u8]) -> (Option<u8>, Option<u8>) {
    let split = |data: &[u8]| match *data {
        [.., 0xff, 0] => (Some(0xff), data.len() - 2),
        [.., last] => (Some(last), data.len() - 1),
        [] => (None, 0),
    };
    let (last, rest) = split(data);
    (last, split(&data[..rest]).0)
}

/// Where the bytes begin that have the value of the one at this place.
pub fn fill_start(bytes: &[u8], at: usize) -> usize {
    let Some(&value) = bytes.get(at) else { return at };
    at - bytes[..at].iter().rev().take_while(|&&byte| byte == value).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bits of the file, then judges what is behind them.
    fn end(bytes: &[u8], bits_taken: u32, is_over: bool) -> Result<(), Stop> {
        let mut bits = Bits::new(bytes, 0);
        for _ in 0..bits_taken {
            bits.take(1).unwrap();
        }
        check_end(&bits, is_over)
    }

    #[test]
    fn what_is_behind_the_data_tells_whether_they_ended() {
        let eoi = b"\xff\xff\xd9".as_slice();
        let file = |parts: &[&[u8]]| parts.concat();
        let long: Vec<u8> = (0..100).collect();
        // 12 bits of data, filled with ones and with zeros.
        let (ones, zeros) = (b"\xa5\x5f".as_slice(), b"\xa5\x50".as_slice());
        for good in [
            file(&[ones, eoi]),
            file(&[zeros, eoi]),
            file(&[b"\xa5\x53", eoi]),
            file(&[ones]),
            file(&[ones, b"\r\n"]),
            file(&[ones, &[0; 400]]),
            file(&[ones, &[0; 400], eoi]),
            file(&[zeros, &[7; 400], eoi]),
            file(&[ones, &long[..15], eoi]),
            file(&[ones, &long]),
            file(&[ones, &long, b"\xff\xd8\xff"]),
            file(&[ones, &[0xff; 9]]),
        ] {
            assert_eq!(end(&good, 12, true), Ok(()), "{good:02x?}");
        }
        for (bad, stop) in [
            (file(&[ones, &long[..16], eoi]), Stop::LeftOver),
            (file(&[zeros, &long[..3], eoi]), Stop::LeftOver),
            (file(&[b"\xa5\x53", &[0; 9], eoi]), Stop::LeftOver),
            (file(&[b"\xa5\x00", &[0; 9], eoi]), Stop::Filled),
            (file(&[b"\xa5\x00", &[0; 9]]), Stop::Filled),
        ] {
            assert_eq!(end(&bad, 12, true), Err(stop), "{bad:02x?}");
        }
        assert_eq!(end(&file(&[ones, &[0; 3], b"\xff\xd1"]), 12, false), Err(Stop::LeftOver));
        assert_eq!(end(&file(&[ones, &[0; 2], b"\xff\xd1"]), 12, false), Ok(()));
        // All bits of a zero were taken: one such byte may be data.
        assert_eq!(end(&file(&[b"\xa5\x00", &[0; 9]]), 16, true), Ok(()));
        assert_eq!(end(&file(&[b"\xa5\x00", &[0; 9]]), 24, true), Err(Stop::Filled));
        assert_eq!(end(&file(&[b"\xa5\x00", &[0; 3]]), 24, true), Ok(()));
        // The zero behind 0xff is no data.
        assert_eq!(end(&file(&[b"\xa5\xff\x00", &[0; 9]]), 12, true), Ok(()));
    }
}
