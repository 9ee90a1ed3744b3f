use crate::Error;
use crate::gpu::Context;
use nestling_core::space::{Network, Operator};

/// One of the buffers that activations live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Place {
    Block,
    Expanded,
    Filtered,
}

/// The buffers that a dispatch reads and writes: one bind group each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Route {
    /// The 8-bit image to `expanded`.
    ImageToExpanded,
    ExpandedToFiltered,
    ExpandedToBlock,
    BlockToExpanded,
    BlockToFiltered,
    FilteredToBlock,
}

impl Route {
    pub(in crate::engine) const ALL: [Self; 6] = [
        Self::ImageToExpanded,
        Self::ExpandedToFiltered,
        Self::ExpandedToBlock,
        Self::BlockToExpanded,
        Self::BlockToFiltered,
        Self::FilteredToBlock,
    ];
}

/// Where a route ends.
pub(in crate::engine) fn destination(route: Route) -> Place {
    match route {
        Route::ImageToExpanded | Route::BlockToExpanded => Place::Expanded,
        Route::ExpandedToFiltered | Route::BlockToFiltered => Place::Filtered,
        Route::ExpandedToBlock | Route::FilteredToBlock => Place::Block,
    }
}

/// Where an activation is: at the start of a buffer, or behind the largest one that starts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Location {
    pub(in crate::engine) place: Place,
    pub(in crate::engine) behind: bool,
}

impl Location {
    /// Where the input tensor is.
    pub(in crate::engine) const INPUT: Self = Self::start(Place::Filtered);

    pub(in crate::engine) const fn start(place: Place) -> Self {
        Self { place, behind: false }
    }
}

/// The buffers that a layer's dispatch reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Step {
    pub(in crate::engine) route: Route,
    pub(in crate::engine) source: Location,
    /// In the same buffer as the source.
    pub(in crate::engine) gate: Option<Location>,
    /// Holds the residual too: it is added in place.
    pub(in crate::engine) destination: Location,
}

/// The way from a depthwise convolution in `filtered` to its gate, which goes behind it: mean, squeeze, excite.
#[derive(Clone, Copy)]
enum ToGate {
    Mean,
    Squeezed,
    Gate,
}

/// The buffers of every layer. No layer overwrites data that a later one still reads, whatever the child.
pub(in crate::engine) fn steps(network: &Network) -> Vec<Step> {
    let layers = &network.layers;
    let mut to_gate = vec![None; layers.len()];
    for layer in layers {
        let mut at = layer.gate;
        for part in [ToGate::Gate, ToGate::Squeezed, ToGate::Mean] {
            if let Some(index) = at {
                to_gate[index] = Some(part);
                at = layers[index].input;
            }
        }
    }
    let mut steps: Vec<Step> = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        let source = layer.input.map_or(Location::INPUT, |input| steps[input].destination);
        // After the last block every layer reads and writes another buffer, so that the logits end in `block`.
        let ends_in_block = (layers.len() - 1 - index).is_multiple_of(2);
        let route = match (layer.shape.operator, to_gate[index], source.place) {
            (_, Some(ToGate::Mean), _) => Route::FilteredToBlock,
            (_, Some(ToGate::Squeezed), _) => Route::BlockToExpanded,
            (_, Some(ToGate::Gate), _) => Route::ExpandedToFiltered,
            (Operator::AveragePool, ..) => Route::BlockToExpanded,
            (Operator::Pool | Operator::Linear, None, Place::Block) => Route::BlockToFiltered,
            (Operator::Pool | Operator::Linear, None, Place::Expanded) if !ends_in_block => Route::ExpandedToFiltered,
            (Operator::Depthwise, _, Place::Block) => Route::BlockToFiltered,
            (Operator::Depthwise, ..) => Route::ExpandedToFiltered,
            (Operator::Dense | Operator::Pointwise, _, Place::Block) => Route::BlockToExpanded,
            (Operator::Dense | Operator::Pointwise | Operator::Pool | Operator::Linear, _, Place::Expanded) => {
                Route::ExpandedToBlock
            }
            (Operator::Dense | Operator::Pointwise | Operator::Pool | Operator::Linear, _, Place::Filtered) => {
                Route::FilteredToBlock
            }
        };
        let behind = matches!(to_gate[index], Some(ToGate::Mean | ToGate::Gate));
        let gate = layer.gate.map(|gate| steps[gate].destination);
        steps.push(Step { route, source, gate, destination: Location { place: destination(route), behind } });
    }
    steps
}

