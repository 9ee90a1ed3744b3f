//! The passes of calibration, for each layer. Pure: a network in, passes out.

use crate::engine::plan::{Location, Place, Step};
use nestling_core::space::Network;

/// One walk over all images, at whose end the moments of one layer's sums are known.
///
/// `None` for a layer is the input tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// The normalised layer whose sums are looked at.
    pub(super) layer: usize,
    /// The layer whose output is kept of every image, and which this pass starts from.
    pub(super) base: Option<usize>,
    /// How the base is made; `None` if it is kept already.
    pub(super) base_from: Option<BaseFrom>,
    /// Layers that run before `layer`, as they ship.
    pub(super) before: Vec<usize>,
    /// Whether a later pass makes its base of this layer's sums.
    pub(super) keeps_sums: bool,
}

/// A base is made of its layer's sums, which the pass before kept, and of its residual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseFrom {
    /// Where the residual comes from, if there is one: the base before, and the layers from there to the residual. It
    /// lies where the sums are then added.
    pub(super) residual: Option<(Option<usize>, Vec<usize>)>,
}

/// The passes of a network, one for every normalised layer, in order.
///
/// Bases are the layers that all later ones depend on alone: the stem's output and every block's. So a pass runs no
/// more than one block.
pub(super) fn passes(network: &Network, steps: &[Step]) -> Vec<Pass> {
    let layers = &network.layers;
    let normalised: Vec<usize> = (0..layers.len()).filter(|&index| layers[index].is_normalised()).collect();
    let mut passes: Vec<Pass> = Vec::with_capacity(normalised.len());
    let (mut base, mut older) = (None, None);
    for (position, &layer) in normalised.iter().enumerate() {
        let made = position.checked_sub(1).map(|before| normalised[before]).filter(|before| base == Some(*before));
        let base_from = made.map(|made| BaseFrom {
            residual: layers[made].residual.map(|residual| (older, needed(network, &[residual], older))),
        });
        let reads: Vec<usize> = [layers[layer].input, layers[layer].gate].into_iter().flatten().collect();
        let before = needed(network, &reads, base);
        let keeps_sums = position + 1 < normalised.len() && is_base(network, steps, layer);
        passes.push(Pass { layer, base, base_from, before, keeps_sums });
        if keeps_sums {
            (older, base) = (base, Some(layer));
        }
    }
    passes
}

/// How many forward passes all passes together are, by multiply-accumulate operations.
#[cfg(test)]
fn forwards(network: &Network) -> f64 {
    let madds = |index: usize| network.layers[index].shape.madds() as f64;
    let run = |pass: &Pass| {
        let again = pass.base_from.iter().flat_map(|from| &from.residual).flat_map(|(_, layers)| layers);
        pass.before.iter().chain(again).chain([&pass.layer]).map(|&index| madds(index)).sum::<f64>()
    };
    let all: f64 = passes(network, &crate::engine::plan::steps(network)).iter().map(run).sum();
    all / (0..network.layers.len()).map(madds).sum::<f64>()
}

/// Whether all later layers need nothing else of what came before, and it lies where a block's output does.
fn is_base(network: &Network, steps: &[Step], layer: usize) -> bool {
    let needs_older = |later: usize| {
        let later = &network.layers[later];
        [later.input, later.gate, later.residual].into_iter().flatten().any(|read| read < layer)
    };
    steps[layer].destination == Location::start(Place::Block) && !(layer + 1..network.layers.len()).any(needs_older)
}

