use super::{DataError, Dataset, DatasetInfo, FASHION_MNIST, LoadedData};
use nestling_pictures::{IdxFile, IdxImages};
use std::path::{Path, PathBuf};

/// The names of MNIST's four files, which other data sets took over: images and labels of the training, then of the
/// test.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Folders below the given one in which programs that download the files put them.
const SUBFOLDERS: [&str; 4] = ["", "raw", "FashionMNIST/raw", "MNIST/raw"];

/// Loads training and test images from `folder`, or from where distributions install Fashion-MNIST.
///
/// The files have the names that MNIST gave them, with or without `.gz`. Their contents decide whether they are
/// compressed, and which data set they are.
///
/// # Errors
/// [`DataError::Missing`] lists the folders that were searched, [`DataError::Idx`] and [`DataError::Inconsistent`] name
/// a damaged file.
pub fn load(folder: Option<&Path>) -> Result<LoadedData, DataError> {
    let folders: Vec<PathBuf> = match folder {
        // One of the files, for its folder.
        Some(file) if file.is_file() => vec![file.parent().unwrap_or(Path::new("")).to_owned()],
        Some(folder) => vec![folder.to_owned()],
        None => FASHION_MNIST.folders.iter().map(PathBuf::from).collect(),
    };
    let (training, sums) = load_part([FILES[0], FILES[1]], &folders)?;
    let (test, test_sums) = load_part([FILES[2], FILES[3]], &folders)?;
    let [a, b] = sums;
    let [c, d] = test_sums;
    let md5 = [a, b, c, d];
    let known = DatasetInfo::with_md5(&md5);
    let most = [&training, &test].into_iter().flat_map(|part| &part.labels).max();
    let classes = known.map_or(most.map_or(0, |&label| u32::from(label) + 1), |info| info.labels.len() as u32);
    let size = |part: &Part| (part.images.width, part.images.height);
    for (name, part) in [("training", &training), ("test", &test)] {
        let (width, height) = size(part);
        if width != height || size(part) != size(&training) {
            return Err(DataError::Size { part: name, width, height });
        }
    }
    let dataset = |Part { images, labels }: Part| {
        let labels = labels.into_iter().map(u16::from).collect();
        Dataset::in_memory(images.width, 1, images.pixels, labels, classes)
    };
    LoadedData::in_memory(dataset(training)?, dataset(test)?, known)
}

/// Whether a path is one of the four files, or a folder that holds some of them.
pub fn are_at(path: &Path) -> bool {
    let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
    let is_one = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().replace(".idx", "-idx")).unwrap_or_default();
        FILES.iter().any(|file| name.strip_suffix(".gz").unwrap_or(&name) == *file)
    };
    if path.is_file() {
        return is_one(path);
    }
    FILES.iter().any(|file| find(file, &[folder.to_owned()]).is_ok())
}

/// Images with their labels.
struct Part {
    images: IdxImages,
    labels: Vec<u8>,
}

