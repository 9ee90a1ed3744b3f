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

mod calibrated;
mod child;
mod cost;
mod layout;
mod network;
mod presets;
mod sample;

pub use calibrated::{CalibratedChild, Statistics};
pub use child::{Child, ParseChildError, StageChoice};
pub use cost::Cost;
pub use layout::{Convolution, Parameter, ParameterLayout, Role};
pub use network::{Layer, LayerShape, Network, Operator, Shape};

use serde::{Deserialize, Serialize};

/// The element-wise function that closes a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x * sigmoid(x)` (also called SiLU)
    Swish,
    /// `x * relu6(x + 3) / 6`
    HardSwish,
}

impl Activation {
    /// Applies the function.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Swish => x / (1.0 + (-x).exp()),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
    }
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

/// A stage of inverted-residual blocks (MBConv); width, depth, kernel size and expand ratio are chosen per stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSpace {
    /// Output channels to choose from.
    pub widths: Vec<u32>,
    /// Numbers of blocks to choose from.
    pub depths: Vec<u32>,
    /// Depthwise kernel sizes to choose from.
    pub kernels: Vec<u32>,
    /// Expand ratios to choose from. A block whose ratio is 1 has no expand convolution.
    pub expand_ratios: Vec<u32>,
    /// Stride of the first block.
    pub stride: u32,
}

/// The last convolution: pointwise, before the global pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpace {
    /// Output channels to choose from.
    pub widths: Vec<u32>,
}

/// What a child may choose (BigNAS, table 1), and the few facts that all children share.
///
/// ```
/// use nestling::space::SearchSpace;
/// let space = SearchSpace::table1();
/// let network = space.lower(&space.smallest())?;
/// assert_eq!(network.cost().madds.millions().round(), 206.0);
/// # Ok::<(), nestling::space::SpaceError>(())
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
    /// The last convolution.
    pub head: HeadSpace,
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
    #[error("child `{child}` is not in search space `{space}`: {place} is {given}, choose one of {allowed:?}")]
    NotInSpace {
        /// The child, printed.
        child: String,
        /// Name of the space.
        space: String,
        /// Which choice.
        place: String,
        /// What the child says.
        given: u32,
        /// What the space offers.
        allowed: Vec<u32>,
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
const MOST_WEIGHTS: u64 = 1 << 30;

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
                Some(bad) => fail(place, format!("holds {bad}: {rule} between 1 and {LARGEST}")),
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
        if !(self.norm_epsilon > 0.0 && self.norm_epsilon < 1.0) {
            return fail("norm_epsilon", format!("is {}: between 0 and 1, usually 1e-3 or 1e-5", self.norm_epsilon));
        }
        choices("resolutions", &self.resolutions, "a size in pixels up to 4096", &|n| n <= 4096)?;
        choices("stem.widths", &self.stem.widths, "a multiple of 4", &width)?;
        choices("stem.kernel", &[self.stem.kernel], "an odd kernel size up to 7", &kernel)?;
        choices("stem.stride", &[self.stem.stride], "1 or 2", &|n| n <= 2)?;
        if self.stages.is_empty() || self.stages.len() > 16 {
            return fail("stages", format!("has {} entries: between 1 and 16", self.stages.len()));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let at = |what: &str| format!("stages[{index}].{what}");
            choices(&at("widths"), &stage.widths, "a multiple of 4", &width)?;
            choices(&at("depths"), &stage.depths, "a number of blocks up to 32", &|n| n <= 32)?;
            choices(&at("kernels"), &stage.kernels, "an odd kernel size up to 7", &kernel)?;
            choices(&at("expand_ratios"), &stage.expand_ratios, "an expand ratio up to 12", &|n| n <= 12)?;
            choices(&at("stride"), &[stage.stride], "1 or 2", &|n| n <= 2)?;
        }
        choices("head.widths", &self.head.widths, "a multiple of 4", &width)?;
        match self.weights_at_most() {
            count if count <= MOST_WEIGHTS => Ok(()),
            count => fail("the supernet", format!("has {count} weights: at most {MOST_WEIGHTS}")),
        }
    }

    /// Number of weights of the supernet, without building its layout, so that a hostile space costs nothing.
    fn weights_at_most(&self) -> u64 {
        let last = |list: &[u32]| list.last().map_or(0, |&n| u64::from(n));
        let mut channels = last(&self.stem.widths);
        let mut count = channels * u64::from(self.input_channels * self.stem.kernel * self.stem.kernel);
        for stage in &self.stages {
            let (width, kernel) = (last(&stage.widths), last(&stage.kernels));
            for _ in 0..last(&stage.depths) {
                let expanded = channels * last(&stage.expand_ratios);
                count += expanded * (channels + kernel * kernel + width);
                channels = width;
            }
        }
        let head = last(&self.head.widths);
        count + head * (channels + u64::from(self.classes))
    }

    /// Whether block `block` of stage `stage` adds its input to its output.
    ///
    /// The first block of a stage does only where stride and width can never differ; every later block does.
    pub fn has_skip(&self, stage: usize, block: u32) -> bool {
        let own = &self.stages[stage];
        let before = if stage == 0 { &self.stem.widths } else { &self.stages[stage - 1].widths };
        block > 0 || (own.stride == 1 && own.widths.len() == 1 && *before == own.widths)
    }
}
