use super::WeightsError;
use super::pickle::{Id, MAX_VALUES, Pickle, Value};
use std::collections::BTreeMap;

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Position of the opcode that runs now, for messages.
    pub opcode_at: usize,
    pub values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a MARK was set.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
    /// The first name that means nothing here, and its place.
    pub foreign: Option<(usize, String)>,
}

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        let (values, stack) = (Vec::new(), Vec::new());
        Self { bytes, at, opcode_at: at, values, stack, marks: Vec::new(), memo: BTreeMap::new(), foreign: None }
    }

    pub fn run(mut self) -> Result<Pickle<'a>, WeightsError> {
        loop {
            self.opcode_at = self.at;
            if self.values.len() + self.stack.len() + self.marks.len() > MAX_VALUES {
                return Err(self.unsupported(format!("a pickle of more than {MAX_VALUES} values")));
            }
            let opcode = self.byte()?;
            if opcode == b'.' {
                let root = self.pop()?;
                return Ok(Pickle { values: self.values, root, foreign: self.foreign, end: self.at });
            }
            self.execute(opcode)?;
        }
    }

    /// One opcode; the comments are its names in Python's `pickletools`.
    fn execute(&mut self, opcode: u8) -> Result<(), WeightsError> {
        match opcode {
            0x80 => self.protocol()?,                                                       // PROTO
            b'(' => self.marks.push(self.stack.len()),                                      // MARK
            b'N' => self.push(Value::None),                                                 // NONE
            0x88 | 0x89 => self.push(Value::Bool),                                          // NEWTRUE, NEWFALSE
            b'J' => self.int(|bytes: [u8; 4]| i32::from_le_bytes(bytes).into())?,           // BININT
            b'K' => self.int(|[byte]: [u8; 1]| byte.into())?,                               // BININT1
            b'M' => self.int(|bytes: [u8; 2]| u16::from_le_bytes(bytes).into())?,           // BININT2
            0x8a => self.long(|[len]: [u8; 1]| len.into())?,                                // LONG1
            0x8b => self.long(|bytes: [u8; 4]| u32::from_le_bytes(bytes) as usize)?,        // LONG4
            b'G' => self.float()?,                                                          // BINFLOAT: a loss, say
            b'X' | b'T' => self.text(|bytes: [u8; 4]| u32::from_le_bytes(bytes) as usize)?, // BINUNICODE, BINSTRING
            b'U' => self.text(|[len]: [u8; 1]| len.into())?,                                // SHORT_BINSTRING
            0x8c..=0x97 | b'B' | b'C' | b'1' => self.execute_newer(opcode)?,
            b'}' => self.push(Value::Dict(Vec::new())),  // EMPTY_DICT
            b']' => self.push(Value::List(Vec::new())),  // EMPTY_LIST
            b')' => self.push(Value::Tuple(Vec::new())), // EMPTY_TUPLE
            b't' => self.tuple_to_mark()?,               // TUPLE
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?, // TUPLE1, TUPLE2, TUPLE3
            b'l' => self.list_to_mark()?,                // LIST
            b'd' => self.dict_to_mark()?,                // DICT
            b'0' => drop(self.pop()?),                   // POP
            b'2' => self.duplicate()?,                   // DUP
            b'a' => self.append()?,                      // APPEND
            b'e' => self.append_to_mark()?,              // APPENDS
            b's' => self.set_item()?,                    // SETITEM
            b'u' => self.set_items_to_mark()?,           // SETITEMS
            b'q' => self.remember(|[slot]: [u8; 1]| slot.into())?, // BINPUT
            b'r' => self.remember(u32::from_le_bytes)?,  // LONG_BINPUT
            b'h' => self.recall(|[slot]: [u8; 1]| slot.into())?, // BINGET
            b'j' => self.recall(u32::from_le_bytes)?,    // LONG_BINGET
            b'c' => self.global()?,                      // GLOBAL
            b'Q' => self.storage()?,                     // BINPERSID
            b'R' | 0x81 => self.call()?,                 // REDUCE, NEWOBJ
            b'b' => self.build()?,                       // BUILD
            other => return Err(self.unsupported(format!("pickle opcode {other:#04x}"))),
        }
        Ok(())
    }

    fn protocol(&mut self) -> Result<(), WeightsError> {
        match self.byte()? {
            2..=5 => Ok(()),
            other => Err(self.unsupported(format!("pickle protocol {other}, not one from 2 to 5"))),
        }
    }

    /// Opcodes of the protocols 3, 4 and 5, and one of the first that only they use.
    fn execute_newer(&mut self, opcode: u8) -> Result<(), WeightsError> {
        match opcode {
            b'B' => self.bytes(|bytes: [u8; 4]| u32::from_le_bytes(bytes).into())?, // BINBYTES
            b'C' => self.bytes(|[len]: [u8; 1]| len.into())?,                       // SHORT_BINBYTES
            b'1' => drop(self.pop_to_mark()?),                                      // POP_MARK
            0x8c => self.text(|[len]: [u8; 1]| len.into())?,                        // SHORT_BINUNICODE
            0x8d => self.text(|bytes| usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX))?, // BINUNICODE8
            0x8e | 0x96 => self.bytes(u64::from_le_bytes)?,                         // BINBYTES8, BYTEARRAY8
            0x8f => self.push(Value::Opaque),                                       // EMPTY_SET
            0x90 => self.add_to_set()?,                                             // ADDITEMS
            0x91 => self.frozen_set()?,                                             // FROZENSET
            0x92 => self.call_with_keywords()?,                                     // NEWOBJ_EX
            0x93 => self.stack_global()?,                                           // STACK_GLOBAL
            0x94 => self.memoize()?,                                                // MEMOIZE
            0x95 => drop(self.array::<8>()?),                                       // FRAME: a hint for readers
            other => return Err(self.unsupported(format!("pickle opcode {other:#04x}"))),
        }
        Ok(())
    }

    /// Bytes behind their length: nothing here needs any.
    fn bytes<const N: usize>(&mut self, len: impl FnOnce([u8; N]) -> u64) -> Result<(), WeightsError> {
        let len = len(self.array()?);
        self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        self.push(Value::Opaque);
        Ok(())
    }

    fn add_to_set(&mut self) -> Result<(), WeightsError> {
        self.pop_to_mark()?;
        match self.values[self.top()?] {
            Value::Opaque => Ok(()),
            _ => Err(self.damaged("an item for something that is not a set")),
        }
    }

    fn frozen_set(&mut self) -> Result<(), WeightsError> {
        self.pop_to_mark()?;
        self.push(Value::Opaque);
        Ok(())
    }

    fn call_with_keywords(&mut self) -> Result<(), WeightsError> {
        self.pop()?;
        self.call()
    }

    fn memoize(&mut self) -> Result<(), WeightsError> {
        let slot = u32::try_from(self.memo.len()).map_err(|_| self.damaged("too many values"))?;
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    pub fn damaged(&self, what: impl Into<String>) -> WeightsError {
        WeightsError::Damaged { at: self.opcode_at, what: what.into() }
    }

    pub fn unsupported(&self, what: impl Into<String>) -> WeightsError {
        WeightsError::Unsupported { at: self.opcode_at, what: what.into() }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WeightsError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| self.damaged("the pickle ends too early"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, WeightsError> {
        Ok(self.array::<1>()?[0])
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, WeightsError> {
        std::str::from_utf8(bytes).map_err(|_| self.damaged("text that is not UTF-8"))
    }

    pub fn line(&mut self) -> Result<&'a str, WeightsError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|&byte| byte == b'\n');
        let len = len.ok_or_else(|| self.damaged("the pickle ends too early"))?;
        let line = self.take(len + 1)?;
        self.utf8(&line[..len])
    }

    pub fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    pub fn pop(&mut self) -> Result<Id, WeightsError> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > bottom { self.stack.pop() } else { None };
        top.ok_or_else(|| self.damaged("a pickle opcode without its operand"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, WeightsError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a pickle opcode without its mark"))?;
        Ok(self.stack.split_off(mark))
    }

    pub fn top(&self) -> Result<Id, WeightsError> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > bottom { self.stack.last() } else { None };
        top.copied().ok_or_else(|| self.damaged("a pickle opcode without its operand"))
    }

    fn int<const N: usize>(&mut self, number: impl FnOnce([u8; N]) -> i128) -> Result<(), WeightsError> {
        let number = number(self.array()?);
        self.push(Value::Int(number));
        Ok(())
    }

    fn float(&mut self) -> Result<(), WeightsError> {
        self.array::<8>()?;
        self.push(Value::Float);
        Ok(())
    }

    /// A number of any length behind its length. One that no size of a tensor can be is nothing here.
    fn long<const N: usize>(&mut self, len: impl FnOnce([u8; N]) -> usize) -> Result<(), WeightsError> {
        let len = len(self.array()?);
        let digits = self.take(len)?;
        if digits.len() > 16 {
            self.push(Value::Opaque);
            return Ok(());
        }
        // Little-endian two's complement of any length.
        let negative = digits.last().is_some_and(|&byte| byte >= 0x80);
        let mut all = [if negative { 0xff } else { 0 }; 16];
        all[..digits.len()].copy_from_slice(digits);
        self.push(Value::Int(i128::from_le_bytes(all)));
        Ok(())
    }

    /// Text behind its length.
    fn text<const N: usize>(&mut self, len: impl FnOnce([u8; N]) -> usize) -> Result<(), WeightsError> {
        let len = len(self.array()?);
        let bytes = self.take(len)?;
        let text = self.utf8(bytes)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn extend_list(&mut self, new: &[Id]) -> Result<(), WeightsError> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::List(items) => items.extend(new),
            Value::Opaque => {}
            _ => return Err(self.damaged("an item for something that is not a list")),
        }
        Ok(())
    }

    fn extend_dict(&mut self, new: &[Id]) -> Result<(), WeightsError> {
        let dict = self.top()?;
        if matches!(self.values[dict], Value::Opaque) {
            return Ok(());
        }
        let (Value::Dict(items), true) = (&mut self.values[dict], new.len().is_multiple_of(2)) else {
            return Err(self.damaged("an entry for something that is not a dict"));
        };
        items.extend(new.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn tuple_to_mark(&mut self) -> Result<(), WeightsError> {
        let items = self.pop_to_mark()?;
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn tuple(&mut self, len: usize) -> Result<(), WeightsError> {
        let mut items = (0..len).map(|_| self.pop()).collect::<Result<Vec<Id>, _>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn list_to_mark(&mut self) -> Result<(), WeightsError> {
        let items = self.pop_to_mark()?;
        self.push(Value::List(items));
        Ok(())
    }

    fn dict_to_mark(&mut self) -> Result<(), WeightsError> {
        let items = self.pop_to_mark()?;
        self.push(Value::Dict(Vec::new()));
        self.extend_dict(&items)
    }

    fn duplicate(&mut self) -> Result<(), WeightsError> {
        let top = self.top()?;
        self.stack.push(top);
        Ok(())
    }

    /// Puts a value on the stack that is there already.
    pub fn push_again(&mut self, id: Id) {
        self.stack.push(id);
    }

    fn append(&mut self) -> Result<(), WeightsError> {
        let item = self.pop()?;
        self.extend_list(&[item])
    }

    fn append_to_mark(&mut self) -> Result<(), WeightsError> {
        let items = self.pop_to_mark()?;
        self.extend_list(&items)
    }

    fn set_item(&mut self) -> Result<(), WeightsError> {
        let value = self.pop()?;
        let key = self.pop()?;
        self.extend_dict(&[key, value])
    }

    fn set_items_to_mark(&mut self) -> Result<(), WeightsError> {
        let items = self.pop_to_mark()?;
        self.extend_dict(&items)
    }

    fn remember<const N: usize>(&mut self, slot: impl FnOnce([u8; N]) -> u32) -> Result<(), WeightsError> {
        let slot = slot(self.array()?);
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall<const N: usize>(&mut self, slot: impl FnOnce([u8; N]) -> u32) -> Result<(), WeightsError> {
        let slot = slot(self.array()?);
        let id = self.memo.get(&slot).copied();
        let id = id.ok_or_else(|| self.damaged(format!("pickle memo {slot} is read before it is set")))?;
        self.stack.push(id);
        Ok(())
    }
}
