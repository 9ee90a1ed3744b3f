use super::Rate;
use crate::evaluate::Answer;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many images of each class were taken for each class. Zeros take no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// By true class and answer.
    counts: BTreeMap<(u16, u16), u32>,
}

/// One class, in whole numbers and in shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRates {
    /// Its name.
    pub class: String,
    /// Images of the class (support).
    pub images: u32,
    /// Images that were taken for the class.
    pub answers: u32,
    /// Images of the class that were taken for it.
    pub correct: u32,
    /// `correct` of `answers`; null if nothing was taken for the class.
    pub precision: Option<Rate>,
    /// `correct` of `images`; null if there are none.
    pub recall: Option<Rate>,
    /// Harmonic mean of precision and recall in percent; null if there are neither images nor answers.
    pub f1_percent: Option<f64>,
}

/// Images of one class that were taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confused {
    /// Their class.
    pub truth: String,
    /// The class that they were taken for.
    pub answer: String,
    /// How many.
    pub images: u32,
}

impl ConfusionMatrix {
    /// Counts answers among at least so many classes.
    pub fn new(classes: usize, answers: &[Answer]) -> Self {
        let mut counts = BTreeMap::new();
        answers.iter().for_each(|answer| *counts.entry((answer.truth, answer.class)).or_default() += 1);
        let largest = counts.keys().map(|&(truth, answer)| usize::from(truth.max(answer)) + 1).max();
        Self { classes: classes.max(largest.unwrap_or(0)), counts }
    }

    /// Images of class `truth` that were taken for `answer`.
    pub fn count(&self, truth: u16, answer: u16) -> u32 {
        self.counts.get(&(truth, answer)).copied().unwrap_or(0)
    }

    /// All counts: a row for each true class, a column for each answer.
    pub fn rows(&self) -> Vec<Vec<u32>> {
        let mut rows = vec![vec![0; self.classes]; self.classes];
        for (&(truth, answer), &count) in &self.counts {
            rows[usize::from(truth)][usize::from(answer)] = count;
        }
        rows
    }

    /// All pairs of different classes that were confused, the most frequent first.
    pub fn confused(&self, names: &[String]) -> Vec<Confused> {
        let mut pairs: Vec<_> = self.counts.iter().filter(|((truth, answer), _)| truth != answer).collect();
        pairs.sort_by_key(|&(&pair, &count)| (Reverse(count), pair));
        let name = |class: u16| names.get(usize::from(class)).cloned().unwrap_or_else(|| format!("class {class}"));
        pairs
            .into_iter()
            .map(|(&(truth, answer), &images)| Confused { truth: name(truth), answer: name(answer), images })
            .collect()
    }

    /// Precision, recall and F1 of every class, in the order of `names`.
    pub fn class_rates(&self, names: &[String]) -> Vec<ClassRates> {
        let mut sums = vec![[0u32; 3]; self.classes];
        for (&(truth, answer), &count) in &self.counts {
            sums[usize::from(truth)][0] += count;
            sums[usize::from(answer)][1] += count;
            sums[usize::from(truth)][2] += if truth == answer { count } else { 0 };
        }
        let rates = |(class, [images, answers, correct]): (&String, [u32; 3])| ClassRates {
            class: class.clone(),
            images,
            answers,
            correct,
            precision: Rate::of(correct, answers),
            recall: Rate::of(correct, images),
            f1_percent: (images + answers > 0)
                .then(|| 200.0 * f64::from(correct) / (f64::from(images) + f64::from(answers))),
        };
        names.iter().zip(sums).map(rates).collect()
    }
}

/// Mean recall in percent over the classes that have images: each class counts alike. 0 without images.
pub(super) fn macro_accuracy(classes: &[ClassRates]) -> f64 {
    let recalls: Vec<f64> = classes.iter().filter_map(|class| class.recall).map(|recall| recall.percent).collect();
    recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
}
