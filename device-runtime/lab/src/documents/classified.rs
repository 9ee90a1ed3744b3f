use crate::documents::{Fault, Tried};
use nestling_core::latency::DeviceKey;
use serde::{Deserialize, Serialize};

/// The document of `nestling-device classify`: the answers of one child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// Whether the images are a data set, which people read as one line an image.
    #[serde(skip)]
    pub is_data_set: bool,
    /// The device that ran.
    pub device: DeviceKey,
    /// The child's name in the bundle, if it ships.
    pub name: Option<String>,
    /// The child as text.
    pub child: String,
    /// One row for each image, in order.
    pub images: Vec<Tried<ClassifiedImage, FailedImage>>,
    /// Number of images whose class is known.
    pub labelled: usize,
    /// Number of right answers among them.
    pub correct: usize,
    /// Top-1 in percent; `None` if no class is known.
    pub top1: Option<f64>,
    /// Wall time of classifying an image, decoding excluded. Several images of a data set are on their way at once.
    pub ms_per_image: f64,
}

/// An image that has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedImage {
    /// The file, or the number of the image in its data set.
    pub source: String,
    /// The reason.
    pub error: Fault,
}

/// The answer for one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifiedImage {
    /// The file, or the number of the image in its data set.
    pub source: String,
    /// The most probable label.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f64,
    /// The right label, if it is known.
    pub expected: Option<String>,
    /// The most probable labels, the first one included.
    pub top: Vec<Guess>,
}

/// A label with its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// The label.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f64,
}