/// Images with labels, and the checksums of the two files.
fn load_part([images, labels]: [&'static str; 2], folders: &[PathBuf]) -> Result<(Part, [String; 2]), DataError> {
    let (images_path, labels_path) = (find(images, folders)?, find(labels, folders)?);
    let (images, labels) = (IdxFile::open(&images_path)?, IdxFile::open(&labels_path)?);
    let sums = [hex(images.bytes()), hex(labels.bytes())];
    let (images, labels) = (images.images()?, labels.labels()?);
    if images.len() != labels.len() {
        let problem = format!("{} labels for {} images", labels.len(), images.len());
        return Err(DataError::Inconsistent { path: labels_path, problem });
    }
    Ok((Part { images, labels }, sums))
}

fn find(file: &'static str, folders: &[PathBuf]) -> Result<PathBuf, DataError> {
    let names = || {
        // Some copies have a dot before the number of dimensions.
        [file.to_owned(), file.replace("-idx", ".idx")].into_iter().flat_map(|name| [name.clone(), name + ".gz"])
    };
    for folder in folders {
        for below in SUBFOLDERS {
            let candidates: Vec<PathBuf> = names().map(|name| folder.join(below).join(name)).collect();
            // A whole folder may have the name of the file that was unpacked into it.
            let inside =
                candidates.iter().filter(|path| path.is_dir()).flat_map(|inner| names().map(|name| inner.join(name)));
            if let Some(found) = candidates.iter().cloned().chain(inside).find(|path| path.exists() && !path.is_dir()) {
                return Ok(found);
            }
        }
    }
    let DatasetInfo { name, package, .. } = &FASHION_MNIST;
    Err(DataError::Missing { dataset: name, package, file, folders: folders.to_vec() })
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, sizes.len() as u8];
        file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Two images of each part.
    fn files() -> [Vec<u8>; 4] {
        [idx(&[2, 2, 2], &[9; 8]), idx(&[2], &[0, 4]), idx(&[2, 2, 2], &[7; 8]), idx(&[2], &[3, 1])]
    }

    /// Writes the four files, each with a name and contents made from its own.
    fn folder(change: impl Fn(&Path, &str, Vec<u8>) -> (PathBuf, Vec<u8>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in FILES.iter().zip(files()) {
            let (path, bytes) = change(folder.path(), name, bytes);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn the_files_are_found_and_read_whatever_wraps_them() {
        type Change = fn(&Path, &str, Vec<u8>) -> (PathBuf, Vec<u8>);
        let changes: [Change; 8] = [
            |folder, name, bytes| (folder.join(name), bytes),
            |folder, name, bytes| (folder.join(format!("{name}.gz")), gzip(&bytes)),
            // Plain bytes under `.gz`, and the other way round.
            |folder, name, bytes| (folder.join(format!("{name}.gz")), bytes),
            |folder, name, bytes| (folder.join(name), gzip(&bytes)),
            |folder, name, bytes| (folder.join(name.replace("-idx", ".idx")), bytes),
            // A folder of that name, with the file inside.
            |folder, name, bytes| (folder.join(name).join(name.replace("-idx", ".idx")), bytes),
            |folder, name, bytes| (folder.join(format!("{name}.gz")).join(name), bytes),
            |folder, name, bytes| (folder.join("FashionMNIST/raw").join(name), bytes),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let data = load(Some(folder(change).path())).unwrap_or_else(|error| panic!("{index}: {error}"));
            assert_eq!((data.training.labels, data.test.labels), (vec![0, 4], vec![3, 1]));
            assert_eq!((data.training.classes, data.test.classes), (5, 5));
            assert!(data.known.is_none());
        }
        let plain = folder(|folder, name, bytes| (folder.join(name), bytes));
        assert!(load(Some(&plain.path().join(FILES[2]))).is_ok(), "one of the files stands for its folder");
    }

    #[test]
    fn a_file_that_is_something_else_is_named_with_its_kind() {
        for (file, bytes, expected) in [
            (0, b"<!DOCTYPE html>".to_vec(), "train-images-idx3-ubyte.gz: it is a web page"),
            (1, files()[0].clone(), "train-labels-idx1-ubyte.gz: it is not an IDX file of labels: it holds images"),
            (2, gzip(&files()[2])[..20].to_vec(), "t10k-images-idx3-ubyte.gz: its gzip data are damaged"),
            (3, idx(&[3], &[0, 1, 2]), "3 labels for 2 images"),
        ] {
            let data = folder(|folder, name, own| {
                let bytes = if name == FILES[file] { bytes.clone() } else { own };
                (folder.join(format!("{name}.gz")), bytes)
            });
            let error = load(Some(data.path())).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_folder_without_the_files_is_named_with_the_first_that_is_missing() {
        let error = load(Some(Path::new("/nowhere"))).unwrap_err().to_string();
        assert!(
            error.contains("Fashion-MNIST not found") && error.contains("train-images") && error.contains("/nowhere")
        );
    }

    #[test]
    fn the_package_of_the_distribution_is_the_very_data_set() {
        assert_eq!(load(None).unwrap().known, Some(&FASHION_MNIST));
    }
}
