use crate::space::{Child, Layer, Shape};

/// A child, lowered: its layers in order with all shapes, and for each the slice of the shared tensors it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The child that this is.
    pub child: Child,
    /// The shape of the image that the first layer reads.
    pub input: Shape,
    /// The layers, in an order in which they can run; the last one's output is the logits.
    pub layers: Vec<Layer>,
}

impl Network {
    /// The layers that batch norm follows, in order: the order of a child's statistics.
    pub fn normalised_layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| layer.is_normalised())
    }

    /// Channels that the classifier reads.
    pub fn classifier_inputs(&self) -> u32 {
        self.layers.last().map_or(0, |classifier| classifier.shape.input.channels)
    }

    /// For each layer, the index of the last one that reads its output; its own where none does.
    pub fn last_readers(&self) -> Vec<usize> {
        let mut readers: Vec<usize> = (0..self.layers.len()).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            for from in [layer.input, layer.gate, layer.residual].into_iter().flatten() {
                readers[from] = index;
            }
        }
        readers
    }

    /// Channels of all normalised layers together: the length of a child's means, and of its variances.
    pub fn normalised_channels(&self) -> usize {
        self.normalised_layers().map(|layer| layer.shape.output.channels as usize).sum()
    }
}
