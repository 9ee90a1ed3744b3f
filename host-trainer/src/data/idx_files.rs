use super::{DataError, Dataset, DatasetInfo, IdxFiles};
use nestling_pictures::{parse_idx_images, parse_idx_labels};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Loads the training and the test images of a data set.
pub(super) fn load(info: &DatasetInfo, folder: Option<&Path>) -> Result<(Dataset, Dataset), DataError> {
    let folders: Vec<PathBuf> = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => info.folders.iter().map(PathBuf::from).collect(),
    };
    let training = load_part(info, &info.training, &folders)?;
    let test = load_part(info, &info.test, &folders)?;
    let size = |data: &Dataset| (data.images.width, data.images.height);
    for (part, data) in [("training", &training), ("test", &test)] {
        let (width, height) = size(data);
        if width != height || size(data) != size(&training) {
            return Err(DataError::Size { part, width, height });
        }
    }
    Ok((training, test))
}

fn load_part(info: &DatasetInfo, files: &IdxFiles, folders: &[PathBuf]) -> Result<Dataset, DataError> {
    let (images_path, images) = read(info, folders, files.images)?;
    let (labels_path, labels) = read(info, folders, files.labels)?;
    let unreadable = |path: &Path, problem: String| DataError::Unreadable { path: path.to_owned(), problem };
    let images = parse_idx_images(&images).map_err(|error| unreadable(&images_path, error.to_string()))?;
    let labels = parse_idx_labels(&labels).map_err(|error| unreadable(&labels_path, error.to_string()))?;
    if images.len() != labels.len() {
        return Err(unreadable(&labels_path, format!("{} labels for {} images", labels.len(), images.len())));
    }
    let classes = info.labels.len();
    if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
        return Err(unreadable(&labels_path, format!("it holds label {label}, but there are {classes} classes")));
    }
    Ok(Dataset { images, labels, classes: classes as u32 })
}

fn read(info: &DatasetInfo, folders: &[PathBuf], file: &'static str) -> Result<(PathBuf, Vec<u8>), DataError> {
    for folder in folders {
        let plain = folder.join(file);
        let packed = folder.join(format!("{file}.gz"));
        let unreadable = |path: &Path, error: std::io::Error| DataError::Unreadable {
            path: path.to_owned(),
            problem: format!("{error}; install or download it again"),
        };
        if plain.exists() {
            let bytes = std::fs::read(&plain).map_err(|error| unreadable(&plain, error))?;
            return Ok((plain, bytes));
        }
        if packed.exists() {
            let opened = std::fs::File::open(&packed).map_err(|error| unreadable(&packed, error))?;
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(opened).read_to_end(&mut bytes).map_err(|error| unreadable(&packed, error))?;
            return Ok((packed, bytes));
        }
    }
    Err(DataError::Missing { dataset: info.name, package: info.package, file, folders: folders.to_vec() })
}
