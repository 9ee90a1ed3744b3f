use crate::Error;
use crate::engine::calibrate::ACTION;
use crate::engine::calibrate::kept::{ImageBytes, Kept, tensor_bytes};
use crate::engine::calibrate::moments::{Moments, moment_bytes, most_moment_bytes};
use crate::engine::calibrate::plan::{Pass, passes};
use crate::engine::calibrate::progress::Progress;
use crate::engine::plan::{LayerPlan, Location, norm_elements, pairs, shape_parameters, steps};
use crate::engine::resources::{Pipelines, Wanted};
use crate::engine::run::{Dispatch, Input, fold_layer};
use crate::engine::{Frame, PreparedChild, Supernet};
use crate::gpu::{ComputePipeline, Lease, Staging, Upload};
use nestling_core::space::{Activation, CalibratedChild, Child, LayerShape, Network, Statistics};
use nestling_shaders::{Epilogue, Kernel, LayerParameters};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// Most images of one submission.
const MAX_TOGETHER: usize = 64;
/// The target duration of one submission on the GPU: long compared with submitting it, short for other threads that
/// classify.
const AIM: Duration = Duration::from_millis(10);
/// Submissions on their way: one runs while the other is read.
const IN_FLIGHT: usize = 2;
/// Most bytes of images that wait to be sent.
const MAX_WAITING: usize = 16 << 20;

/// One of the images that a child is calibrated on.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Frame(Frame<'a>),
    #[cfg(not(target_arch = "wasm32"))]
    Tensor(&'a [f32]),
}

/// A calibration under way.
pub(super) struct Calibration<'a> {
    pub(super) supernet: &'a Supernet,
    /// In its slot, scales and shifts are final for layers whose statistics are known.
    pub(super) prepared: PreparedChild,
    passes: Vec<Pass>,
    /// The dispatch of every layer, as it ships.
    pub(super) shipped: Vec<Dispatch>,
    /// Every normalised layer without its epilogue.
    pub(super) bare: Vec<Option<Dispatch>>,
    pub(super) moments: ComputePipeline,
    /// And threads of its workgroup.
    pub(super) normalise: (ComputePipeline, u32),
    /// The first element of every layer's scales and shifts.
    norms: Vec<u64>,
    pub(super) kept: Kept,
    staging: Arc<Staging>,
    images: usize,
    /// Images of the next submission.
    together: usize,
    progress: Progress<'a>,
}

/// Moments on their way.
struct Pending {
    lease: Lease,
    submission: wgpu::SubmissionIndex,
    images: usize,
}

impl<'a> Calibration<'a> {
    /// Takes a slot, and makes buffers for so many images.
    pub(super) async fn new(
        supernet: &'a Supernet,
        child: &Child,
        images: usize,
        progress: Option<&'a (dyn Fn(f64) + Sync)>,
    ) -> Result<Self, Error> {
        let network = supernet.space.lower(child)?;
        let prepared = supernet.prepare_async(&CalibratedChild::neutral(&network)).await?;
        let passes = passes(&network, &steps(&network));

        let bare_plans = bare_plans(supernet, &network)?;
        let [moments, normalise] =
            [Kernel::Moments, Kernel::Normalise].map(|kernel| (kernel, supernet.planner.unspecialised(kernel)));
        let mut wanted: Wanted = bare_plans.iter().flatten().map(|plan| (plan.kernel, plan.specialisation)).collect();
        wanted.extend([moments, normalise]);
        let pipelines = supernet.calibration_pipelines(&wanted).await?;
        let shipped = supernet.dispatches(&prepared).to_vec();
        let bare = bare_dispatches(&network, &bare_plans, &shipped, &pipelines);
        let norms = first_norms(supernet, &prepared);

        let bytes = ImageBytes::of(&network, &passes);
        let most_moments = most_moment_bytes(&network);
        let together = MAX_TOGETHER.min(images);
        let ((kept, staging), verdict) = supernet.context.guarded("making buffers for a calibration", || {
            let kept = Kept::new(supernet, images, bytes, most_moments);
            (kept, Staging::new(&supernet.context, IN_FLIGHT, together as u64 * most_moments))
        });
        verdict.await.map_err(|error| match error {
            Error::OutOfMemory { .. } => {
                Error::CalibrationMemory { child: child.to_string(), images, bytes: bytes.total(images) }
            }
            other => other,
        })?;
        Ok(Self {
            supernet,
            progress: Progress::new(progress, &network, &passes, images),
            prepared,
            passes,
            shipped,
            bare: bare?,
            moments: pipelines.require(moments.0, moments.1)?.clone(),
            normalise: (pipelines.require(normalise.0, normalise.1)?.clone(), normalise.1.workgroup),
            norms,
            kept,
            staging,
            images,
            together: 1,
        })
    }

