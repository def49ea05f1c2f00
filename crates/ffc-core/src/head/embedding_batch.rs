use burn::tensor::Tensor;

use crate::{Error, Result};

/// Pictures as the networks embedded them.
#[derive(Debug, Clone)]
pub struct EmbeddingBatch {
    /// The probe network's embeddings, `[rows, dim]`, on an autodiff device if they are to learn.
    /// Their length does not matter to heads that normalise.
    pub probe: Tensor<2>,
    /// The gallery network's embeddings of the same pictures, or of each identity's second picture where the head asks for
    /// [pairs](crate::BatchForm::Pairs), `[rows, dim]`, for heads that need them. Take no gradient.
    pub gallery: Option<Tensor<2>>,
    /// The identity of each row.
    pub identities: Vec<u64>,
}

/// Both sides of a dual batch.
///
/// With identity-loader batch (a, b, id) and instance-loader halves (i1, l1), (i2, l2):
/// x = \[a; i1\] with identities \[id; l1\], and y = \[b; i2\] with identities \[id; l2\].
#[derive(Debug, Clone)]
pub struct DualEmbeddings {
    /// Side x.
    pub x: EmbeddingBatch,
    /// Side y.
    pub y: EmbeddingBatch,
}

/// What a training gives a head in a step, in the form that the head [needs](crate::Needs::batch).
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once a step and handed on by value"
)]
pub enum HeadInput {
    /// A dual batch.
    Dual(DualEmbeddings),
    /// Instances, groups or pairs.
    Single(EmbeddingBatch),
}

impl HeadInput {
    /// The two sides of a dual batch.
    ///
    /// # Errors
    ///
    /// [`Error::BatchForm`] where it is another batch.
    pub fn dual(self) -> Result<DualEmbeddings> {
        match self {
            Self::Dual(sides) => Ok(sides),
            Self::Single(_) => Err(Error::BatchForm {
                expected: "a dual batch",
                found: "a single one",
            }),
        }
    }

    /// The batch of instances or groups.
    ///
    /// # Errors
    ///
    /// [`Error::BatchForm`] where it is a dual batch.
    pub fn single(self) -> Result<EmbeddingBatch> {
        match self {
            Self::Single(batch) => Ok(batch),
            Self::Dual(_) => Err(Error::BatchForm {
                expected: "a single batch",
                found: "a dual one",
            }),
        }
    }
}

impl From<DualEmbeddings> for HeadInput {
    fn from(sides: DualEmbeddings) -> Self {
        Self::Dual(sides)
    }
}

impl From<EmbeddingBatch> for HeadInput {
    fn from(batch: EmbeddingBatch) -> Self {
        Self::Single(batch)
    }
}
