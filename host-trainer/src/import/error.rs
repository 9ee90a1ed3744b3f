use super::SOURCE_MODELS;
use nestling_core::names::printable;
use nestling_core::space::SpaceError;
use std::fmt;
use std::path::PathBuf;

/// The reason why a file of weights cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The system does not give the file.
    #[error("{0}; check the path and its permissions")]
    Io(#[from] std::io::Error),
    /// The content has none of the known formats.
    #[error(
        "it is neither a PyTorch file nor safetensors; give the file that `torch.save(model.state_dict(), path)` or \
         safetensors wrote"
    )]
    Format,
    /// The content is known as that of another format.
    #[error("it is {found}, neither a PyTorch file nor safetensors; {remedy}")]
    Foreign {
        /// The kind of file.
        found: String,
        /// A way to the weights.
        remedy: &'static str,
    },
    /// The content contradicts itself.
    #[error("{what} at byte {at}: the file is cut off or damaged; fetch it again")]
    Damaged {
        /// Byte of the fault, counted from the start of the file.
        at: usize,
        /// The fault.
        what: String,
    },
    /// The file holds Python objects, and no tensors by name.
    #[error(
        "it holds no tensors by name but Python's `{global}` at byte {at}, and code is never executed; in Python, save \
         the state dict: `torch.save(model.state_dict(), path)`"
    )]
    Refused {
        /// Byte of the request, counted from the start of the file.
        at: usize,
        /// Name of the object.
        global: String,
    },
    /// The file is whole, but uses something that no ordinary state dict does.
    #[error("{what} at byte {at}, which is not supported; in Python, `torch.save(model.state_dict(), path)` again")]
    Unsupported {
        /// Byte of the feature, counted from the start of the file.
        at: usize,
        /// The feature.
        what: String,
    },
    /// A tensor does not fit the numbers that it refers to.
    #[error("tensor `{}`: {what}", shown(.name))]
    Tensor {
        /// The tensor.
        name: String,
        /// The fault.
        what: String,
    },
    /// The file holds no tensor.
    #[error("it holds no tensors by name, neither by themselves nor under a key; give the file of a trained model")]
    Empty,
    /// The file has no tensors under a key.
    #[error("it has no state dict `{}`{}", shown(.wanted), listed(.known))]
    NoStateDict {
        /// The key asked for.
        wanted: String,
        /// The keys that hold tensors.
        known: Vec<String>,
    },
}

