//! The part of Python's pickle format (protocol 2) that `torch.save` writes.
//!
//! A pickle is a program for a stack machine, and Python's own machine can call anything. This one knows the opcodes
//! that a state dict needs, makes plain values, and refuses every name but those of [`Callable`].

use super::SourceProblem;
use super::element::{Element, View};
use std::collections::BTreeMap;

/// Index of a value in [`Pickle`]. Values refer to each other by index, so that a hostile file can neither nest them
/// deep enough to overflow the stack when they are dropped nor multiply them by sharing.
pub(super) type Id = usize;

/// Most values in one pickle: a large model has some tens of thousands, and one-byte opcodes cost fifty bytes each here.
const MAX_VALUES: usize = 1 << 20;

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
}

/// All names that a file may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    OrderedDict,
    RebuildTensor,
    /// `torch.FloatStorage` and the like: never called, only named.
    Storage(Element),
}

impl Callable {
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch", "HalfStorage") => Self::Storage(Element::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Element::BF16),
            ("torch", "FloatStorage") => Self::Storage(Element::F32),
            ("torch", "DoubleStorage") => Self::Storage(Element::F64),
            ("torch", "IntStorage") => Self::Storage(Element::I32),
            ("torch", "LongStorage") => Self::Storage(Element::I64),
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

/// What one pickle made.
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
    /// Where in the input it ends.
    pub end: usize,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle that starts at `at`.
    pub fn read(bytes: &'a [u8], at: usize) -> Result<Self, SourceProblem> {
        let (values, stack) = (Vec::new(), Vec::new());
        Machine { bytes, at, opcode_at: at, values, stack, marks: Vec::new(), memo: BTreeMap::new() }.run()
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }

