use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{DType, Tensor};

use super::Rows;
use crate::collective::{Collective, matrices};
use crate::head::part;
use crate::softmax::PartialSoftmax;
use crate::upload::{column, indices};
use crate::{Error, HeadContext, Result, setting};

/// Bytes that a rank gives at once when a part of the head is written.
const BLOCK: usize = 8 << 20;

/// No row of this shard.
pub(crate) const ELSEWHERE: u32 = u32::MAX;

/// The classes of which a rank has the weights: all, or one of as many consecutive parts as there are ranks.
///
/// Of the softmax over all classes a rank knows its own part; the largest logit, the sum and the targets' weights are found by all together, as in Partial FC (arXiv:2203.15565,
/// section 3.1). All ranks have the same embeddings, so that each has the whole gradient by them, and that by its own weights.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    /// None where all classes are here.
    ranks: Option<Arc<dyn Collective>>,
    classes: Range<u64>,
    /// N.
    identities: u64,
}

impl Shard {
    /// # Errors
    ///
    /// [`Error::Setting`] where there are fewer identities than ranks.
    pub(crate) fn new(context: &HeadContext, sharded: bool) -> Result<Self> {
        let identities = context.identities;
        let ranks = context
            .ranks
            .as_ref()
            .filter(|ranks| sharded && ranks.ranks() > 1);
        let Some(ranks) = ranks else {
            return Ok(Self {
                ranks: None,
                classes: 0..identities,
                identities,
            });
        };
        let (rank, count) = (ranks.rank() as u64, ranks.ranks() as u64);
        let expected = "false where there are fewer identities than ranks";
        setting::check(identities >= count, "sharded", true, expected)?;
        // No product that could overflow.
        let begin = |rank: u64| identities / count * rank + identities % count * rank / count;
        Ok(Self {
            ranks: Some(ranks.clone()),
            classes: begin(rank)..begin(rank + 1),
            identities,
        })
    }

    /// The classes that are here.
    pub(crate) fn classes(&self) -> Range<u64> {
        self.classes.clone()
    }

    /// How many these are.
    pub(crate) fn len(&self) -> u64 {
        self.classes.end - self.classes.start
    }

    /// N, here and elsewhere.
    pub(crate) fn identities(&self) -> u64 {
        self.identities
    }

    pub(crate) fn is_part(&self) -> bool {
        self.ranks.is_some()
    }

    /// The rows of classes among those that are here, [`ELSEWHERE`] for the others.
    pub(crate) fn rows(&self, classes: &[u64]) -> Vec<u32> {
        let row = |class: &u64| match self.classes.contains(class) {
            true => (class - self.classes.start) as u32,
            false => ELSEWHERE,
        };
        classes.iter().map(row).collect()
    }

