use super::codes::Coded;
use super::few::{MAX_STAGES, few};
use crate::BundleError;
use nestling_core::space::{
    Activation, Block, ExpandRatio, Gate, HeadSpace, Padding, SearchSpace, SqueezeExcite, SqueezeOf, StageSpace,
    StemSpace,
};
use serde::{Deserialize, Serialize};

/// A search space. Enumerations are numbers, expand ratios hundredths.
#[derive(Serialize, Deserialize)]
pub(crate) struct Space {
    name: String,
    input_channels: u32,
    resolutions: Vec<u32>,
    classes: u32,
    activation: u32,
    padding: u32,
    norm_epsilon: f32,
    stem: Stem,
    #[serde(deserialize_with = "few::<MAX_STAGES, _, _>")]
    stages: Vec<Stage>,
    head: Option<Head>,
}

#[derive(Serialize, Deserialize)]
struct Stem {
    widths: Vec<u32>,
    kernel: u32,
    stride: u32,
}

#[derive(Serialize, Deserialize)]
struct Stage {
    widths: Vec<u32>,
    depths: Vec<u32>,
    kernels: Vec<u32>,
    expand_ratios: Vec<u32>,
    stride: u32,
    block: u32,
    transition_skips: bool,
    squeeze_excite: Option<Squeeze>,
    activation: Option<u32>,
    padding: Option<u32>,
    norm_epsilon: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct Squeeze {
    of: u32,
    reduction: u32,
    multiple_of: u32,
    activation: Option<u32>,
    gate: u32,
}

#[derive(Serialize, Deserialize)]
struct Head {
    widths: Vec<u32>,
    expand_ratio: Option<u32>,
}

/// An expand ratio of a file.
pub(super) fn ratio(hundredths: u32) -> Result<ExpandRatio, BundleError> {
    ExpandRatio::from_hundredths(hundredths).ok_or_else(|| BundleError::Inconsistent {
        problem: format!("{hundredths} hundredths are not an expand ratio: at most 100000"),
    })
}

impl From<&SearchSpace> for Space {
    fn from(space: &SearchSpace) -> Self {
        // Every field by name, here and below: a new one must be given a place in the file.
        let SearchSpace {
            name,
            input_channels,
            resolutions,
            classes,
            activation,
            padding,
            norm_epsilon,
            stem: StemSpace { widths, kernel, stride },
            stages,
            head,
        } = space;
        Self {
            name: name.clone(),
            input_channels: *input_channels,
            resolutions: resolutions.clone(),
            classes: *classes,
            activation: activation.code(),
            padding: padding.code(),
            norm_epsilon: *norm_epsilon,
            stem: Stem { widths: widths.clone(), kernel: *kernel, stride: *stride },
            stages: stages.iter().map(Stage::from).collect(),
            head: head.as_ref().map(|HeadSpace { widths, expand_ratio }| Head {
                widths: widths.clone(),
                expand_ratio: expand_ratio.map(ExpandRatio::hundredths),
            }),
        }
    }
}

impl From<&StageSpace> for Stage {
    fn from(stage: &StageSpace) -> Self {
        let StageSpace {
            widths,
            depths,
            kernels,
            expand_ratios,
            stride,
            block,
            transition_skips,
            squeeze_excite,
            activation,
            padding,
            norm_epsilon,
        } = stage;
        Self {
            widths: widths.clone(),
            depths: depths.clone(),
            kernels: kernels.clone(),
            expand_ratios: expand_ratios.iter().map(|ratio| ratio.hundredths()).collect(),
            stride: *stride,
            block: block.code(),
            transition_skips: *transition_skips,
            squeeze_excite: squeeze_excite.map(Squeeze::from),
            activation: activation.map(Coded::code),
            padding: padding.map(Coded::code),
            norm_epsilon: *norm_epsilon,
        }
    }
}

impl From<SqueezeExcite> for Squeeze {
    fn from(squeeze: SqueezeExcite) -> Self {
        let SqueezeExcite { of, reduction, multiple_of, activation, gate } = squeeze;
        Self { of: of.code(), reduction, multiple_of, activation: activation.map(Coded::code), gate: gate.code() }
    }
}

impl TryFrom<Space> for SearchSpace {
    type Error = BundleError;

    fn try_from(space: Space) -> Result<Self, BundleError> {
        let head = |Head { widths, expand_ratio }: Head| {
            Ok::<_, BundleError>(HeadSpace { widths, expand_ratio: expand_ratio.map(ratio).transpose()? })
        };
        let Stem { widths, kernel, stride } = space.stem;
        Ok(Self {
            name: space.name,
            input_channels: space.input_channels,
            resolutions: space.resolutions,
            classes: space.classes,
            activation: Activation::from_code(space.activation)?,
            padding: Padding::from_code(space.padding)?,
            norm_epsilon: space.norm_epsilon,
            stem: StemSpace { widths, kernel, stride },
            stages: super::all(space.stages)?,
            head: space.head.map(head).transpose()?,
        })
    }
}

impl TryFrom<Stage> for StageSpace {
    type Error = BundleError;

    fn try_from(stage: Stage) -> Result<Self, BundleError> {
        Ok(Self {
            widths: stage.widths,
            depths: stage.depths,
            kernels: stage.kernels,
            expand_ratios: stage.expand_ratios.into_iter().map(ratio).collect::<Result<_, _>>()?,
            stride: stage.stride,
            block: Block::from_code(stage.block)?,
            transition_skips: stage.transition_skips,
            squeeze_excite: stage.squeeze_excite.map(SqueezeExcite::try_from).transpose()?,
            activation: stage.activation.map(Activation::from_code).transpose()?,
            padding: stage.padding.map(Padding::from_code).transpose()?,
            norm_epsilon: stage.norm_epsilon,
        })
    }
}

impl TryFrom<Squeeze> for SqueezeExcite {
    type Error = BundleError;

    fn try_from(squeeze: Squeeze) -> Result<Self, BundleError> {
        Ok(Self {
            of: SqueezeOf::from_code(squeeze.of)?,
            reduction: squeeze.reduction,
            multiple_of: squeeze.multiple_of,
            activation: squeeze.activation.map(Activation::from_code).transpose()?,
            gate: Gate::from_code(squeeze.gate)?,
        })
    }
}
