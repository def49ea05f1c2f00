//! Parts of a head's state as streams of bytes: matrices row by row, little-endian `f32`, of which a few rows are held at a time.

use std::io::{Read, Write};

use burn::tensor::{DType, Tensor, TensorData};

use crate::{Error, Result};

/// Bytes that are held at once.
const BUFFER_BYTES: usize = 8 << 20;

/// Writes a matrix `[rows, columns]`, read back from the device some rows at a time.
///
/// # Errors
///
/// [`Error::Part`] where it cannot be written; [`Error::Device`].
pub fn write_matrix(part: &str, matrix: &Tensor<2>, to: &mut dyn Write) -> Result<()> {
    let [rows, columns] = matrix.dims();
    let step = rows_at_once(columns);
    for first in (0..rows).step_by(step) {
        let some = matrix.clone().slice_dim(0, first..rows.min(first + step));
        let values = some
            .inner()
            .cast(DType::F32)
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Device(error.to_string()))?;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        to.write_all(&bytes)
            .map_err(|error| failed(part, "written", error))?;
    }
    Ok(())
}

/// Reads a matrix of the shape of `matrix` in its place.
///
/// # Errors
///
/// [`Error::Part`] where it cannot be read or has another size: `matrix` then holds some of the rows.
pub fn read_matrix(part: &str, matrix: &mut Tensor<2>, from: &mut dyn Read) -> Result<()> {
    let [rows, columns] = matrix.dims();
    let device = matrix.device();
    let step = rows_at_once(columns);
    let mut bytes = Vec::new();
    for first in (0..rows).step_by(step) {
        let end = rows.min(first + step);
        bytes.resize((end - first) * columns * size_of::<f32>(), 0);
        from.read_exact(&mut bytes)
            .map_err(|error| failed(part, "read", error))?;
        let values: Vec<f32> = bytes
            .chunks_exact(size_of::<f32>())
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let some = TensorData::new(values, [end - first, columns]);
        let some = Tensor::<2>::from_data(some, &device).cast(matrix.dtype());
        matrix.inplace(|matrix| matrix.slice_assign([first..end, 0..columns], some));
    }
    finished(part, from)
}

/// Checks that nothing follows.
///
/// # Errors
///
/// [`Error::Part`].
pub fn finished(part: &str, from: &mut dyn Read) -> Result<()> {
    match from.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::Part {
            part: part.to_owned(),
            problem: "is larger than the settings say".into(),
        }),
        Err(error) => Err(failed(part, "read", error)),
    }
}

/// A part that the head does not have.
pub(crate) fn unknown(part: &str) -> Error {
    Error::Part {
        part: part.to_owned(),
        problem: "is no part of this head".into(),
    }
}

pub(crate) fn failed(part: &str, action: &str, error: std::io::Error) -> Error {
    Error::Part {
        part: part.to_owned(),
        problem: format!("cannot be {action}: {error}"),
    }
}

fn rows_at_once(columns: usize) -> usize {
    (BUFFER_BYTES / size_of::<f32>() / columns.max(1)).max(1)
}
