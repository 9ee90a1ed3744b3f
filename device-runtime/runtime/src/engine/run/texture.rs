//! Reading a texture: the resize's first pass with a layout of its own. Nothing of it is made before the first texture.

use crate::Error;
use crate::engine::run::frame::plain_format;
use crate::engine::run::infer::ResizeState;
use crate::engine::{Readiness, Supernet};
use crate::gpu::{BindGroup, ComputePipeline};
use nestling_core::weights::WeightStorage;
use nestling_shaders::{Kernel, PARAMETER_BYTES};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Textures whose views and bind groups are kept for their next frame: a camera cycles among fewer.
pub(in crate::engine) const TEXTURES_KEPT: usize = 4;

/// The pipeline and buffers that read any texture.
#[derive(Debug)]
pub(in crate::engine) struct TextureReader {
    layout: wgpu::BindGroupLayout,
    pipeline: ComputePipeline,
    workgroup: u32,
    /// The last few textures, the one read last at the end.
    recent: Mutex<VecDeque<(wgpu::Texture, Arc<BoundTexture>)>>,
}

impl TextureReader {
    fn recent(&self) -> MutexGuard<'_, VecDeque<(wgpu::Texture, Arc<BoundTexture>)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bind group of this very texture, not of one that looks alike.
    fn find(&self, texture: &wgpu::Texture) -> Option<Arc<BoundTexture>> {
        let mut recent = self.recent();
        let entry = recent.iter().position(|(known, _)| known == texture).and_then(|index| recent.remove(index))?;
        let bound = Arc::clone(&entry.1);
        recent.push_back(entry);
        Some(bound)
    }

    /// Keeps a texture's bind group, in place of that of the texture that was not read for the longest time.
    fn keep(&self, texture: &wgpu::Texture, bound: &Arc<BoundTexture>) {
        let mut recent = self.recent();
        // Another thread may have bound the same texture meanwhile.
        recent.retain(|(known, _)| known != texture);
        if recent.len() == TEXTURES_KEPT {
            recent.pop_front();
        }
        recent.push_back((texture.clone(), Arc::clone(bound)));
    }

    #[cfg(test)]
    pub(in crate::engine) fn kept(&self) -> usize {
        self.recent().len()
    }
}

/// A texture that the first pass of the resize can read.
#[derive(Debug)]
pub(in crate::engine) struct BoundTexture {
    pub(super) width: u32,
    pub(super) height: u32,
    group: BindGroup,
    pipeline: ComputePipeline,
    workgroup: u32,
}

impl Supernet {
    /// Makes a texture readable, unless it is one of the last few, and what reads it if it is the first.
    pub(in crate::engine) async fn bind_texture(&self, texture: &wgpu::Texture) -> Result<Arc<BoundTexture>, Error> {
        self.context.check("reading a texture")?;
        let reader = match self.textures.get() {
            Some(reader) => reader,
            None => {
                // Two threads may both make one: the first stays.
                let made = self.texture_reader().await?;
                if self.readiness() == Readiness::Ready {
                    self.context.save_pipelines();
                }
                self.textures.get_or_init(|| made)
            }
        };
        if let Some(bound) = reader.find(texture) {
            return Ok(bound);
        }
        // A view of its own format is always valid: a fault here is the device's.
        let own = "give one that the context's device made, see `Context::from_wgpu`";
        let mut group = self.texture_group(reader, texture, texture.format(), own).await?;
        let plain = plain_format(texture.format()).unwrap_or(texture.format());
        if plain != texture.format() {
            let view_format = "make it with the format without `Srgb` in `view_formats`, or without `Srgb`";
            group = self.texture_group(reader, texture, plain, view_format).await?;
        }
        let (pipeline, workgroup) = (reader.pipeline.clone(), reader.workgroup);
        let (width, height) = (texture.width(), texture.height());
        let bound = Arc::new(BoundTexture { width, height, group, pipeline, workgroup });
        reader.keep(texture, &bound);
        Ok(bound)
    }

    async fn texture_reader(&self) -> Result<TextureReader, Error> {
        let offered = self.context.limits().max_sampled_textures_per_shader_stage;
        if offered == 0 {
            return Err(Error::MissingLimit {
                adapter: self.context.facts().name.clone(),
                limit: "maxSampledTexturesPerShaderStage",
                needed: 1,
                offered: offered.into(),
                remedy: "open the device with more, or give pixels",
            });
        }
        let kernel = Kernel::TextureColumns;
        let specialisation = self.planner.unspecialised(kernel);
        let name = kernel.entry_point();
        let (reader, verdict) = self.context.guarded("the kernel that reads textures", || {
            let (layout, pipelines) = self.context.layout(&entries());
            let module = self.context.shader(name, &specialisation.wgsl(kernel, WeightStorage::F32));
            let pipeline = self.context.pipeline(name, &pipelines, &module);
            TextureReader { layout, pipeline, workgroup: specialisation.workgroup, recent: Mutex::default() }
        });
        verdict.await?;
        Ok(reader)
    }

    /// Binds the texture's first layer, read as `format`.
    async fn texture_group(
        &self,
        reader: &TextureReader,
        texture: &wgpu::Texture,
        format: wgpu::TextureFormat,
        remedy: &'static str,
    ) -> Result<BindGroup, Error> {
        let (group, verdict) = self.context.guarded("binding a texture", || {
            let view = texture.create_view(&wgpu::TextureViewDescriptor {
                format: Some(format),
                dimension: Some(wgpu::TextureViewDimension::D2),
                usage: Some(wgpu::TextureUsages::TEXTURE_BINDING),
                mip_level_count: Some(1),
                array_layer_count: Some(1),
                ..wgpu::TextureViewDescriptor::default()
            });
            let parameters = wgpu::BufferBinding {
                buffer: &self.arena.parameters,
                offset: 0,
                size: NonZeroU64::new(PARAMETER_BYTES),
            };
            let resources = [
                (SOURCE, wgpu::BindingResource::TextureView(&view)),
                (DESTINATION, self.arena.expanded.as_entire_binding()),
                (PARAMETERS, wgpu::BindingResource::Buffer(parameters)),
            ];
            let entries = resources.map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource });
            self.context.bind_group("texture", &reader.layout, &entries)
        });
        match verdict.await {
            Ok(()) => Ok(group),
            Err(Error::Refused { reason, .. }) => Err(Error::Texture { problem: reason, remedy }),
            Err(error) => Err(error),
        }
    }

    /// Both passes of the resize, for the texture whose parameters [`Supernet::upload`] wrote.
    pub(super) fn encode_texture_resize(
        &self,
        texture: &BoundTexture,
        resize: &ResizeState,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> Result<(), Error> {
        pass.set_pipeline(&texture.pipeline);
        pass.set_bind_group(0, &*texture.group, &[0]);
        pass.dispatch_workgroups(resize.fitted[0].div_ceil(texture.workgroup), resize.source[1], 1);
        self.encode_resize_rows(resize, pass)
    }
}

const SOURCE: u32 = 0;
const DESTINATION: u32 = 3;
const PARAMETERS: u32 = 4;

fn entries() -> [wgpu::BindGroupLayoutEntry; 3] {
    let entry =
        |binding, ty| wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    let buffer = |ty, has_dynamic_offset| wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None };
    let texture = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    [
        entry(SOURCE, texture),
        entry(DESTINATION, buffer(wgpu::BufferBindingType::Storage { read_only: false }, false)),
        entry(PARAMETERS, buffer(wgpu::BufferBindingType::Uniform, true)),
    ]
}
