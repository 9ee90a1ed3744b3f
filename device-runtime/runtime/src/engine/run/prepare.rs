use crate::Error;
use crate::engine::Supernet;
use crate::engine::plan::{LayerPlan, Purpose, Route, Slot, Step, norm_elements, pairs, shape_parameters, steps};
use crate::engine::resources::{Background, HostValues, Pipelines};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{ComputePipeline, Upload};
use nestling_core::space::{CalibratedChild, Child, Layer, Network, Statistics};
use nestling_shaders::LayerParameters;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A child that is ready to run on the supernet that prepared it. Cheap to clone; the slot that holds its parameters is
/// free again when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct PreparedChild {
    pub(in crate::engine) inner: Arc<Prepared>,
}

#[derive(Debug)]
pub(in crate::engine) struct Prepared {
    pub(in crate::engine) network: Network,
    places: Vec<Place>,
    /// The dispatches of the first answers.
    first: Vec<Dispatch>,
    /// How the layers are computed once the fast pipelines are there, and with them.
    plans: Vec<LayerPlan>,
    fast: OnceLock<Vec<Dispatch>>,
    slot: Slot,
}

/// Where a layer's dispatch finds its buffers, whatever its kernel.
#[derive(Clone, Copy, Debug)]
struct Place {
    route: Route,
    /// Bytes into the buffer of parameters.
    parameters: u32,
}

/// One dispatch, with nothing left to decide.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Dispatch {
    pub(in crate::engine) pipeline: ComputePipeline,
    pub(in crate::engine) route: Route,
    /// Bytes into the buffer of parameters.
    pub(in crate::engine) parameters: u32,
    pub(in crate::engine) workgroups: [u32; 3],
}

impl PreparedChild {
    /// The child.
    pub fn child(&self) -> &Child {
        &self.inner.network.child
    }

    /// Its layers, each of which is one dispatch.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// Whether both are clones of one preparation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl fmt::Display for PreparedChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.child().fmt(f)
    }
}

