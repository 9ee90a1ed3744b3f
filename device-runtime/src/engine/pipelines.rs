use super::EngineError;
use super::arena::bind_group_layout;
use crate::gpu::Context;
use nestling_shaders::{Kernel, Specialisation};
use std::collections::{BTreeMap, BTreeSet};

/// The pipelines of all children, built at load.
#[derive(Debug)]
pub(super) struct Pipelines {
    pub(super) groups: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
    modules: BTreeMap<Kernel, wgpu::ShaderModule>,
    pipelines: BTreeMap<(Kernel, Specialisation), wgpu::ComputePipeline>,
}

impl Pipelines {
    pub(super) async fn build(
        context: &Context,
        wanted: &BTreeSet<(Kernel, Specialisation)>,
    ) -> Result<Self, EngineError> {
        let (groups, layout) = bind_group_layout(context);
        let mut all = Self { groups, layout, modules: BTreeMap::new(), pipelines: BTreeMap::new() };
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
            let module = self.modules.entry(kernel).or_insert_with(|| context.shader(name, kernel.wgsl()));
            context.pipeline(name, &self.layout, module, &specialisation.constants(kernel))
        });
        verdict.await?;
        self.pipelines.insert((kernel, specialisation), pipeline);
        Ok(())
    }

    pub(super) fn get(&self, kernel: Kernel, specialisation: Specialisation) -> Option<&wgpu::ComputePipeline> {
        self.pipelines.get(&(kernel, specialisation))
    }

    pub(super) fn len(&self) -> usize {
        self.pipelines.len()
    }
}
