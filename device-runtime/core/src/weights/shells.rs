//! Nested parts of the shared weights: the smallest child's first, then those that each bigger child adds.

use crate::space::{Convolution, Network, ParameterLayout};
use crate::weights::WeightStorage;
use std::ops::Range;

/// A shell begins only where its children need a quarter more bytes than those of the shell before: each shell costs a
/// pass over the weights when it arrives.
const GROWTH: f64 = 1.25;

/// The part of a convolution's tensors that some children read: the first outputs, the first inputs of each, and the
/// centre of each kernel. Empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Output channels.
    pub outputs: u32,
    /// Input channels of each output channel: one for a depthwise convolution.
    pub inputs: u32,
    /// Side of the kernel.
    pub kernel: u32,
}

impl Extent {
    /// All of a convolution.
    pub fn whole(convolution: &Convolution) -> Self {
        let inputs = convolution.operator.channels_read(convolution.inputs);
        Self { outputs: convolution.outputs, inputs, kernel: convolution.kernel }
    }

    /// The smallest extent that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            outputs: self.outputs.max(other.outputs),
            inputs: self.inputs.max(other.inputs),
            kernel: self.kernel.max(other.kernel),
        }
    }

    /// Weights within it.
    pub fn weights(self) -> usize {
        self.outputs as usize * self.inputs as usize * (self.kernel * self.kernel) as usize
    }
}

/// The nested shells of a supernet's weights. A shell holds what its extents cover and those of the shell before do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shells {
    /// For each shell the number of children that run once it is there; the last serves all.
    served: Vec<u32>,
    /// For each shell an extent of each convolution; the last covers all weights.
    extents: Vec<Vec<Extent>>,
}

impl Shells {
    /// Divides the weights for these children, which are in the order in which they are to become usable. `networks`
    /// are of the layout's space, and not empty.
    pub fn divide(layout: &ParameterLayout, storage: WeightStorage, networks: &[Network]) -> Self {
        let mut served: Vec<u32> = Vec::new();
        let (mut covered, mut before) = (vec![Extent::default(); layout.convolutions.len()], 0);
        for (count, network) in (1u32..).zip(networks) {
            cover(layout, storage, network, &mut covered);
            let bytes = bytes(layout, storage, &covered);
            match served.last_mut() {
                // It reads nothing that the last shell does not hold.
                Some(last) if bytes == before => *last = count,
                Some(_) if (bytes as f64) < GROWTH * before as f64 && (count as usize) < networks.len() => {}
                _ => {
                    served.push(count);
                    before = bytes;
                }
            }
        }
        if before < bytes_of_all(layout, storage) {
            served.push(networks.len() as u32);
        }
        Self::new(layout, storage, networks, served)
    }

    /// The shells that serve so many children each.
    fn new(layout: &ParameterLayout, storage: WeightStorage, networks: &[Network], served: Vec<u32>) -> Self {
        let mut covered = vec![Extent::default(); layout.convolutions.len()];
        let mut extents = Vec::with_capacity(served.len());
        let mut from = 0;
        for &to in &served {
            networks[from..to as usize].iter().for_each(|network| cover(layout, storage, network, &mut covered));
            extents.push(covered.clone());
            from = to as usize;
        }
        if let Some(last) = extents.last_mut() {
            *last = layout.convolutions.iter().map(Extent::whole).collect();
        }
        Self { served, extents }
    }

    /// The shells that a file says to have, if its numbers of served children are possible: from 1 on, none smaller than
    /// the one before, the last of all children.
    pub fn of_served(
        layout: &ParameterLayout,
        storage: WeightStorage,
        networks: &[Network],
        served: Vec<u32>,
    ) -> Option<Self> {
        let possible = served.first().is_some_and(|&first| first > 0)
            && served.is_sorted()
            && served.last().is_some_and(|&last| last as usize == networks.len());
        possible.then(|| Self::new(layout, storage, networks, served))
    }

    /// Number of shells: at least one.
    pub fn count(&self) -> usize {
        self.served.len()
    }

    /// For each shell the number of children that run once it is there.
    pub fn served(&self) -> &[u32] {
        &self.served
    }

