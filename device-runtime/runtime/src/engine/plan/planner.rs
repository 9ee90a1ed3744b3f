use crate::Error;
use crate::engine::plan::vendor_tiles;
use crate::gpu::{AdapterInfo, Vendor};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::{Activation, LayerShape, Operator, SearchSpace, ValidatedSpace};
use nestling_core::tiles::{Tile, TileVariant, Tiles};
use nestling_shaders::{Epilogue, Gate, Kernel, Specialisation};
use std::collections::BTreeSet;

/// Properties of the adapter and options that decide the choice of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Software on the CPU: a thread is a SIMD lane, and a workgroup a task of one core.
    pub software: bool,
    /// How pointwise layers are tiled.
    pub tiles: Tiles,
    /// The number type of products.
    pub arithmetic: Arithmetic,
}

/// How a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    /// The kernel.
    pub kernel: Kernel,
    /// The specialisation of its pipeline.
    pub specialisation: Specialisation,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

/// Chooses kernel, specialisation and workgroups of a space's layers. Pure: numbers in, plan out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planner {
    traits: Traits,
    /// The activation of the pipelines that layers without one share.
    activation: Activation,
}

/// Most iterations of a loop in a kernel: lavapipe ends every loop after 65,535, silently.
const MAX_ITERATIONS: u64 = 65_535;
/// Most workgroups along one axis: WebGPU's limit.
const MAX_WORKGROUPS: u64 = 65_535;
/// The tile of the fallback kernel: compiles quickly.
const FALLBACK_TILE: Tile = Tile { pixels: 8, groups: 2 };

impl Traits {
    /// The traits of an adapter, with its vendor's tiles and the arithmetic that every adapter has.
    pub fn of(facts: &AdapterInfo) -> Self {
        let vendor = facts.vendor_family();
        Self {
            software: vendor == Vendor::Software,
            tiles: vendor_tiles(vendor, facts.subgroups),
            arithmetic: Arithmetic::F32,
        }
    }

    /// Threads of a workgroup of any kernel but [`Kernel::Pointwise`]; a power of two, which halving sums needs.
    fn workgroup(self, kernel: Kernel) -> u32 {
        match kernel {
            Kernel::LinearWide | Kernel::PoolWide => 64, // their workgroup memory is as large
            Kernel::Dense
            | Kernel::Depthwise
            | Kernel::Pointwise
            | Kernel::PointwiseSmall
            | Kernel::Pool
            | Kernel::AveragePool
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights
            | Kernel::Moments
            | Kernel::Normalise => {
                // Software: one SIMD vector, because more only makes tasks coarser.
                if self.software { 8 } else { 64 }
            }
        }
    }

    /// Rows of a depthwise thread's strip: many save loads, few make more threads.
    fn rows(self) -> u32 {
        if self.software { 16 } else { 4 }
    }
}

impl Planner {
    /// For the layers of a space.
    pub fn new(space: &SearchSpace, traits: Traits) -> Self {
        Self { traits, activation: space.activation }
    }

    /// The adapter's traits.
    pub fn traits(&self) -> Traits {
        self.traits
    }

    /// Plans a layer.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if a loop or the grid would be larger than every adapter allows.
    pub fn plan(&self, shape: &LayerShape) -> Result<LayerPlan, Error> {
        let variant = self.traits.tiles.for_output(shape.output.pixels(), shape.output.channels.div_ceil(4));
        let (kernel, specialisation) = self.specialise_operator(variant, shape);
        grid(kernel, specialisation, shape)
    }

    /// How a layer is computed until the pipelines of [`Planner::plan`] are compiled: by few kernels that are quick to
    /// compile.
    ///
    /// # Errors
    /// As [`Planner::plan`].
    pub(in crate::engine) fn plan_fallback(&self, shape: &LayerShape) -> Result<LayerPlan, Error> {
        match shape.operator {
            Operator::Pool | Operator::AveragePool => self.plan(shape),
            Operator::Pointwise => grid(Kernel::Pointwise, self.fallback_pointwise(), shape),
            Operator::Dense | Operator::Depthwise | Operator::Linear => {
                grid(Kernel::Fallback, self.unspecialised(Kernel::Fallback), shape)
            }
        }
    }

