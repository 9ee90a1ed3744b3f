//! IDX files on disk. The content decides whether a file is compressed, not its name: both programs read them here.

use crate::file_kind::{GZIP, kind_of};
use crate::idx::{IMAGES, IdxError, IdxImages, Kind, LABELS, parse_idx_images, parse_idx_labels};
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most bytes that are read of a file, and most that it may hold when unpacked.
const MAX_BYTES: u64 = 2 << 30;
/// A server that compresses a compressed file once more is common; more often is not.
const MAX_LAYERS: usize = 3;

/// The unpacked contents of a file that should be an IDX file. It may be compressed with gzip whatever its name is.
#[derive(Clone, Debug)]
pub struct IdxFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl IdxFile {
    /// Reads and unpacks a file.
    ///
    /// # Errors
    /// [`IdxError`] if it cannot be read or unpacked.
    pub fn open(path: &Path) -> Result<Self, IdxError> {
        let open = |source| IdxError::Open { path: path.to_owned(), source };
        let mut file = Vec::new();
        File::open(path).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut file)).map_err(open)?;
        let bytes = unpack(file).map_err(|fault| in_file(path, fault))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The unpacked bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The images.
    ///
    /// # Errors
    /// [`IdxError`] says what the file is, if it is not an IDX file of images.
    pub fn images(&self) -> Result<IdxImages, IdxError> {
        self.parse(&IMAGES, parse_idx_images)
    }

    /// The labels.
    ///
    /// # Errors
    /// [`IdxError`] says what the file is, if it is not an IDX file of labels.
    pub fn labels(&self) -> Result<Vec<u8>, IdxError> {
        self.parse(&LABELS, parse_idx_labels)
    }

    fn parse<T>(&self, kind: &Kind, parse: fn(&[u8]) -> Result<T, IdxError>) -> Result<T, IdxError> {
        parse(&self.bytes).map_err(|fault| {
            let foreign = kind_of(&self.bytes);
            let foreign =
                foreign.map(|found| IdxError::Foreign { wanted: kind.name, found: found.name, remedy: found.remedy });
            in_file(&self.path, foreign.unwrap_or(fault))
        })
    }
}

fn in_file(path: &Path, fault: IdxError) -> IdxError {
    IdxError::InFile { path: path.to_owned(), source: Box::new(fault) }
}

fn unpack(mut bytes: Vec<u8>) -> Result<Vec<u8>, IdxError> {
    for _ in 0..MAX_LAYERS {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(IdxError::TooLarge { limit: MAX_BYTES });
        }
        if !bytes.starts_with(&GZIP) {
            return Ok(bytes);
        }
        bytes = gunzip(&bytes).map_err(|problem| IdxError::Gzip { problem: problem.to_string() })?;
    }
    Ok(bytes)
}

/// Unpacks all members of a gzip file, each of which has a checksum. Other bytes may follow: tapes and some disks fill
/// a file up with zeros, and `gzip` leaves out what is no member.
fn gunzip(mut bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    while bytes.starts_with(&GZIP) {
        let room = (MAX_BYTES + 1).saturating_sub(unpacked.len() as u64);
        let mut member = GzDecoder::new(bytes).take(room);
        member.read_to_end(&mut unpacked)?;
        if unpacked.len() as u64 > MAX_BYTES {
            break;
        }
        bytes = member.into_inner().into_inner();
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const TWO_LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(name: &str, bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        IdxFile::open(&path)?.labels()
    }

    #[test]
    fn the_content_decides_and_not_the_name() {
        let packed = gzip(&TWO_LABELS);
        let parts = [gzip(&TWO_LABELS[..5]), gzip(&TWO_LABELS[5..])].concat();
        let padded = [&packed[..], &[0; 512]].concat();
        let with_garbage = [&packed[..], b"garbage"].concat();
        for bytes in [&TWO_LABELS[..], &packed, &gzip(&packed), &parts, &padded, &with_garbage] {
            for name in ["labels", "labels.gz", "labels.v1.txt"] {
                assert_eq!(read(name, bytes).unwrap(), [7, 9], "{name}");
            }
        }
    }

    #[test]
    fn another_kind_of_file_is_named() {
        let mut tar = vec![b'x'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        tar[0] = 1;
        for (bytes, found) in [
            (b"".as_slice(), "an empty file"),
            (&[0; 100], "a file of zeros"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
            (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
            (b"PAR1\x15\x04", "a Parquet table"),
            (b"\x80\x04\x95", "a pickle of Python"),
            (b"\x89NEST\r\n\x1a", "a bundle of Nestling"),
            (&gzip(b"PK\x03\x04"), "a zip archive"),
            (b"\n <!DOCTYPE html><html>", "a web page"),
            (b"\xef\xbb\xbf<HTML>", "a web page"),
            (&gzip(b"<html><body>Not found"), "a web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
            (b"PK\x03\x04abc", "a zip archive"),
            (b"\xfd7zXZ\0", "compressed with xz"),
            (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
            (&tar, "a tar archive"),
            (b"Not Found", "a text"),
            (&gzip(&gzip(&gzip(&gzip(&TWO_LABELS)))), "compressed with gzip"),
        ] {
            let error = read("labels.gz", bytes).unwrap_err();
            assert_eq!(error.code(), "idx_foreign", "{error}");
            assert!(error.to_string().contains(found) && error.to_string().contains("labels.gz: it is"), "{error}");
        }
    }

    #[test]
    fn a_cut_or_damaged_file_and_a_folder_are_typed_errors() {
        let packed = gzip(&[&TWO_LABELS[..], &[3; 500]].concat());
        for length in 2..packed.len() {
            let error = read("labels.gz", &packed[..length]).unwrap_err();
            assert_eq!(error.code(), "idx_gzip", "{length}: {error}");
        }
        let half_a_member = [&packed[..], &packed[..20]].concat();
        assert_eq!(read("labels.gz", &half_a_member).unwrap_err().code(), "idx_gzip");
        for length in 1..TWO_LABELS.len() {
            let error = read("labels", &TWO_LABELS[..length]).unwrap_err();
            assert_eq!(error.code(), "idx_malformed", "{length}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = IdxFile::open(folder.path()).unwrap_err();
        assert!(error.code() == "idx_open" && error.to_string().contains("directory"), "{error}");
        assert_eq!(IdxFile::open(Path::new("/nowhere")).unwrap_err().code(), "idx_open");
    }
}
