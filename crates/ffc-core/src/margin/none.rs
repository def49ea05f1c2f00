use burn::tensor::Tensor;

use super::{Margin, Reshaped};

/// No margin: softmax of scaled cosines (NormFace, arXiv:1704.06369).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMargin;

impl Margin for NoMargin {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        Reshaped {
            slope: cosine.ones_like(),
            value: cosine,
        }
    }
}
