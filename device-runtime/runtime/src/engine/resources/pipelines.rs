use crate::Error;
use crate::engine::arena::bind_group_layout;
use crate::gpu::Context;
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, Specialisation};
use std::collections::{BTreeMap, BTreeSet};

/// What a pipeline is built for.
pub(super) type Wanted = BTreeSet<(Kernel, Specialisation)>;

/// What all pipelines have in common, for one storage of the weights.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) groups: wgpu::BindGroupLayout,
    pub(super) layout: wgpu::PipelineLayout,
    pub(super) storage: WeightStorage,
}

impl Common {
    pub(super) fn new(context: &Context, storage: WeightStorage) -> Self {
        let (groups, layout) = bind_group_layout(context);
        Self { groups, layout, storage }
    }
}

/// Pipelines by what they are built for.
#[derive(Clone, Debug)]
pub(super) struct Pipelines {
    common: Common,
    pipelines: BTreeMap<(Kernel, Specialisation), wgpu::ComputePipeline>,
}

impl Pipelines {
    pub(super) fn new(common: &Common) -> Self {
        Self { common: common.clone(), pipelines: BTreeMap::new() }
    }

    pub(super) async fn build(context: &Context, common: &Common, wanted: &Wanted) -> Result<Self, Error> {
        let mut all = Self::new(common);
        all.add_all(context, wanted).await?;
        Ok(all)
    }

    /// Builds those that are not there.
    pub(super) async fn add_all(&mut self, context: &Context, wanted: &Wanted) -> Result<(), Error> {
        for &(kernel, specialisation) in wanted {
            if self.get(kernel, specialisation).is_none() {
                self.add(context, kernel, specialisation).await?;
            }
        }
        Ok(())
    }

    /// Takes those of another set with the same in common.
    pub(super) fn adopt(&mut self, others: Self) {
        self.pipelines.extend(others.pipelines);
    }

    /// What they are built with.
    pub(super) fn common(&self) -> &Common {
        &self.common
    }

    pub(super) async fn add(
        &mut self,
        context: &Context,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<&wgpu::ComputePipeline, Error> {
        let name = kernel.entry_point();
        let (pipeline, verdict) = context.guarded(&format!("the kernel `{name}` with {specialisation:?}"), || {
            let module = context.shader(name, &specialisation.wgsl(kernel, self.common.storage));
            context.pipeline(name, &self.common.layout, &module)
        });
        verdict.await?;
        self.pipelines.insert((kernel, specialisation), pipeline);
        self.require(kernel, specialisation)
    }

    pub(super) fn get(&self, kernel: Kernel, specialisation: Specialisation) -> Option<&wgpu::ComputePipeline> {
        self.pipelines.get(&(kernel, specialisation))
    }

    /// The same where there must be one.
    pub(super) fn require(
        &self,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<&wgpu::ComputePipeline, Error> {
        self.get(kernel, specialisation).ok_or_else(|| {
            let action = format!("kernel `{}` with {specialisation:?}", kernel.entry_point());
            let reason = "it was not built at load; this is a bug in nestling's planner".to_owned();
            Error::Refused { action, reason }
        })
    }

    pub(super) fn len(&self) -> usize {
        self.pipelines.len()
    }
}
