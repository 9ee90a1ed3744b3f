//! Files with the names of classes, one a line.
//!
//! Such files come from many programs. Other ways to write the same list are accepted: a byte-order mark,
//! UTF-16, line ends of other systems, empty lines at the end. A list that could mean something else is refused with a
//! hint.

mod other_format;

use nestling_core::names::{NameError, check_label};
use other_format::other_format;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file of labels.
const MAX_BYTES: u64 = 16 << 20;

/// The reason why a file gives no labels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The file cannot be read.
    #[error("cannot read labels {path}: {source}; check the path")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
    /// It is not a text.
    #[error("{path} is not a text of at most 16 MiB in UTF-8 or UTF-16; save it as UTF-8, one label a line")]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// A line inside is empty.
    #[error("line {line} of {path} is empty; remove it, or name its class there: each line is a class")]
    Empty {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// It is a list in another format, whose signs would become parts of the labels.
    #[error("{path} {found}; write one label a line, without {signs}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format.
        found: &'static str,
        /// The text between the labels.
        signs: &'static str,
    },
    /// A label cannot be shown.
    #[error("line {line} of {path}: {source}")]
    Label {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The rule that it breaks.
        source: NameError,
    },
    /// There are more or fewer labels than classes.
    #[error("{path} has {lines} lines, but there are {classes} classes; {hint}")]
    Count {
        /// The file.
        path: PathBuf,
        /// Labels that it holds.
        lines: usize,
        /// Classes of the networks.
        classes: u32,
        /// The likely reason.
        hint: String,
    },
}

impl LabelError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "labels_unreadable",
            Self::Encoding { .. } => "labels_encoding",
            Self::Empty { .. } => "labels_empty_line",
            Self::Format { .. } => "labels_format",
            Self::Label { .. } => "labels_invalid",
            Self::Count { .. } => "labels_count",
        }
    }
}

/// The labels of a file, one for each of `classes` classes.
///
/// # Errors
/// [`LabelError`] names the line, or the likely reason of another number.
pub fn read_labels(path: &Path, classes: u32) -> Result<Vec<String>, LabelError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|source| LabelError::Read { path: path.to_owned(), source })?;
    let is_too_large = bytes.len() as u64 > MAX_BYTES;
    let text = decode(bytes).filter(|_| !is_too_large);
    let text = text.ok_or_else(|| LabelError::Encoding { path: path.to_owned() })?;
    let mut labels = lines_of(&text, |c| c == '\n');
    if labels.len() != classes as usize {
        // Separators of lines and pages that few programs write.
        let others = lines_of(&text, |c| "\n\u{b}\u{c}\u{85}\u{2028}\u{2029}".contains(c));
        if others.len() == classes as usize {
            labels = others;
        }
    }
    if let Some((found, signs)) = other_format(&text, &labels) {
        return Err(LabelError::Format { path: path.to_owned(), found, signs });
    }
    // The number first: it tells of files that are something else altogether.
    let lines = labels.len();
    if lines != classes as usize {
        let hint = hint(&labels, classes as usize);
        return Err(LabelError::Count { path: path.to_owned(), lines, classes, hint });
    }
    for (index, label) in labels.iter().enumerate() {
        let (path, line) = (path.to_owned(), index + 1);
        if label.is_empty() {
            return Err(LabelError::Empty { path, line });
        }
        check_label(label).map_err(|source| LabelError::Label { path, line, source })?;
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

/// The lines without what cannot be seen at their ends, up to the last one that is not empty.
fn lines_of(text: &str, is_end: fn(char) -> bool) -> Vec<&str> {
    // Spaces and joiners of words without a width.
    let is_unseen = |c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}');
    let mut labels: Vec<&str> = text.split(is_end).map(|line| line.trim_matches(is_unseen)).collect();
    while labels.last().is_some_and(|label| label.is_empty()) {
        labels.pop();
    }
    labels
}

