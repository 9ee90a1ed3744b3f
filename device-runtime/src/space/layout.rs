use super::{Operator, SearchSpace};

/// What a shared tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A convolution's or the classifier's weight, `[out, in / groups, kernel, kernel]`.
    Weight,
    /// Batch norm's scale.
    Gamma,
    /// Batch norm's shift.
    Beta,
    /// The classifier's bias.
    Bias,
}

/// One shared tensor of the supernet, at its full size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `stage2.block1.expand.weight`, unique.
    pub name: String,
    /// What it is for.
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
    pub name: String,
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
    /// Index of batch norm's gamma among the parameters, or of the bias for the classifier, which has no norm.
    pub scale_or_bias: usize,
    /// Index of batch norm's beta among the parameters; `None` for the classifier.
    pub shift: Option<usize>,
    /// Whether this is the projection of a block that adds its input: its gamma starts at zero (BigNAS, initialisation).
    pub closes_skip: bool,
}

/// Every shared tensor of a supernet and its place in one flat vector: what a bundle stores and an optimiser updates.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// The convolution called `name`.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.convolutions.iter().position(|convolution| convolution.name == name)
    }

    fn push(&mut self, name: String, operator: Operator, kernel: u32, inputs: u32, outputs: u32, closes_skip: bool) {
        let mut parameter = |suffix: &str, role, shape: Vec<u32>| {
            let offset = self.parameters.last().map_or(0, |last| last.offset + last.len());
            self.parameters.push(Parameter { name: format!("{name}.{suffix}"), role, shape, offset });
            self.parameters.len() - 1
        };
        let per_output = if operator == Operator::Depthwise { 1 } else { inputs };
        let weight = parameter("weight", Role::Weight, vec![outputs, per_output, kernel, kernel]);
        let (scale_or_bias, shift) = if operator == Operator::Linear {
            (parameter("bias", Role::Bias, vec![outputs]), None)
        } else {
            let gamma = parameter("gamma", Role::Gamma, vec![outputs]);
            (gamma, Some(parameter("beta", Role::Beta, vec![outputs])))
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
    }
}

fn last(list: &[u32]) -> u32 {
    list[list.len() - 1]
}

/// The name of a convolution of a block, counted from 1 as the paper does.
pub(super) fn block_name(stage: usize, block: u32, part: &str) -> String {
    format!("stage{}.block{}.{part}", stage + 1, block + 1)
}

impl SearchSpace {
    /// Lays out every shared tensor at its full size.
    ///
    /// The space must be valid ([`SearchSpace::validate`]).
    pub fn layout(&self) -> ParameterLayout {
        let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
        let mut channels = last(&self.stem.widths);
        layout.push("stem".into(), Operator::Dense, self.stem.kernel, self.input_channels, channels, false);
        for (index, stage) in self.stages.iter().enumerate() {
            let (width, kernel, expand_ratio) = (last(&stage.widths), last(&stage.kernels), last(&stage.expand_ratios));
            for block in 0..last(&stage.depths) {
                let expanded = channels * expand_ratio;
                if expand_ratio > 1 {
                    layout.push(block_name(index, block, "expand"), Operator::Pointwise, 1, channels, expanded, false);
                }
                layout.push(
                    block_name(index, block, "depthwise"),
                    Operator::Depthwise,
                    kernel,
                    expanded,
                    expanded,
                    false,
                );
                let skip = self.has_skip(index, block);
                layout.push(block_name(index, block, "project"), Operator::Pointwise, 1, expanded, width, skip);
                channels = width;
            }
        }
        layout.push("head".into(), Operator::Pointwise, 1, channels, last(&self.head.widths), false);
        layout.push("classifier".into(), Operator::Linear, 1, last(&self.head.widths), self.classes, false);
        layout
    }
}
