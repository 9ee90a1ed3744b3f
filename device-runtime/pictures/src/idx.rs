//! The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes.

/// Grey images of one size, one byte a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxImages {
    /// Rows of each image.
    pub height: u32,
    /// Columns of each image.
    pub width: u32,
    /// All images, one after the other.
    pub pixels: Vec<u8>,
}

impl IdxImages {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.image_len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Bytes of one image.
    pub fn image_len(&self) -> usize {
        self.height as usize * self.width as usize
    }

    /// The images, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.image_len())
    }
}

/// Why bytes are no IDX file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no IDX file of {what}: {problem}; if it ends in .gz, decompress it first")]
pub struct IdxError {
    what: &'static str,
    problem: String,
}

impl IdxError {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "idx_malformed"
    }
}

fn header(bytes: &[u8], what: &'static str, magic: u32, words: usize) -> Result<Vec<u32>, IdxError> {
    let fail = |problem: String| IdxError { what, problem };
    let numbers: Vec<u32> = bytes
        .chunks_exact(4)
        .take(words)
        .map(|word| word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
        .collect();
    if numbers.len() < words {
        return Err(fail(format!("{} bytes are fewer than its header", bytes.len())));
    }
    if numbers[0] != magic {
        return Err(fail(format!("it starts with {:#010x}, not {magic:#010x}", numbers[0])));
    }
    let expected = numbers[1..].iter().try_fold(1u64, |product, &n| product.checked_mul(u64::from(n)));
    let body = bytes.len() as u64 - 4 * words as u64;
    if expected != Some(body) || numbers[1..].contains(&0) {
        return Err(fail(format!("the header says {:?}, but {body} bytes follow", &numbers[1..])));
    }
    Ok(numbers)
}

/// Reads images (magic 0x803).
///
/// # Errors
/// [`IdxError`] if the header is wrong or does not fit the number of bytes.
pub fn parse_idx_images(bytes: &[u8]) -> Result<IdxImages, IdxError> {
    let numbers = header(bytes, "images", 0x803, 4)?;
    Ok(IdxImages { height: numbers[2], width: numbers[3], pixels: bytes[16..].to_vec() })
}

/// Reads labels (magic 0x801).
///
/// # Errors
/// [`IdxError`] if the header is wrong or does not fit the number of bytes.
pub fn parse_idx_labels(bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
    header(bytes, "labels", 0x801, 2)?;
    Ok(bytes[8..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_header_says_and_refuses_the_rest() {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        let images = parse_idx_images(&bytes).unwrap();
        assert_eq!((images.len(), images.iter().last().unwrap()), (2, &[4u8, 5, 6][..]));
        for length in 0..bytes.len() {
            assert!(parse_idx_images(&bytes[..length]).is_err(), "accepted {length} bytes");
        }
        bytes[4..8].fill(255);
        assert_eq!(parse_idx_images(&bytes).unwrap_err().code(), "idx_malformed");
        assert_eq!(parse_idx_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]).unwrap(), [7, 9]);
        assert!(parse_idx_labels(&bytes).is_err());
    }
}
