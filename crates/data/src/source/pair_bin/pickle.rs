//! The part of Python's pickle language that pair files need.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use crate::read_at::ReadAt;
use crate::{Error, Result};

/// Operations that a file may have: 4 Mi, enough for 170,000 images as numpy arrays. What is kept of a file grows with them alone.
const MAX_OPERATIONS: u64 = 1 << 22;
/// Bytes of a name or of a short string that is looked at.
const MAX_NAME_BYTES: u64 = 64;

/// A string or bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) coding: Coding,
}

/// How a string lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As bytes.
    Raw,
    /// As UTF-8.
    Text,
    /// As UTF-8 of which each character stands for a byte: how protocol 2 holds Python 3's bytes.
    Latin1,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    None,
    Bool(bool),
    Int(i64),
    Blob(Blob),
    /// Number of a list.
    List(usize),
    /// Number of a tuple.
    Tuple(usize),
    /// Number of a numpy array.
    Array(usize),
    Global(Global),
    ElementType(ElementType),
}

/// The functions and classes that may be named. None of them is called: what they would make is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Global {
    /// `_codecs.encode`.
    Encode,
    /// `numpy.core.multiarray._reconstruct`.
    Reconstruct,
    /// `numpy.core.multiarray.scalar`.
    Scalar,
    /// `numpy.core.numeric._frombuffer`.
    FromBuffer,
    /// `numpy.ndarray`.
    Array,
    /// `numpy.dtype`.
    ElementType,
}

/// The numpy types that may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementType {
    Byte,
    Bool,
}

/// A machine with a stack, as pickle has it.
pub(super) struct Unpickler<'a> {
    /// For looks at single places.
    file: &'a ReadAt,
    /// At the next operation.
    reader: BufReader<File>,
    offset: u64,
    stack: Vec<Value>,
    /// Heights of the stack at its marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    lists: Vec<Vec<Value>>,
    tuples: Vec<Vec<Value>>,
    arrays: Vec<Option<Blob>>,
}

/// What is wrong with the present operation.
type Refused<T> = std::result::Result<T, String>;

impl<'a> Unpickler<'a> {
    pub(super) fn new(file: &'a ReadAt) -> Result<Self> {
        let path = file.path();
        Ok(Self {
            file,
            reader: BufReader::new(File::open(path).map_err(Error::io("open", path))?),
            offset: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            lists: Vec::new(),
            tuples: Vec::new(),
            arrays: Vec::new(),
        })
    }

    /// The images and the flags of the pairs.
    pub(super) fn pairs(mut self) -> Result<(Vec<Blob>, Vec<bool>)> {
        let path = self.file.path();
        let refused = |opcode: u8, offset: u64, problem: String| {
            let name = match opcode.is_ascii_graphic() {
                true => format!("0x{opcode:02x} (`{}`)", char::from(opcode)),
                false => format!("0x{opcode:02x}"),
            };
            Error::record(
                path,
                format!("pickle opcode {name} at byte {offset}"),
                problem,
            )
        };
        for _ in 0..MAX_OPERATIONS {
            let offset = self.offset;
            let opcode = self.byte().map_err(|problem| {
                Error::record(path, format!("pickle at byte {offset}"), problem)
            })?;
            if offset == 0 && opcode != 0x80 {
                let problem = "expected a pickle of protocol 2 or later, which begins with 0x80";
                return Err(refused(opcode, offset, problem.into()));
            }
            if opcode == b'.' {
                return self
                    .result()
                    .map_err(|problem| refused(opcode, offset, problem));
            }
            self.operate(opcode)
                .map_err(|problem| refused(opcode, offset, problem))?;
        }
        Err(Error::format(
            path,
            format!("a pickle of more than {MAX_OPERATIONS} operations"),
        ))
    }

