//! The orientation that an EXIF block gives. The reader of `image` takes it as a SHORT alone, but some programs write a
//! LONG.

use image::metadata::Orientation;

const TAG: u32 = 0x0112;

/// Reads a block: a TIFF header and its first directory. JPEG files have `Exif` and two bytes before it; some programs
/// write them into PNG and WebP files too. `None` if it is damaged, or gives no orientation that exists.
pub fn orientation(block: &[u8]) -> Option<Orientation> {
    let tiff = match block.strip_prefix(b"Exif\0") {
        Some(rest) => rest.get(1..)?,
        None => block,
    };
    let tiff = Tiff { bytes: tiff, is_little: tiff.starts_with(b"II") };
    let is_tiff = tiff.bytes.starts_with(b"II*\0") || tiff.bytes.starts_with(b"MM\0*");
    let directory = is_tiff.then(|| tiff.number(4, 4))?? as usize;
    let entries = tiff.number(directory, 2)? as usize;
    // A directory may be cut off: the entries before that count.
    let places = (0..entries).map_while(|entry| directory.checked_add(2 + 12 * entry));
    places.map_while(|at| Some((at, tiff.number(at, 2)?))).filter(|&(_, tag)| tag == TAG).find_map(|(at, _)| {
        let value = match (tiff.number(at + 2, 2)?, tiff.number(at + 4, 4)?) {
            (1 | 6, 1) => tiff.number(at + 8, 1),
            (3 | 8, 1) => tiff.number(at + 8, 2),
            (4 | 9, 1) => tiff.number(at + 8, 4),
            _ => None,
        };
        Orientation::from_exif(u8::try_from(value?).ok()?)
    })
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl Tiff<'_> {
    /// The number of so many bytes at a place.
    fn number(&self, at: usize, bytes: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at.checked_add(bytes)?)?;
        let add = |sum: u32, &digit: &u8| sum << 8 | u32::from(digit);
        Some(if self.is_little { digits.iter().rev().fold(0, add) } else { digits.iter().fold(0, add) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block whose directory has another tag and the orientation, as a value of some type.
    fn block(kind: u8, value: &[u8; 4], is_little: bool) -> Vec<u8> {
        let put = |number: u32, bytes: usize| match is_little {
            true => number.to_le_bytes()[..bytes].to_vec(),
            false => number.to_be_bytes()[4 - bytes..].to_vec(),
        };
        let entry = |tag: u32, kind: u8, value: &[u8]| {
            [put(tag, 2), put(u32::from(kind), 2), put(1, 4), value.to_vec()].concat()
        };
        let head = if is_little { b"II*\0" } else { b"MM\0*" };
        let entries = [entry(0x0100, 3, &[9, 9, 0, 0]), entry(TAG, kind, value)].concat();
        [head.as_slice(), &put(8, 4), &put(2, 2), &entries, &[0; 4]].concat()
    }

    #[test]
    fn every_type_of_number_is_read_in_both_byte_orders() {
        for (kind, little, big) in
            [(1, [6, 0, 0, 0], [6, 0, 0, 0]), (3, [6, 0, 0, 0], [0, 6, 0, 0]), (4, [6, 0, 0, 0], [0, 0, 0, 6])]
        {
            for (value, is_little) in [(little, true), (big, false)] {
                let block = block(kind, &value, is_little);
                assert_eq!(orientation(&block), Some(Orientation::Rotate90), "{kind}, {is_little}");
                assert_eq!(orientation(&[b"Exif\0\0", block.as_slice()].concat()), Some(Orientation::Rotate90));
                (0..block.len() - 4).for_each(|length| {
                    orientation(&block[..length]);
                });
            }
        }
        assert_eq!(orientation(&block(4, &[0, 1, 0, 0], true)), None);
        assert_eq!(orientation(&block(2, &[6, 0, 0, 0], true)), None, "a text");
        for nonsense in [b"".as_slice(), b"Exif\0", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"] {
            assert_eq!(orientation(nonsense), None);
        }
    }
}