/// The layers after `base` that must run for the outputs of `wanted`, those included.
fn needed(network: &Network, wanted: &[usize], base: Option<usize>) -> Vec<usize> {
    let mut needed = vec![false; network.layers.len()];
    let mut open = wanted.to_vec();
    while let Some(index) = open.pop() {
        if Some(index) > base && !std::mem::replace(&mut needed[index], true) {
            let layer = &network.layers[index];
            open.extend([layer.input, layer.gate, layer.residual].into_iter().flatten());
        }
    }
    (0..needed.len()).filter(|&index| needed[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::steps;
    use nestling_core::space::{Preset, SearchSpace, ValidatedSpace};
    use rand::SeedableRng;
    use std::collections::BTreeMap;

    /// Which layer's sums or output a place holds.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Held {
        Sums(usize),
        Output(Option<usize>),
    }

    /// Walks through the passes with the arena's contents as names: whatever a layer reads must be there.
    fn walk(space: &ValidatedSpace, network: &Network) {
        let steps = steps(network);
        let passes = passes(network, &steps);
        let normalised = (0..network.layers.len()).filter(|&index| network.layers[index].is_normalised());
        assert_eq!(passes.iter().map(|pass| pass.layer).collect::<Vec<_>>(), normalised.collect::<Vec<_>>());
        let location = |layer: Option<usize>| layer.map_or(Location::INPUT, |layer| steps[layer].destination);
        let (mut kept, mut sums) = (Held::Output(None), None);
        for pass in &passes {
            let name = format!("{}: {pass:?}", space.name);
            // Another thread may have run anything since the pass before.
            let mut arena: BTreeMap<(u8, bool), Held> = BTreeMap::new();
            let key = |location: Location| (location.place as u8, location.behind);
            let run = |arena: &mut BTreeMap<(u8, bool), Held>, index: usize, with_residual: bool| {
                let (layer, step) = (&network.layers[index], &steps[index]);
                assert_eq!(arena.get(&key(step.source)), Some(&Held::Output(layer.input)), "{name}, {index}");
                if let Some(gate) = step.gate {
                    assert_eq!(arena.get(&key(gate)), Some(&Held::Output(layer.gate)), "{name}, {index}");
                }
                if let (Some(residual), true) = (layer.residual, with_residual) {
                    let there = arena.get(&key(step.destination));
                    assert_eq!(there, Some(&Held::Output(Some(residual))), "{name}, {index}");
                }
                arena.insert(key(step.destination), Held::Output(Some(index)));
            };
            if let Some(from) = &pass.base_from {
                let base = pass.base.unwrap();
                if let Some((older, layers)) = &from.residual {
                    assert_eq!(kept, Held::Output(*older), "{name}");
                    arena.insert(key(location(*older)), kept);
                    layers.iter().for_each(|&index| run(&mut arena, index, true));
                }
                assert_eq!(sums, Some(Held::Sums(base)), "{name}");
                let residual = network.layers[base].residual;
                let there = arena.get(&key(location(pass.base))).copied();
                assert_eq!(there, residual.map(|residual| Held::Output(Some(residual))), "{name}");
                kept = Held::Output(Some(base));
            }
            assert_eq!(kept, Held::Output(pass.base), "{name}");
            arena.insert(key(location(pass.base)), kept);
            pass.before.iter().for_each(|&index| run(&mut arena, index, true));
            run(&mut arena, pass.layer, false);
            assert!(!steps[pass.layer].destination.behind, "{name}: moments are read from the start");
            assert!(pass.before.len() <= 6, "{name}: no more than a block");
            if pass.keeps_sums {
                sums = Some(Held::Sums(pass.layer));
            }
        }
    }

    #[test]
    fn every_pass_finds_what_it_reads_whatever_ran_between() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        for space in Preset::ALL.iter().map(Preset::space).chain([crate::engine::tests::mixed()]) {
            let space = space.validated().unwrap();
            let sampled = (0..30).map(|_| space.sample(&mut random)).collect::<Vec<_>>();
            for child in [space.smallest(), space.biggest()].iter().chain(&sampled) {
                walk(&space, &space.lower(child).unwrap());
            }
        }
    }

    #[test]
    fn a_child_takes_about_two_forward_passes() {
        for space in [SearchSpace::fashion(), SearchSpace::table1_without_squeeze()] {
            let space = space.validated().unwrap();
            for child in [space.smallest(), space.biggest()] {
                let ratio = forwards(&space.lower(&child).unwrap());
                assert!((1.5..2.3).contains(&ratio), "{child}: {ratio}");
            }
        }
    }
}