    /// Children that run once the first `shells` are there.
    pub fn served_by(&self, shells: usize) -> usize {
        shells.checked_sub(1).map_or(0, |last| self.served[last] as usize)
    }

    /// The part that a shell adds to a convolution: its extent without the one before it.
    pub fn ring(&self, shell: usize, convolution: usize) -> Ring {
        let inner = shell.checked_sub(1).map_or_else(Extent::default, |before| self.extents[before][convolution]);
        Ring { inner, outer: self.extents[shell][convolution] }
    }
}

/// The part of an extent outside of a smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Left out.
    pub inner: Extent,
    /// Covers all of `inner`.
    pub outer: Extent,
}

impl Ring {
    /// Output channels that it adds, as indices.
    pub fn outputs(self) -> Range<usize> {
        self.inner.outputs as usize..self.outer.outputs as usize
    }

    /// Weights that it adds.
    pub fn weights(self) -> usize {
        self.outer.weights() - self.inner.weights()
    }

    /// Gives the weights that it adds as runs of indices of the convolution's weight, in rising order.
    pub fn visit(self, convolution: &Convolution, mut put: impl FnMut(Range<usize>)) {
        let full = Extent::whole(convolution);
        let area = (full.kernel * full.kernel) as usize;
        let row = full.inputs as usize * area;
        for output in 0..self.outer.outputs {
            let first = output as usize * row;
            let inner = if output < self.inner.outputs { self.inner } else { Extent::default() };
            if self.outer.kernel == full.kernel && (inner.inputs == 0 || inner.kernel == full.kernel) {
                let (from, to) = (first + inner.inputs as usize * area, first + self.outer.inputs as usize * area);
                if from < to {
                    put(from..to);
                }
                continue;
            }
            for input in 0..self.outer.inputs {
                let hole = if input < inner.inputs { inner.kernel } else { 0 };
                taps(full.kernel, hole, self.outer.kernel, first + input as usize * area, &mut put);
            }
        }
    }
}

/// The taps of the centre `side x side` of a kernel without those of its centre `hole x hole`.
fn taps(full: u32, hole: u32, side: u32, first: usize, put: &mut impl FnMut(Range<usize>)) {
    let (crop, hole_crop) = ((full - side) / 2, (full - hole) / 2);
    for row in crop..crop + side {
        let at = |column: u32| first + (row * full + column) as usize;
        if hole > 0 && (hole_crop..hole_crop + hole).contains(&row) {
            for run in [at(crop)..at(hole_crop), at(hole_crop + hole)..at(crop + side)] {
                if !run.is_empty() {
                    put(run);
                }
            }
        } else {
            put(at(crop)..at(crop + side));
        }
    }
}

/// Extends what is covered by what a child reads.
fn cover(layout: &ParameterLayout, storage: WeightStorage, network: &Network, covered: &mut [Extent]) {
    for layer in &network.layers {
        let Some(index) = layer.convolution else { continue };
        let (shape, convolution) = (&layer.shape, &layout.convolutions[index]);
        let (outputs, inputs) = (shape.output.channels, shape.operator.channels_read(shape.input.channels));
        let read = Extent { outputs, inputs, kernel: shape.kernel };
        // A scale belongs to a whole row: a divided row could not be rounded again to the same codes.
        let read = if storage.row().has_scales { Extent { outputs, ..Extent::whole(convolution) } } else { read };
        covered[index] = covered[index].union(read);
    }
}

/// Bytes of the parameters that are covered.
fn bytes(layout: &ParameterLayout, storage: WeightStorage, covered: &[Extent]) -> usize {
    let per_output = |convolution: &Convolution| {
        1 + usize::from(convolution.shift.is_some()) + usize::from(storage.row().has_scales)
    };
    (layout.convolutions.iter().zip(covered))
        .map(|(convolution, extent)| {
            storage.bytes() * extent.weights() + 4 * per_output(convolution) * extent.outputs as usize
        })
        .sum()
}