    /// The same, for a given kernel that can run the layer, but not [`Kernel::Pointwise`].
    pub(in crate::engine) fn plan_kernel(&self, kernel: Kernel, shape: &LayerShape) -> Result<LayerPlan, Error> {
        grid(kernel, self.specialise(kernel, shape), shape)
    }

    /// The same, for a given tile of a pointwise layer.
    pub(in crate::engine) fn plan_tile(&self, variant: TileVariant, shape: &LayerShape) -> Result<LayerPlan, Error> {
        let (kernel, specialisation) = self.specialise_tile(variant, shape);
        grid(kernel, specialisation, shape)
    }

    /// The kernel of a layer and its specialisation; a pointwise layer is tiled by `variant`.
    fn specialise_operator(&self, variant: TileVariant, shape: &LayerShape) -> (Kernel, Specialisation) {
        let software = self.traits.software;
        let kernel = match shape.operator {
            Operator::Dense => Kernel::Dense,
            Operator::Depthwise => Kernel::Depthwise,
            Operator::Pool if software => Kernel::Pool,
            Operator::Pool => Kernel::PoolWide,
            Operator::AveragePool => Kernel::AveragePool,
            Operator::Linear if software => Kernel::PointwiseSmall,
            Operator::Linear => Kernel::LinearWide,
            Operator::Pointwise => return self.specialise_tile(variant, shape),
        };
        (kernel, self.specialise(kernel, shape))
    }

    fn specialise_tile(&self, variant: TileVariant, shape: &LayerShape) -> (Kernel, Specialisation) {
        if variant.tile == Tile::ONE {
            return (Kernel::PointwiseSmall, self.specialise(Kernel::PointwiseSmall, shape));
        }
        // One that has no activation takes the pipeline of those that have.
        let activation = if shape.activation == Activation::Identity { self.activation } else { shape.activation };
        let specialisation = Specialisation {
            epilogue: Epilogue::Mixed(activation),
            gate: gate(shape),
            workgroup: variant.workgroup,
            tile: variant.tile,
            broadcast: variant.broadcast,
            arithmetic: self.traits.arithmetic,
            ..Specialisation::generic(variant.workgroup)
        };
        (Kernel::Pointwise, specialisation)
    }

    /// Fields that a kernel does not read are set to one value, so that layers share its pipeline.
    fn specialise(&self, kernel: Kernel, shape: &LayerShape) -> Specialisation {
        let generic = self.unspecialised(kernel);
        let epilogue = Epilogue::Fixed(shape.activation);
        let (size, stride) = (shape.kernel, shape.stride);
        match kernel {
            Kernel::Dense => {
                let input_channels = shape.input.channels;
                Specialisation { epilogue, gate: Gate::None, kernel: size, stride, input_channels, ..generic }
            }
            Kernel::Depthwise => {
                let (rows, arithmetic) = (self.traits.rows(), self.traits.arithmetic);
                Specialisation { epilogue, gate: Gate::None, kernel: size, stride, rows, arithmetic, ..generic }
            }
            Kernel::AveragePool => Specialisation { kernel: size, stride, ..generic },
            // Their outputs are few: any activation costs little. A gate is read as often as a pixel.
            Kernel::PointwiseSmall | Kernel::LinearWide => Specialisation { gate: gate(shape), ..generic },
            Kernel::Pointwise
            | Kernel::Pool
            | Kernel::PoolWide
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights
            | Kernel::Moments
            | Kernel::Normalise => generic,
        }
    }

    /// The specialisation of what is specialised to no layer: a pass of the resize, or a kernel that serves all layers.
    pub(in crate::engine) fn unspecialised(&self, kernel: Kernel) -> Specialisation {
        Specialisation::generic(self.traits.workgroup(kernel))
    }