    /// Brings every image to the network's input tensor, and keeps that.
    pub(super) async fn keep_inputs(&mut self, given: &[Given<'_>]) -> Result<(), Error> {
        let supernet = self.supernet;
        let bytes = tensor_bytes(self.prepared.network(), None);
        let mut waiting = 0;
        for (index, given) in given.iter().enumerate() {
            let bound;
            let input = match *given {
                #[cfg(not(target_arch = "wasm32"))]
                Given::Tensor(tensor) => Input::Tensor(tensor),
                Given::Frame(frame) => {
                    bound = supernet.bind(frame).await?;
                    bound.input()
                }
            };
            let (submission, verdict) = {
                let mut state = supernet.lock();
                let must_resize = supernet.upload(&self.prepared, input, &mut state)?;
                supernet.context.guarded(ACTION, || {
                    let mut commands = supernet.context.encoder();
                    if must_resize {
                        let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                        supernet.encode_input(input, &state, &mut pass)?;
                    }
                    let (buffer, offset) = self.kept.bases.of(index);
                    let from = supernet.arena.buffer(Location::INPUT.place);
                    commands.copy_buffer_to_buffer(from, 0, buffer, offset, bytes);
                    Ok::<_, Error>(supernet.context.submit(commands))
                })
            };
            verdict.await?;
            let submission = submission?;
            waiting += upload_bytes(input);
            if waiting > MAX_WAITING {
                waiting = 0;
                supernet.context.settle(ACTION, submission).await?;
            }
            self.progress.input(self.prepared.network());
        }
        Ok(())
    }

    /// Takes one layer after the other.
    pub(super) async fn finish(mut self) -> Result<CalibratedChild, Error> {
        let mut statistics = Statistics { means: Vec::new(), variances: Vec::new() };
        for pass in std::mem::take(&mut self.passes) {
            let (means, variances) = self.layer(&pass).await?;
            statistics.means.extend(means);
            statistics.variances.extend(variances);
        }
        let calibrated = CalibratedChild::new(self.prepared.network(), statistics)?;
        self.progress.end();
        Ok(calibrated)
    }

    /// Finds one layer's means and variances over all images, and folds them: from now on the layer runs as it ships.
    async fn layer(&mut self, pass: &Pass) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let network = self.prepared.inner.network.clone();
        let layer = &network.layers[pass.layer];
        self.write(pass.layer, &bare(&layer.shape), &pairs(layer, |_| (1.0, 0.0))).await?;
        let mut moments = Moments::new(layer);
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let mut first = 0;
        let mut since = Instant::now();
        while first < self.images || !pending.is_empty() {
            if first < self.images && pending.len() < IN_FLIGHT {
                let range = first..self.images.min(first + self.together);
                first = range.end;
                pending.push_back(self.submit(pass, range).await?);
            } else if let Some(Pending { lease, submission, images }) = pending.pop_front() {
                let bytes = moment_bytes(layer);
                let all = bytes * images as u64;
                let read = lease.read(&self.supernet.context, ACTION, submission, all).await?;
                let values: Vec<[f32; 4]> = bytemuck::pod_collect_to_vec(&read);
                values.chunks_exact(bytes as usize / 16).for_each(|image| moments.add(image));
                self.together = suitable(self.together, images, since.elapsed());
                since = Instant::now();
                self.progress.pass(&network, pass, images);
            }
        }
        let host = self.supernet.host_values();
        let scales = layer.convolution.map_or(&[][..], |convolution| &host.scales[convolution]);
        let (means, variances) = moments.finish(scales);
        self.write(pass.layer, &layer.shape, &fold_layer(&host, layer, &means, &variances)).await?;
        Ok((means, variances))
    }

