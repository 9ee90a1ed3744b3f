use super::extras::{ExtraRole, Extras};
use nestling_core::space::{Child, Layer, Network, Operator, ParameterLayout, Role, ValidatedSpace};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

/// All shared parameters: one flat tensor, and a view of it for each tensor of the layout. Those of a method that trains
/// more ([`Extras`]) follow in the same tensor.
///
/// The flat tensor makes an update a handful of operations, whatever the number of layers. Each view is a leaf of
/// autograd with a gradient of its own, so that a backward pass never touches the whole vector.
#[derive(Debug)]
pub struct Parameters {
    space: ValidatedSpace,
    extras: Extras,
    flat: Tensor,
    views: Vec<Tensor>,
    extra_views: Vec<Tensor>,
}

impl Parameters {
    /// Views over a flat tensor, whose storage they share.
    fn over(space: ValidatedSpace, extras: Extras, flat: Tensor) -> Self {
        let leaf = |offset: usize, length: usize, shape: &[i64]| {
            flat.narrow(0, offset as i64, length as i64).view(shape).detach().set_requires_grad(true)
        };
        let views = (space.layout().parameters.iter())
            .map(|parameter| {
                let shape: Vec<i64> = parameter.shape.iter().map(|&n| i64::from(n)).collect();
                leaf(parameter.offset, parameter.len(), &shape)
            })
            .collect();
        let extra_views = (extras.all().iter())
            .map(|extra| match extra.role {
                ExtraRole::PrivateNorm { .. } => leaf(extra.offset, extra.len, &[extra.len as i64]),
                ExtraRole::KernelTransform { kernel, .. } => {
                    leaf(extra.offset, extra.len, &[i64::from(kernel.pow(2)); 2])
                }
            })
            .collect();
        Self { space, extras, flat, views, extra_views }
    }

    /// Parameters from numbers, in the order of the layout.
    ///
    /// # Panics
    /// If there are not as many values as the space has parameters.
    pub fn from_values(space: &ValidatedSpace, values: &[f32], device: Device) -> Self {
        Self::with_extras(space, &Extras::default(), values, device)
    }

    /// Parameters from numbers: those of the layout, then `extras`.
    ///
    /// # Panics
    /// If there are not as many values as the space and `extras` have parameters.
    pub fn with_extras(space: &ValidatedSpace, extras: &Extras, values: &[f32], device: Device) -> Self {
        assert_eq!(values.len(), space.layout().len() + extras.len(), "values of space `{}`", space.name);
        Self::over(space.clone(), extras.clone(), Tensor::from_slice(values).to_device(device))
    }

    /// Another set of views, with gradients of their own, over the same storage: one for each worker.
    pub fn share(&self) -> Self {
        Self::over(self.space.clone(), self.extras.clone(), self.flat.shallow_clone())
    }

    /// The parameters as `child` reads them: with its own batch norm, if it has one, and otherwise the same. Gradients
    /// go to these parameters, which alone collect them.
    pub fn for_child(&self, child: &Child) -> Self {
        let same = |views: &[Tensor]| views.iter().map(Tensor::shallow_clone).collect::<Vec<_>>();
        let mut views = same(&self.views);
        let own = self.extras.switch(child);
        for (extra, view) in self.extras.all().iter().zip(&self.extra_views) {
            match extra.role {
                ExtraRole::PrivateNorm { switch, parameter } if own == Some(switch) => {
                    views[parameter] = view.shallow_clone();
                }
                ExtraRole::PrivateNorm { .. } | ExtraRole::KernelTransform { .. } => {}
            }
        }
        let (space, extras, flat) = (self.space.clone(), self.extras.clone(), self.flat.shallow_clone());
        Self { space, extras, flat, views, extra_views: same(&self.extra_views) }
    }

    /// Starting values (BigNAS, initialisation): convolutions from a normal distribution of variance
    /// `2 / (kernel^2 * outputs)`, the classifier uniform in `1 / sqrt(inputs)`, gamma 1 and beta 0, but gamma 0 in the
    /// last batch norm of each block that adds its input, so that every such block starts as the identity.
    pub fn initial_values(space: &ValidatedSpace, seed: u64) -> Vec<f32> {
        Self::starting_values(space, None, seed, 0.0)
    }

    /// As [`Parameters::initial_values`], for a child that is trained alone: its layers start with the variances of a
    /// network of its own. `closing_gamma` is the gamma of the last batch norm of each block that adds its input.
    pub fn starting_values(space: &ValidatedSpace, only: Option<&Network>, seed: u64, closing_gamma: f32) -> Vec<f32> {
        let layout = space.layout();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut values = vec![0.0f32; layout.len()];
        for (index, convolution) in layout.convolutions.iter().enumerate() {
            let own = only.and_then(|network| network.layers.iter().find(|layer| layer.convolution == Some(index)));
            let (outputs, inputs, kernel) = match own {
                Some(layer) => (layer.shape.output.channels, layer.shape.input.channels, layer.shape.kernel),
                None => (convolution.outputs, convolution.inputs, convolution.kernel),
            };
            let linear = convolution.operator == Operator::Linear;
            let fan_out = kernel.pow(2) * convolution.operator.channels_read(outputs);
            let deviation = (2.0 / f64::from(fan_out)).sqrt();
            let bound = 1.0 / f64::from(inputs).sqrt();
            for value in &mut values[layout.parameters[convolution.weight].range()] {
                *value = if linear {
                    random.random_range(-bound..bound)
                } else {
                    // Box and Muller: two uniform numbers make a normal one.
                    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
                    deviation * radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
                } as f32;
            }
            let second = &layout.parameters[convolution.scale_or_bias];
            if second.role == Role::Gamma {
                values[second.range()].fill(if convolution.closes_skip { closing_gamma } else { 1.0 });
            }
        }
        values
    }

