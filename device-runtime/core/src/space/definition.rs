use crate::space::{Activation, ExpandRatio, SqueezeExcite};
use serde::{Deserialize, Serialize};

/// The default of numbers that are 1 unless given.
pub(super) fn one() -> u32 {
    1
}

/// The place of a convolution's zeros.
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

/// The kind of a stage's blocks.
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
/// An option that is `None` takes the value of the space; [`SearchSpace::resolved`] fills it in.
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
    /// The kind of the blocks.
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
    /// The place of the convolutions' zeros.
    #[serde(default)]
    pub padding: Option<Padding>,
    /// The epsilon in batch norm's square root.
    #[serde(default)]
    pub norm_epsilon: Option<f32>,
}

/// The layers between the last stage and the classifier.
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

/// The choices of a child (BigNAS, table 1), and the few facts that all children share.
///
/// This is plain data and may hold anything. [`SearchSpace::validated`] makes the form from which children are drawn.
///
/// ```
/// use nestling_core::space::SearchSpace;
/// let space = SearchSpace::table1().validated()?;
/// let network = space.lower(&space.smallest())?;
/// assert_eq!(network.cost().madds.millions().round(), 207.0);
/// # Ok::<(), nestling_core::space::SpaceError>(())
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
    /// The place of the convolutions' zeros.
    pub padding: Padding,
    /// The epsilon in batch norm's square root.
    pub norm_epsilon: f32,
    /// The first convolution.
    pub stem: StemSpace,
    /// The stages, in order.
    pub stages: Vec<StageSpace>,
    /// The layers between the last stage and the classifier: only the global pool in MobileNetV1.
    #[serde(default)]
    pub head: Option<HeadSpace>,
}

impl SearchSpace {
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
