use super::Part;
use nestling_bundle::atomic_file::WriteError;
use nestling_bundle::file_lock::LockError;
use nestling_core::names::NameError;
use nestling_pictures::{IdxError, PictureError};
use std::io;
use std::path::PathBuf;

/// The reason why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No folder holds the files.
    #[error(
        "{dataset} not found: no `{file}` (or `{file}.gz`) in {}; give the folder that holds its files",
        named(.folders)
    )]
    Missing {
        /// Name of the data set.
        dataset: &'static str,
        /// Debian package that installs it.
        package: &'static str,
        /// The first file that was looked for.
        file: &'static str,
        /// The folders that were searched.
        folders: Vec<PathBuf>,
    },
    /// The images are not square, or not of one size.
    #[error("the {part} images have {width}x{height} pixels; all images must be square and of one size")]
    Size {
        /// Training or test.
        part: &'static str,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The search space was made for other images.
    #[error(
        "the images are {} and have {classes} classes, but search space `{space}` has {space_channels} input channels \
         and {space_classes} classes; take a space with `input_channels = {channels}` and `classes = {classes}`",
        if *.channels == 1 { "grey" } else { "in colour" }
    )]
    OtherSpace {
        /// Channels of the data set.
        channels: u32,
        /// Classes of the data set.
        classes: u32,
        /// Name of the space.
        space: String,
        /// Channels that its networks read.
        space_channels: u32,
        /// Classes that its networks tell apart.
        space_classes: u32,
    },
    /// There are too many or too few bytes of pixels.
    #[error("{bytes} bytes are not {images} images of {side}x{side} pixels with {channels} channels")]
    Pixels {
        /// Bytes.
        bytes: usize,
        /// Images that they should hold.
        images: usize,
        /// Rows and columns of an image.
        side: u32,
        /// Bytes of a pixel.
        channels: u32,
    },
    /// All pixels have the same value.
    #[error("all pixels of the {part} images have the value {value}: there is nothing to learn; give other images")]
    Uniform {
        /// Training or test.
        part: &'static str,
        /// The value.
        value: u8,
    },
    /// No image would be left to train on.
    #[error(
        "{images} training images leave none to train on after {held_out} for validation; lower `held_out`, or give more images"
    )]
    TooFewImages {
        /// Images of the data set.
        images: usize,
        /// Images that the configuration holds out.
        held_out: usize,
    },
    /// A file is there but cannot be read.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// Two files contradict each other.
    #[error("cannot use {path}: {problem}; take both files from one copy of the data set")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// There is no data set of any kind that is read.
    #[error(
        "{path} holds no data set: {problem}; give a folder with a folder of pictures for each class, a CSV or JSON-lines \
         file with columns `path` and `label`, tar files of samples, or the four files of MNIST's form"
    )]
    NoDataset {
        /// The given path.
        path: PathBuf,
        /// The contents that were found instead.
        problem: String,
    },
    /// A file or folder of the listing cannot be read.
    #[error("cannot read {path}: {source}; check the path, and that it may be read")]
    Listing {
        /// The file or folder.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
    /// The list of pictures cannot be understood.
    #[error("cannot use {path}, {place}: {problem}")]
    List {
        /// The manifest or tar file.
        path: PathBuf,
        /// A line or a sample.
        place: String,
        /// The fault and its remedy.
        problem: String,
    },
    /// Pictures to evaluate with have classes that no training picture has.
    #[error(
        "the {part} pictures have classes that no training picture has: {}; add them to the training part, or take them \
         out of this one", listed(.classes)
    )]
    UnknownClasses {
        /// The part.
        part: Part,
        /// The classes.
        classes: Vec<String>,
    },
    /// The data set of a run has other classes now.
    #[error(
        "the classes are not those that the run was trained on: {}; give its pictures with their classes, or start \
         another run", differing(.missing, .added)
    )]
    OtherClasses {
        /// Classes of the run that are not there.
        missing: Vec<String>,
        /// Classes that the run does not know.
        added: Vec<String>,
    },
    /// No training picture of these classes can be used.
    #[error("no training picture of these classes can be used: {}; see the scan for the reasons", listed(.classes))]
    EmptyClasses {
        /// The classes.
        classes: Vec<String>,
    },
    /// There are not between 2 and 65,535 classes.
    #[error("{path} has pictures of {classes} class{}; between 2 and 65535 classes are needed{}", if *.classes == 1 { "" } else { "es" }, if *.classes < 2 { ": a folder, or a label of the list or the samples, for each" } else { "" })]
    Classes {
        /// The given path.
        path: PathBuf,
        /// Their number.
        classes: usize,
    },
    /// There are faults, and none is accepted.
    #[error("faults in {count} of {files} files, and none is accepted: {}", listed(.first))]
    Faults {
        /// Files with a fault.
        count: usize,
        /// All files.
        files: usize,
        /// The first of them with their reasons.
        first: Vec<String>,
    },
    /// A picture cannot be opened.
    #[error("cannot read picture {name}: {source}; it was there when the pictures were scanned: scan them again")]
    PictureRead {
        /// Name of the picture.
        name: String,
        /// The system's message.
        source: io::Error,
    },
    /// A picture cannot be decoded.
    #[error("cannot decode picture {name}: {source}")]
    Picture {
        /// Name of the picture.
        name: String,
        /// The fault.
        source: Box<PictureError>,
    },
    /// A picture is not the one that was scanned.
    #[error("picture {name} was changed while it was in use; run the step again")]
    Changed {
        /// Name of the picture.
        name: String,
    },
    /// The cache cannot be written.
    #[error(
        "cannot write the cache {path}: {source}; free space on that disk or choose another folder for the cache. The \
         pictures and what was cached before are unharmed"
    )]
    CacheWrite {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
    /// The cache cannot be read back.
    #[error("cannot read the cache {path}: {problem}; remove that file, it is made again")]
    CacheRead {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// The name of a class cannot be shown.
    #[error("a class cannot be called so: {0}; rename it")]
    ClassName(#[from] NameError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another process has the cache, and it cannot be waited for.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Most names in a message.
const MAX_LISTED: usize = 8;

/// Some names, and the number of others.
fn listed(names: &[String]) -> String {
    let some = names.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_LISTED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

/// The differences between two lists of classes.
fn differing(missing: &[String], added: &[String]) -> String {
    let parts = [("missing: ", missing), ("new: ", added)].into_iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<String> = parts.map(|(word, names)| [word, &listed(names)].concat()).collect();
    if parts.is_empty() { "they come in another order".to_owned() } else { parts.join("; ") }
}

/// The folders in a message; a path need not be Unicode.
fn named(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" or ")
}

impl DataError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "data_missing",
            Self::Size { .. } => "data_size",
            Self::OtherSpace { .. } => "data_of_other_space",
            Self::Pixels { .. } => "data_pixels",
            Self::Uniform { .. } => "data_uniform",
            Self::TooFewImages { .. } => "data_too_few",
            Self::Idx(error) => error.code(),
            Self::Inconsistent { .. } => "data_inconsistent",
            Self::NoDataset { .. } => "data_none",
            Self::Listing { .. } => "data_listing",
            Self::List { .. } => "data_list",
            Self::UnknownClasses { .. } => "data_unknown_classes",
            Self::OtherClasses { .. } => "data_other_classes",
            Self::EmptyClasses { .. } => "data_empty_classes",
            Self::Classes { .. } => "data_classes",
            Self::Faults { .. } => "data_faults",
            Self::PictureRead { .. } => "data_picture_read",
            Self::Picture { source, .. } => source.code(),
            Self::Changed { .. } => "data_changed",
            Self::CacheWrite { .. } => "data_cache_write",
            Self::CacheRead { .. } => "data_cache_read",
            Self::ClassName(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Lock(error) => error.code(),
        }
    }
}
