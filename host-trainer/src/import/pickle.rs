//! The part of Python's pickle format (protocols 2 to 5) that `torch.save` writes.
//!
//! A pickle is a program for a stack machine, and Python's own machine can call anything. This one knows only the
//! opcodes that a checkpoint needs, and makes plain values. It calls nothing: a name other than those of [`Callable`],
//! and all that is made with it, is an opaque value. Training scripts store such objects beside the weights.
//!
//! `pickle_machine.rs` has the opcodes, the stack and the memo; `pickle_objects.rs` the calls, which make dicts,
//! storages and tensors.

use super::WeightsError;
use super::element::{Element, View};
use super::pickle_machine::Machine;

/// Index of a value in [`Pickle`]. Values refer to each other by index, so that a hostile file can neither nest them
/// deep enough to overflow the stack when they are dropped nor multiply them by sharing.
pub(super) type Id = usize;

/// Most values in one pickle. A large model has some tens of thousands; a one-byte opcode costs fifty bytes here.
pub(super) const MAX_VALUES: usize = 1 << 20;

#[derive(Debug)]
pub(super) enum Value<'a> {
    None,
    Bool,
    Float,
    Int(i128),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Callable(Callable),
    Storage(Storage<'a>),
    Tensor(Storage<'a>, View),
    /// A tensor whose numbers need the scales that lie beside them.
    Quantised,
    /// A Python object that is none of the above. Nothing is known of it.
    Opaque,
}

/// All names that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    /// `OrderedDict`, or the built-in one.
    Dict,
    /// Its first argument makes the values that are missing.
    DefaultDict,
    RebuildTensor,
    RebuildQuantised,
    /// A parameter is its first argument, a tensor.
    RebuildParameter,
    /// A tensor of a class of its own: a function, its class, the function's arguments and more.
    RebuildFromType,
    /// `torch.FloatStorage` and the like: never called, only named.
    Storage(Element),
}

impl Callable {
    pub fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => Self::Dict,
            ("collections", "defaultdict") => Self::DefaultDict,
            // The first is of PyTorch before 0.4.
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_qtensor") => Self::RebuildQuantised,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", "HalfStorage") => Self::Storage(Element::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Element::BF16),
            ("torch", "FloatStorage") => Self::Storage(Element::F32),
            ("torch", "DoubleStorage") => Self::Storage(Element::F64),
            ("torch", "IntStorage") => Self::Storage(Element::I32),
            ("torch", "LongStorage") => Self::Storage(Element::I64),
            ("torch", "ShortStorage") => Self::Storage(Element::I16),
            ("torch", "CharStorage") => Self::Storage(Element::I8),
            ("torch", "ByteStorage") => Self::Storage(Element::U8),
            ("torch", "BoolStorage") => Self::Storage(Element::Bool),
            ("torch", "QInt8Storage" | "QUInt8Storage") => Self::Storage(Element::Quantised8),
            ("torch", "QInt32Storage") => Self::Storage(Element::Quantised32),
            ("torch", "ComplexFloatStorage") => Self::Storage(Element::Complex64),
            ("torch", "ComplexDoubleStorage") => Self::Storage(Element::Complex128),
            _ => return None,
        })
    }
}

/// Numbers that are elsewhere in the file, under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    pub element: Element,
    pub key: &'a str,
    /// Number of elements.
    pub len: usize,
}

/// The values of one pickle.
pub(super) struct Pickle<'a> {
    pub values: Vec<Value<'a>>,
    pub root: Id,
    /// The first name that means nothing here, and its place in the input.
    pub foreign: Option<(usize, String)>,
    /// Where in the input it ends.
    pub end: usize,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle that starts at `at`.
    pub fn read(bytes: &'a [u8], at: usize) -> Result<Self, WeightsError> {
        Machine::new(bytes, at).run()
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }

    pub fn root_value(&self) -> &Value<'a> {
        self.get(self.root)
    }

    /// Every storage that was named, in the order of the pickle.
    pub fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.values.iter().filter_map(|value| if let Value::Storage(storage) = value { Some(storage) } else { None })
    }
}