impl Supernet {
    /// Makes a calibrated child ready: folds its statistics into scales and shifts, and writes them and its layers'
    /// parameters, a few kilobytes, into a free slot.
    ///
    /// Makes no buffer, bind group or pipeline, and sends no weight. Going from one prepared child to another does
    /// nothing at all on the GPU: pass the other one to [`Supernet::infer`].
    ///
    /// # Errors
    /// [`Error::Space`] if the space does not offer the child or the statistics are another child's,
    /// [`Error::SlotsInUse`] if no slot is free, [`Error`] if the device is lost.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn prepare(&self, child: &CalibratedChild) -> Result<PreparedChild, Error> {
        block_on(self.prepare_async(child))
    }

    /// The same without blocking: the only way in a browser.
    ///
    /// # Errors
    /// As [`Supernet::prepare`].
    pub async fn prepare_async(&self, child: &CalibratedChild) -> Result<PreparedChild, Error> {
        self.prepare_for(Purpose::App, child).await
    }

    /// A child in a slot that apps cannot take, for as long as it is timed; its time does not depend on statistics.
    ///
    /// # Errors
    /// As [`Supernet::prepare`].
    pub async fn prepare_to_time(&self, network: &Network) -> Result<PreparedChild, Error> {
        self.prepare_for(Purpose::Measuring, &CalibratedChild::neutral(network)).await
    }

    async fn prepare_for(&self, purpose: Purpose, child: &CalibratedChild) -> Result<PreparedChild, Error> {
        let network = self.space.lower(child.child())?;
        // Calibrated for a child of the same choices in another space, it could have other lengths.
        CalibratedChild::new(&network, child.statistics().clone())?;
        let slot = self.slots.take(purpose).ok_or(Error::SlotsInUse { slots: self.slots.count() })?;
        let first_norm = slot.index as u64 * self.strides.norms;
        let first_byte = (1 + slot.index as u64 * self.strides.layers) * self.strides.layer;

        let norms = self.fold(&network, child.statistics());
        let mut parameters = vec![0; network.layers.len() * self.strides.layer as usize];
        let mut places = Vec::with_capacity(network.layers.len());
        let (mut plans, mut fallback_plans) = (Vec::new(), Vec::new());
        let at_once = self.background.is_some();
        let mut norm = first_norm;
        for ((index, layer), step) in network.layers.iter().enumerate().zip(steps(&network)) {
            let at = index * self.strides.layer as usize;
            let values = self.layer_parameters(layer, &step, norm as u32);
            parameters[at..at + size_of::<LayerParameters>()].copy_from_slice(bytemuck::bytes_of(&values));
            norm += norm_elements(layer);
            places.push(Place { route: step.route, parameters: first_byte as u32 + at as u32 });
            plans.push(self.planner.plan(&layer.shape)?);
            if at_once {
                fallback_plans.push(self.planner.plan_fallback(&layer.shape)?);
            }
        }
        let ((), verdict) = self.context.guarded("preparing a child", || {
            self.context.upload(Upload::Parameters, &self.arena.norms, first_norm * 16, bytemuck::cast_slice(&norms));
            self.context.upload(Upload::Parameters, &self.arena.parameters, first_byte, &parameters);
        });
        verdict.await?;
        // One look: the fast pipelines may arrive at any moment.
        let pipelines = self.current_pipelines();
        let first_plans = if std::ptr::eq(pipelines, &self.pipelines) && at_once { &fallback_plans } else { &plans };
        let first = dispatches(&network, &places, first_plans, pipelines)?;
        let prepared = Prepared { network, places, first, plans, fast: OnceLock::new(), slot };
        Ok(PreparedChild { inner: Arc::new(prepared) })
    }

    /// The fast pipelines if they are there, or what was built at load.
    pub(in crate::engine) fn current_pipelines(&self) -> &Pipelines {
        self.background.as_ref().and_then(Background::pipelines).unwrap_or(&self.pipelines)
    }

    /// The child's dispatches of this moment: an inference takes all of them or none from the fast pipelines.
    pub(in crate::engine) fn dispatches<'a>(&self, child: &'a PreparedChild) -> &'a [Dispatch] {
        let prepared = &child.inner;
        if let Some(fast) = prepared.fast.get() {
            return fast;
        }
        let fast = (self.background.as_ref().and_then(Background::pipelines))
            .and_then(|pipelines| dispatches(&prepared.network, &prepared.places, &prepared.plans, pipelines).ok());
        match fast {
            Some(fast) => prepared.fast.get_or_init(|| fast),
            None => &prepared.first,
        }
    }

    pub(in crate::engine) fn layer_parameters(&self, layer: &Layer, step: &Step, norm_offset: u32) -> LayerParameters {
        let (weight_offset, weight_stride, weight_kernel) = layer.convolution.map_or((0, 0, 1), |index| {
            let packed = self.packed[index];
            (packed.offset, packed.stride, self.space.layout().convolutions[index].kernel)
        });
        LayerParameters {
            weight_offset,
            weight_stride,
            weight_kernel,
            norm_offset,
            padding: layer.padding,
            source_offset: self.sizes.offset(step.source),
            destination_offset: self.sizes.offset(step.destination),
            gate_offset: step.gate.map_or(0, |gate| self.sizes.offset(gate)),
            ..shape_parameters(&layer.shape)
        }
    }

    /// Batch norm (or the bias) of all layers as [`fold_layer`] gives it, one after the other.
    fn fold(&self, network: &Network, statistics: &Statistics) -> Vec<[f32; 4]> {
        let mut folded = Vec::with_capacity(self.strides.norms as usize);
        let (host, mut first) = (self.host_values(), 0);
        for layer in &network.layers {
            let channels = if layer.is_normalised() { layer.shape.output.channels as usize } else { 0 };
            let own = first..first + channels;
            folded.extend(fold_layer(&host, layer, &statistics.means[own.clone()], &statistics.variances[own]));
            first += channels;
        }
        folded
    }

    /// The first element of a child's scales and shifts.
    pub(in crate::engine) fn first_norm(&self, child: &PreparedChild) -> u64 {
        child.inner.slot.index as u64 * self.strides.norms
    }

    /// Fails if another supernet prepared the child.
    pub(crate) fn check_own(&self, child: &PreparedChild) -> Result<(), Error> {
        if child.inner.slot.belongs_to(&self.slots) {
            return Ok(());
        }
        Err(Error::Foreign { child: child.to_string() })
    }
}

/// Batch norm (or the bias) as scale and shift, a pair of elements for each group of output channels; none for a pool.
/// The scale also carries the quantisation scale of the stored weights.
pub(in crate::engine) fn fold_layer(
    host: &HostValues,
    layer: &Layer,
    means: &[f32],
    variances: &[f32],
) -> Vec<[f32; 4]> {
    let Some(convolution) = layer.convolution else { return Vec::new() };
    let (gamma_or_bias, beta) = &host.norms[convolution];
    let weight_scales = &host.scales[convolution];
    pairs(layer, |channel| {
        let gamma_or_bias = f64::from(gamma_or_bias[channel]);
        let weight_scale = weight_scales.get(channel).copied().map_or(1.0, f64::from);
        if !layer.is_normalised() {
            return (weight_scale, gamma_or_bias);
        }
        let variance = f64::from(variances[channel]);
        let scale = gamma_or_bias / (variance + f64::from(layer.norm_epsilon.unwrap_or(0.0))).sqrt();
        (scale * weight_scale, f64::from(beta[channel]) - f64::from(means[channel]) * scale)
    })
}

fn dispatches(
    network: &Network,
    places: &[Place],
    plans: &[LayerPlan],
    pipelines: &Pipelines,
) -> Result<Vec<Dispatch>, Error> {
    (network.layers.iter().zip(places).zip(plans))
        .map(|((layer, place), &plan)| {
            let plan = pipelines.as_run(plan, &layer.shape)?;
            let pipeline = pipelines.require(plan.kernel, plan.specialisation)?.clone();
            Ok(Dispatch { pipeline, route: place.route, parameters: place.parameters, workgroups: plan.workgroups })
        })
        .collect()
}
