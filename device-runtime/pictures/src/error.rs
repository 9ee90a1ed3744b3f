use nestling_core::image::ImageError;
use std::path::{Path, PathBuf};

/// Why a file or bytes in memory cannot be decoded as a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read at all.
    #[error("cannot open picture {path}: {source}; check the path")]
    Open {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file can be read, but its contents cannot be decoded: one of the errors below.
    #[error("cannot decode picture {path}: {source}")]
    InFile {
        /// Which file.
        path: PathBuf,
        /// The fault in its contents.
        source: Box<PictureError>,
    },
    /// Another format, or none.
    #[error("it is {found}; {remedy}")]
    Format {
        /// The format that its first bytes show: `a HEIC file`, `of an unknown format`.
        found: &'static str,
        /// The remedy: `convert it to JPEG, PNG or WebP`, `unpack it first`.
        remedy: &'static str,
    },
    /// Pixels are missing at the end.
    #[error("the {format} file is cut off after {bytes} bytes; copy or download it again")]
    CutOff {
        /// JPEG, PNG or WebP.
        format: &'static str,
        /// Bytes that are there, without an end marker or anything behind it.
        bytes: usize,
    },
    /// A side is too small or too large.
    #[error("{0}; {remedy}", remedy = size_remedy(.0))]
    Size(#[from] ImageError),
    /// It claims more pixels than so few bytes can hold.
    #[error("a {format} file of {bytes} bytes cannot hold {width}x{height} pixels; it is damaged, or made to do harm")]
    Implausible {
        /// JPEG, PNG or WebP.
        format: &'static str,
        /// Bytes of the file.
        bytes: usize,
        /// Claimed width in pixels.
        width: u32,
        /// Claimed height in pixels.
        height: u32,
    },
    /// Decoding needs too much memory.
    #[error(
        "decoding its {width}x{height} pixels takes {bytes} bytes of memory, and `PictureOptions::max_bytes` allows \
         {limit}; allow more, or shrink it"
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes of memory that decoding takes, the file not included.
        bytes: u64,
        /// Most bytes.
        limit: u64,
    },
    /// The file is too long.
    #[error("it has more than {limit} bytes, which `PictureOptions::max_bytes` allows; allow more, or shrink it")]
    FileTooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// The kind is not read: hardly any program writes it.
    #[error("a {format} file {kind} cannot be read; save it as a baseline or progressive JPEG, or as PNG")]
    Unsupported {
        /// JPEG.
        format: &'static str,
        /// The kind: `with arithmetic coding`, `with 12 bits a sample`.
        kind: String,
    },
    /// Pixels are missing elsewhere than at the end, or the file contradicts itself.
    #[error("the {format} file is damaged: {problem}; copy or download it again, or save it with another program")]
    Damaged {
        /// JPEG, PNG or WebP.
        format: &'static str,
        /// The fault.
        problem: String,
    },
}

fn size_remedy(error: &ImageError) -> &'static str {
    match *error {
        ImageError::Size { width, height, smallest, .. } if width < smallest || height < smallest => {
            "enlarge it, or give another picture"
        }
        _ => "shrink it",
    }
}

impl PictureError {
    /// A stable name of this kind of error, for bindings: the same for a file and for bytes in memory.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "picture_open",
            Self::InFile { source, .. } => source.code(),
            Self::Format { .. } => "picture_format",
            Self::CutOff { .. } => "picture_cut_off",
            Self::Size(_) => "picture_size",
            Self::Implausible { .. } => "picture_implausible",
            Self::TooLarge { .. } => "picture_too_large",
            Self::FileTooLarge { .. } => "picture_file_too_large",
            Self::Unsupported { .. } => "picture_unsupported",
            Self::Damaged { .. } => "picture_damaged",
        }
    }

    /// The file; none if bytes in memory were decoded.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Open { path, .. } | Self::InFile { path, .. } => Some(path),
            Self::Format { .. }
            | Self::CutOff { .. }
            | Self::FileTooLarge { .. }
            | Self::Size(_)
            | Self::Implausible { .. }
            | Self::TooLarge { .. }
            | Self::Unsupported { .. }
            | Self::Damaged { .. } => None,
        }
    }
}

/// The words of a decoder as part of a sentence. Some print values as programmers read them, quotes and line ends.
pub fn decoder_says(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    // "while decoding ChunkType { type: IDAT, critical: true, ... } chunk"
    let mut parts = text.split("ChunkType { type: ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (fields, rest) = part.split_once('}').unwrap_or((part, ""));
        plain.extend([fields.split(',').next().unwrap_or_default(), rest]);
    }
    let plain = plain.replace(['"', '\\'], "");
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = ["Jpeg", "WebP"].iter().fold(words.as_str(), |words, format| {
        words.strip_prefix(&format!("Format error decoding {format}: ")).unwrap_or(words)
    });
    format!("its decoder says \"{}\"", words.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_decoder_become_part_of_a_sentence() {
        for (given, plain) in [
            ("Format error decoding Jpeg: \"Marker missing\"", "Marker missing"),
            ("I/O errors Not enough bytes\n", "I/O errors Not enough bytes"),
            ("Chunk ChunkType { type: PLTE, critical: true, private: false } is wrong.", "Chunk PLTE is wrong"),
            ("", ""),
        ] {
            assert_eq!(decoder_says(&given), format!("its decoder says \"{plain}\""));
        }
    }

    #[test]
    fn every_kind_of_error_has_a_code_of_its_own_in_a_file_and_in_memory() {
        let kinds = || {
            let size = ImageError::Size { width: 1, height: 1, smallest: 2, largest: 9 };
            [
                PictureError::Format { found: "a GIF file", remedy: "convert it" },
                PictureError::CutOff { format: "PNG", bytes: 9 },
                PictureError::Size(size),
                PictureError::Implausible { format: "PNG", bytes: 9, width: 9, height: 9 },
                PictureError::TooLarge { width: 9, height: 9, bytes: 9, limit: 8 },
                PictureError::FileTooLarge { limit: 8 },
                PictureError::Unsupported { format: "JPEG", kind: "a".into() },
                PictureError::Damaged { format: "PNG", problem: "a".into() },
            ]
        };
        let open = PictureError::Open { path: "a".into(), source: std::io::ErrorKind::NotFound.into() };
        let codes: std::collections::HashSet<&str> = kinds().iter().chain([&open]).map(PictureError::code).collect();
        assert_eq!(codes.len(), kinds().len() + 1, "{codes:?}");
        assert_eq!(open.path(), Some(Path::new("a")));
        for error in kinds() {
            let (code, message) = (error.code(), error.to_string());
            assert!(error.path().is_none() && !message.contains("--"), "{message}");
            let in_file = PictureError::InFile { path: "b".into(), source: Box::new(error) };
            assert_eq!((in_file.code(), in_file.path()), (code, Some(Path::new("b"))));
            assert_eq!(in_file.to_string(), format!("cannot decode picture b: {message}"));
        }
    }
}