    pub fn root(&self) -> &Value<'a> {
        self.get(self.root)
    }

    /// Every storage that was named, in the order of the pickle.
    pub fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.values.iter().filter_map(|value| if let Value::Storage(storage) = value { Some(storage) } else { None })
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the opcode that runs now is, for messages.
    opcode_at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a MARK was set.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Opcodes by their names in Python's `pickletools`.
    fn run(mut self) -> Result<Pickle<'a>, SourceProblem> {
        loop {
            self.opcode_at = self.at;
            if self.values.len() + self.stack.len() + self.marks.len() > MAX_VALUES {
                return Err(self.unsupported(format!("a pickle of more than {MAX_VALUES} values")));
            }
            match self.byte()? {
                0x80 => match self.byte()? {
                    2 => {}
                    other => return Err(self.unsupported(format!("pickle protocol {other}, not PyTorch's default 2"))),
                },
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle { values: self.values, root, end: self.at });
                }
                b'(' => self.marks.push(self.stack.len()), // MARK
                b'N' => self.push(Value::None),
                0x88 | 0x89 => self.push(Value::Bool), // NEWTRUE, NEWFALSE
                b'J' => {
                    let number = i32::from_le_bytes(self.array()?); // BININT
                    self.push(Value::Int(number.into()));
                }
                b'K' => {
                    let number = self.byte()?; // BININT1
                    self.push(Value::Int(number.into()));
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.array()?); // BININT2
                    self.push(Value::Int(number.into()));
                }
                0x8a => self.long()?, // LONG1
                b'G' => {
                    self.array::<8>()?; // BINFLOAT: an epoch's loss, say
                    self.push(Value::Float);
                }
                b'X' | b'T' => {
                    let len = u32::from_le_bytes(self.array()?); // BINUNICODE, BINSTRING (Python 2)
                    self.text(len as usize)?;
                }
                b'U' => {
                    let len = self.byte()?; // SHORT_BINSTRING (Python 2)
                    self.text(len.into())?;
                }
                b'}' => self.push(Value::Dict(Vec::new())),
                b']' => self.push(Value::List(Vec::new())),
                b')' => self.push(Value::Tuple(Vec::new())),
                b't' => {
                    let items = self.pop_to_mark()?; // TUPLE
                    self.push(Value::Tuple(items));
                }
                opcode @ 0x85..=0x87 => {
                    // TUPLE1, TUPLE2, TUPLE3
                    let mut items = Vec::new();
                    for _ in 0x85..=opcode {
                        items.push(self.pop()?);
                    }
                    items.reverse();
                    self.push(Value::Tuple(items));
                }
                b'a' => {
                    let item = self.pop()?; // APPEND
                    self.extend_list(&[item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?; // APPENDS
                    self.extend_list(&items)?;
                }
                b's' => {
                    let value = self.pop()?; // SETITEM
                    let key = self.pop()?;
                    self.extend_dict(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?; // SETITEMS
                    self.extend_dict(&items)?;
                }
                b'q' => {
                    let slot = self.byte()?; // BINPUT
                    self.remember(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?); // LONG_BINPUT
                    self.remember(slot)?;
                }
                b'h' => {
                    let slot = self.byte()?; // BINGET
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?); // LONG_BINGET
                    self.recall(slot)?;
                }
                b'c' => self.global()?,
                b'Q' => self.storage()?, // BINPERSID
                b'R' => self.call()?,    // REDUCE
                b'b' => self.build()?,
                other => return Err(self.unsupported(format!("pickle opcode {other:#04x}"))),
            }
        }
    }

    fn damaged(&self, what: impl Into<String>) -> SourceProblem {
        SourceProblem::Damaged { at: self.opcode_at, what: what.into() }
    }

    fn unsupported(&self, what: impl Into<String>) -> SourceProblem {
        SourceProblem::Unsupported { at: self.opcode_at, what: what.into() }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], SourceProblem> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| self.damaged("the pickle ends too early"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SourceProblem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, SourceProblem> {
        Ok(self.array::<1>()?[0])
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, SourceProblem> {
        std::str::from_utf8(bytes).map_err(|_| self.damaged("text that is no UTF-8"))
    }

    fn line(&mut self) -> Result<&'a str, SourceProblem> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|&byte| byte == b'\n');
        let len = len.ok_or_else(|| self.damaged("the pickle ends too early"))?;
        let line = self.take(len + 1)?;
        self.utf8(&line[..len])
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, SourceProblem> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > bottom { self.stack.pop() } else { None };
        top.ok_or_else(|| self.damaged("a pickle opcode without its operand"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, SourceProblem> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a pickle opcode without its mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id, SourceProblem> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > bottom { self.stack.last() } else { None };
        top.copied().ok_or_else(|| self.damaged("a pickle opcode without its operand"))
    }

    fn long(&mut self) -> Result<(), SourceProblem> {
        let len = self.byte()?;
        let digits = self.take(len.into())?;
        if digits.len() > 16 {
            return Err(self.unsupported(format!("a number of {len} bytes")));
        }
        // Little-endian two's complement of any length.
        let negative = digits.last().is_some_and(|&byte| byte >= 0x80);
        let mut all = [if negative { 0xff } else { 0 }; 16];
        all[..digits.len()].copy_from_slice(digits);
        self.push(Value::Int(i128::from_le_bytes(all)));
        Ok(())
    }

    fn text(&mut self, len: usize) -> Result<(), SourceProblem> {
        let bytes = self.take(len)?;
        let text = self.utf8(bytes)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn extend_list(&mut self, new: &[Id]) -> Result<(), SourceProblem> {
        let list = self.top()?;
        let Value::List(items) = &mut self.values[list] else {
            return Err(self.damaged("an item for something that is no list"));
        };
        items.extend(new);
        Ok(())
    }

    fn extend_dict(&mut self, new: &[Id]) -> Result<(), SourceProblem> {
        let dict = self.top()?;
        let (Value::Dict(items), true) = (&mut self.values[dict], new.len().is_multiple_of(2)) else {
            return Err(self.damaged("an entry for something that is no dict"));
        };
        items.extend(new.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), SourceProblem> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), SourceProblem> {
        let id = self.memo.get(&slot).copied();
        let id = id.ok_or_else(|| self.damaged(format!("pickle memo {slot} is read before it is set")))?;
        self.stack.push(id);
        Ok(())
    }

    fn global(&mut self) -> Result<(), SourceProblem> {
        let (module, name) = (self.line()?, self.line()?);
        let refused = || SourceProblem::Refused { at: self.opcode_at, global: shortened(module, name) };
        let callable = Callable::named(module, name).ok_or_else(refused)?;
        self.push(Value::Callable(callable));
        Ok(())
    }

    /// `('storage', torch.FloatStorage, key, location, number of elements)`, and in the old format a view into another
    /// storage, which only PyTorch before 0.4 wrote.
    fn storage(&mut self) -> Result<(), SourceProblem> {
        let id = self.pop()?;
        let Value::Tuple(items) = &self.values[id] else {
            return Err(self.damaged("a persistent id that is no tuple"));
        };
        let items: Vec<&Value<'a>> = items.iter().map(|&item| &self.values[item]).collect();
        let (element, key, len) = match items[..] {
            [
                Value::Text("storage"),
                Value::Callable(Callable::Storage(element)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(len),
            ]
            | [
                Value::Text("storage"),
                Value::Callable(Callable::Storage(element)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(len),
                Value::None,
            ] => (*element, *key, *len),
            [.., Value::Tuple(_)] => return Err(self.unsupported("a storage that is part of another one")),
            _ => return Err(self.damaged("a persistent id that is no storage")),
        };
        let len = usize::try_from(len).map_err(|_| self.damaged(format!("a storage of {len} elements")))?;
        self.push(Value::Storage(Storage { element, key, len }));
        Ok(())
    }

    fn call(&mut self) -> Result<(), SourceProblem> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Callable(callable), Value::Tuple(arguments)) = (&self.values[callee], &self.values[arguments])
        else {
            return Err(self.damaged("a call of something that is no function"));
        };
        let made = match callable {
            Callable::OrderedDict => self.ordered_dict(arguments)?,
            Callable::RebuildTensor => self.tensor(arguments)?,
            Callable::Storage(_) => return Err(self.unsupported("a storage inside the pickle")),
        };
        self.push(made);
        Ok(())
    }

    /// Empty, or as Python 2 wrote it: with a list of pairs.
    fn ordered_dict(&self, arguments: &[Id]) -> Result<Value<'a>, SourceProblem> {
        let pairs = match arguments {
            [] => return Ok(Value::Dict(Vec::new())),
            &[pairs] => &self.values[pairs],
            _ => return Err(self.damaged("an OrderedDict of several arguments")),
        };
        let Value::List(pairs) = pairs else {
            return Err(self.damaged("an OrderedDict of something that is no list"));
        };
        let mut items = Vec::new();
        for &pair in pairs {
            let (Value::List(pair) | Value::Tuple(pair)) = &self.values[pair] else {
                return Err(self.damaged("an entry of an OrderedDict that is no pair"));
            };
            let &[key, value] = &pair[..] else {
                return Err(self.damaged("an entry of an OrderedDict that is no pair"));
            };
            items.push((key, value));
        }
        Ok(Value::Dict(items))
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks)`, in newer versions also metadata.
    fn tensor(&self, arguments: &[Id]) -> Result<Value<'a>, SourceProblem> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err(self.damaged("a tensor without its sizes"));
        };
        let Value::Storage(storage) = self.values[*storage] else {
            return Err(self.damaged("a tensor without its storage"));
        };
        let view = View { shape: self.sizes(*shape)?, strides: self.sizes(*strides)?, offset: self.size(*offset)? };
        if view.shape.len() != view.strides.len() {
            return Err(self.damaged(format!(
                "a tensor with {} sizes and {} strides",
                view.shape.len(),
                view.strides.len()
            )));
        }
        Ok(Value::Tensor(storage, view))
    }

    fn size(&self, id: Id) -> Result<usize, SourceProblem> {
        let size = if let Value::Int(size) = self.values[id] { usize::try_from(size).ok() } else { None };
        size.ok_or_else(|| self.damaged(format!("{:?} where a tensor's size belongs", self.values[id])))
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, SourceProblem> {
        let Value::Tuple(sizes) = &self.values[id] else {
            return Err(self.damaged("a tensor whose sizes are no tuple"));
        };
        sizes.iter().map(|&size| self.size(size)).collect()
    }

    /// `torch` hangs the versions of modules on the dict as `_metadata`; nothing needs them here.
    fn build(&mut self) -> Result<(), SourceProblem> {
        let state = self.pop()?;
        let target = self.top()?;
        let (Value::Dict(_), Value::Dict(attributes)) = (&self.values[target], &self.values[state]) else {
            return Err(self.damaged("attributes of something that is no OrderedDict"));
        };
        for (name, _) in attributes {
            if !matches!(self.values[*name], Value::Text("_metadata")) {
                return Err(self.unsupported("an attribute of a dict other than `_metadata`"));
            }
        }
        Ok(())
    }
}

/// A hostile name may be megabytes long, or control the terminal.
fn shortened(module: &str, name: &str) -> String {
    let full = format!("{module}.{name}");
    let shown: String = full.chars().take(80).flat_map(char::escape_default).collect();
    if full.chars().count() > 80 { format!("{shown}...") } else { shown }
}