    /// The space.
    pub fn space(&self) -> &ValidatedSpace {
        &self.space
    }

    /// Where each tensor is.
    pub fn layout(&self) -> &ParameterLayout {
        self.space.layout()
    }

    /// All parameters as one tensor.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// All parameters as numbers.
    pub fn values(&self) -> Vec<f32> {
        values_of(&self.flat)
    }

    /// The slice of a layer's weight that a child reads: first outputs, first inputs, centre of the kernel, transformed
    /// where there are kernel transforms.
    pub fn weight(&self, layer: &Layer) -> Tensor {
        let index = layer.convolution.unwrap_or_default();
        let convolution = &self.layout().convolutions[index];
        let full = &self.views[convolution.weight];
        let mut slice = full.shallow_clone();
        let mut take = |dimension: i64, start: u32, length: u32| {
            if i64::from(length) != slice.size()[dimension as usize] {
                slice = slice.narrow(dimension, i64::from(start), i64::from(length));
            }
        };
        take(0, 0, layer.shape.output.channels);
        if !layer.shape.operator.is_per_channel() {
            take(1, 0, layer.shape.input.channels);
        }
        let mut kernel = convolution.kernel;
        for (transform, smaller) in self.extras.transforms(index, layer.shape.kernel) {
            let cropped = centre(&slice, kernel, smaller);
            let taps = i64::from(smaller.pow(2));
            let made = cropped.reshape([-1, taps]).mm(&self.extra_views[transform].tr());
            slice = made.view(cropped.size().as_slice());
            kernel = smaller;
        }
        if kernel == layer.shape.kernel { slice } else { centre(&slice, kernel, layer.shape.kernel) }
    }

    /// Gamma and beta of a normalised layer; the bias and `None` for a matrix.
    pub fn scale_and_shift(&self, layer: &Layer) -> (Tensor, Option<Tensor>) {
        let convolution = &self.layout().convolutions[layer.convolution.unwrap_or_default()];
        let slice = |index: usize| self.views[index].narrow(0, 0, i64::from(layer.shape.output.channels));
        (slice(convolution.scale_or_bias), convolution.shift.map(slice))
    }

    /// The gradients as one flat tensor; zero where no backward pass has been.
    pub fn gradient(&self) -> Tensor {
        let parts: Vec<Tensor> = (self.views.iter().chain(&self.extra_views))
            .map(|view| {
                let gradient = view.grad();
                if gradient.defined() { gradient.reshape([-1]) } else { view.detach().zeros_like().reshape([-1]) }
            })
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// Clears the gradients.
    pub fn zero_gradient(&mut self) {
        for view in self.views.iter_mut().chain(&mut self.extra_views) {
            view.zero_grad();
        }
    }

    /// The factor of each parameter's learning rate: `body` for all but the classifier's, whose is 1. Nothing if all are
    /// 1.
    pub fn rates(&self, body: f64) -> Option<Tensor> {
        if body == 1.0 {
            return None;
        }
        let mut rates = vec![body as f32; self.layout().len() + self.extras.len()];
        if let Some(classifier) = self.layout().convolutions.last() {
            for parameter in [classifier.weight, classifier.scale_or_bias] {
                rates[self.layout().parameters[parameter].range()].fill(1.0);
            }
        }
        Some(Tensor::from_slice(&rates).to_device(self.flat.device()))
    }

    /// 1 where weight decay applies (weights), 0 elsewhere (batch norm, bias, and kernel transforms, which start as the
    /// identity), as one flat tensor.
    pub fn decay_mask(&self) -> Tensor {
        let mut mask = vec![0.0f32; self.layout().len() + self.extras.len()];
        for parameter in self.layout().parameters.iter().filter(|parameter| parameter.role == Role::Weight) {
            mask[parameter.range()].fill(1.0);
        }
        Tensor::from_slice(&mask).to_device(self.flat.device()).to_kind(Kind::Float)
    }
}

/// The centre of kernels of size `kernel`, `[out, in, kernel, kernel]`.
fn centre(weight: &Tensor, kernel: u32, smaller: u32) -> Tensor {
    let (start, length) = (i64::from((kernel - smaller) / 2), i64::from(smaller));
    weight.narrow(2, start, length).narrow(3, start, length)
}

/// The numbers of a dense f32 tensor, row by row.
pub(crate) fn values_of(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}
