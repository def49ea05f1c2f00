//! What stands on the networks and turns a step's embeddings into a loss.

mod bytes;
mod context;
mod embedding_batch;
mod leaf;
mod loss;
mod needs;
mod output;
pub mod part;

use std::any::Any;
use std::io::{Read, Write};

use burn::tensor::{Gradients, Tensor};

pub use bytes::HeadBytes;
pub use context::{HeadContext, StepContext};
pub use embedding_batch::{DualEmbeddings, EmbeddingBatch, HeadInput};
pub use leaf::leaf_like;
pub(crate) use loss::with_gradient;
pub use needs::{BatchForm, GallerySides, Needs};
pub use output::{HeadOutput, Quantity};

use crate::Result;

/// What stands on the networks and turns a step's embeddings into a loss: FFC ([`FfcHead`](crate::FfcHead)), or another way to
/// classify or to compare, so that one training loop serves them all.
///
/// A training asks a head what it [`needs`](Self::needs), gives it each step's embeddings, runs the loss backward, and lets it
/// [`learn`](Self::learn). Clipping by a global norm is the networks' alone, as the methods with trained class weights publish it.
///
/// `Any` is there so that a training can give back the head that it was given.
pub trait Head: Any + Send {
    /// What the training must bring.
    fn needs(&self) -> Needs;

    /// Names of the quantities that a step reports, in snake case: columns of metrics. Names that end in `_share` or `_fill` are
    /// of shares from 0 to 1. A training refuses names that it has itself, such as `loss`.
    fn quantities(&self) -> &'static [&'static str] {
        &[]
    }

    /// Computes the loss of a step and updates what the head keeps by itself: a memory of features, or weights whose gradient it
    /// knows in closed form.
    ///
    /// # Errors
    ///
    /// Bad input, with the head unchanged.
    fn step(&mut self, input: HeadInput, context: &StepContext) -> Result<HeadOutput>;

    /// Updates weights whose gradient came out of the loss's backward pass.
    ///
    /// # Errors
    ///
    /// Where the gradients do not fit.
    fn learn(&mut self, _gradients: &mut Gradients, _context: &StepContext) -> Result<()> {
        Ok(())
    }

    /// Tells the number of the group that each row of a batch, or of each of its sides, belongs to, from 0 on: the rows of a rank, which a network normalises by
    /// themselves. For heads that take means by groups.
    fn group_rows(&mut self, _of_row: &[u32]) {}

    /// Takes the gallery network's embeddings of identities before the first step, `[rows, dim]`: as many as
    /// [`Needs::prefill`] asks for, in several calls.
    ///
    /// # Errors
    ///
    /// Bad features, with the head unchanged.
    fn prefill(&mut self, _features: Tensor<2>, _identities: &[u64]) -> Result<()> {
        Ok(())
    }

    /// Names of the parts of its state, each a file of a checkpoint: letters, digits, `_`, `-` and `.`, with a letter or digit first. None
    /// where it has no state.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether each of several ranks holds another part of its state. Then all ranks write parts at once, and all write the whole. Others are
    /// the same on all ranks.
    fn is_sharded(&self) -> bool {
        false
    }

    /// Writes a part as a stream, so that a head larger than half the memory can be saved.
    ///
    /// # Errors
    ///
    /// [`Error::Part`](crate::Error::Part) where it cannot be written.
    fn write_part(&self, part: &str, _to: &mut dyn Write) -> Result<()> {
        Err(part::unknown(part))
    }

    /// Writes what all ranks have alike, for them to compare: all parts, without those of which each rank has another share.
    ///
    /// # Errors
    ///
    /// As [`write_part`](Self::write_part).
    fn write_common(&self, to: &mut dyn Write) -> Result<()> {
        for part in self.parts() {
            self.write_part(part, to)?;
        }
        Ok(())
    }

    /// Reads a part in place of what the head holds.
    ///
    /// # Errors
    ///
    /// [`Error::Part`](crate::Error::Part) where it cannot be read; where it is of a head with other settings, or damaged.
    fn read_part(&mut self, part: &str, _from: &mut dyn Read) -> Result<()> {
        Err(part::unknown(part))
    }
}
