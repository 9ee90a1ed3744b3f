use super::WeightsError;
use super::element::View;
use super::pickle::{Callable, Id, Storage, Value};
use super::pickle_machine::Machine;

impl<'a> Machine<'a> {
    pub fn global(&mut self) -> Result<(), WeightsError> {
        let (module, name) = (self.line()?, self.line()?);
        let refused = || WeightsError::Refused { at: self.opcode_at, global: shortened(module, name) };
        let callable = Callable::named(module, name).ok_or_else(refused)?;
        self.push(Value::Callable(callable));
        Ok(())
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
            _ => return Err(self.damaged("a persistent id that is not a storage")),
        };
        let len = usize::try_from(len).map_err(|_| self.damaged(format!("a storage of {len} elements")))?;
        self.push(Value::Storage(Storage { element, key, len }));
        Ok(())
    }

    pub fn call(&mut self) -> Result<(), WeightsError> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Callable(callable), Value::Tuple(arguments)) = (&self.values[callee], &self.values[arguments])
        else {
            return Err(self.damaged("a call of something that is not a function"));
        };
        let made = match callable {
            Callable::OrderedDict => self.ordered_dict(arguments)?,
            Callable::RebuildTensor => self.tensor(arguments)?,
            Callable::Storage(_) => return Err(self.unsupported("a storage inside the pickle")),
        };
        self.push(made);
        Ok(())
    }

    /// An empty dict, or a dict from a list of pairs, as Python 2 wrote it.
    fn ordered_dict(&self, arguments: &[Id]) -> Result<Value<'a>, WeightsError> {
        let pairs = match arguments {
            [] => return Ok(Value::Dict(Vec::new())),
            &[pairs] => &self.values[pairs],
            _ => return Err(self.damaged("an OrderedDict of several arguments")),
        };
        let Value::List(pairs) = pairs else {
            return Err(self.damaged("an OrderedDict of something that is not a list"));
        };
        let mut items = Vec::new();
        for &pair in pairs {
            let (Value::List(pair) | Value::Tuple(pair)) = &self.values[pair] else {
                return Err(self.damaged("an entry of an OrderedDict that is not a pair"));
            };
            let &[key, value] = &pair[..] else {
                return Err(self.damaged("an entry of an OrderedDict that is not a pair"));
            };
            items.push((key, value));
        }
        Ok(Value::Dict(items))
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks)`, in newer versions also metadata.
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

    /// `torch` attaches the versions of modules to the dict as `_metadata`, which nothing needs here.
    pub fn build(&mut self) -> Result<(), WeightsError> {
        let state = self.pop()?;
        let target = self.top()?;
        let (Value::Dict(_), Value::Dict(attributes)) = (&self.values[target], &self.values[state]) else {
            return Err(self.damaged("attributes of something that is not an OrderedDict"));
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
