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
    /// [`Error::Setting`](crate::Error::Setting) where `margin` is negative or above 2, by which cosines differ at most.
    pub fn new(margin: f32) -> Result<Self> {
        let margin = checked(margin, 0.0..=2.0, "at least 0 and at most 2")?;
        Ok(Self { margin })
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
