use super::confusion::macro_accuracy;
use super::{Calibration, ClassRates, Confused, ConfusionMatrix, Mistake, Rate, mistakes};
use crate::evaluate::Answer;
use nestling_core::metrics::MAdds;
use nestling_core::space::{Child, Cost};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most classes whose confusion matrix is written in full. The confused pairs say the same.
const MAX_MATRIX: usize = 1000;

/// How some children of a supernet classify the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// The data set, for people.
    pub data: String,
    /// Number of images.
    pub images: usize,
    /// The names of the classes: the order of the matrices' rows and columns.
    pub classes: Vec<String>,
    /// Each child.
    pub children: Vec<ChildReport>,
}

/// How one child classifies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildReport {
    /// Its name in the bundle, or the child as text.
    pub name: String,
    /// The child, as text.
    pub child: String,
    /// Number of parameters.
    pub params: u64,
    /// Multiply-accumulates of one image.
    pub madds: MAdds,
    /// Number of images.
    pub images: u32,
    /// Images whose most probable class is right.
    pub correct: u32,
    /// Share of right answers in percent.
    pub test_top1: f64,
    /// The same with its interval; null without images.
    pub top1: Option<Rate>,
    /// Mean recall of the classes in percent (balanced accuracy): each class counts alike, however many images it has.
    pub macro_accuracy_percent: f64,
    /// Every class.
    pub classes: Vec<ClassRates>,
    /// Images by true class (row) and answer (column); null above 1,000 classes.
    pub confusion_matrix: Option<Vec<Vec<u32>>>,
    /// All pairs of classes that were confused, the most frequent first.
    pub confused: Vec<Confused>,
    /// Probabilities against right answers.
    pub calibration: Calibration,
    /// The wrong answers of the highest probability, at most 50.
    pub mistakes: Vec<Mistake>,
}

/// The images that were classified.
#[derive(Clone, Copy)]
pub struct ClassifiedImages<'a> {
    /// The data set, for people.
    pub data: &'a str,
    /// The names of the classes.
    pub classes: &'a [String],
    /// The file of an image, by its place, if it has one.
    pub path: &'a dyn Fn(usize) -> Option<String>,
}

impl fmt::Debug for ClassifiedImages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassifiedImages({}, {} classes)", self.data, self.classes.len())
    }
}

impl ClassifiedImages<'_> {
    /// The name of a class.
    pub(super) fn name(&self, class: u16) -> String {
        self.classes.get(usize::from(class)).cloned().unwrap_or_else(|| format!("class {class}"))
    }
}

/// A child with its answers.
#[derive(Clone, Debug)]
pub struct TestedChild {
    /// Its name in the bundle, or the child as text.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Its cost.
    pub cost: Cost,
    /// Its answers, in the order of the images.
    pub answers: Vec<Answer>,
}

impl ClassificationReport {
    /// The report of children that answered for the same images.
    pub fn new(images: &ClassifiedImages<'_>, children: &[TestedChild]) -> Self {
        Self {
            data: images.data.to_owned(),
            images: children.first().map_or(0, |child| child.answers.len()),
            classes: images.classes.to_vec(),
            children: children.iter().map(|child| ChildReport::new(images, child)).collect(),
        }
    }

    /// The places of all images that some child is shown to have got wrong, each once.
    pub fn mistaken_images(&self) -> Vec<usize> {
        let all = self.children.iter().flat_map(|child| &child.mistakes).map(|mistake| mistake.index);
        all.collect::<std::collections::BTreeSet<usize>>().into_iter().collect()
    }
}

impl ChildReport {
    fn new(images: &ClassifiedImages<'_>, tested: &TestedChild) -> Self {
        let (answers, names) = (&tested.answers, images.classes);
        let matrix = ConfusionMatrix::new(names.len(), answers);
        let classes = matrix.class_rates(names);
        let (count, correct) = (answers.len() as u32, answers.iter().filter(|answer| answer.is_right()).count() as u32);
        let top1 = Rate::of(correct, count);
        Self {
            name: tested.name.clone(),
            child: tested.child.to_string(),
            params: tested.cost.params,
            madds: tested.cost.madds,
            images: count,
            correct,
            test_top1: top1.map_or(0.0, |rate| rate.percent),
            top1,
            macro_accuracy_percent: macro_accuracy(&classes),
            classes,
            confusion_matrix: (names.len() <= MAX_MATRIX).then(|| matrix.rows()),
            confused: matrix.confused(names),
            calibration: Calibration::new(answers),
            mistakes: mistakes::worst(answers, images),
        }
    }
}
