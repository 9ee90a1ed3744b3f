//! The search space, a child of it, and the network that a child is. Pure data: no GPU, no tensor library, no file.
//!
//! ```text
//! SearchSpace --layout()--> ParameterLayout   every shared tensor at its full size
//!      |  + Child --lower()--> Network        ordered layers; each names the slice of the shared tensors it reads
//!      |                          |--cost()--> parameters, MAdds, bytes
//! ```
//!
//! [`SearchSpace::lower`] is the only place where a shape is derived. The trainer, the GPU engine, the CPU reference,
//! the cost model and the latency table all read its [`Network`].

mod activation;
mod calibrated;
mod child;
mod child_entry;
mod cost;
mod expand_ratio;
mod fixed;
mod layout;
mod network;
mod operator;
mod output_size;
mod presets;
mod sample;
mod squeeze;

pub use activation::{Activation, ActivationFunction, ActivationRow, OnnxInput, OnnxNode, PerActivation, Real};
pub use calibrated::{CalibratedChild, Statistics};
pub use child::{Child, ParseChildError, StageChoice};
pub use child_entry::ChildEntry;
pub use cost::Cost;
pub use expand_ratio::ExpandRatio;
pub use layout::{Convolution, Parameter, ParameterLayout, Role};
pub use network::{Layer, LayerShape, Network, Shape};
pub use operator::{Operator, OperatorRow, Reads};
pub use output_size::OutputSize;
pub use presets::Preset;
pub use sample::new_children;
pub use squeeze::{Gate, SqueezeExcite, SqueezeOf};

use serde::{Deserialize, Serialize};

fn one() -> u32 {
    1
}

/// Where a convolution puts its zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// `(kernel - 1) / 2` on every side (PyTorch's habit).
    Symmetric,
    /// TensorFlow's "SAME": `ceil(size / stride)` outputs, the odd zero after the image.
    Same,
}

/// The first convolution: dense, over the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StemSpace {
    /// Output channels to choose from.
    pub widths: Vec<u32>,
    /// Kernel size.
    pub kernel: u32,
    /// Stride.
    pub stride: u32,
}

/// What a stage's blocks are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Expand, depthwise, project without an activation (MBConv).
    #[default]
    InvertedResidual,
    /// Depthwise, then a pointwise convolution with an activation; adds nothing to its output (MobileNetV1).
    Separable,
}

/// A stage of blocks; width, depth, kernel size and expand ratio are chosen per stage.
///
/// What is `None` is as the space has it; [`SearchSpace::resolved`] fills it in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSpace {
    /// Output channels to choose from.
    pub widths: Vec<u32>,
    /// Numbers of blocks to choose from.
    pub depths: Vec<u32>,
    /// Depthwise kernel sizes to choose from.
    pub kernels: Vec<u32>,
    /// Expand ratios to choose from. A block whose ratio is 1 has no expand convolution.
    pub expand_ratios: Vec<ExpandRatio>,
    /// Stride of the first block.
    #[serde(default = "one")]
    pub stride: u32,
    /// What the blocks are made of.
    #[serde(default)]
    pub block: Block,
    /// Whether a block that cannot add its input as it is adds it through an average pool (stride 2) and a pointwise
    /// convolution (AttentiveNAS).
    #[serde(default)]
    pub transition_skips: bool,
    /// Squeeze-and-excite in every block.
    #[serde(default)]
    pub squeeze_excite: Option<SqueezeExcite>,
    /// The function after expand and depthwise convolutions.
    #[serde(default)]
    pub activation: Option<Activation>,
    /// Where convolutions put their zeros.
    #[serde(default)]
    pub padding: Option<Padding>,
    /// The epsilon in batch norm's square root.
    #[serde(default)]
    pub norm_epsilon: Option<f32>,
}

/// What is between the last stage and the classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpace {
    /// Output channels to choose from.
    pub widths: Vec<u32>,
    /// Not given: a pointwise convolution of these widths, then the global pool (EfficientNet). Given: a pointwise
    /// convolution to so many times the last stage's width, the global pool, then a matrix of these widths on the one
    /// pixel that is left (MobileNetV3, AttentiveNAS).
    #[serde(default)]
    pub expand_ratio: Option<ExpandRatio>,
}

/// What a child may choose (BigNAS, table 1), and the few facts that all children share.
///
/// ```
/// use crate::space::SearchSpace;
/// let space = SearchSpace::table1();
/// let network = space.lower(&space.smallest())?;
/// assert_eq!(network.cost().madds.millions().round(), 207.0);
/// # Ok::<(), crate::space::SpaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSpace {
    /// A short name, for people.
    pub name: String,
    /// Channels of the input image: 1 (grey) or 3 (RGB).
    pub input_channels: u32,
    /// Square input sizes in pixels to choose from.
    pub resolutions: Vec<u32>,
    /// Number of classes.
    pub classes: u32,
    /// The function after every convolution but the projections.
    pub activation: Activation,
    /// Where convolutions put their zeros.
    pub padding: Padding,
    /// The epsilon in batch norm's square root.
    pub norm_epsilon: f32,
    /// The first convolution.
    pub stem: StemSpace,
    /// The stages, in order.
    pub stages: Vec<StageSpace>,
    /// What is between the last stage and the classifier: nothing but the global pool in MobileNetV1.
    #[serde(default)]
    pub head: Option<HeadSpace>,
}

