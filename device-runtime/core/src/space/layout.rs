use crate::space::{Operator, SearchSpace, Skip, SqueezeExcite};

/// What a shared tensor is for.
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
    /// Index of batch norm's gamma among the parameters, or of the bias for a matrix, which has no norm.
    pub scale_or_bias: usize,
    /// Index of batch norm's beta among the parameters; `None` for a matrix.
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

/// The name of a layer of a block, counted from 1 as the paper does.
pub(super) fn block_name(stage: usize, block: u32, part: &str) -> String {
    format!("stage{}.block{}.{part}", stage + 1, block + 1)
}

impl SearchSpace {
    /// Lays out every shared tensor at its full size.
    ///
    /// The space must be valid ([`SearchSpace::validate`]).
    pub fn layout(&self) -> ParameterLayout {
        use Operator::{Dense, Depthwise, Linear, Pointwise};
        let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
        let mut channels = last(&self.stem.widths);
        layout.push("stem".into(), Dense, self.stem.kernel, self.input_channels, channels, false);
        for (index, stage) in self.stages.iter().enumerate() {
            let (width, kernel) = (last(&stage.widths), last(&stage.kernels));
            let ratio = stage.expand_ratios[stage.expand_ratios.len() - 1];
            for block in 0..last(&stage.depths) {
                let name = |part: &str| block_name(index, block, part);
                let expanded = ratio.of(channels);
                if ratio > super::ExpandRatio::ONE {
                    layout.push(name("expand"), Pointwise, 1, channels, expanded, false);
                }
                layout.push(name("depthwise"), Depthwise, kernel, expanded, expanded, false);
                if let Some(squeezed) = stage.squeeze_excite.map(|one: SqueezeExcite| one.width(channels, expanded)) {
                    layout.push(name("squeeze"), Linear, 1, expanded, squeezed, false);
                    layout.push(name("excite"), Linear, 1, squeezed, expanded, false);
                }
                let skip = self.skip(index, block);
                if skip == Skip::Transition {
                    layout.push(name("shortcut"), Pointwise, 1, channels, width, false);
                }
                layout.push(name("project"), Pointwise, 1, expanded, width, skip != Skip::None);
                channels = width;
            }
        }
        if let Some(head) = &self.head {
            let width = last(&head.widths);
            match head.expand_ratio {
                None => layout.push("head".into(), Pointwise, 1, channels, width, false),
                Some(ratio) => {
                    let expanded = ratio.of(channels);
                    layout.push("head_expand".into(), Pointwise, 1, channels, expanded, false);
                    layout.push("head".into(), Linear, 1, expanded, width, false);
                }
            }
            channels = width;
        }
        layout.push("classifier".into(), Linear, 1, channels, self.classes, false);
        layout
    }
}
