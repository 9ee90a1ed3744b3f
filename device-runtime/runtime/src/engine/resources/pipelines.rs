use crate::Error;
use crate::engine::plan::LayerPlan;
#[cfg(not(target_arch = "wasm32"))]
use crate::engine::plan::grid;
use crate::engine::resources::arena::bind_group_layout;
use crate::gpu::{ComputePipeline, Context};
use nestling_core::space::LayerShape;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, Specialisation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The kernels and specialisations to build pipelines for.
pub(in crate::engine) type Wanted = BTreeSet<(Kernel, Specialisation)>;

/// The parts that all pipelines have in common, for one storage of the weights.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Common {
    pub(in crate::engine) groups: wgpu::BindGroupLayout,
    pub(in crate::engine) layout: wgpu::PipelineLayout,
    pub(in crate::engine) storage: WeightStorage,
}

impl Common {
    pub(in crate::engine) fn new(context: &Context, storage: WeightStorage) -> Self {
        let (groups, layout) = bind_group_layout(context);
        Self { groups, layout, storage }
    }
}

/// A kernel that the device gets wrong, and the one that runs instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The kernel that is wrong, with its specialisation, in words.
    pub wrong: String,
    /// The kernel that runs instead.
    pub by: String,
    /// A value that the device computed.
    pub found: String,
    /// The value that was right.
    pub expected: String,
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, by, found, expected } = self;
        write!(f, "{wrong} by {by}, because it gave {found} where {expected} is right")
    }
}

/// Pipelines by what they are built for.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Pipelines {
    common: Common,
    pipelines: BTreeMap<(Kernel, Specialisation), ComputePipeline>,
    /// Those that are wrong here, and which ones run instead. A browser's are not tested.
    #[cfg(not(target_arch = "wasm32"))]
    replaced: BTreeMap<(Kernel, Specialisation), ((Kernel, Specialisation), Replaced)>,
}

impl Pipelines {
    pub(in crate::engine) fn new(common: &Common) -> Self {
        Self {
            common: common.clone(),
            pipelines: BTreeMap::new(),
            #[cfg(not(target_arch = "wasm32"))]
            replaced: BTreeMap::new(),
        }
    }

    pub(in crate::engine) async fn build(context: &Context, common: &Common, wanted: &Wanted) -> Result<Self, Error> {
        let mut all = Self::new(common);
        all.add_all(context, wanted).await?;
        Ok(all)
    }

    /// Builds those that are not there.
    pub(in crate::engine) async fn add_all(&mut self, context: &Context, wanted: &Wanted) -> Result<(), Error> {
        for &(kernel, specialisation) in wanted {
            if self.get(kernel, specialisation).is_none() {
                self.add(context, kernel, specialisation).await?;
            }
        }
        Ok(())
    }

    /// The kernel and the specialisation of each.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn keys(&self) -> impl Iterator<Item = (Kernel, Specialisation)> {
        self.pipelines.keys().copied()
    }

    /// Has another pipeline run wherever this one is planned.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn replace(
        &mut self,
        wrong: (Kernel, Specialisation),
        by: (Kernel, Specialisation),
        words: Replaced,
    ) {
        self.replaced.insert(wrong, (by, words));
    }

    /// Those that were replaced.
    pub(in crate::engine) fn replaced(&self) -> Vec<Replaced> {
        #[cfg(target_arch = "wasm32")]
        return Vec::new();
        #[cfg(not(target_arch = "wasm32"))]
        self.replaced.values().map(|(_, words)| words.clone()).collect()
    }

    /// The plan of a layer with the pipeline that really runs.
    #[cfg(target_arch = "wasm32")]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as elsewhere")]
    pub(in crate::engine) fn as_run(&self, plan: LayerPlan, _shape: &LayerShape) -> Result<LayerPlan, Error> {
        Ok(plan)
    }

    /// The plan of a layer with the pipeline that really runs.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn as_run(&self, plan: LayerPlan, shape: &LayerShape) -> Result<LayerPlan, Error> {
        match self.replaced.get(&(plan.kernel, plan.specialisation)) {
            None => Ok(plan),
            Some(((kernel, specialisation), _)) => grid(*kernel, *specialisation, shape),
        }
    }

    /// Takes those of another set with the same in common.
    pub(in crate::engine) fn adopt(&mut self, others: Self) {
        self.pipelines.extend(others.pipelines);
        #[cfg(not(target_arch = "wasm32"))]
        self.replaced.extend(others.replaced);
    }

    /// The parts that they share.
    pub(in crate::engine) fn common(&self) -> &Common {
        &self.common
    }

    pub(in crate::engine) async fn add(
        &mut self,
        context: &Context,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<&ComputePipeline, Error> {
        let name = kernel.entry_point();
        let (pipeline, verdict) = context.guarded(&format!("the kernel `{name}` with {specialisation:?}"), || {
            let text = specialisation.wgsl(kernel, self.common.storage);
            #[cfg(test)]
            let text = context.sabotaged(name, text);
            let module = context.shader(name, &text);
            context.pipeline(name, &self.common.layout, &module)
        });
        verdict.await?;
        self.pipelines.insert((kernel, specialisation), pipeline);
        self.require(kernel, specialisation)
    }

    pub(in crate::engine) fn get(&self, kernel: Kernel, specialisation: Specialisation) -> Option<&ComputePipeline> {
        self.pipelines.get(&(kernel, specialisation))
    }

    /// The same where there must be one.
    pub(in crate::engine) fn require(
        &self,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<&ComputePipeline, Error> {
        self.get(kernel, specialisation).ok_or_else(|| {
            let action = format!("kernel `{}` with {specialisation:?}", kernel.entry_point());
            let reason = "it was not built at load; this is a bug in nestling's planner".to_owned();
            Error::Refused { action, reason }
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::engine) fn len(&self) -> usize {
        self.pipelines.len()
    }
}
