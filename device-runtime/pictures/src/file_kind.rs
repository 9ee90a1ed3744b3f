//! The kinds of files that are commonly given in the place of another one, by their first bytes.

pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// Its name, with an article.
    pub name: &'static str,
    /// A way to the file that was meant.
    pub remedy: &'static str,
}

const UNPACK: &str = "unpack it and give the file inside";
const OTHER: &str = "give another file";

/// Where the bytes are, the bytes, the name, the remedy.
const KINDS: &[(usize, &[u8], &str, &str)] = &[
    (0, &GZIP, "compressed with gzip", UNPACK),
    (0, b"PK\x03\x04", "a zip archive", UNPACK),
    (0, b"BZh", "compressed with bzip2", UNPACK),
    (0, b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x89PNG", "a PNG picture", OTHER),
    (0, b"\xff\xd8\xff", "a JPEG picture", OTHER),
    (0, b"\x93NUMPY", "an array of NumPy", OTHER),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", OTHER),
    (4, b"TFL3", "a TensorFlow Lite model", OTHER),
    (0, b"GGUF", "a GGUF model", OTHER),
    (0, b"PAR1", "a Parquet table", OTHER),
    (0, b"SQLite format 3\0", "an SQLite database", OTHER),
    (0, b"%PDF", "a PDF file", OTHER),
    (0, b"\x89NEST\r\n\x1a", "a bundle of Nestling", OTHER),
];

/// The kind of a file with these contents or this beginning; none for one that is not known.
pub fn kind_of(bytes: &[u8]) -> Option<FileKind> {
    let kind = |name, remedy| Some(FileKind { name, remedy });
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let says = |word: &str| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    let begins =
        |&&(at, magic, ..): &&(usize, &[u8], &str, &str)| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    match () {
        () if bytes.is_empty() => kind("an empty file", "download it again"),
        () if bytes.len() >= 16 && bytes.iter().take(512).all(|&byte| byte == 0) => {
            kind("a file of zeros", "download it again")
        }
        () if ["<!doctype", "<html", "<head", "<body", "<?xml", "<!--"].into_iter().any(says) => {
            kind("a web page", "the download followed a wrong link; download the file itself")
        }
        () if says("version https://git-lfs") => {
            kind("a pointer of Git LFS", "fetch the file itself with `git lfs pull`")
        }
        () => match KINDS.iter().find(begins) {
            Some(&(_, _, name, remedy)) => kind(name, remedy),
            None if is_onnx(bytes) => kind("an ONNX model", OTHER),
            None if matches!(bytes, [0x80, 2..=5, ..]) => {
                kind("a pickle of Python", "save tensors with `torch.save`, arrays in the format of the data set")
            }
            None if is_text(text) => kind("a text", OTHER),
            None => None,
        },
    }
}

/// The version of the format, then the name or the version of the producer, the domain or the graph.
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=30, 0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a | 0x42, ..])
}

fn is_text(text: &[u8]) -> bool {
    let is_shown = |&byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    !text.is_empty() && text.iter().take(64).all(is_shown)
}