/// Bytes of every buffer, for the space's biggest child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Sizes {
    pub(in crate::engine) image: u64,
    pub(in crate::engine) block: u64,
    pub(in crate::engine) expanded: u64,
    pub(in crate::engine) filtered: u64,
    pub(in crate::engine) weights: u64,
    pub(in crate::engine) norms: u64,
    pub(in crate::engine) parameters: u64,
    /// Where in `block` that starts which is behind the largest activation: squeeze-and-excite's means.
    pub(in crate::engine) behind_block: u64,
    /// The same in `filtered`: gates.
    pub(in crate::engine) behind_filtered: u64,
}

/// Bytes of `channels` padded to whole groups.
pub(in crate::engine) fn activation_bytes(channels: u32, pixels: u32) -> u64 {
    u64::from(channels.next_multiple_of(4)) * u64::from(pixels) * 4
}

impl Sizes {
    /// Bytes of the activations and of an image of so many pixels; the rest is zero.
    pub(in crate::engine) fn of_activations(biggest: &Network, image_pixels: u64) -> Self {
        let mut sizes = Self {
            image: image_pixels * 4,
            // Between the passes of the resize: the image's shorter side, the child's columns.
            expanded: activation_bytes(4, image_pixels.isqrt() as u32 * biggest.input.width),
            filtered: activation_bytes(biggest.input.channels, biggest.input.pixels()),
            ..Self::default()
        };
        let (mut means, mut gates) = (0, 0);
        for (layer, step) in biggest.layers.iter().zip(steps(biggest)) {
            let bytes = activation_bytes(layer.shape.output.channels, layer.shape.output.pixels());
            let size = match step.destination {
                Location { place: Place::Block, behind: true } => &mut means,
                Location { place: Place::Block, behind: false } => &mut sizes.block,
                Location { place: Place::Expanded, .. } => &mut sizes.expanded,
                Location { place: Place::Filtered, behind: true } => &mut gates,
                Location { place: Place::Filtered, behind: false } => &mut sizes.filtered,
            };
            *size = bytes.max(*size);
        }
        (sizes.behind_block, sizes.behind_filtered) = (sizes.block, sizes.filtered);
        sizes.block += means;
        sizes.filtered += gates;
        sizes
    }

    /// The first element of a location, of four values.
    pub(in crate::engine) fn offset(&self, location: Location) -> u32 {
        let bytes = match location {
            Location { behind: false, .. } | Location { place: Place::Expanded, .. } => 0,
            Location { place: Place::Block, .. } => self.behind_block,
            Location { place: Place::Filtered, .. } => self.behind_filtered,
        };
        (bytes / 16) as u32
    }

    /// Checks every binding against the device.
    pub(in crate::engine) fn check(&self, context: &Context) -> Result<(), Error> {
        let limits = context.limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let names = ["image", "block", "expanded", "filtered", "weights", "norms"];
        let sizes = [self.image, self.block, self.expanded, self.filtered, self.weights, self.norms];
        match names.into_iter().zip(sizes).find(|&(_, size)| size > limit) {
            None => Ok(()),
            Some((name, value)) => Err(Error::TooLarge {
                place: format!("buffer `{name}`"),
                quantity: "bytes",
                value,
                limit,
                remedy: if name == "image" { SMALLER_IMAGES } else { SMALLER_SUPERNET },
            }),
        }
    }
}

