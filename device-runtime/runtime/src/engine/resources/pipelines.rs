use crate::Error;
use crate::engine::resources::arena::bind_group_layout;
use crate::gpu::{ComputePipeline, Context};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, Specialisation};
use std::collections::{BTreeMap, BTreeSet};

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

/// Pipelines by what they are built for.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Pipelines {
    common: Common,
    pipelines: BTreeMap<(Kernel, Specialisation), ComputePipeline>,
}

impl Pipelines {
    pub(in crate::engine) fn new(common: &Common) -> Self {
        Self { common: common.clone(), pipelines: BTreeMap::new() }
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

    /// Takes those of another set with the same in common.
    pub(in crate::engine) fn adopt(&mut self, others: Self) {
        self.pipelines.extend(others.pipelines);
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
            let module = context.shader(name, &specialisation.wgsl(kernel, self.common.storage));
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