    /// Writes a layer's scales and shifts, and its parameters, of which `epilogue` says how it ends.
    async fn write(&self, index: usize, epilogue: &LayerShape, norms: &[[f32; 4]]) -> Result<(), Error> {
        let supernet = self.supernet;
        let network = self.prepared.network();
        let norm = self.norms[index];
        let parameters = LayerParameters {
            flags: shape_parameters(epilogue).flags,
            ..supernet.layer_parameters(&network.layers[index], &steps(network)[index], norm as u32)
        };
        let ((), verdict) = supernet.context.guarded(ACTION, || {
            let at = u64::from(self.shipped[index].parameters);
            let arena = &supernet.arena;
            supernet.context.upload(Upload::Parameters, &arena.norms, norm * 16, bytemuck::cast_slice(norms));
            supernet.context.upload(Upload::Parameters, &arena.parameters, at, bytemuck::bytes_of(&parameters));
        });
        verdict.await
    }

    async fn submit(&self, pass: &Pass, images: Range<usize>) -> Result<Pending, Error> {
        let supernet = self.supernet;
        let lease = self.staging.take().await;
        let count = images.len();
        let bytes = moment_bytes(&self.prepared.network().layers[pass.layer]);
        let (submission, verdict) = {
            let _state = supernet.lock();
            supernet.context.guarded(ACTION, || {
                let mut commands = supernet.context.encoder();
                for (position, image) in (0u64..).zip(images) {
                    self.encode_image(pass, image, &mut commands);
                    commands.copy_buffer_to_buffer(&self.kept.moments, 0, lease.buffer(), position * bytes, bytes);
                }
                supernet.context.submit(commands)
            })
        };
        verdict.await?;
        Ok(Pending { lease, submission, images: count })
    }
}

/// The same layer without activation and residual.
fn bare(shape: &LayerShape) -> LayerShape {
    LayerShape { activation: Activation::Identity, residual: false, ..*shape }
}

/// How the normalised layers are computed without their epilogue: as they ship, but for an activation that is built in.
fn bare_plans(supernet: &Supernet, network: &Network) -> Result<Vec<Option<LayerPlan>>, Error> {
    let plan = |shape: &LayerShape| {
        let mut plan = supernet.planner.plan(shape)?;
        for kernel in [Kernel::Moments, Kernel::Normalise] {
            supernet.planner.plan_kernel(kernel, shape)?; // no loop or grid is too large for them either
        }
        if let Epilogue::Fixed(_) = plan.specialisation.epilogue {
            plan.specialisation.epilogue = Epilogue::Fixed(Activation::Identity);
        }
        Ok(plan)
    };
    network.layers.iter().map(|layer| layer.is_normalised().then(|| plan(&layer.shape)).transpose()).collect()
}

/// The same with what runs them, in the places where they ship.
fn bare_dispatches(
    network: &Network,
    plans: &[Option<LayerPlan>],
    shipped: &[Dispatch],
    pipelines: &Pipelines,
) -> Result<Vec<Option<Dispatch>>, Error> {
    (network.layers.iter().zip(plans).zip(shipped))
        .map(|((layer, plan), shipped)| {
            let Some(plan) = plan else { return Ok(None) };
            let plan = pipelines.as_run(*plan, &layer.shape)?;
            let pipeline = pipelines.require(plan.kernel, plan.specialisation)?.clone();
            Ok(Some(Dispatch { pipeline, workgroups: plan.workgroups, ..shipped.clone() }))
        })
        .collect()
}

/// The first element of every layer's scales and shifts.
fn first_norms(supernet: &Supernet, prepared: &PreparedChild) -> Vec<u64> {
    let mut next = supernet.first_norm(prepared);
    (prepared.network().layers.iter())
        .map(|layer| {
            let first = next;
            next += norm_elements(layer);
            first
        })
        .collect()
}

/// How many images the next submission should hold, after one of `images` took so long.
fn suitable(together: usize, images: usize, took: Duration) -> usize {
    let fit = AIM.as_secs_f64() / took.as_secs_f64().max(1e-6) * images as f64;
    (fit as usize).clamp(1, MAX_TOGETHER.min(2 * together))
}

/// At most so many bytes are sent for an input.
fn upload_bytes(input: Input<'_>) -> usize {
    match input {
        Input::Texture(..) => 0,
        Input::Image(image) => 4 * image.width() as usize * image.height() as usize,
        Input::Tensor(tensor) => 16 * tensor.len(),
    }
}