/// Why a space, or a child in it, makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The space itself is malformed.
    #[error("search space `{space}`: {place} {problem}")]
    Invalid {
        /// Name of the space.
        space: String,
        /// Which part of it.
        place: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// The child asks for what the space does not offer.
    #[error("child `{child}` is not in search space `{space}`: {problem}")]
    NotInSpace {
        /// The child, printed.
        child: String,
        /// Name of the space.
        space: String,
        /// Which choice, what the child says, and what the space offers.
        problem: String,
    },
    /// The batch-norm statistics do not belong to the child.
    #[error("statistics of child `{child}`: {problem}; calibrate the child again")]
    Statistics {
        /// The child, printed.
        child: String,
        /// What is wrong.
        problem: String,
    },
    /// The text is no child at all.
    #[error(transparent)]
    Parse(#[from] ParseChildError),
}

/// Largest size, width or class count that a space may name: keeps every product below far from overflow.
const LARGEST: u32 = 16_384;

/// Most weights of a supernet (4 GiB in f32): a bound for untrusted spaces.
const MAX_WEIGHTS: u64 = 1 << 30;

impl SearchSpace {
    /// Checks every number of the space.
    ///
    /// # Errors
    /// [`SpaceError::Invalid`] names the first place that is wrong: an empty or unsorted list, a width that is not a
    /// multiple of 4 (channels are stored in groups of 4), an even kernel size, a zero.
    pub fn validate(&self) -> Result<(), SpaceError> {
        let fail = |place: &str, problem: String| {
            Err(SpaceError::Invalid { space: self.name.clone(), place: place.to_owned(), problem })
        };
        let choices = |place: &str, list: &[u32], rule: &str, holds: &dyn Fn(u32) -> bool| {
            if list.is_empty() || !list.windows(2).all(|pair| pair[0] < pair[1]) {
                return fail(place, format!("is {list:?}: list at least one choice, in rising order"));
            }
            match list.iter().find(|&&n| n == 0 || n > LARGEST || !holds(n)) {
                Some(bad) => fail(place, format!("holds {bad}: it must be {rule}")),
                None => Ok(()),
            }
        };
        let activation = |place: &str, given: Option<Activation>| match given {
            Some(gate @ (Activation::Sigmoid | Activation::HardSigmoid)) => {
                fail(place, format!("is {gate:?}, a gate: choose identity, relu, relu6, swish or hard_swish"))
            }
            _ => Ok(()),
        };
        let epsilon = |place: &str, given: f32| {
            if given > 0.0 && given < 1.0 {
                return Ok(());
            }
            fail(place, format!("is {given}: between 0 and 1, usually 1e-3 or 1e-5"))
        };
        let ratio = |place: &str, list: &[ExpandRatio]| {
            if list.is_empty() || !list.windows(2).all(|pair| pair[0] < pair[1]) {
                let given: Vec<String> = list.iter().map(ToString::to_string).collect();
                let given = given.join(", ");
                return fail(place, format!("is [{given}]: list at least one expand ratio, in rising order"));
            }
            match list.iter().find(|one| !(ExpandRatio::ONE..=ExpandRatio::MAX).contains(one)) {
                Some(bad) => fail(place, format!("holds {bad}: between 1 and {}", ExpandRatio::MAX)),
                None => Ok(()),
            }
        };
        let width = |n: u32| n.is_multiple_of(4);
        let kernel = |n: u32| n % 2 == 1 && n <= 7;
        if !matches!(self.input_channels, 1 | 3) {
            return fail("input_channels", format!("is {}: 1 (grey) or 3 (RGB)", self.input_channels));
        }
        if self.classes == 0 || self.classes > LARGEST {
            return fail("classes", format!("is {}: between 1 and {LARGEST}", self.classes));
        }
        activation("activation", Some(self.activation))?;
        epsilon("norm_epsilon", self.norm_epsilon)?;
        choices("resolutions", &self.resolutions, "a size in pixels up to 4096", &|n| n <= 4096)?;
        choices("stem.widths", &self.stem.widths, "a multiple of 4 up to 16384", &width)?;
        choices("stem.kernel", &[self.stem.kernel], "an odd kernel size up to 7", &kernel)?;
        choices("stem.stride", &[self.stem.stride], "1 or 2", &|n| n <= 2)?;
        if self.stages.is_empty() || self.stages.len() > 16 {
            return fail("stages", format!("has {} entries: between 1 and 16", self.stages.len()));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let at = |what: &str| format!("stages[{index}].{what}");
            choices(&at("widths"), &stage.widths, "a multiple of 4 up to 16384", &width)?;
            choices(&at("depths"), &stage.depths, "a number of blocks up to 32", &|n| n <= 32)?;
            choices(&at("kernels"), &stage.kernels, "an odd kernel size up to 7", &kernel)?;
            ratio(&at("expand_ratios"), &stage.expand_ratios)?;
            choices(&at("stride"), &[stage.stride], "1 or 2", &|n| n <= 2)?;
            activation(&at("activation"), stage.activation)?;
            epsilon(&at("norm_epsilon"), stage.norm_epsilon.unwrap_or(self.norm_epsilon))?;
            if let Some(squeeze) = &stage.squeeze_excite {
                activation(&at("squeeze_excite.activation"), squeeze.activation)?;
                choices(&at("squeeze_excite.reduction"), &[squeeze.reduction], "a number up to 64", &|n| n <= 64)?;
                choices(&at("squeeze_excite.multiple_of"), &[squeeze.multiple_of], "a number up to 64", &|n| n <= 64)?;
            }
            if stage.block == Block::Separable {
                if stage.expand_ratios != [ExpandRatio::ONE] {
                    return fail(&at("expand_ratios"), "must be [1] in a stage of separable blocks".to_owned());
                }
                if stage.transition_skips {
                    return fail(&at("transition_skips"), "cannot be in a stage of separable blocks".to_owned());
                }
            }
        }
        if let Some(head) = &self.head {
            choices("head.widths", &head.widths, "a multiple of 4 up to 16384", &width)?;
            if let Some(expand_ratio) = head.expand_ratio {
                ratio("head.expand_ratio", &[expand_ratio])?;
            }
        }
        match self.weights_at_most() {
            count if count <= MAX_WEIGHTS => Ok(()),
            count => fail("the supernet", format!("has {count} weights: at most {MAX_WEIGHTS}")),
        }
    }

    /// Number of weights of the supernet, without building its layout, so that a hostile space costs nothing.
    fn weights_at_most(&self) -> u64 {
        let last = |list: &[u32]| list.last().map_or(0, |&n| u64::from(n));
        let mut channels = last(&self.stem.widths);
        let mut count = channels * u64::from(self.input_channels * self.stem.kernel * self.stem.kernel);
        for stage in &self.stages {
            let (width, kernel) = (last(&stage.widths), last(&stage.kernels));
            let ratio = stage.expand_ratios.last().copied().unwrap_or(ExpandRatio::ONE);
            for _ in 0..last(&stage.depths) {
                let expanded = u64::from(ratio.of(channels as u32));
                let squeezed = stage.squeeze_excite.map_or(0, |one| one.width(channels as u32, expanded as u32));
                let shortcut = if stage.transition_skips { channels * width } else { 0 };
                count += expanded * (channels + kernel * kernel + 2 * u64::from(squeezed) + width) + shortcut;
                channels = width;
            }
        }
        if let Some(head) = &self.head {
            let expanded = head.expand_ratio.map_or(0, |ratio| u64::from(ratio.of(channels as u32)));
            let read = if head.expand_ratio.is_some() { expanded } else { channels };
            count += channels * expanded + read * last(&head.widths);
            channels = last(&head.widths);
        }
        count + channels * u64::from(self.classes)
    }

    /// How block `block` of stage `stage` adds its input to its output.
    ///
    /// The first block of a stage adds it as it is only where stride and width can never differ; every later block does.
    pub fn skip(&self, stage: usize, block: u32) -> Skip {
        let own = &self.stages[stage];
        let before = if stage == 0 { &self.stem.widths } else { &self.stages[stage - 1].widths };
        if own.block == Block::Separable {
            Skip::None
        } else if block > 0 || (own.stride == 1 && own.widths.len() == 1 && *before == own.widths) {
            Skip::Identity
        } else if own.transition_skips {
            Skip::Transition
        } else {
            Skip::None
        }
    }

    /// The same space with nothing left to inherit: every option of every stage is given.
    pub fn resolved(&self) -> Self {
        let mut space = self.clone();
        for stage in &mut space.stages {
            let activation = *stage.activation.get_or_insert(self.activation);
            stage.padding.get_or_insert(self.padding);
            stage.norm_epsilon.get_or_insert(self.norm_epsilon);
            if let Some(squeeze) = &mut stage.squeeze_excite {
                squeeze.activation.get_or_insert(activation);
            }
        }
        space
    }
}

/// How a block adds its input to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// Not at all.
    None,
    /// As it is.
    Identity,
    /// Through an average pool as large as the stride and a pointwise convolution with batch norm.
    Transition,
}