    fn operate(&mut self, opcode: u8) -> Refused<()> {
        match opcode {
            // PROTO
            0x80 => match self.byte()? {
                2..=5 => {}
                other => return Err(format!("protocol {other}, expected 2 to 5")),
            },
            // FRAME
            0x95 => {
                self.u64()?;
            }
            // NONE, NEWTRUE, NEWFALSE
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            // BININT1, BININT2, BININT
            b'K' => {
                let value = self.byte()?;
                self.stack.push(Value::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(value.into()));
            }
            // SHORT_BINSTRING, SHORT_BINBYTES
            b'U' | b'C' => {
                let bytes = self.byte()?.into();
                self.blob(bytes, Coding::Raw)?;
            }
            // BINSTRING has a sign, BINBYTES has none: a length with it is beyond the file in any case or fits.
            b'T' | b'B' => {
                let bytes = self.u32()?.into();
                self.blob(bytes, Coding::Raw)?;
            }
            // BINBYTES8, BYTEARRAY8
            0x8e | 0x96 => {
                let bytes = self.u64()?;
                self.blob(bytes, Coding::Raw)?;
            }
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            0x8c => {
                let bytes = self.byte()?.into();
                self.blob(bytes, Coding::Text)?;
            }
            b'X' => {
                let bytes = self.u32()?.into();
                self.blob(bytes, Coding::Text)?;
            }
            0x8d => {
                let bytes = self.u64()?;
                self.blob(bytes, Coding::Text)?;
            }
            // EMPTY_LIST
            b']' => {
                self.stack.push(Value::List(self.lists.len()));
                self.lists.push(Vec::new());
            }
            // MARK
            b'(' => self.marks.push(self.stack.len()),
            // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
            b')' => self.tuple(Vec::new()),
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode - 0x84))?;
                self.tuple(items);
            }
            b't' => {
                let items = self.pop_mark()?;
                self.tuple(items);
            }
            // APPEND, APPENDS
            b'a' => {
                let items = self.pop_many(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            // BINPUT, LONG_BINPUT, MEMOIZE
            b'q' => {
                let key = self.byte()?.into();
                self.remember(key)?;
            }
            b'r' => {
                let key = self.u32()?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            // BINGET, LONG_BINGET
            b'h' => {
                let key = self.byte()?.into();
                self.recall(key)?;
            }
            b'j' => {
                let key = self.u32()?;
                self.recall(key)?;
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let items = self.pop_many(2)?;
                let (module, name) = (self.text(items[0])?, self.text(items[1])?);
                self.global(&module, &name)?;
            }
            // REDUCE, BUILD
            b'R' => {
                let items = self.pop_many(2)?;
                let made = self.reduce(items[0], items[1])?;
                self.stack.push(made);
            }
            b'b' => {
                let state = self.pop_many(1)?[0];
                self.build(state)?;
            }
            _ => return Err("pair files need no such operation, so it is refused".into()),
        }
        Ok(())
    }

    /// What `function` would make of its arguments.
    fn reduce(&mut self, function: Value, arguments: Value) -> Refused<Value> {
        let arguments = self.few_items(arguments)?;
        match (function, &arguments[..]) {
            (Value::Global(Global::Encode), &[Value::Blob(text), coding])
                if text.coding == Coding::Text && is_latin1(&self.text(coding)?) =>
            {
                Ok(Value::Blob(Blob {
                    coding: Coding::Latin1,
                    ..text
                }))
            }
            (Value::Global(Global::Reconstruct), [Value::Global(Global::Array), _, _]) => {
                self.arrays.push(None);
                Ok(Value::Array(self.arrays.len() - 1))
            }
            (
                Value::Global(Global::FromBuffer),
                &[
                    Value::Blob(bytes),
                    Value::ElementType(ElementType::Byte),
                    shape,
                    _,
                ],
            ) => {
                self.check_shape(shape, bytes)?;
                self.arrays.push(Some(bytes));
                Ok(Value::Array(self.arrays.len() - 1))
            }
            (
                Value::Global(Global::Scalar),
                &[Value::ElementType(ElementType::Bool), Value::Blob(bytes)],
            ) => match &self.short(bytes)?[..] {
                [value @ (0 | 1)] => Ok(Value::Bool(*value == 1)),
                _ => Err("a numpy bool that is neither".into()),
            },
            (Value::Global(Global::ElementType), &[name, ..]) => match &self.text(name)?[..] {
                "u1" => Ok(Value::ElementType(ElementType::Byte)),
                "b1" => Ok(Value::ElementType(ElementType::Bool)),
                other => Err(format!("numpy's type `{other}`, expected u1 or b1")),
            },
            (Value::Global(function), _) => Err(format!("{function:?} of unexpected arguments")),
            _ => Err("what is to be called is not a function".into()),
        }
    }

    /// Gives the value on top of the stack its state.
    fn build(&mut self, state: Value) -> Refused<()> {
        let state = self.few_items(state)?;
        match (self.stack.last(), &state[..]) {
            // Byte order and the like: single bytes have none.
            (Some(Value::ElementType(_)), _) => Ok(()),
            (
                Some(&Value::Array(array)),
                &[
                    _,
                    shape,
                    Value::ElementType(ElementType::Byte),
                    _,
                    Value::Blob(bytes),
                ],
            ) if bytes.coding != Coding::Text => {
                self.check_shape(shape, bytes)?;
                self.arrays[array] = Some(bytes);
                Ok(())
            }
            _ => Err("state that is not that of a numpy array of bytes".into()),
        }
    }

    /// An encoded image has one dimension; pixels would have three.
    fn check_shape(&self, shape: Value, bytes: Blob) -> Refused<()> {
        let least = match bytes.coding {
            Coding::Raw => bytes.bytes,
            // One or two bytes a character.
            _ => bytes.bytes.div_ceil(2),
        };
        match self.items(shape)? {
            &[Value::Int(length)]
                if u64::try_from(length)
                    .is_ok_and(|length| (least..=bytes.bytes).contains(&length)) =>
            {
                Ok(())
            }
            [Value::Int(_)] => Err("a numpy array whose length is not that of its bytes".into()),
            _ => Err("a numpy array that is not of one dimension".into()),
        }
    }

    fn result(&mut self) -> Refused<(Vec<Blob>, Vec<bool>)> {
        let pair = self.pop_many(1)?[0];
        let (images, flags) = match self.items(pair)? {
            &[Value::List(images), Value::List(flags)] => (&self.lists[images], &self.lists[flags]),
            _ => return Err("expected a tuple of two lists".into()),
        };
        let image =
            |(number, value): (usize, &Value)| {
                let bytes = match *value {
                    Value::Blob(bytes) => Some(bytes),
                    Value::Array(array) => self.arrays[array],
                    _ => None,
                };
                bytes.filter(|bytes| bytes.coding != Coding::Text).ok_or_else(|| {
                format!("image {number} of the first list is neither bytes nor an array of bytes")
            })
            };
        let flag = |(number, value): (usize, &Value)| match *value {
            Value::Bool(same) => Ok(same),
            Value::Int(same @ (0 | 1)) => Ok(same == 1),
            _ => Err(format!("flag {number} of the second list is not a bool")),
        };
        let images = images
            .iter()
            .enumerate()
            .map(image)
            .collect::<Refused<_>>()?;
        let flags = flags.iter().enumerate().map(flag).collect::<Refused<_>>()?;
        Ok((images, flags))
    }

    fn global(&mut self, module: &str, name: &str) -> Refused<()> {
        // numpy 2 has moved its core.
        let module = module.replacen("numpy._core.", "numpy.core.", 1);
        let global = match (&module[..], name) {
            ("_codecs", "encode") => Global::Encode,
            ("numpy.core.multiarray", "_reconstruct") => Global::Reconstruct,
            ("numpy.core.multiarray", "scalar") => Global::Scalar,
            ("numpy.core.numeric", "_frombuffer") => Global::FromBuffer,
            ("numpy", "ndarray") => Global::Array,
            ("numpy", "dtype") => Global::ElementType,
            _ => {
                return Err(format!(
                    "it names `{}.{}`, which pair files do not need, so it is refused",
                    module.escape_default(),
                    name.escape_default()
                ));
            }
        };
        self.stack.push(Value::Global(global));
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Value>) {
        self.stack.push(Value::Tuple(self.tuples.len()));
        self.tuples.push(items);
    }

    fn append(&mut self, items: Vec<Value>) -> Refused<()> {
        match self.stack.last() {
            Some(&Value::List(list))
                if self
                    .marks
                    .last()
                    .is_none_or(|&mark| mark < self.stack.len()) =>
            {
                self.lists[list].extend(items);
                Ok(())
            }
            _ => Err("there is no list to append to".into()),
        }
    }

    fn remember(&mut self, key: u32) -> Refused<()> {
        let value = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Refused<()> {
        let value = self.memo.get(&key).ok_or("nothing was put there")?;
        self.stack.push(*value);
        Ok(())
    }

    /// The last values, which must lie above the last mark.
    fn pop_many(&mut self, count: usize) -> Refused<Vec<Value>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(count);
        match start.filter(|&start| start >= floor) {
            Some(start) => Ok(self.stack.split_off(start)),
            None => Err(EMPTY.into()),
        }
    }

    /// The values above the last mark, which goes too.
    fn pop_mark(&mut self) -> Refused<Vec<Value>> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn items(&self, value: Value) -> Refused<&[Value]> {
        match value {
            Value::Tuple(tuple) => Ok(&self.tuples[tuple]),
            _ => Err("expected a tuple".into()),
        }
    }

    /// The items of a tuple that is copied: not at any length, for a file can ask for it again and again.
    fn few_items(&self, value: Value) -> Refused<Vec<Value>> {
        let items = self.items(value)?;
        if items.len() > 16 {
            return Err(format!("a tuple of {} values", items.len()));
        }
        Ok(items.to_vec())
    }

    /// A short string.
    fn text(&self, value: Value) -> Refused<String> {
        let Value::Blob(blob) = value else {
            return Err("expected a string".into());
        };
        String::from_utf8(self.short(blob)?).map_err(|_| "a name is not valid UTF-8".into())
    }

    fn short(&self, blob: Blob) -> Refused<Vec<u8>> {
        if blob.bytes > MAX_NAME_BYTES {
            return Err(format!("a name of {} bytes", blob.bytes));
        }
        let mut bytes = vec![0; blob.bytes as usize];
        self.file
            .read(blob.offset, &mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Pushes the next bytes, and passes over them.
    fn blob(&mut self, bytes: u64, coding: Coding) -> Refused<()> {
        let left = self.file.len().saturating_sub(self.offset);
        if bytes > left {
            return Err(format!(
                "{bytes} bytes shall follow, but only {left} are left"
            ));
        }
        let skip = i64::try_from(bytes).map_err(|error| error.to_string())?;
        self.reader
            .seek_relative(skip)
            .map_err(|error| error.to_string())?;
        let offset = self.offset;
        self.offset += bytes;
        self.stack.push(Value::Blob(Blob {
            offset,
            bytes,
            coding,
        }));
        Ok(())
    }

    fn line(&mut self) -> Refused<String> {
        let mut line = Vec::new();
        (&mut self.reader)
            .take(MAX_NAME_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        self.offset += line.len() as u64;
        match line.pop() {
            Some(b'\n') => {
                String::from_utf8(line).map_err(|_| "a name is not valid UTF-8".to_owned())
            }
            _ => Err("a name without an end".into()),
        }
    }

    fn array<const N: usize>(&mut self) -> Refused<[u8; N]> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => "the file is cut off".to_owned(),
                _ => error.to_string(),
            })?;
        self.offset += N as u64;
        Ok(bytes)
    }

    fn byte(&mut self) -> Refused<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Refused<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Refused<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}

const EMPTY: &str = "too few values on the stack";

/// Python's names of the coding.
fn is_latin1(name: &str) -> bool {
    ["latin1", "latin-1", "iso-8859-1"].contains(&name)
}
