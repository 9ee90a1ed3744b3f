//! The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes.

use std::path::PathBuf;

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

/// Why a file or bytes in memory are not images or labels in the IDX format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The file cannot be read at all.
    #[error("cannot read {path}: {source}; check the path")]
    Open {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file can be read, but its contents are wrong: one of the errors below.
    #[error("cannot read {path}: {source}")]
    InFile {
        /// Which file.
        path: PathBuf,
        /// The fault in its contents.
        source: Box<IdxError>,
    },
    /// Another kind of file.
    #[error("it is {found}, not an IDX file of {wanted}; {remedy}")]
    Foreign {
        /// Images or labels.
        wanted: &'static str,
        /// The kind that was found.
        found: &'static str,
        /// A way to the right file.
        remedy: &'static str,
    },
    /// The compressed data are damaged.
    #[error("its gzip data are damaged: {problem}; download it again")]
    Gzip {
        /// The fault.
        problem: String,
    },
    /// It is larger than any data set of this kind.
    #[error("it holds more than {limit} bytes; give a smaller file")]
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// The header contradicts the contents.
    #[error("it is not an IDX file of {wanted}: {problem}; {remedy}")]
    Malformed {
        /// Images or labels.
        wanted: &'static str,
        /// The fault.
        problem: String,
        /// A way to the right file.
        remedy: &'static str,
    },
    /// The header is right, but there is nothing to read.
    #[error("it is an IDX file of {wanted}, but {problem}; give a file that holds some")]
    Empty {
        /// Images or labels.
        wanted: &'static str,
        /// Which size is 0.
        problem: &'static str,
    },
}

impl IdxError {
    /// A stable name of this kind of error: the same for a file and for bytes in memory.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "idx_open",
            Self::InFile { source, .. } => source.code(),
            Self::Foreign { .. } => "idx_foreign",
            Self::Gzip { .. } => "idx_gzip",
            Self::TooLarge { .. } => "idx_too_large",
            Self::Malformed { .. } => "idx_malformed",
            Self::Empty { .. } => "idx_empty",
        }
    }
}

/// The two kinds of files, with the number of dimensions in the last byte of their magic.
pub(crate) struct Kind {
    pub name: &'static str,
    dimensions: u8,
}

pub(crate) const IMAGES: Kind = Kind { name: "images", dimensions: 3 };
pub(crate) const LABELS: Kind = Kind { name: "labels", dimensions: 1 };

/// The remedy where one file is in the place of the other.
const SWAPPED: &str = "the files of images and labels seem to be swapped: give each the other's name";

/// The third byte of the magic of files of unsigned bytes.
const BYTES: u8 = 8;

fn header(bytes: &[u8], kind: &Kind) -> Result<Vec<u32>, IdxError> {
    let wanted = kind.name;
    let fail = |problem: String| IdxError::Malformed { wanted, problem, remedy: "download it again" };
    let sizes = usize::from(kind.dimensions);
    let mut words = bytes.as_chunks::<4>().0.iter();
    let Some(magic) = words.next() else {
        return Err(fail(format!("{} bytes are fewer than its header", bytes.len())));
    };
    if *magic != [0, 0, BYTES, kind.dimensions] {
        let is_other_half = matches!(magic, [0, 0, BYTES, 1 | 3]);
        let remedy = if is_other_half { SWAPPED } else { "download it again" };
        return Err(IdxError::Malformed { wanted, problem: other_magic(*magic), remedy });
    }
    let numbers: Vec<u32> = words.take(sizes).map(|&word| u32::from_be_bytes(word)).collect();
    if numbers.len() < sizes {
        return Err(fail(format!("{} bytes are fewer than its header", bytes.len())));
    }
    let expected = numbers.iter().try_fold(1u64, |product, &n| product.checked_mul(u64::from(n)));
    let body = (bytes.len() - 4 - 4 * sizes) as u64;
    if expected == Some(0) && body == 0 {
        let problem = if numbers[0] == 0 { "it holds none" } else { "they have no pixels" };
        return Err(IdxError::Empty { wanted, problem });
    }
    if expected != Some(body) || numbers.contains(&0) {
        return Err(fail(format!("the header says {numbers:?}, but {body} bytes follow")));
    }
    Ok(numbers)
}

/// The content of a file with another magic.
fn other_magic(magic: [u8; 4]) -> String {
    match magic {
        [0, 0, BYTES, 1] => "it holds labels".to_owned(),
        [0, 0, BYTES, 3] => "it holds images".to_owned(),
        [0, 0, BYTES, dimensions @ 1..=8] => format!("it holds bytes in {dimensions} dimensions"),
        [0, 0, 9 | 0xb..=0xe, 1..=8] => "its numbers are not unsigned bytes".to_owned(),
        other => format!("it starts with {:#010x}", u32::from_be_bytes(other)),
    }
}

/// Reads images.
///
/// # Errors
/// [`IdxError`] if the header is wrong or does not fit the number of bytes.
pub fn parse_idx_images(bytes: &[u8]) -> Result<IdxImages, IdxError> {
    let sizes = header(bytes, &IMAGES)?;
    Ok(IdxImages { height: sizes[1], width: sizes[2], pixels: bytes[16..].to_vec() })
}

/// Reads labels.
///
/// # Errors
/// [`IdxError`] if the header is wrong or does not fit the number of bytes.
pub fn parse_idx_labels(bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
    header(bytes, &LABELS)?;
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
        assert!(parse_idx_labels(&bytes).unwrap_err().to_string().contains("it holds images"));
        bytes[4..8].fill(255);
        assert_eq!(parse_idx_images(&bytes).unwrap_err().code(), "idx_malformed");
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
        assert_eq!(parse_idx_labels(&labels).unwrap(), [7, 9]);
        let message = parse_idx_images(&labels).unwrap_err().to_string();
        assert!(message.contains("it holds labels; the files of images and labels seem to be swapped"), "{message}");
        for (sizes, problem) in [([0, 28, 28], "but it holds none"), ([2, 0, 0], "but they have no pixels")] {
            let none: Vec<u8> =
                [0, 0, 8, 3].into_iter().chain(sizes.iter().flat_map(|n| u32::to_be_bytes(*n))).collect();
            let error = parse_idx_images(&none).unwrap_err();
            assert!(error.code() == "idx_empty" && error.to_string().contains(problem), "{error}");
        }
        assert_eq!(parse_idx_labels(&[0, 0, 8, 1, 0, 0, 0, 0]).unwrap_err().code(), "idx_empty");
        let floats = [0, 0, 0xd, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4];
        assert!(parse_idx_images(&floats).unwrap_err().to_string().contains("not unsigned bytes"));
    }
}