    /// The raw weights of each embedding's class, `[rows, dim]` in f32, wherever they are. `rows` is none where none of this shard takes part.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn targets(
        &self,
        labels: &[u32],
        rows: Option<&Rows>,
        like: &Tensor<2>,
    ) -> Result<Tensor<2>> {
        let device = like.device();
        let Some(ranks) = &self.ranks else {
            let rows = rows.map(|rows| rows.weight.clone().select(0, indices(labels, &device)));
            return Ok(rows.map_or_else(|| like.zeros_like(), |rows| rows.cast(DType::F32)));
        };
        let here: Vec<f32> = (labels.iter())
            .map(|&label| f32::from(label != ELSEWHERE))
            .collect();
        let own = match rows {
            None => like.zeros_like(),
            Some(rows) => {
                let labels: Vec<u32> = (labels.iter())
                    .map(|&label| if label == ELSEWHERE { 0 } else { label })
                    .collect();
                let own = rows.weight.clone().select(0, indices(&labels, &device));
                own.cast(DType::F32) * column(here, &device)
            }
        };
        // All but one of the numbers that are added are 0.
        matrices::sum(own, &**ranks)
    }

    /// The softmax over the classes of all shards from that over this one's.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn merge(&self, own: PartialSoftmax) -> Result<PartialSoftmax> {
        let Some(ranks) = &self.ranks else {
            return Ok(own);
        };
        matrices::merged(own, &**ranks)
    }

    /// Writes this rank's rows of a matrix as [`write`](Self::write) does.
    ///
    /// # Errors
    ///
    /// As [`part::write_matrix`]; where a rank fails.
    pub(crate) fn write_rows(
        &self,
        part: &str,
        rows: &Tensor<2>,
        to: &mut dyn Write,
    ) -> Result<()> {
        self.write(part, to, |to| part::write_matrix(part, rows, to))
    }

    /// Reads this rank's rows of a matrix as [`read`](Self::read) does.
    ///
    /// # Errors
    ///
    /// As [`part::read_matrix`].
    pub(crate) fn read_rows(
        &self,
        part: &str,
        rows: &mut Tensor<2>,
        from: &mut dyn Read,
    ) -> Result<()> {
        let row_bytes = (rows.dims()[1] * size_of::<f32>()) as u64;
        self.read(part, row_bytes, from, |from| {
            part::read_matrix(part, rows, from)
        })
    }

    /// Writes a matrix of a row for each class, of which every rank writes its own: all call this at once, and all write the whole.
    ///
    /// # Errors
    ///
    /// As `own`; where a rank fails.
    pub(crate) fn write(
        &self,
        part: &str,
        to: &mut dyn Write,
        own: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let Some(ranks) = &self.ranks else {
            return own(to);
        };
        let mut own = Some(own);
        for rank in 0..ranks.ranks() {
            let mut turn = Turn {
                ranks: &**ranks,
                to: &mut *to,
                block: Vec::new(),
            };
            match own.take_if(|_| rank == ranks.rank()) {
                Some(own) => {
                    own(&mut turn)?;
                    turn.end()
                }
                None => turn.listen(rank),
            }
            .map_err(|error| part::failed(part, "written", error))?;
        }
        Ok(())
    }

    /// Reads this rank's rows of such a matrix, of `row_bytes` each.
    ///
    /// # Errors
    ///
    /// As `own`, which reads to the end of what it is given; where there is less.
    pub(crate) fn read(
        &self,
        part: &str,
        row_bytes: u64,
        from: &mut dyn Read,
        own: impl FnOnce(&mut dyn Read) -> Result<()>,
    ) -> Result<()> {
        if self.ranks.is_none() {
            return own(from);
        }
        let Range { start, end } = self.classes;
        let skip = |from: &mut dyn Read, rows: u64| {
            let bytes = rows * row_bytes;
            match std::io::copy(&mut from.take(bytes), &mut std::io::sink()) {
                Ok(found) if found == bytes => Ok(()),
                Ok(_) => Err(Error::Part {
                    part: part.to_owned(),
                    problem: "is smaller than the settings say".into(),
                }),
                Err(error) => Err(part::failed(part, "read", error)),
            }
        };
        skip(from, start)?;
        own(&mut (&mut *from).take((end - start) * row_bytes))?;
        skip(from, self.identities - end)?;
        part::finished(part, from)
    }
}

/// A rank's turn to write, which all write down.
struct Turn<'a> {
    ranks: &'a dyn Collective,
    to: &'a mut dyn Write,
    block: Vec<u8>,
}

impl Turn<'_> {
    /// Gives what has gathered to all.
    fn give(&mut self) -> std::io::Result<()> {
        let mut block = std::mem::take(&mut self.block);
        self.ranks
            .broadcast(self.ranks.rank(), &mut block)
            .map_err(std::io::Error::other)?;
        self.to.write_all(&block)
    }

    /// What is left, and then nothing, which is the end.
    fn end(mut self) -> std::io::Result<()> {
        if !self.block.is_empty() {
            self.give()?;
        }
        self.give()
    }

    /// Writes what another rank gives.
    fn listen(self, rank: usize) -> std::io::Result<()> {
        loop {
            let mut block = Vec::new();
            self.ranks
                .broadcast(rank, &mut block)
                .map_err(std::io::Error::other)?;
            if block.is_empty() {
                return Ok(());
            }
            self.to.write_all(&block)?;
        }
    }
}

impl Write for Turn<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK {
            self.give()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