const SMALLER_IMAGES: &str = "load with a smaller `RuntimeOptions::max_image_side`, or raise \
                              `ContextOptions::largest_buffer` where the adapter has more";
const SMALLER_SUPERNET: &str = "load a smaller supernet, or raise `ContextOptions::largest_buffer` where the adapter \
                                has more";

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::{ExpandRatio, Preset, SearchSpace, ValidatedSpace};
    use rand::SeedableRng;

    fn sampled_spaces() -> Vec<ValidatedSpace> {
        let mut spaces: Vec<SearchSpace> = Preset::ALL.iter().map(Preset::space).collect();
        for mut space in [SearchSpace::fashion(), SearchSpace::table1()] {
            space.stages[1].expand_ratios = [1, 4].map(ExpandRatio::whole).to_vec();
            for stage in &mut space.stages {
                stage.transition_skips = true;
            }
            spaces.push(space);
        }
        spaces.into_iter().map(|space| space.validated().unwrap()).collect()
    }

    /// The last layer that reads each layer's output: as input, gate or residual.
    fn last_reads(network: &Network) -> Vec<usize> {
        let mut last = vec![0; network.layers.len()];
        last[network.layers.len() - 1] = usize::MAX; // the host reads the logits
        for (index, layer) in network.layers.iter().enumerate() {
            for read in [layer.input, layer.gate, layer.residual].into_iter().flatten() {
                last[read] = index;
            }
        }
        last
    }

    #[test]
    fn no_layer_overwrites_what_a_later_one_reads_and_every_child_fits() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for space in sampled_spaces() {
            let biggest = space.lower(&space.biggest()).unwrap();
            let sizes = Sizes::of_activations(&biggest, 8 * 8);
            let children = (0..50).map(|_| space.sample(&mut random)).chain([space.smallest(), space.biggest()]);
            for network in children.map(|child| space.lower(&child).unwrap()) {
                let own = Sizes::of_activations(&network, 8 * 8);
                assert!(own.behind_block <= sizes.behind_block && own.expanded <= sizes.expanded);
                assert!(own.behind_filtered <= sizes.behind_filtered);
                assert!(own.block - own.behind_block <= sizes.block - sizes.behind_block, "means");
                assert!(own.filtered - own.behind_filtered <= sizes.filtered - sizes.behind_filtered, "gates");

                let last = last_reads(&network);
                let mut held: Vec<(Location, Option<usize>)> = vec![(Location::INPUT, None)];
                let steps = steps(&network);
                for (index, (layer, step)) in network.layers.iter().zip(&steps).enumerate() {
                    let name = format!("{}: {}", space.name, layer.name);
                    let at = |location: Location| {
                        held.iter().find(|one| one.0 == location).map(|one| one.1).unwrap_or_else(|| panic!("{name}"))
                    };
                    assert_eq!(at(step.source), layer.input, "{name}");
                    if let Some(gate) = step.gate {
                        assert_eq!((gate.place, at(gate)), (step.source.place, layer.gate), "{name}");
                    }
                    if layer.residual.is_some() {
                        assert_eq!(at(step.destination), layer.residual, "{name}: in place");
                    }
                    assert_ne!(step.source.place, step.destination.place, "{name}: WebGPU forbids it");
                    assert_eq!(destination(step.route), step.destination.place, "{name}");
                    let offset_kernel = !matches!(layer.shape.operator, Operator::Pool | Operator::Linear);
                    assert!(!(offset_kernel && (step.source.behind || step.destination.behind)), "{name}: looks not");
                    if let Some(Some(lost)) = held.iter().find(|one| one.0 == step.destination).map(|one| one.1) {
                        assert!(last[lost] <= index, "{name} overwrites {}", network.layers[lost].name);
                    }
                    held.retain(|one| one.0 != step.destination);
                    held.push((step.destination, Some(index)));
                }
                let logits = steps.last().unwrap().destination;
                assert_eq!(logits, Location::start(Place::Block), "{}", space.name);
            }
        }
    }
}
