use super::adapt::Adapted;
use super::{Adaptation, EfficientNetLite0, ImportError, Sizes};
use nestling_core::image::Preprocessing;
use nestling_core::space::{Child, SpaceError, ValidatedSpace};
use std::collections::BTreeSet;

/// A model whose weights can be imported: the names that it gives to the layers of a Nestling network.
///
/// The next model is one more implementation, and a line in [`SOURCE_MODELS`].
pub trait SourceModel: Sync {
    /// Name by which [`source_model`] finds it.
    fn name(&self) -> &'static str;

    /// Blocks of each stage.
    fn depths(&self) -> &'static [u32];

    /// The space that the model is a child of.
    ///
    /// # Errors
    /// [`SpaceError`] if the space is malformed.
    fn space(&self) -> Result<ValidatedSpace, SpaceError>;

    /// The child of that space that the model is.
    ///
    /// # Errors
    /// [`SpaceError`] if the space is malformed.
    fn child(&self) -> Result<Child, SpaceError>;

    /// How images become its input.
    fn preprocessing(&self) -> Preprocessing;

    /// The ways in which libraries name its tensors, that of its origin first.
    fn namings(&self) -> &'static [&'static dyn Naming];
}

/// The names that a library gives to the tensors of a model.
pub trait Naming: Sync {
    /// The library.
    fn library(&self) -> &'static str;

    /// A consequence that the user should know.
    fn remark(&self) -> Option<&'static str>;

    /// The names of the tensors of the layer at `place`.
    fn names(&self, place: Place) -> LayerNames;
}

/// The models that can be imported.
pub const SOURCE_MODELS: &[&dyn SourceModel] = &[&EfficientNetLite0];

/// The model called `name`, also as timm writes it: `tf_efficientnet_lite0.in1k`.
///
/// # Errors
/// [`ImportError::Model`] if there is none.
pub fn source_model(name: &str) -> Result<&'static dyn SourceModel, ImportError> {
    let plain = name.trim().to_lowercase().replace('_', "-");
    let plain = plain.strip_prefix("tf-").unwrap_or(&plain).split('.').next().unwrap_or_default().to_owned();
    let found = SOURCE_MODELS.iter().find(|model| model.name() == plain);
    found.copied().ok_or_else(|| ImportError::Model { name: name.to_owned() })
}

/// A convolution of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first 1x1 convolution, which not every block has.
    Expand,
    /// The convolution channel by channel.
    Depthwise,
    /// The last 1x1 convolution.
    Project,
}

/// The place of a layer in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first convolution.
    Stem,
    /// A convolution of a block.
    Block {
        /// Stage, counted from 0.
        stage: u32,
        /// Block in its stage, counted from 0.
        block: u32,
        /// Block in the network, counted from 0.
        number: u32,
        /// The convolution in its block.
        part: Part,
    },
    /// The last convolution.
    Head,
    /// The classifier.
    Classifier,
}

impl Place {
    /// Reads a name such as `stage2.block1.expand` (counted from 1) in a network of `depths` blocks a stage.
    pub fn of(layer: &str, depths: &[u32]) -> Option<Self> {
        match layer {
            "stem" => Some(Self::Stem),
            "head" => Some(Self::Head),
            "classifier" => Some(Self::Classifier),
            block => Self::of_block(block, depths),
        }
    }

    fn of_block(layer: &str, depths: &[u32]) -> Option<Self> {
        let mut words = layer.split('.');
        let mut word = || words.next();
        let from_one = |text: &str| text.parse::<u32>().ok()?.checked_sub(1);
        let stage = from_one(word()?.strip_prefix("stage")?)?;
        let block = from_one(word()?.strip_prefix("block")?)?;
        let part = match (word()?, word()) {
            ("expand", None) => Part::Expand,
            ("depthwise", None) => Part::Depthwise,
            ("project", None) => Part::Project,
            _ => return None,
        };
        let depth = *depths.get(stage as usize)?;
        let before: u32 = depths[..stage as usize].iter().sum();
        (block < depth).then_some(Self::Block { stage, block, number: before + block, part })
    }
}

/// Names of the tensors of one layer in a source model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerNames {
    /// A convolution with batch norm.
    Convolution {
        /// The convolution's weight.
        weight: String,
        /// Batch norm's scale.
        gamma: String,
        /// Batch norm's shift.
        beta: String,
        /// Batch norm's running mean.
        mean: String,
        /// Batch norm's running variance.
        variance: String,
    },
    /// The classifier.
    Linear {
        /// Its weight.
        weight: String,
        /// Its bias.
        bias: String,
    },
}

impl LayerNames {
    /// The names that PyTorch's `Conv2d` called `convolution` and `BatchNorm2d` called `norm` have.
    pub fn convolution(convolution: &str, norm: &str) -> Self {
        Self::Convolution {
            weight: format!("{convolution}.weight"),
            gamma: format!("{norm}.weight"),
            beta: format!("{norm}.bias"),
            mean: format!("{norm}.running_mean"),
            variance: format!("{norm}.running_var"),
        }
    }

    /// The names that PyTorch's `Linear` called `linear` has.
    pub fn linear(linear: &str) -> Self {
        Self::Linear { weight: format!("{linear}.weight"), bias: format!("{linear}.bias") }
    }
}

impl LayerNames {
    /// All of them.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &str> {
        let (all, rest) = match self {
            Self::Convolution { weight, gamma, beta, mean, variance } => ([weight, gamma], vec![beta, mean, variance]),
            Self::Linear { weight, bias } => ([weight, bias], Vec::new()),
        };
        all.into_iter().chain(rest).map(String::as_str)
    }
}