    /// Other pipelines for whatever one is planned for, the preferred first: where a device gets it wrong.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn alternatives(
        &self,
        kernel: Kernel,
        one: &Specialisation,
    ) -> Vec<(Kernel, Specialisation)> {
        let small = Specialisation { gate: one.gate, ..self.unspecialised(Kernel::PointwiseSmall) };
        let generic = (Kernel::Fallback, self.unspecialised(Kernel::Fallback));
        match kernel {
            Kernel::Pointwise => {
                let plain = (kernel, Specialisation { broadcast: false, ..*one });
                let all = [plain, (Kernel::PointwiseSmall, small), (kernel, self.fallback_pointwise()), generic];
                all.into_iter().filter(|other| *other != (kernel, *one)).collect()
            }
            Kernel::LinearWide => vec![(Kernel::PointwiseSmall, small), generic],
            // A pool is no convolution.
            Kernel::Pool => vec![(Kernel::PoolWide, self.unspecialised(Kernel::PoolWide))],
            Kernel::PoolWide => vec![(Kernel::Pool, self.unspecialised(Kernel::Pool))],
            Kernel::Dense | Kernel::Depthwise | Kernel::PointwiseSmall => vec![generic],
            Kernel::AveragePool
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights
            | Kernel::Moments
            | Kernel::Normalise => Vec::new(),
        }
    }

    fn fallback_pointwise(&self) -> Specialisation {
        let workgroup = if self.traits.software { 8 } else { 32 };
        Specialisation { tile: FALLBACK_TILE, ..Specialisation::generic(workgroup) }
    }

    /// The few pipelines that answer first: of [`Planner::plan_fallback`] and of the resize.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn fallback_pipelines(
        &self,
        all: &BTreeSet<(Kernel, Specialisation)>,
    ) -> BTreeSet<(Kernel, Specialisation)> {
        use Kernel::{AveragePool, Fallback, Pointwise, Pool, PoolWide, ResizeColumns, ResizeRows};
        let kept = [Pool, PoolWide, AveragePool, ResizeColumns, ResizeRows];
        let generic = [(Fallback, self.unspecialised(Fallback)), (Pointwise, self.fallback_pointwise())];
        all.iter().copied().filter(|(kernel, _)| kept.contains(kernel)).chain(generic).collect()
    }

    /// Every pipeline that any child of the space can need: each kind of layer with all tiles that [`Planner::plan`] may
    /// choose, and the resize.
    pub(in crate::engine) fn all_pipelines(&self, space: &ValidatedSpace) -> BTreeSet<(Kernel, Specialisation)> {
        let of_kind = |shape| self.traits.tiles.all().map(move |variant| self.specialise_operator(variant, shape));
        let resize = [Kernel::ResizeColumns, Kernel::ResizeRows].map(|kernel| (kernel, self.unspecialised(kernel)));
        space.layer_kinds().iter().flat_map(of_kind).chain(resize).collect()
    }
}

fn gate(shape: &LayerShape) -> Gate {
    if shape.gated { Gate::Every } else { Gate::None }
}