fn bytes_of_all(layout: &ParameterLayout, storage: WeightStorage) -> usize {
    let whole: Vec<Extent> = layout.convolutions.iter().map(Extent::whole).collect();
    bytes(layout, storage, &whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{SearchSpace, ValidatedSpace};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn space() -> ValidatedSpace {
        SearchSpace::fashion().validated().unwrap()
    }

    /// Random children, fewest multiply-adds first.
    fn children(space: &ValidatedSpace, seeds: &[u64]) -> Vec<Network> {
        let child = |&seed: &u64| space.sample(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut networks: Vec<Network> = seeds.iter().map(|seed| space.lower(&child(seed)).unwrap()).collect();
        networks.sort_by_key(|network| network.cost().madds);
        networks
    }

    /// The weights that a child reads, one by one.
    fn read(layout: &ParameterLayout, network: &Network) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        for layer in &network.layers {
            let Some(index) = layer.convolution else { continue };
            let (convolution, shape) = (&layout.convolutions[index], &layer.shape);
            let (full, columns) = (convolution.kernel, convolution.operator.channels_read(convolution.inputs));
            let crop = (full - shape.kernel) / 2;
            for output in 0..shape.output.channels {
                for input in 0..shape.operator.channels_read(shape.input.channels) {
                    for y in crop..crop + shape.kernel {
                        for x in crop..crop + shape.kernel {
                            all.push((index, (((output * columns + input) * full + y) * full + x) as usize));
                        }
                    }
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn every_weight_is_in_one_shell_and_in_time(seeds in proptest::collection::vec(any::<u64>(), 1..7)) {
            let space = space();
            let (layout, networks) = (space.layout(), children(&space, &seeds));
            for storage in WeightStorage::ALL {
                let shells = Shells::divide(layout, storage, &networks);
                let mut at: Vec<Vec<Option<usize>>> =
                    layout.convolutions.iter().map(|one| vec![None; Extent::whole(one).weights()]).collect();
                for shell in 0..shells.count() {
                    for (index, convolution) in layout.convolutions.iter().enumerate() {
                        let (ring, mut count, mut end) = (shells.ring(shell, index), 0, 0);
                        ring.visit(convolution, |run| {
                            assert!(run.start >= end && run.end > run.start, "{run:?} after {end}");
                            end = run.end;
                            count += run.len();
                            at[index][run].iter_mut().for_each(|place| assert_eq!(place.replace(shell), None));
                        });
                        prop_assert_eq!(count, ring.weights());
                    }
                }
                prop_assert!(at.iter().flatten().all(Option::is_some));
                for (place, network) in networks.iter().enumerate() {
                    let shell = (1..=shells.count()).find(|&count| shells.served_by(count) > place).unwrap() - 1;
                    for (convolution, weight) in read(layout, network) {
                        prop_assert!(at[convolution][weight].unwrap() <= shell);
                    }
                }
                let same = Shells::of_served(layout, storage, &networks, shells.served().to_vec());
                prop_assert_eq!(same, Some(shells));
            }
        }
    }

    #[test]
    fn shells_grow_and_the_first_is_what_the_smallest_child_reads() {
        let space = space();
        let (smallest, biggest) = (space.lower(&space.smallest()).unwrap(), space.lower(&space.biggest()).unwrap());
        let shells = Shells::divide(space.layout(), WeightStorage::F32, &[smallest.clone(), biggest.clone()]);
        assert_eq!(shells.served(), [1, 2]);
        let first: usize = (0..space.layout().convolutions.len()).map(|index| shells.ring(0, index).weights()).sum();
        assert_eq!(first as u64, smallest.layers.iter().map(|layer| layer.shape.weights()).sum::<u64>());
        // The weights that no child reads have a shell of their own.
        let alone = Shells::divide(space.layout(), WeightStorage::F32, &[smallest]);
        assert_eq!(alone.served(), [1, 1]);
        assert_eq!(Shells::divide(space.layout(), WeightStorage::F32, &[biggest]).served(), [1]);
    }

    #[test]
    fn impossible_numbers_of_served_children_are_refused() {
        let space = space();
        let networks = [space.lower(&space.smallest()).unwrap(), space.lower(&space.biggest()).unwrap()];
        let of = |served: &[u32]| Shells::of_served(space.layout(), WeightStorage::F32, &networks, served.to_vec());
        for wrong in [&[][..], &[0, 2], &[2, 1], &[1], &[1, 3], &[u32::MAX]] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
        assert!(of(&[2]).is_some() && of(&[1, 2, 2]).is_some());
    }
}