/// Names that `naming` gives to the tensors of Nestling's `layer`; `None` if the model has no such layer.
pub fn source_names(model: &dyn SourceModel, naming: &dyn Naming, layer: &str) -> Option<LayerNames> {
    Some(naming.names(Place::of(layer, model.depths())?))
}

/// The numbers of one layer, all checked for their shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayerValues<'a> {
    /// A convolution with batch norm; all but the weight have one number an output channel.
    Convolution {
        /// The weight, `[out, in / groups, kernel, kernel]`.
        weight: &'a [f32],
        /// Batch norm's scale.
        gamma: &'a [f32],
        /// Batch norm's shift.
        beta: &'a [f32],
        /// Batch norm's running mean.
        mean: &'a [f32],
        /// Batch norm's running variance, never negative.
        variance: &'a [f32],
    },
    /// The classifier.
    Linear {
        /// The weight, `[out, in]`.
        weight: &'a [f32],
        /// The bias, one number a class.
        bias: &'a [f32],
    },
}

/// The tensors of a file, handed out layer by layer.
pub(super) struct SourceLayers<'a> {
    model: &'static dyn SourceModel,
    adapted: &'a Adapted<'a>,
    used: BTreeSet<&'a str>,
}

impl<'a> SourceLayers<'a> {
    /// Takes the tensors as those of `model`.
    pub fn new(model: &'static dyn SourceModel, adapted: &'a Adapted<'a>) -> Self {
        Self { model, adapted, used: BTreeSet::new() }
    }

    /// The numbers of Nestling's `layer`, whose weight has `weight_shape` (`[out, in / groups, kernel, kernel]`, also
    /// for the classifier).
    pub fn layer(&mut self, layer: &str, weight_shape: &[u32]) -> Result<LayerValues<'a>, ImportError> {
        let unknown = || ImportError::Layer { model: self.model.name(), layer: layer.to_owned() };
        let names = source_names(self.model, self.adapted.naming, layer).ok_or_else(unknown)?;
        let shape: Vec<usize> = weight_shape.iter().map(|&size| size as usize).collect();
        let outputs = &shape[..shape.len().min(1)];
        Ok(match names {
            LayerNames::Convolution { weight, gamma, beta, mean, variance } => LayerValues::Convolution {
                weight: self.tensor(layer, weight, &shape)?,
                gamma: self.tensor(layer, gamma, outputs)?,
                beta: self.tensor(layer, beta, outputs)?,
                mean: self.tensor(layer, mean, outputs)?,
                variance: self.variance(layer, variance, outputs)?,
            },
            LayerNames::Linear { weight, bias } => LayerValues::Linear {
                // A matrix in PyTorch, a 1x1 convolution here.
                weight: self.tensor(layer, weight, &shape[..shape.len().min(2)])?,
                bias: self.tensor(layer, bias, outputs)?,
            },
        })
    }

    /// Checks that no layer of the file was left over. Other tensors are left out with a note, but for the counters of
    /// batch norm, which only training reads, and those that `is_read` elsewhere.
    ///
    /// # Errors
    /// [`ImportError::LeftOver`] if a tensor seems to belong to a further layer of the network.
    pub fn finish(self, is_read: impl Fn(&str) -> bool) -> Result<Option<Adaptation>, ImportError> {
        let family = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let families: BTreeSet<String> = self.used.iter().map(|name| family(name)).collect();
        let is_known = |name: &str| name.ends_with("num_batches_tracked") || is_read(name);
        let left = self.adapted.tensors.keys().filter(|name| !self.used.contains(name.as_str()) && !is_known(name));
        let (layers, others): (Vec<&String>, Vec<&String>) = left.partition(|name| families.contains(&family(name)));
        if let Some(first) = layers.first() {
            let (model, count, first) = (self.model.name(), layers.len(), (*first).clone());
            return Err(ImportError::LeftOver { model, count, first });
        }
        let others: Vec<&String> =
            others.into_iter().chain(self.adapted.beside.keys().filter(|name| !is_known(name))).collect();
        Ok(others.first().map(|first| Adaptation::LeftOut { count: others.len(), first: (*first).clone() }))
    }

    fn tensor(&mut self, layer: &str, tensor: String, expected: &[usize]) -> Result<&'a [f32], ImportError> {
        let (model, layer, expected) = (self.model.name(), layer.to_owned(), Sizes(expected.to_vec()));
        let Some((name, found)) = self.adapted.tensors.get_key_value(&tensor) else {
            return Err(ImportError::Missing { model, layer, tensor, expected, found: self.adapted.found });
        };
        // A matrix may be written as a 1x1 convolution.
        let (sizes, ones) = found.shape.split_at(expected.0.len().min(found.shape.len()));
        if sizes != expected.0 || ones.iter().any(|&size| size != 1) {
            let found = Sizes(found.shape.clone());
            return Err(ImportError::Shape { model, layer, tensor, found, expected });
        }
        if let Some(index) = found.values.iter().position(|value| !value.is_finite()) {
            return Err(ImportError::Value { tensor, index, value: found.values[index] });
        }
        self.used.insert(name);
        Ok(&found.values)
    }

    fn variance(&mut self, layer: &str, tensor: String, expected: &[usize]) -> Result<&'a [f32], ImportError> {
        let values = self.tensor(layer, tensor.clone(), expected)?;
        match values.iter().position(|&value| value < 0.0) {
            Some(index) => Err(ImportError::Value { tensor, index, value: values[index] }),
            None => Ok(values),
        }
    }
}