/// The workgroups that cover a layer's output.
pub(in crate::engine) fn grid(
    kernel: Kernel,
    specialisation: Specialisation,
    shape: &LayerShape,
) -> Result<LayerPlan, Error> {
    let (tile, workgroup) = (specialisation.tile(kernel), u64::from(specialisation.workgroup));
    let [pixels, groups] = [shape.output.pixels(), shape.output.channels.div_ceil(4)].map(u64::from);
    let row_tiles =
        |rows: u32| u64::from(shape.output.width.div_ceil(tile.pixels)) * u64::from(shape.output.height.div_ceil(rows));
    let input_groups = u64::from(shape.input.channels.div_ceil(4));
    let (x, y, iterations) = match kernel {
        Kernel::Dense => {
            (row_tiles(1).div_ceil(workgroup), groups.div_ceil(u64::from(tile.groups)), u64::from(shape.kernel))
        }
        Kernel::Depthwise => {
            let steps = u64::from(specialisation.rows + shape.kernel);
            ((row_tiles(specialisation.rows) * groups).div_ceil(workgroup), 1, steps)
        }
        Kernel::Fallback => {
            let taps = if shape.operator.is_per_channel() { 1 } else { input_groups };
            (pixels.div_ceil(workgroup), groups, taps)
        }
        Kernel::Pool => (groups.div_ceil(workgroup), 1, u64::from(shape.input.pixels())),
        Kernel::LinearWide => (groups, 1, input_groups.div_ceil(workgroup)),
        Kernel::PoolWide => (groups, 1, u64::from(shape.input.pixels()).div_ceil(workgroup)),
        Kernel::AveragePool => ((pixels * groups).div_ceil(workgroup), 1, u64::from(shape.kernel)),
        Kernel::PointwiseSmall => ((pixels * groups).div_ceil(workgroup), 1, input_groups),
        Kernel::Moments => (groups, 1, pixels.div_ceil(4 * workgroup) + 3), // four at a time, then the rest
        Kernel::Normalise => (pixels.div_ceil(workgroup), groups, 1),
        Kernel::Pointwise
        | Kernel::ResizeColumns
        | Kernel::TextureColumns
        | Kernel::ResizeRows
        | Kernel::ReadWeights => {
            (pixels.div_ceil(workgroup * u64::from(tile.pixels)), groups.div_ceil(u64::from(tile.groups)), input_groups)
        }
    };
    for (quantity, value, limit) in [
        ("iterations of a loop", iterations, MAX_ITERATIONS - 1),
        ("workgroups along x", x, MAX_WORKGROUPS),
        ("workgroups along y", y, MAX_WORKGROUPS),
    ] {
        if value > limit {
            let (place, remedy) = (format!("layer `{shape}`"), "load a smaller supernet");
            return Err(Error::TooLarge { place, quantity, value, limit, remedy });
        }
    }
    Ok(LayerPlan { kernel, specialisation, workgroups: [x as u32, y as u32, 1] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::Preset;
    use rand::SeedableRng;

    fn all_traits() -> impl Iterator<Item = Traits> {
        let of = |vendor, subgroups| Traits {
            software: vendor == Vendor::Software,
            tiles: vendor_tiles(vendor, subgroups),
            arithmetic: Arithmetic::F32,
        };
        Vendor::ALL.into_iter().flat_map(move |vendor| [of(vendor, false), of(vendor, true)])
    }

    #[test]
    fn the_pipeline_set_serves_every_child() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for space in Preset::ALL.iter().map(|preset| preset.space().validated().unwrap()) {
            for traits in all_traits() {
                let planner = Planner::new(&space, traits);
                let all = planner.all_pipelines(&space);
                // MobileNetV3 has most: two activations, each with both kernel sizes and strides, and projections with
                // and without gate, times the vendor's tiles.
                assert!(all.len() <= 24, "{}: {} pipelines", space.name, all.len());
                let children = [space.smallest(), space.biggest()];
                let sampled = (0..20).map(|_| space.sample(&mut random)).collect::<Vec<_>>();
                for child in children.iter().chain(&sampled) {
                    for layer in &space.lower(child).unwrap().layers {
                        let plan = planner.plan(&layer.shape).unwrap();
                        assert!(all.contains(&(plan.kernel, plan.specialisation)), "{}: {plan:?}", layer.shape);
                    }
                }
            }
        }
    }

    #[test]
    fn the_grid_covers_every_output() {
        let space = SearchSpace::table1().validated().unwrap();
        for traits in all_traits() {
            for layer in &space.lower(&space.biggest()).unwrap().layers {
                let plan = Planner::new(&space, traits).plan(&layer.shape).unwrap();
                let tile = plan.specialisation.tile(plan.kernel);
                let threads = u64::from(plan.workgroups[0] * plan.workgroups[1] * plan.specialisation.workgroup);
                let outputs = layer.shape.output.len() as u64;
                let one_writes = matches!(plan.kernel, Kernel::LinearWide | Kernel::PoolWide);
                let threads = threads / if one_writes { u64::from(plan.specialisation.workgroup) } else { 1 };
                let covered = threads * u64::from(tile.pixels * tile.groups * plan.specialisation.rows * 4);
                assert!(covered >= outputs, "{}: {covered} of {outputs}", layer.shape);
            }
        }
    }

    #[test]
    fn one_pixel_gets_the_small_tile_and_a_loop_too_long_an_error() {
        let space = SearchSpace::table1().validated().unwrap();
        let network = space.lower(&space.biggest()).unwrap();
        let tiles = vendor_tiles(Vendor::Software, true);
        let planner = Planner::new(&space, Traits { software: true, tiles, arithmetic: Arithmetic::F32 });
        let classifier = network.layers.last().unwrap().shape;
        assert_eq!(planner.plan(&classifier).unwrap().kernel, Kernel::PointwiseSmall);
        let mut pool = network.layers[network.layers.len() - 2].shape;
        (pool.input.height, pool.input.width) = (256, 256);
        assert!(matches!(planner.plan(&pool), Err(Error::TooLarge { value: 65_536, .. })));
    }
}
