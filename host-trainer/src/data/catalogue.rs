//! The data sets that the trainer knows, one row each.
//!
//! Files of different data sets have the same names, so a data set is known by the checksums of its contents alone.
//! Other images are trained as well; their classes then have numbers until the user names them.

use nestling_core::image::{Fit, Preprocessing};

/// A data set: its files, its pixels and its classes.
#[derive(Debug, PartialEq)]
pub struct DatasetInfo {
    /// Name, for people.
    pub name: &'static str,
    /// The classes, in the order of their numbers.
    pub labels: &'static [&'static str],
    /// Mean of the training pixels, one number a channel; white is 1.
    pub means: &'static [f32],
    /// Standard deviation of the training pixels, one number a channel.
    pub standard_deviations: &'static [f32],
    /// MD5 of the unpacked files, as published: images and labels of the training, images and labels of the test.
    pub md5: [&'static str; 4],
    /// Folders in which distributions install the files.
    pub folders: &'static [&'static str],
    /// Debian package that installs the files.
    pub package: &'static str,
}

/// Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 60,000 training and 10,000 test images of 28x28 grey pixels.
pub static FASHION_MNIST: DatasetInfo = DatasetInfo {
    name: "Fashion-MNIST",
    labels: &["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"],
    means: &[0.286],
    standard_deviations: &[0.353],
    md5: [
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ],
    folders: &["/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist"],
    package: "dataset-fashion-mnist",
};

/// MNIST (LeCun, Cortes, Burges): handwritten digits in files of the same names and sizes.
pub static MNIST: DatasetInfo = DatasetInfo {
    name: "MNIST",
    labels: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    means: &[0.131],
    standard_deviations: &[0.308],
    md5: [
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ],
    folders: &[],
    package: "",
};

impl DatasetInfo {
    /// All rows.
    pub const ALL: [&'static Self; 2] = [&FASHION_MNIST, &MNIST];

    /// The row whose files have these checksums.
    pub fn with_md5(md5: &[String; 4]) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|info| info.md5.iter().zip(md5).all(|(known, found)| known == found))
    }

    /// Normalises with the mean and deviation of the training pixels; keeps whole images.
    pub fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            means: self.means.to_vec(),
            standard_deviations: self.standard_deviations.to_vec(),
            centre_fraction: 1.0,
            fit: Fit::Crop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_row_is_consistent() {
        for info in DatasetInfo::ALL {
            assert!(info.preprocessing().fits(info.means.len() as u32), "{}", info.name);
            assert_eq!((info.means.len(), info.labels.len()), (1, 10));
            assert!(info.md5.iter().all(|sum| sum.len() == 32), "{}", info.name);
        }
        let sums: HashSet<&str> = DatasetInfo::ALL.iter().flat_map(|info| info.md5).collect();
        assert_eq!(sums.len(), 4 * DatasetInfo::ALL.len());
    }

    #[test]
    fn one_other_file_makes_another_data_set() {
        let mut sums = FASHION_MNIST.md5.map(str::to_owned);
        assert_eq!(DatasetInfo::with_md5(&sums).map(|info| info.name), Some("Fashion-MNIST"));
        sums[3] = MNIST.md5[3].to_owned();
        assert_eq!(DatasetInfo::with_md5(&sums), None);
    }
}
