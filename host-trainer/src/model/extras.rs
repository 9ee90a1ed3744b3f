//! Parameters beyond the shared ones that some methods train: private batch norm, and kernel transforms.

use nestling_core::space::{Child, Network, Operator, SpaceError, ValidatedSpace};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One tensor beyond the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its use.
    pub role: ExtraRole,
    /// Number of elements.
    pub len: usize,
    /// Where it starts in the flat vector of all parameters, those of the layout included.
    pub offset: usize,
}

/// The use of a tensor beyond the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraRole {
    /// A switch's own gamma or beta in the place of a shared one (Yu et al., 2019), `[channels of the switch]`.
    PrivateNorm {
        /// Index of the switch, from the smallest.
        switch: usize,
        /// Index of the shared gamma or beta among the layout's parameters.
        parameter: usize,
    },
    /// The matrix that makes a kernel from the centre of the next larger one (Cai et al., 2020),
    /// `[kernel^2, kernel^2]`, shared by all channels of a convolution.
    KernelTransform {
        /// Index among the layout's convolutions.
        convolution: usize,
        /// The kernel size that it makes.
        kernel: u32,
    },
}

/// The parameters beyond a space's layout. They follow those of the layout in the flat vector. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras(Arc<Inner>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Inner {
    /// The children with private batch norm, the smallest first; the biggest keeps the layout's.
    switches: Vec<Child>,
    all: Vec<Extra>,
}

impl Inner {
    fn push(&mut self, space: &ValidatedSpace, role: ExtraRole, len: usize) {
        let offset = self.all.last().map_or(space.layout().len(), |last| last.offset + last.len);
        self.all.push(Extra { role, len, offset });
    }
}

impl Extras {
    /// Gamma and beta of their own for all of `switches` but the last one, which keeps the shared ones.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] if the space does not offer a switch.
    pub fn private_norms(space: &ValidatedSpace, switches: &[Child]) -> Result<Self, SpaceError> {
        let mut inner = Inner { switches: switches.to_vec(), all: Vec::new() };
        let private = &switches[..switches.len().saturating_sub(1)];
        for (switch, child) in private.iter().enumerate() {
            let network = space.lower(child)?;
            for layer in network.normalised_layers() {
                let Some(convolution) = layer.convolution.map(|index| &space.layout().convolutions[index]) else {
                    continue;
                };
                for parameter in [Some(convolution.scale_or_bias), convolution.shift].into_iter().flatten() {
                    let role = ExtraRole::PrivateNorm { switch, parameter };
                    inner.push(space, role, layer.shape.output.channels as usize);
                }
            }
        }
        Ok(Self(Arc::new(inner)))
    }

    /// A matrix for each depthwise convolution and each of its kernel sizes but the largest, the larger sizes first.
    ///
    /// # Errors
    /// [`SpaceError`] as [`ValidatedSpace::lower`].
    pub fn kernel_transforms(space: &ValidatedSpace) -> Result<Self, SpaceError> {
        let mut sizes = vec![BTreeSet::new(); space.layout().convolutions.len()];
        for network in networks_of_all_kernels(space)? {
            for layer in network.layers.iter().filter(|layer| layer.shape.operator == Operator::Depthwise) {
                if let Some(index) = layer.convolution {
                    sizes[index].insert(layer.shape.kernel);
                }
            }
        }
        let mut inner = Inner::default();
        for (convolution, sizes) in sizes.iter().enumerate() {
            for &kernel in sizes.iter().rev().skip(1) {
                let role = ExtraRole::KernelTransform { convolution, kernel };
                inner.push(space, role, kernel.pow(4) as usize);
            }
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Number of elements of all of them.
    pub fn len(&self) -> usize {
        self.0.all.iter().map(|extra| extra.len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.all.is_empty()
    }

    /// All of them, in the order of the flat vector.
    pub fn all(&self) -> &[Extra] {
        &self.0.all
    }

    /// The index of a child among those with batch norm of their own.
    pub fn switch(&self, child: &Child) -> Option<usize> {
        self.0.switches.iter().position(|switch| switch == child)
    }

    /// The transforms of a convolution from its largest kernel down to `kernel`: each one's index among
    /// [`Extras::all`] and the size that it makes.
    pub fn transforms(&self, convolution: usize, kernel: u32) -> impl Iterator<Item = (usize, u32)> {
        self.0.all.iter().enumerate().filter_map(move |(index, extra)| match extra.role {
            ExtraRole::KernelTransform { convolution: of, kernel: makes } if of == convolution && makes >= kernel => {
                Some((index, makes))
            }
            ExtraRole::KernelTransform { .. } | ExtraRole::PrivateNorm { .. } => None,
        })
    }

    /// `values` of the layout, followed by the starting values: private batch norm starts as the shared one, and each
    /// transform as the identity, so that it makes the centre of the larger kernel.
    ///
    /// # Panics
    /// If there are not as many values as the layout has.
    pub fn appended_to(&self, space: &ValidatedSpace, mut values: Vec<f32>) -> Vec<f32> {
        let layout = space.layout();
        assert_eq!(values.len(), layout.len(), "values of space `{}`", space.name);
        for extra in &self.0.all {
            match extra.role {
                ExtraRole::PrivateNorm { parameter, .. } => {
                    let start = layout.parameters[parameter].offset;
                    values.extend_from_within(start..start + extra.len);
                }
                ExtraRole::KernelTransform { kernel, .. } => {
                    let taps = kernel.pow(2);
                    let identity = (0..taps * taps).map(|at| f32::from(u8::from(at / taps == at % taps)));
                    values.extend(identity);
                }
            }
        }
        values
    }
}

/// The biggest child with each kernel size of every stage.
fn networks_of_all_kernels(space: &ValidatedSpace) -> Result<Vec<Network>, SpaceError> {
    let most = space.stages.iter().map(|stage| stage.kernels.len()).max().unwrap_or(0);
    (0..most)
        .map(|index| {
            let mut child = space.biggest();
            for (choice, stage) in child.stages.iter_mut().zip(&space.stages) {
                choice.kernel = stage.kernels[index.min(stage.kernels.len() - 1)];
            }
            space.lower(&child)
        })
        .collect()
}