/// The text without byte-order marks and the end mark of old systems, its lines ended by `\n` alone.
fn decode(bytes: Vec<u8>) -> Option<String> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|&bytes| unit(bytes)).collect();
        String::from_utf16(&units).ok().filter(|_| odd.is_empty())
    };
    let text = match &bytes[..] {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }?;
    // Files that were joined have such marks inside too.
    let text = text.replace('\u{feff}', "");
    let text = text.trim_end_matches(['\u{1a}', '\n', '\r', ' ']);
    // A zero is in no text: UTF-16 without its mark, or no text at all.
    (!text.contains('\0')).then(|| text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The likely reason why there are more or fewer lines than classes.
fn hint(labels: &[&str], classes: usize) -> String {
    let first = labels.first().copied().unwrap_or_default();
    let last = labels.last().copied().unwrap_or_default();
    let empty = labels.iter().filter(|label| label.is_empty()).count();
    if labels.len() == classes + 1 && is_background(first) {
        return format!("its first line, `{first}`, is a background class that these networks do not have: remove it");
    }
    if labels.len() == classes + 1 && is_background(last) {
        return format!("its last line, `{last}`, is a background class that these networks do not have: remove it");
    }
    if labels.len() + 1 == classes && !is_background(first) && !is_background(last) {
        return "if the first class is the background, write a line for it at the top".to_owned();
    }
    if empty > 0 && labels.len() - empty == classes {
        return if empty == 1 { "remove the empty line".to_owned() } else { format!("remove the {empty} empty lines") };
    }
    if labels.len() == classes + 1 {
        return format!("its first line is `{first}`: remove it if it is a heading or a background class");
    }
    if labels.len() < classes && first.split([',', ';', '\t']).count() >= classes {
        return "write one label a line, without brackets, quotation marks and commas between them".to_owned();
    }
    "write one line for each class, in the order of the network's outputs".to_owned()
}

/// The names that detectors and TensorFlow's models give to the class of nothing.
fn is_background(label: &str) -> bool {
    let bare = label.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    ["background", "dummy", "none", "unlabeled", "unlabelled"].contains(&bare.as_str()) || label == "???"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], classes: u32) -> Result<Vec<String>, LabelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.txt");
        std::fs::write(&path, bytes).unwrap();
        read_labels(&path, classes)
    }

    #[test]
    fn the_same_list_written_in_other_ways_is_the_same_list() {
        let wide =
            |unit: fn(u16) -> [u8; 2]| "\u{feff}bag\r\nFüße\r\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in [
            "bag\nFüße".as_bytes(),
            "bag\nFüße\n".as_bytes(),
            "bag\r\nFüße\r\n\r\n".as_bytes(),
            "bag\rFüße\r".as_bytes(),
            "\u{feff}bag\nFüße\n\n\n  \n".as_bytes(),
            "\u{feff}\u{feff}bag \n\tFüße".as_bytes(),
            "bag\n\u{feff}Füße\n".as_bytes(),
            "bag\u{200b}\n\u{200b}Füße\n\u{200b}\n".as_bytes(),
            "bag\r\nFüße\r\n\u{1a}".as_bytes(),
            "bag\nFüße\u{1a}\r\n".as_bytes(),
            "bag\u{c}\nFüße\u{c}\n".as_bytes(),
            "bag\u{c}Füße".as_bytes(),
            "bag\u{2028}Füße\u{2029}".as_bytes(),
            "bag\u{85}Füße".as_bytes(),
            &wide(u16::to_le_bytes),
            &wide(u16::to_be_bytes),
        ] {
            assert_eq!(read(bytes, 2).unwrap(), ["bag", "Füße"], "{bytes:?}");
        }
    }

    #[test]
    fn a_list_that_could_mean_something_else_is_refused_with_a_hint() {
        for (text, classes, code, expected) in [
            ("background\na\nb\n", 2, "labels_count", "3 lines, but there are 2 classes; its first line, `background`"),
            ("__background__\na\nb", 2, "labels_count", "remove it"),
            ("name\na\nb\n", 2, "labels_count", "a heading or a background class"),
            ("a\nb\n", 3, "labels_count", "write a line for it at the top"),
            ("", 3, "labels_count", "0 lines, but there are 3 classes"),
            ("a\n\nb\n", 2, "labels_count", "remove the empty line"),
            ("a\n\nb\n", 3, "labels_empty_line", "line 2 of "),
            ("a\nb\nbackground\n", 2, "labels_count", "its last line, `background`, is a background class"),
            ("a\n\u{200b}\nb\n", 3, "labels_empty_line", "line 2 of "),
            ("a\n\n\nb\n", 2, "labels_count", "remove the 2 empty lines"),
            ("a\u{2028}b\nc\n", 2, "labels_invalid", "line 1 of "),
            ("a,b,c,d", 4, "labels_count", "write one label a line"),
            ("a\nb\u{1b}[2J\n", 2, "labels_invalid", "line 2 of "),
        ] {
            let error = read(text.as_bytes(), classes).unwrap_err();
            assert_eq!(error.code(), code, "{text:?}: {error}");
            assert!(error.to_string().contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_not_a_text_is_refused() {
        for bytes in [b"caf\xe9\n".as_slice(), b"b\0a\0g\0\n\0", b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\x1f\x8b\x08"] {
            assert_eq!(read(bytes, 1).unwrap_err().code(), "labels_encoding", "{bytes:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_labels(folder.path(), 1).unwrap_err().code(), "labels_unreadable");
        assert_eq!(read_labels(&folder.path().join("none"), 1).unwrap_err().code(), "labels_unreadable");
    }
}
