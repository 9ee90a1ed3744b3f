use super::EngineError;
use super::arena::bind_group_layout;
use crate::gpu::{Context, GpuError};
use nestling_shaders::{Kernel, Specialisation, WeightStorage};
use std::collections::{BTreeMap, BTreeSet};

/// The pipelines of all children, for one storage of the weights, built at load.
#[derive(Debug)]
pub(super) struct Pipelines {
    pub(super) groups: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
    storage: WeightStorage,
    modules: BTreeMap<Kernel, wgpu::ShaderModule>,
    pipelines: BTreeMap<(Kernel, Specialisation), wgpu::ComputePipeline>,
}

impl Pipelines {
    pub(super) async fn build(
        context: &Context,
        wanted: &BTreeSet<(Kernel, Specialisation)>,
        storage: WeightStorage,
    ) -> Result<Self, EngineError> {
        let (groups, layout) = bind_group_layout(context);
        let mut all = Self { groups, layout, storage, modules: BTreeMap::new(), pipelines: BTreeMap::new() };
        for &(kernel, specialisation) in wanted {
            all.add(context, kernel, specialisation).await?;
        }
        Ok(all)
    }

    pub(super) async fn add(
        &mut self,
        context: &Context,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<(), EngineError> {
        let name = kernel.entry_point();
        let (pipeline, verdict) = context.guarded(&format!("the kernel `{name}` with {specialisation:?}"), || {
            let wgsl = || kernel.wgsl(self.storage);
            let module = self.modules.entry(kernel).or_insert_with(|| context.shader(name, &wgsl()));
            context.pipeline(name, &self.layout, module, &specialisation.constants(kernel))
        });
        verdict.await?;
        self.pipelines.insert((kernel, specialisation), pipeline);
        Ok(())
    }

    pub(super) fn get(&self, kernel: Kernel, specialisation: Specialisation) -> Option<&wgpu::ComputePipeline> {
        self.pipelines.get(&(kernel, specialisation))
    }

    /// The same where there must be one.
    pub(super) fn require(
        &self,
        kernel: Kernel,
        specialisation: Specialisation,
    ) -> Result<&wgpu::ComputePipeline, EngineError> {
        self.get(kernel, specialisation).ok_or_else(|| {
            let action = format!("kernel `{}` with {specialisation:?}", kernel.entry_point());
            let reason = "it was not built at load; this is a bug in nestling's planner".to_owned();
            EngineError::Gpu(GpuError::Refused { action, reason })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.pipelines.len()
    }
}
