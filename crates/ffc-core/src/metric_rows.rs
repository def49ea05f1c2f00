use burn::tensor::{DType, Tensor};

use crate::Result;
use crate::embeddings::{Matrix, UnitRows};
use crate::error::Embeddings;
use crate::head::EmbeddingBatch;

/// The embeddings of a batch that are compared with each other: at unit length, or as they came.
#[expect(clippy::large_enum_variant, reason = "made once a step")]
pub(crate) enum MetricRows {
    /// At unit length.
    Unit(UnitRows),
    /// As they came, `[rows, dim]`, outside any autodiff graph.
    Raw(Tensor<2>),
}

impl MetricRows {
    /// `dim` is the expected number of columns.
    pub(crate) fn new(batch: &EmbeddingBatch, dim: usize, normalize: bool) -> Result<Self> {
        let probe = batch.probe.clone();
        let matrix = Matrix::new(Embeddings::Probe, probe.clone(), &batch.identities, dim)?;
        Ok(match normalize {
            true => Self::Unit(UnitRows::unchecked(vec![matrix])),
            false => Self::Raw(probe.inner().cast(DType::F32)),
        })
    }

    /// What is compared, `[rows, dim]`.
    pub(crate) fn compared(&self) -> &Tensor<2> {
        match self {
            Self::Unit(rows) => &rows.unit,
            Self::Raw(rows) => rows,
        }
    }

    /// The gradient by the embeddings as they were given, from that by what is compared.
    pub(crate) fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Unit(rows) => rows.backward(gradient),
            Self::Raw(_) => gradient,
        }
    }
}
