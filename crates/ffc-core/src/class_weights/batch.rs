use burn::tensor::Tensor;

use super::{Outcome, check_labels};
use crate::embeddings::{Matrix, UnitRows};
use crate::head::with_gradient;
use crate::{EmbeddingBatch, Embeddings, Result};

/// A step's embeddings, checked.
pub(crate) struct Batch {
    /// As the caller gave them, `[rows, dim]`.
    embeddings: Tensor<2>,
    /// Outside any graph.
    pub(crate) probe: UnitRows,
    pub(crate) labels: Vec<u64>,
}

impl Batch {
    /// Checks all but the embeddings' values: nothing is read back from the device.
    ///
    /// # Errors
    ///
    /// Embeddings of a wrong shape, and [`Error::UnknownIdentity`](crate::Error::UnknownIdentity).
    pub(crate) fn new(batch: EmbeddingBatch, dim: usize, identities: u64) -> Result<Self> {
        let EmbeddingBatch {
            probe,
            identities: labels,
            ..
        } = batch;
        let matrix = Matrix::new(Embeddings::Probe, probe.clone(), &labels, dim)?;
        check_labels(&labels, identities)?;
        Ok(Self {
            probe: UnitRows::unchecked(vec![matrix]),
            embeddings: probe,
            labels,
        })
    }

    /// The mean loss, with the gradient for its backward pass. No row's loss counts more than `most`; the gradient ignores that.
    pub(crate) fn loss(self, outcome: Outcome, most: Option<f32>) -> Tensor<1> {
        let losses = match most {
            Some(most) => outcome.losses.clamp_max(most),
            None => outcome.losses,
        };
        let gradient = self.probe.backward(outcome.gradient);
        with_gradient(losses.mean(), [(self.embeddings, gradient)])
    }
}
