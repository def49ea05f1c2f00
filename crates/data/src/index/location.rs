use crate::{Error, Result};

/// Bytes of a location in the index.
pub(crate) const LOCATION_BYTES: usize = 12;

/// Where an image's record is: a span of bytes in one of the source's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Number of the file within the source.
    pub file: u16,
    /// First byte of the record, below 2^48.
    pub offset: u64,
    /// Bytes of the record.
    pub length: u32,
}

impl Location {
    /// # Errors
    /// If a number does not fit: 65,536 files, 2^48 bytes in a file, 2^32 bytes in a record.
    pub fn new(file: usize, offset: u64, length: u64) -> Result<Self> {
        let fit = |setting, value: u64, limit: u64, expected| {
            if value < limit {
                return Ok(value);
            }
            Err(Error::Setting {
                setting,
                value: value.to_string(),
                expected,
            })
        };
        Ok(Self {
            file: fit("number of a file", file as u64, 1 << 16, "below 65,536")? as u16,
            offset: fit("offset of a record", offset, 1 << 48, "below 2^48")?,
            length: fit("length of a record", length, 1 << 32, "below 2^32")? as u32,
        })
    }

    /// File and offset share a word.
    pub(crate) fn to_bytes(self) -> [u8; LOCATION_BYTES] {
        let mut bytes = [0; LOCATION_BYTES];
        bytes[..6].copy_from_slice(&self.offset.to_le_bytes()[..6]);
        bytes[6..8].copy_from_slice(&self.file.to_le_bytes());
        bytes[8..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; LOCATION_BYTES]) -> Self {
        let [o0, o1, o2, o3, o4, o5, f0, f1, l0, l1, l2, l3] = bytes;
        Self {
            file: u16::from_le_bytes([f0, f1]),
            offset: u64::from_le_bytes([o0, o1, o2, o3, o4, o5, 0, 0]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let location = Location::new(0xfedc, 0xffee_ddcc_bbaa, 0x8765_4321).unwrap();
        assert_eq!(Location::from_bytes(location.to_bytes()), location);
        assert!(Location::new(1 << 16, 0, 0).is_err());
        assert!(Location::new(0, 1 << 48, 0).is_err());
        assert!(Location::new(0, 0, 1 << 32).is_err());
    }
}
