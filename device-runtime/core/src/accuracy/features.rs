//! Features of the accuracy predictor: the choices of a child and nothing else, so that a device needs no forward pass.

use crate::space::{Child, SearchSpace, StageChoice, StageSpace};

/// A choice of a space: what it offers, smallest first, and what a child took.
struct Dimension {
    first: f64,
    last: f64,
    choices: usize,
    value: f64,
}

impl Dimension {
    fn new(offered: impl Iterator<Item = f64>, value: f64) -> Self {
        let offered: Vec<f64> = offered.collect();
        let end = |value: Option<&f64>| value.copied().unwrap_or(1.0);
        Self { first: end(offered.first()), last: end(offered.last()), choices: offered.len(), value }
    }

    /// Where the value's logarithm is between those of the smallest choice (-1) and of the largest (1).
    fn position(&self) -> f64 {
        let position = 2.0 * (self.value / self.first).ln() / (self.last / self.first).ln() - 1.0;
        if position.is_nan() { 0.0 } else { position.clamp(-1.0, 1.0) }
    }
}

/// The dimensions of a space that leave a choice, in the order in which a child prints its stages.
fn dimensions(space: &SearchSpace, child: &Child) -> Vec<Dimension> {
    let numbers = |offered: &[u32], value: u32| Dimension::new(offered.iter().map(|&one| one.into()), value.into());
    let mut all = vec![numbers(&space.resolutions, child.resolution), numbers(&space.stem.widths, child.stem_width)];
    let in_stage = |(stage, choice): (&StageSpace, &StageChoice)| {
        let ratios = stage.expand_ratios.iter().map(|ratio| ratio.value());
        [
            numbers(&stage.widths, choice.width),
            numbers(&stage.depths, choice.depth),
            numbers(&stage.kernels, choice.kernel),
            Dimension::new(ratios, choice.expand_ratio.value()),
        ]
    };
    all.extend(space.stages.iter().zip(&child.stages).flat_map(in_stage));
    all.extend(space.head.iter().zip(child.head_width).map(|(head, width)| numbers(&head.widths, width)));
    all.retain(|dimension| dimension.choices > 1);
    all
}

/// The features of a child, each between -1 and 1: first the position of each choice, then the square of each that is
/// among three or more, then the product of each two.
pub(super) struct Features {
    /// All of them.
    pub values: Vec<f64>,
    /// How many are positions.
    pub positions: usize,
}

/// Computes the features of a child that the space offers; of another child those of its nearest choices.
pub(super) fn features(space: &SearchSpace, child: &Child) -> Features {
    let dimensions = dimensions(space, child);
    let positions: Vec<f64> = dimensions.iter().map(Dimension::position).collect();
    let mut values = positions.clone();
    values.extend(dimensions.iter().zip(&positions).filter(|(one, _)| one.choices > 2).map(|(_, at)| at * at));
    for (index, first) in positions.iter().enumerate() {
        values.extend(positions[index + 1..].iter().map(|second| first * second));
    }
    Features { values, positions: positions.len() }
}
