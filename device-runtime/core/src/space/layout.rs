use crate::space::{LayerShape, Operator};
use std::sync::Arc;

/// The use of a shared tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A convolution's or matrix's weight, `[out, in / groups, kernel, kernel]`.
    Weight,
    /// Batch norm's scale.
    Gamma,
    /// Batch norm's shift.
    Beta,
    /// A matrix's bias.
    Bias,
}

/// One shared tensor of the supernet, at its full size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `stage2.block1.expand.weight`, unique.
    pub name: String,
    /// Its use.
    pub role: Role,
    /// Row-major shape: four numbers for a weight, one for the rest.
    pub shape: Vec<u32>,
    /// Where it starts in the flat vector of all parameters, in elements.
    pub offset: usize,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&n| n as usize).product()
    }

    /// Always false: a space holds no empty tensor.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// A convolution of the supernet at its full size, with the tensors that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// `stage2.block1.expand`, unique.
    pub name: Arc<str>,
    /// Dense, pointwise, depthwise or linear.
    pub operator: Operator,
    /// Largest kernel size.
    pub kernel: u32,
    /// Most input channels.
    pub inputs: u32,
    /// Most output channels.
    pub outputs: u32,
    /// Index of the weight among the parameters.
    pub weight: usize,
    /// Index of batch norm's gamma among the parameters, or of the bias for a matrix, which has no norm.
    pub scale_or_bias: usize,
    /// Index of batch norm's beta among the parameters; `None` for a matrix.
    pub shift: Option<usize>,
    /// Whether this is the projection of a block that adds its input: its gamma starts at zero (BigNAS,
    /// initialisation).
    pub closes_skip: bool,
}

/// Every shared tensor of a supernet and its place in one flat vector: what a bundle stores and an optimiser updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterLayout {
    /// All convolutions, in the order of the biggest child.
    pub convolutions: Vec<Convolution>,
    /// All tensors, in the order of the flat vector, without gaps.
    pub parameters: Vec<Parameter>,
}

impl ParameterLayout {
    /// Number of elements of the flat vector.
    pub fn len(&self) -> usize {
        self.parameters.last().map_or(0, |last| last.offset + last.len())
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// For each parameter the index of the convolution that it belongs to.
    pub fn owners(&self) -> Vec<usize> {
        let mut owners = vec![0; self.parameters.len()];
        for (index, convolution) in self.convolutions.iter().enumerate() {
            for parameter in [convolution.weight, convolution.scale_or_bias].into_iter().chain(convolution.shift) {
                owners[parameter] = index;
            }
        }
        owners
    }

    /// Adds the convolution or matrix of a layer of the biggest child; returns its index.
    pub(super) fn push(&mut self, name: Arc<str>, shape: &LayerShape, closes_skip: bool) -> usize {
        let &LayerShape { operator, kernel, .. } = shape;
        let (inputs, outputs) = (shape.input.channels, shape.output.channels);
        let mut parameter = |suffix: &str, role, shape: Vec<u32>| {
            let offset = self.parameters.last().map_or(0, |last| last.offset + last.len());
            self.parameters.push(Parameter { name: format!("{name}.{suffix}"), role, shape, offset });
            self.parameters.len() - 1
        };
        let weight = parameter("weight", Role::Weight, vec![outputs, operator.channels_read(inputs), kernel, kernel]);
        let (scale_or_bias, shift) = if operator.row().is_normalised {
            let gamma = parameter("gamma", Role::Gamma, vec![outputs]);
            (gamma, Some(parameter("beta", Role::Beta, vec![outputs])))
        } else {
            (parameter("bias", Role::Bias, vec![outputs]), None)
        };
        self.convolutions.push(Convolution {
            name,
            operator,
            kernel,
            inputs,
            outputs,
            weight,
            scale_or_bias,
            shift,
            closes_skip,
        });
        self.convolutions.len() - 1
    }
}
