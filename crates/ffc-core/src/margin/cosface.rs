use burn::tensor::Tensor;

use super::{Margin, Reshaped, checked};
use crate::Result;

/// t - m: CosFace (arXiv:1801.09414, equation 4), also known as AM-Softmax.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosFace {
    margin: f32,
}

impl CosFace {
    /// With margin m. The published FFC training uses 0.4.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where `margin` is negative or not finite.
    pub fn new(margin: f32) -> Result<Self> {
        Ok(Self {
            margin: checked(margin)?,
        })
    }
}

impl Margin for CosFace {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        Reshaped {
            slope: cosine.ones_like(),
            value: cosine - self.margin,
        }
    }
}
