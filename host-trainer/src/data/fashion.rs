//! Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 60,000 training and 10,000 test images of 28x28 grey pixels.

use super::{DataError, Dataset};
use nestling_pictures::{parse_idx_images, parse_idx_labels};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The ten classes, in the order of their numbers.
pub const FASHION_LABELS: [&str; 10] =
    ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// Where distributions put the four files.
pub const FASHION_FOLDERS: [&str; 2] = ["/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist"];

/// Loads the training and the test images from `folder`, or from where the system's package puts them.
///
/// # Errors
/// [`DataError::Missing`] says how to get the files, [`DataError::Unreadable`] which one is damaged.
pub fn load_fashion(folder: Option<&Path>) -> Result<(Dataset, Dataset), DataError> {
    let folders: Vec<PathBuf> = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => FASHION_FOLDERS.iter().map(PathBuf::from).collect(),
    };
    let load = |images: &'static str, labels: &'static str| {
        let (images_path, images) = read(&folders, images)?;
        let (labels_path, labels) = read(&folders, labels)?;
        let unreadable = |path: &Path, problem: String| DataError::Unreadable { path: path.to_owned(), problem };
        let images = parse_idx_images(&images).map_err(|error| unreadable(&images_path, error.to_string()))?;
        let labels = parse_idx_labels(&labels).map_err(|error| unreadable(&labels_path, error.to_string()))?;
        if images.len() != labels.len() {
            return Err(unreadable(&labels_path, format!("{} labels for {} images", labels.len(), images.len())));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= FASHION_LABELS.len()) {
            return Err(unreadable(&labels_path, format!("it holds label {label}, but there are ten classes")));
        }
        Ok(Dataset { images, labels, classes: FASHION_LABELS.len() as u32 })
    };
    let training = load("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let test = load("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    let size = |data: &Dataset| (data.images.width, data.images.height);
    for (what, data) in [("training", &training), ("test", &test)] {
        let (width, height) = size(data);
        if width != height || size(data) != size(&training) {
            return Err(DataError::Size { what, width, height });
        }
    }
    Ok((training, test))
}

fn read(folders: &[PathBuf], file: &'static str) -> Result<(PathBuf, Vec<u8>), DataError> {
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
    Err(DataError::Missing { file, folders: folders.to_vec() })
}
