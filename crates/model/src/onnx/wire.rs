//! Fields of [protocol buffers](https://protobuf.dev/programming-guides/encoding/) as they are read.

/// What is wrong with a message.
pub(super) type Problem = String;

/// The fields of a message, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// A field's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
    Float(f32),
    Double,
}

impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], Problem> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(format!("expected bytes, found {other:?}")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.bytes()?).map_err(|error| error.to_string())
    }

    pub(super) fn integer(self) -> Result<u64, Problem> {
        match self {
            Self::Integer(value) => Ok(value),
            other => Err(format!("expected an integer, found {other:?}")),
        }
    }

    /// One integer, or a packed list of them.
    pub(super) fn integers(self, into: &mut Vec<u64>) -> Result<(), Problem> {
        match self {
            Self::Integer(value) => into.push(value),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    into.push(varint(&mut bytes)?);
                }
            }
            other => return Err(format!("expected integers, found {other:?}")),
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Field<'a>), Problem> {
        let key = varint(&mut self.0)?;
        let field = match key & 7 {
            0 => Field::Integer(varint(&mut self.0)?),
            1 => {
                self.take(8)?;
                Field::Double
            }
            2 => {
                let length = varint(&mut self.0)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Field::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Field::Float(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            kind => return Err(format!("a field of the unknown kind {kind}")),
        };
        Ok((key >> 3, field))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = (self.0.split_at_checked(length)).ok_or("it is cut off or damaged")?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Result<u64, Problem> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first().ok_or("it is cut off or damaged")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number of more than ten bytes: it is damaged".into())
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::Message;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Message::new().integer(1, u64::MAX).text(2, "testing");
        let bytes = Message::new()
            .message(3, inner)
            .float(20, -0.5)
            .bytes(4, &[0x96, 0x01, 0x05])
            .into_bytes();
        let fields: Vec<_> = Fields(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(
            fields.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [3, 20, 4]
        );
        let inner: Vec<_> = Fields(fields[0].1.bytes().unwrap())
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(inner[0].1.integer().unwrap(), u64::MAX);
        assert_eq!(inner[1].1.text().unwrap(), "testing");
        assert!(matches!(fields[1].1, Field::Float(-0.5)));
        let mut list = Vec::new();
        fields[2].1.integers(&mut list).unwrap();
        assert_eq!(list, [150, 5]);
        for end in 1..bytes.len() {
            let cut: Result<Vec<_>, _> = Fields(&bytes[..end]).collect();
            let is_whole = end == 2 + fields[0].1.bytes().unwrap().len();
            assert!(cut.is_err() || is_whole || end == bytes.len() - 5, "{end}");
        }
    }
}
