use super::ClassifiedImages;
use crate::evaluate::Answer;
use serde::{Deserialize, Serialize};

/// Most mistakes of a child in a report.
pub const MAX_MISTAKES: usize = 50;

/// A wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The image's place in the test part.
    pub index: usize,
    /// Its file, or its name in a tar file; null for images without files.
    pub path: Option<String>,
    /// Its class.
    pub truth: String,
    /// The class that it was taken for.
    pub answer: String,
    /// The probability of `answer`, from 0 to 1.
    pub probability: f64,
    /// The probability of `truth`, from 0 to 1.
    pub truth_probability: f64,
}

/// The [`MAX_MISTAKES`] wrong answers of the highest probability, the highest first; at equal probability in the order
/// of the images.
pub(super) fn worst(answers: &[Answer], images: &ClassifiedImages<'_>) -> Vec<Mistake> {
    let mut wrong: Vec<(usize, &Answer)> =
        answers.iter().enumerate().filter(|(_, answer)| !answer.is_right()).collect();
    wrong.sort_by(|(a, one), (b, other)| other.probability.total_cmp(&one.probability).then(a.cmp(b)));
    wrong
        .into_iter()
        .take(MAX_MISTAKES)
        .map(|(index, answer)| Mistake {
            index,
            path: (images.path)(index),
            truth: images.name(answer.truth),
            answer: images.name(answer.class),
            probability: answer.probability,
            truth_probability: answer.truth_probability,
        })
        .collect()
}