/// The reason why weights cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read weights from {path}: {problem}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        problem: WeightsError,
    },
    /// No such model is known.
    #[error("no model `{}` can be imported, only: {}", shown(.name), known())]
    Model {
        /// The name asked for.
        name: String,
    },
    /// The space has a layer that the model has not.
    #[error("layer `{layer}` of the search space is none of {model}; give the space that this model was made for")]
    Layer {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
    },
    /// No tensor has a name of the model.
    #[error(
        "none of the {count} tensors has a name of {model}, as {namings} write them; the first is `{}`: the file \
         holds another model, or names that are not known",
        shown(.first)
    )]
    Foreign {
        /// The model.
        model: &'static str,
        /// The ways to name its tensors.
        namings: String,
        /// Tensors of the file.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// The file lacks a tensor.
    #[error(
        "tensor `{}` {expected} of layer `{layer}` is missing, while {found} others of {model} are there: the file is \
         incomplete, or holds a smaller network",
        shown(.tensor)
    )]
    Missing {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
        /// The source's name of the tensor.
        tensor: String,
        /// Its shape.
        expected: Sizes,
        /// Tensors of the model that the file has.
        found: usize,
    },
    /// The file has everything but the classifier.
    #[error(
        "the classifier `{tensor}` is missing: the file holds only the features; save the model with its classifier"
    )]
    NoClassifier {
        /// The source's name of its weight.
        tensor: String,
    },
    /// The classifier has other names, or is another one than a single layer.
    #[error(
        "the classifier `{tensor}` is missing, and {}; give that of one layer the name `{tensor}`, with its bias \
         beside it", other_matrices(*.count, .found)
    )]
    SeveralClassifiers {
        /// The source's name of its weight.
        tensor: String,
        /// Matrices that no other layer reads.
        count: usize,
        /// The first of them.
        found: Vec<(String, Sizes)>,
    },
    /// The classifier has no outputs.
    #[error("the classifier `{tensor}` is {found}: it has no classes; give the file of a trained model")]
    NoClasses {
        /// The source's name of its weight.
        tensor: String,
        /// Its shape.
        found: Sizes,
    },
    /// A tensor has another shape.
    #[error(
        "tensor `{}` is {found}, but layer `{layer}` of {model} needs {expected}: the file holds a network of another \
         size", shown(.tensor)
    )]
    Shape {
        /// The model.
        model: &'static str,
        /// Nestling's name of the layer.
        layer: String,
        /// The source's name of the tensor.
        tensor: String,
        /// Its shape in the file.
        found: Sizes,
        /// The shape of the layer.
        expected: Sizes,
    },
    /// No trained network has such a number: a file without checksums was damaged, or training diverged.
    #[error("tensor `{tensor}` holds {value} at element {index}; the file is damaged, fetch it again")]
    Value {
        /// The source's name of the tensor.
        tensor: String,
        /// The element.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// The network of the file has more layers.
    #[error(
        "{count} tensors belong to layers that {model} does not have, first `{}`: the file holds another network",
        shown(.first)
    )]
    LeftOver {
        /// The model.
        model: &'static str,
        /// Number of tensors that are left over.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// The statistics are impossible.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

impl ImportError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Weights { problem, .. } => problem.code(),
            Self::Model { .. } => "import_unknown_model",
            Self::Layer { .. } => "import_layer",
            Self::Foreign { .. } => "import_other_model",
            Self::Missing { .. } => "import_missing_tensor",
            Self::NoClassifier { .. } => "import_no_classifier",
            Self::SeveralClassifiers { .. } => "import_other_classifier",
            Self::NoClasses { .. } => "import_no_classes",
            Self::Shape { .. } => "import_shape",
            Self::Value { .. } => "import_value",
            Self::LeftOver { .. } => "import_left_over",
            Self::Space(error) => error.code(),
        }
    }
}

impl WeightsError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "weights_open",
            Self::Format | Self::Foreign { .. } => "weights_format",
            Self::Damaged { .. } => "weights_damaged",
            Self::Refused { .. } => "weights_refused",
            Self::Unsupported { .. } => "weights_unsupported",
            Self::Tensor { .. } => "weights_tensor",
            Self::Empty => "weights_empty",
            Self::NoStateDict { .. } => "weights_no_state_dict",
        }
    }
}

/// Most keys in a message.
const MAX_LISTED: usize = 20;
/// Most characters of a name in a message.
const MAX_SHOWN: usize = 200;

/// A name of a file in a message: it may be of any length, and hold line breaks that would forge a message of its own.
pub(super) fn shown(name: &str) -> String {
    let shown: String = name.chars().take(MAX_SHOWN).collect();
    let shown = printable(&shown);
    if name.chars().nth(MAX_SHOWN).is_some() { format!("{shown}...") } else { shown.into_owned() }
}

/// The keys of a file's state dicts in a message.
fn listed(known: &[String]) -> String {
    let name = |key: &String| if key.is_empty() { "(by themselves)".to_owned() } else { shown(key) };
    let named: Vec<String> = known.iter().take(MAX_LISTED).map(name).collect();
    if named.is_empty() { String::new() } else { format!("; its tensors are under: {}", named.join(", ")) }
}

/// The matrices that could be a classifier.
fn other_matrices(count: usize, found: &[(String, Sizes)]) -> String {
    let named: Vec<String> = found.iter().map(|(name, sizes)| format!("`{}` {sizes}", shown(name))).collect();
    let named = named.join(", ");
    match count {
        1 => format!("{named} is none of this network with a bias of its own"),
        _ => format!("{count} other matrices could be a part of it, first {named}"),
    }
}

fn known() -> String {
    SOURCE_MODELS.iter().map(|model| model.name()).collect::<Vec<_>>().join(", ")
}

/// A tensor's shape in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(pub Vec<usize>);

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
