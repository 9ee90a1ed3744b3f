//! Images with labels: folders of pictures, lists, tar files and the known data sets; scanning, splitting, caching,
//! augmenting.
//!
//! [`load()`] looks at a path and reads whatever is there. Pictures are opened once, in a scan that says what is wrong
//! with which file; their squares are kept in a cache. A data set of IDX files is one row of `catalogue.rs`, which is
//! found by the contents of the files.

mod augment;
mod cache;
mod catalogue;
mod dataset;
mod idx_files;
mod listing;
mod load;
mod loaded;
mod mix;
mod picture;
mod png;
mod scan;
mod source;
mod split;

pub use augment::{Augmentation, Augmenter, Jitter, Policy, RandAugment, RandomCrop, WrongSetting, flip_and_shift};
pub use catalogue::{DatasetInfo, FASHION_MNIST, MNIST};
pub use dataset::{DataError, Dataset, ExactInputs, Part, PixelStore};
pub use idx_files::load as load_idx;
pub use listing::{Listing, list};
pub use load::{LoadProgress, LoadRequest, are_pictures, load, scan};
pub use loaded::{LoadedData, PictureNames, check_same_classes};
pub use mix::{Mix, Mixing, Patch};
pub use nestling_core::image::Fit;
pub use picture::FaultKind;
pub use png::to_png;
pub use scan::{ClassCount, ScanFault, ScanReport, UsedPicture, write_report};
pub use source::{counted, natural_order};
pub use split::{Candidate, Shares, SplitRule, split};

#[cfg(test)]
mod tests;
