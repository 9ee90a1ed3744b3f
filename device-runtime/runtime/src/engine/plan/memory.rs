use crate::engine::plan::activation_bytes;
use nestling_core::space::Network;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes that a loaded supernet holds, all of them made at load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Shared weights on the GPU, padded to groups of four channels, as they are stored.
    pub weights: u64,
    /// The three activation buffers: `block`, `expanded` and `filtered` together.
    pub activations: u64,
    /// The buffer of a block's input and output, and of squeeze-and-excite's means.
    pub block: u64,
    /// The buffer of an expand convolution's or the head's output, or of half of the resize if that is larger.
    pub expanded: u64,
    /// The input tensor, what a depthwise convolution or the pool writes, and gates.
    pub filtered: u64,
    /// The floor of `activations` for the biggest child: the most bytes that any moment of it must hold, whatever the
    /// plan. A layer's moment has its input, its output, and every other output that a later layer, or this one as its
    /// gate, still reads. A residual that nothing reads afterwards counts as the output: it is added in place. Channels
    /// are counted in whole groups of four, and the resize is not.
    pub activation_floor: u64,
    /// The two largest tensors of any moment of the biggest child: what two buffers would have to hold.
    pub largest_two: u64,
    /// The 8-bit image.
    pub image: u64,
    /// Slots of prepared children: layer parameters, scales and shifts.
    pub children: u64,
    /// Buffers that answers and times are read through.
    pub staging: u64,
    /// Batch norm's gamma and beta, the bias and the steps of stored weights, kept on the host to prepare children.
    pub host: u64,
}

impl MemoryUse {
    /// Bytes on the GPU.
    pub fn gpu(&self) -> u64 {
        self.weights + self.activations + self.image + self.children + self.staging
    }
}

impl fmt::Display for MemoryUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{:.2} MiB on the GPU (weights {:.2}, activations {:.2}, image {:.2}, children {:.2}); activations in buffers \
             of {:.2}, {:.2} and {:.2}, where no plan could do with less than {:.2} (its two largest tensors {:.2})",
            mib(self.gpu()),
            mib(self.weights),
            mib(self.activations),
            mib(self.image),
            mib(self.children),
            mib(self.block),
            mib(self.expanded),
            mib(self.filtered),
            mib(self.activation_floor),
            mib(self.largest_two)
        )
    }
}

/// [`MemoryUse::activation_floor`] and [`MemoryUse::largest_two`] of a network.
pub(in crate::engine) fn floor(network: &Network) -> (u64, u64) {
    let layers = &network.layers;
    let last_read = network.last_readers();
    let input_last_read = layers.iter().rposition(|layer| layer.input.is_none()).unwrap_or(0);
    let bytes = |index: usize| {
        let shape = layers[index].shape.output;
        activation_bytes(shape.channels, shape.pixels())
    };
    let (mut most, mut largest_two) = (0, 0);
    for (index, layer) in layers.iter().enumerate() {
        let in_place = |other: usize| layer.residual == Some(other) && last_read[other] == index;
        let mut live: Vec<u64> =
            (0..index).filter(|&other| last_read[other] >= index && !in_place(other)).map(bytes).collect();
        live.push(bytes(index));
        if input_last_read >= index {
            live.push(activation_bytes(network.input.channels, network.input.pixels()));
        }
        live.sort_unstable_by(|a, b| b.cmp(a));
        most = most.max(live.iter().sum());
        largest_two = largest_two.max(live.iter().take(2).sum());
    }
    (most, largest_two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Sizes;
    use nestling_core::space::{Preset, SearchSpace};

    #[test]
    fn table_1_holds_less_than_a_third_more_than_it_must() {
        let space = SearchSpace::table1_without_squeeze().validated().unwrap();
        let biggest = space.lower(&space.biggest()).unwrap();
        let (floor, largest_two) = floor(&biggest);
        // The expanded input and the depthwise output of stage 2's first block, which adds nothing.
        assert_eq!(floor, 4 * 6 * 24 * (160 * 160 + 80 * 80));
        assert_eq!(largest_two, floor);
        let sizes = Sizes::of_activations(&biggest, 320 * 320);
        let ratio = (sizes.block + sizes.expanded + sizes.filtered) as f64 / floor as f64;
        assert!((1.0..1.3).contains(&ratio), "{ratio}");
    }

    #[test]
    fn no_plan_is_below_the_floor() {
        for space in Preset::ALL.iter().map(|preset| preset.space().validated().unwrap()) {
            let biggest = space.lower(&space.biggest()).unwrap();
            let (floor, largest_two) = floor(&biggest);
            let sizes = Sizes::of_activations(&biggest, 1);
            let planned = sizes.block + sizes.expanded + sizes.filtered;
            assert!(largest_two <= floor && floor <= planned, "{}: {largest_two}, {floor}, {planned}", space.name);
        }
    }
}
