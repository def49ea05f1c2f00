use std::fmt;
use std::io::{Result, Write};

use xxhash_rust::xxh3::Xxh3Default;

/// Counts and hashes what is written through it.
pub struct Hashed<W> {
    inner: W,
    bytes: u64,
    hash: Xxh3Default,
}

impl<W: Write> Hashed<W> {
    /// Nothing was written yet.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            bytes: 0,
            hash: Xxh3Default::new(),
        }
    }

    /// Number of bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// XXH3-64 of them.
    pub fn xxh3(&self) -> u64 {
        self.hash.digest()
    }

    /// The writer that has them.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }
}

impl<W: fmt::Debug> fmt::Debug for Hashed<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hashed")
            .field("inner", &self.inner)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
