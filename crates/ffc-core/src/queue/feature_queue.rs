use std::io::{Read, Write};

use burn::tensor::{Device, Tensor};

use crate::head::part;
use crate::{Error, Result};

/// Features of unit length with their identities, first in first out.
#[derive(Debug)]
pub(super) struct FeatureQueue {
    /// `[entries, dim]`.
    features: Tensor<2>,
    /// The identities of the entries that were written, from 0 on.
    identities: Vec<u64>,
    /// The entry that is written next.
    next: usize,
    /// Whether entries that were never written can be seen.
    open: bool,
}

impl FeatureQueue {
    /// A queue whose entries are hidden until they are written.
    pub(super) fn empty(entries: usize, dim: usize, device: &Device) -> Self {
        Self {
            open: false,
            ..Self::open(Tensor::zeros([entries, dim], device))
        }
    }

    /// A queue that holds the rows of `features`, `[entries, dim]`, of no identity until they are overwritten.
    pub(super) fn open(features: Tensor<2>) -> Self {
        Self {
            features,
            identities: Vec::new(),
            next: 0,
            open: true,
        }
    }

    pub(super) fn features(&self) -> &Tensor<2> {
        &self.features
    }

    pub(super) fn identities(&self) -> &[u64] {
        &self.identities
    }

    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.features.dims()[0]
    }

    pub(super) fn dim(&self) -> usize {
        self.features.dims()[1]
    }

    /// Number of entries, from 0 on, that can be seen.
    pub(super) fn visible(&self) -> usize {
        if self.open {
            self.len()
        } else {
            self.identities.len()
        }
    }

    /// Writes `keys`, `[rows, dim]`, over the oldest entries. The rows divide the entries, so they never run over the end.
    pub(super) fn enter(&mut self, keys: Tensor<2>, identities: &[u64]) {
        let places = self.next..self.next + identities.len();
        let columns = 0..self.dim();
        (self.features).inplace(|features| features.slice_assign([places.clone(), columns], keys));
        if self.identities.len() < places.end {
            self.identities.extend(identities);
        } else {
            self.identities[places.clone()].copy_from_slice(identities);
        }
        self.next = places.end % self.len();
    }

    pub(super) fn write_features(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        part::write_matrix(part, &self.features, to)
    }

    pub(super) fn read_features(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        let mut features = self.features.clone();
        part::read_matrix(part, &mut features, from)?;
        self.features = features;
        Ok(())
    }

    /// As little-endian `u64`: the entry that is written next, the number of written entries, and their identities.
    pub(super) fn write_identities(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        let head = [self.next as u64, self.identities.len() as u64];
        let bytes: Vec<u8> = (head.iter().chain(&self.identities))
            .flat_map(|number| number.to_le_bytes())
            .collect();
        to.write_all(&bytes)
            .map_err(|error| part::failed(part, "written", error))
    }

    /// `batch` keys enter at once.
    pub(super) fn read_identities(
        &mut self,
        part: &str,
        batch: usize,
        from: &mut dyn Read,
    ) -> Result<()> {
        let mut number = || -> Result<u64> {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)
                .map_err(|error| part::failed(part, "read", error))?;
            Ok(u64::from_le_bytes(bytes))
        };
        let damaged = |problem: String| Error::Part {
            part: part.to_owned(),
            problem,
        };
        let (next, written) = (number()?, number()?);
        let entries = self.len() as u64;
        let in_order = next == written || (written == entries && next < entries);
        if written > entries || !in_order {
            return Err(damaged(format!(
                "has {written} entries and writes {next} next, which is not of a queue of {entries}"
            )));
        }
        if !next.is_multiple_of(batch as u64) {
            return Err(damaged(format!(
                "writes entry {next} next, which is not of batches of {batch} identities"
            )));
        }
        let identities = (0..written).map(|_| number()).collect::<Result<Vec<_>>>()?;
        part::finished(part, from)?;
        self.identities = identities;
        self.next = next as usize % self.len();
        Ok(())
    }
}
