use std::io::{Read, Write};

use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::head::part;
use crate::upload::indices;
use crate::{Error, Result};

/// What rows held before a step lent them to identities that own others.
#[derive(Debug)]
pub(super) struct LentRows {
    /// In ascending order, at least one.
    numbers: Vec<u32>,
    /// `[numbers.len(), dim]`.
    contents: Tensor<2>,
}

impl LentRows {
    /// None where no rows are lent.
    pub(super) fn of(rows: &Tensor<2>, numbers: Vec<u32>) -> Option<Self> {
        if numbers.is_empty() {
            return None;
        }
        let contents = rows.clone().select(0, indices(&numbers, &rows.device()));
        Some(Self { numbers, contents })
    }

    /// `rows`, `[V, dim]`, with the old contents.
    pub(super) fn put_back(&self, rows: Tensor<2>) -> Tensor<2> {
        let numbers = indices(&self.numbers, &rows.device());
        rows.select_assign(0, numbers, self.contents.clone(), IndexingUpdateOp::Assign)
    }

    /// The number of rows and their numbers as little-endian `u32`, then their contents. No rows where none are lent.
    pub(super) fn write(lent: Option<&Self>, part: &str, to: &mut dyn Write) -> Result<()> {
        let numbers = lent.map_or(&[][..], |lent| &lent.numbers);
        let bytes: Vec<u8> = ([numbers.len() as u32].iter().chain(numbers))
            .flat_map(|number| number.to_le_bytes())
            .collect();
        to.write_all(&bytes)
            .map_err(|error| part::failed(part, "written", error))?;
        match lent {
            Some(lent) => part::write_matrix(part, &lent.contents, to),
            None => Ok(()),
        }
    }

    /// What [`write`](Self::write) wrote, of rows like `rows`, `[V, dim]`.
    pub(super) fn read(rows: &Tensor<2>, part: &str, from: &mut dyn Read) -> Result<Option<Self>> {
        let [count, dim] = rows.dims();
        let mut number = || -> Result<u32> {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes)
                .map_err(|error| part::failed(part, "read", error))?;
            Ok(u32::from_le_bytes(bytes))
        };
        let lent = number()? as usize;
        let damaged = || Error::Part {
            part: part.to_owned(),
            problem: format!("does not name some of {count} rows in ascending order"),
        };
        if lent > count {
            return Err(damaged());
        }
        let numbers = (0..lent).map(|_| number()).collect::<Result<Vec<_>>>()?;
        let in_order = numbers.is_sorted_by(|a, b| a < b);
        if !in_order || numbers.last().is_some_and(|&last| last as usize >= count) {
            return Err(damaged());
        }
        if numbers.is_empty() {
            part::finished(part, from)?;
            return Ok(None);
        }
        let mut contents = Tensor::zeros([lent, dim], &rows.device());
        part::read_matrix(part, &mut contents, from)?;
        Ok(Some(Self { numbers, contents }))
    }
}
