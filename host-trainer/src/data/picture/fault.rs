use nestling_pictures::PictureError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a file is not used, or is remarked upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It cannot be opened.
    Unreadable,
    /// It has no bytes.
    Empty,
    /// Pixels are missing at its end.
    Truncated,
    /// It is named like a picture, but is none of the formats that are read.
    NotAPicture,
    /// Its pixels cannot be decoded.
    Damaged,
    /// It has too many pixels or bytes, or too few pixels.
    Size,
    /// It has the same bytes as another picture of its class.
    Duplicate,
    /// It has the same bytes as a picture of another class.
    Conflict,
    /// Its name says another format than its bytes. It is used.
    WronglyNamed,
    /// It is neither a picture nor named like one. It is left out.
    OtherFile,
    /// It looks like another picture. It is used, and belongs to the same part.
    NearDuplicate,
    /// It is an archive of pictures, and ends too early. The pictures before its end are used.
    TruncatedArchive,
}

impl FaultKind {
    /// Whether a strict load refuses a file with this fault: one that is left out although its name says that it is a
    /// picture, one whose name and contents contradict each other, or an archive that lacks pictures.
    pub fn is_refused_strictly(self) -> bool {
        match self {
            Self::Unreadable
            | Self::Empty
            | Self::Truncated
            | Self::NotAPicture
            | Self::Damaged
            | Self::Size
            | Self::Duplicate
            | Self::Conflict
            | Self::WronglyNamed
            | Self::TruncatedArchive => true,
            Self::OtherFile | Self::NearDuplicate => false,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::NotAPicture => "not a picture",
            Self::Damaged => "damaged",
            Self::Size => "of a size that is not read",
            Self::Duplicate => "duplicate",
            Self::Conflict => "duplicate in another class",
            Self::WronglyNamed => "wrongly named, but used",
            Self::OtherFile => "no picture by name or contents",
            Self::NearDuplicate => "near-duplicate, but used",
            Self::TruncatedArchive => "truncated archive",
        })
    }
}

/// A fault with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// The fault, for people.
    pub reason: String,
}

impl Fault {
    /// That of a picture that was not decoded.
    pub(super) fn of_picture(bytes: &[u8], error: &PictureError) -> Self {
        let kind = match error {
            _ if bytes.is_empty() => FaultKind::Empty,
            PictureError::InFile { source, .. } => return Self::of_picture(bytes, source),
            PictureError::Open { .. } => FaultKind::Unreadable,
            PictureError::Format { .. } => FaultKind::NotAPicture,
            PictureError::CutOff { .. } => FaultKind::Truncated,
            PictureError::Size(_)
            | PictureError::Implausible { .. }
            | PictureError::TooLarge { .. }
            | PictureError::FileTooLarge { .. } => FaultKind::Size,
            // The enum is non-exhaustive; a new kind is a fault of the contents.
            _ => FaultKind::Damaged,
        };
        Self { kind, reason: error.to_string() }
    }
}

/// Endings of picture files, whether they are read or not.
const ENDINGS: [&str; 20] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl",
    "jp2", "dng", "cr2", "cr3", "nef",
];

/// The ending of a file's name, in small letters.
fn ending(name: &str) -> Option<String> {
    let file = name.rsplit('/').next()?;
    file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// Whether a name says that its file is a picture; one without an ending may be.
pub fn is_named_as_picture(name: &str) -> bool {
    ending(name).is_none_or(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The remark on a name that says another format than the bytes do.
pub fn wrong_name(name: &str, bytes: &[u8]) -> Option<Fault> {
    let (format, endings): (_, &[&str]) = match bytes {
        [0xff, 0xd8, ..] => ("JPEG", &["jpg", "jpeg", "jpe", "jfif"]),
        [0x89, b'P', ..] => ("PNG", &["png", "apng"]),
        _ => ("WebP", &["webp"]),
    };
    let ending = ending(name)?;
    let is_right = endings.contains(&ending.as_str()) || !ENDINGS.contains(&ending.as_str());
    let reason = || format!("it is a {format} file, and its name ends in .{ending}");
    (!is_right).then(|| Fault { kind: FaultKind::WronglyNamed, reason: reason() })
}
