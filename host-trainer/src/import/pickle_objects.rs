use super::WeightsError;
use super::element::View;
use super::pickle::{Callable, Id, Storage, Value};
use super::pickle_machine::Machine;

/// Types of Python that hold no tensors by name.
const PLAIN: [&str; 12] =
    ["list", "set", "frozenset", "tuple", "int", "float", "complex", "bool", "str", "bytes", "bytearray", "slice"];

impl<'a> Machine<'a> {
    pub fn global(&mut self) -> Result<(), WeightsError> {
        let (module, name) = (self.line()?, self.line()?);
        self.named(module, name);
        Ok(())
    }

    /// As [`Machine::global`], with both names on the stack.
    pub fn stack_global(&mut self) -> Result<(), WeightsError> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name]) else {
            return Err(self.damaged("a name that is not text"));
        };
        let (module, name) = (*module, *name);
        self.named(module, name);
        Ok(())
    }

    fn named(&mut self, module: &'a str, name: &'a str) {
        let value = match Callable::named(module, name) {
            Some(callable) => Value::Callable(callable),
            // Types such as `list`, from which nobody expects weights.
            None if matches!(module, "builtins" | "__builtin__") && PLAIN.contains(&name) => Value::Opaque,
            None => {
                if self.foreign.is_none() {
                    self.foreign = Some((self.opcode_at, shortened(module, name)));
                }
                Value::Opaque
            }
        };
        self.push(value);
    }

    /// `('storage', torch.FloatStorage, key, location, number of elements)`, and in the old format a view into another
    /// storage, which only PyTorch before 0.4 wrote.
    pub fn storage(&mut self) -> Result<(), WeightsError> {
        let id = self.pop()?;
        let Value::Tuple(items) = &self.values[id] else {
            return Err(self.damaged("a persistent id that is not a tuple"));
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
            [_, Value::Opaque, ..] => return Err(self.unsupported("a tensor of an unknown type of numbers")),
            _ => return Err(self.damaged("a persistent id that is not a storage")),
        };
        let len = usize::try_from(len).map_err(|_| self.damaged(format!("a storage of {len} elements")))?;
        self.push(Value::Storage(Storage { element, key, len }));
        Ok(())
    }

    pub fn call(&mut self) -> Result<(), WeightsError> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        self.call_with(callee, arguments)
    }

    fn call_with(&mut self, callee: Id, arguments: Id) -> Result<(), WeightsError> {
        let (callable, arguments) = match (&self.values[callee], &self.values[arguments]) {
            // The object that would be made is as unknown as its class.
            (Value::Opaque, _) => {
                self.push(Value::Opaque);
                return Ok(());
            }
            (Value::Callable(callable), Value::Tuple(arguments)) => (*callable, arguments),
            _ => return Err(self.damaged("a call of something that is not a function")),
        };
        let made = match callable {
            Callable::Dict => return self.dict(arguments.clone()),
            Callable::DefaultDict => return self.dict(arguments.iter().skip(1).copied().collect()),
            Callable::RebuildQuantised => Value::Quantised,
            Callable::RebuildTensor => self.tensor(arguments)?,
            Callable::RebuildParameter => {
                let &tensor = arguments.first().ok_or_else(|| self.damaged("a parameter without its tensor"))?;
                self.push_again(tensor);
                return Ok(());
            }
            // Only ordinary tensors are made so, not by another call of this kind.
            Callable::RebuildFromType => match arguments[..] {
                [function, _, inner, ..] => match (&self.values[function], &self.values[inner]) {
                    (Value::Callable(Callable::RebuildTensor), Value::Tuple(inner)) => self.tensor(inner)?,
                    (Value::Callable(Callable::RebuildQuantised), _) => Value::Quantised,
                    _ => Value::Opaque,
                },
                _ => return Err(self.damaged("a tensor without its function")),
            },
            Callable::Storage(_) => return Err(self.unsupported("a storage inside the pickle")),
        };
        self.push(made);
        Ok(())
    }

    /// An empty dict, a copy of one, or a dict from a list of pairs, as Python 2 wrote it. Nothing is copied: a hostile
    /// file would ask for a thousand copies.
    fn dict(&mut self, arguments: Vec<Id>) -> Result<(), WeightsError> {
        let from = match arguments[..] {
            [] => {
                self.push(Value::Dict(Vec::new()));
                return Ok(());
            }
            [from] => from,
            _ => return Err(self.damaged("a dict of several arguments")),
        };
        let pairs = match &mut self.values[from] {
            Value::Dict(_) => {
                self.push_again(from);
                return Ok(());
            }
            Value::List(pairs) => std::mem::take(pairs),
            _ => return Err(self.damaged("a dict of something that is not a list")),
        };
        let mut items = Vec::new();
        for pair in pairs {
            let (Value::List(pair) | Value::Tuple(pair)) = &self.values[pair] else {
                return Err(self.damaged("an entry of a dict that is not a pair"));
            };
            let &[key, value] = &pair[..] else {
                return Err(self.damaged("an entry of a dict that is not a pair"));
            };
            items.push((key, value));
        }
        self.push(Value::Dict(items));
        Ok(())
    }

    /// `(storage, offset, shape, strides)`; then `requires_grad, hooks`, and in newer versions metadata.
    fn tensor(&self, arguments: &[Id]) -> Result<Value<'a>, WeightsError> {
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

    fn size(&self, id: Id) -> Result<usize, WeightsError> {
        let size = if let Value::Int(size) = self.values[id] { usize::try_from(size).ok() } else { None };
        size.ok_or_else(|| self.damaged(format!("{:?} where a tensor's size belongs", self.values[id])))
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, WeightsError> {
        let Value::Tuple(sizes) = &self.values[id] else {
            return Err(self.damaged("a tensor whose sizes are not a tuple"));
        };
        sizes.iter().map(|&size| self.size(size)).collect()
    }

    /// Attributes: `torch` attaches the versions of modules to a state dict, and other objects are made of them.
    /// Nothing here needs any.
    pub fn build(&mut self) -> Result<(), WeightsError> {
        self.pop()?;
        match self.values[self.top()?] {
            Value::Dict(_) | Value::Opaque | Value::Tensor(..) | Value::Quantised => Ok(()),
            _ => Err(self.damaged("attributes of a value that has none")),
        }
    }
}

/// A hostile name may be megabytes long, or control the terminal.
fn shortened(module: &str, name: &str) -> String {
    let full = format!("{module}.{name}");
    let shown: String = full.chars().take(80).flat_map(char::escape_default).collect();
    if full.chars().count() > 80 { format!("{shown}...") } else { shown }
}
