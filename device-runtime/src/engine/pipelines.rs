use super::EngineError;
use super::arena::bind_group_layout;
use crate::gpu::{Context, GpuError};
use nestling_shaders::{Kernel, Specialisation, WeightStorage};
use std::collections::{BTreeMap, BTreeSet};

/// What a pipeline is built for.
pub(super) type Wanted = BTreeSet<(Kernel, Specialisation)>;

/// What all pipelines have in common, for one storage of the weights.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) groups: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
    storage: WeightStorage,
}

impl Common {
    pub(super) fn new(context: &Context, storage: WeightStorage) -> Self {
        let (groups, layout) = bind_group_layout(context);
        Self { groups, layout, storage }
    }
}

/// Pipelines by what they are built for.
#[derive(Debug)]
pub(super) struct Pipelines {
    common: Common,
    modules: BTreeMap<Kernel, wgpu::ShaderModule>,
    pipelines: BTreeMap<(Kernel, Specialisation), wgpu::ComputePipeline>,
}

impl Pipelines {
    pub(super) fn new(common: &Common) -> Self {
        Self { common: common.clone(), modules: BTreeMap::new(), pipelines: BTreeMap::new() }
    }

    pub(super) async fn build(context: &Context, common: &Common, wanted: &Wanted) -> Result<Self, EngineError> {
        let mut all = Self::new(common);
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
    ) -> Result<&wgpu::ComputePipeline, EngineError> {
        let name = kernel.entry_point();
        let (pipeline, verdict) = context.guarded(&format!("the kernel `{name}` with {specialisation:?}"), || {
            let wgsl = || kernel.wgsl(self.common.storage);
            let module = self.modules.entry(kernel).or_insert_with(|| context.shader(name, &wgsl()));
            context.pipeline(name, &self.common.layout, module, &specialisation.constants(kernel))
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
