use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::ops::Range;
use std::path::Path;

use memmap2::MmapMut;

use crate::class_weights::InitialWeights;
use crate::head::part;
use crate::{Error, Result};

const BYTES: usize = size_of::<f32>();

/// Class weights and momenta in a file that is mapped into memory, for more identities than memory holds. Row by row little-endian
/// `f32`: weights, then momenta, so that a row of 512 dimensions is a page of 4096 bytes.
///
/// The file starts sparse: a row whose weights are all 0 has not been drawn yet and has its initial value. So a head for any number of
/// identities starts at once and takes as much of the disk as classes have taken part. It is the head's own: a run writes checkpoints
/// beside it, which hold every row, and starts anew from them, which fills the file. A disk that fills up under the map ends the process by a signal (SIGBUS).
#[derive(Debug)]
pub(crate) struct WeightFile {
    map: MmapMut,
    /// Keeps the lock.
    _file: File,
    dim: usize,
    initial: InitialWeights,
    /// Class of the first row.
    first: u64,
}

/// What of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Weight,
    Momentum,
}

impl WeightFile {
    /// A fresh file of a row for each of some classes. One of that very size is emptied: it is what an earlier run left.
    ///
    /// # Errors
    ///
    /// [`Error::WeightFile`] where it cannot be made, is in use, or is something else.
    pub(crate) fn create(
        path: &Path,
        classes: Range<u64>,
        dim: usize,
        initial: InitialWeights,
    ) -> Result<Self> {
        let rows = classes.end - classes.start;
        let failed = |problem: String| Error::WeightFile {
            path: path.to_owned(),
            problem,
        };
        let io = |error: std::io::Error| failed(format!("cannot be made: {error}"));
        let length = (rows.checked_mul(2 * (dim * BYTES) as u64))
            .filter(|&length| usize::try_from(length).is_ok())
            .ok_or_else(|| failed(format!("would be too large with {rows} rows")))?;
        let file = (File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false))
        .open(path)
        .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(
                    "is in use by another head: name another file".into(),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let found = file.metadata().map_err(io)?.len();
        if found != 0 && found != length {
            return Err(failed(format!(
                "has {found} bytes, not the {length} of {rows} rows, and may be something else: remove it or name another"
            )));
        }
        file.set_len(0).map_err(io)?;
        file.set_len(length).map_err(io)?;
        Ok(Self {
            map: map(&file).map_err(io)?,
            _file: file,
            dim,
            initial,
            first: classes.start,
        })
    }

    /// Weights or momenta of some rows, one after another.
    pub(crate) fn gather(&self, rows: &[u64], half: Half) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * self.dim];
        for (&row, values) in rows.iter().zip(values.chunks_exact_mut(self.dim)) {
            self.read(row, half, values);
        }
        values
    }

    /// Puts weights or momenta in the place of those of some rows.
    pub(crate) fn assign(&mut self, rows: &[u64], half: Half, values: &[f32]) {
        for (&row, values) in rows.iter().zip(values.chunks_exact(self.dim)) {
            self.write(row, half, values);
        }
    }

    /// Writes all weights or momenta as a part of the head's state, those not drawn yet with their initial values.
    ///
    /// # Errors
    ///
    /// [`Error::Part`].
    pub(crate) fn write_part(&self, part: &str, half: Half, to: &mut dyn Write) -> Result<()> {
        let mut values = vec![0.0; self.dim];
        let mut bytes = vec![0; self.dim * BYTES];
        for row in 0..self.rows() {
            self.read(row, half, &mut values);
            encode(&values, &mut bytes);
            to.write_all(&bytes)
                .map_err(|error| part::failed(part, "written", error))?;
        }
        Ok(())
    }

    /// Reads all weights or momenta.
    ///
    /// # Errors
    ///
    /// [`Error::Part`]: the file then holds some of the rows.
    pub(crate) fn read_part(&mut self, part: &str, half: Half, from: &mut dyn Read) -> Result<()> {
        for row in 0..self.rows() {
            let place = self.place(row, half);
            from.read_exact(&mut self.map[place])
                .map_err(|error| part::failed(part, "read", error))?;
        }
        part::finished(part, from)
    }

    pub(crate) fn row_bytes(&self) -> u64 {
        (self.dim * BYTES) as u64
    }

    fn rows(&self) -> u64 {
        (self.map.len() / (2 * self.dim * BYTES)) as u64
    }

    fn place(&self, row: u64, half: Half) -> std::ops::Range<usize> {
        let length = self.dim * BYTES;
        let start = 2 * length * row as usize
            + match half {
                Half::Weight => 0,
                Half::Momentum => length,
            };
        start..start + length
    }

    fn read(&self, row: u64, half: Half, values: &mut [f32]) {
        let bytes = &self.map[self.place(row, half)];
        if half == Half::Weight && bytes.iter().all(|&byte| byte == 0) {
            return self.initial.draw(self.first + row, values);
        }
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }

    fn write(&mut self, row: u64, half: Half, values: &[f32]) {
        let place = self.place(row, half);
        encode(values, &mut self.map[place]);
    }
}

fn encode(values: &[f32], bytes: &mut [u8]) {
    for (value, bytes) in values.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = value.to_le_bytes();
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<MmapMut> {
    // SAFETY: the file is locked for this head, which keeps the file open for as long as the map lives, so no other head shortens or
    // writes it. Another program that ignores the lock can make wrong numbers; if it cuts the file off, the process ends.
    let map = unsafe { MmapMut::map_mut(file)? };
    // Rows are looked at in no order: reading ahead would only fill memory. Advice may be refused without harm.
    #[cfg(unix)]
    let _ = map.advise(memmap2::Advice::Random);
    Ok(map)
}
