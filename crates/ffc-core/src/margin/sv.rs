use burn::tensor::Tensor;

use super::{Margin, NegativeMargin, Reshaped, checked};
use crate::Result;

/// A hard negative c becomes STRETCH c + STRETCH - 1.
const STRETCH: f32 = 1.2;

/// Support-vector guided softmax (arXiv:1812.11317, equations 5 to 8, on a CosFace margin) as the
/// published FFC code has it: the target t becomes t - m if t > m, else stays; every other cosine c
/// above t - m counts as hard and becomes 1.2 c + 0.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvMargin {
    margin: f32,
}

impl SvMargin {
    /// With margin m.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where `margin` is negative or not below 1, which no cosine exceeds.
    pub fn new(margin: f32) -> Result<Self> {
        let margin = checked(margin, 0.0..1.0, "at least 0 and below 1")?;
        Ok(Self { margin })
    }
}

impl Margin for SvMargin {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        let above = cosine.clone().greater_scalar(self.margin).float();
        Reshaped {
            slope: cosine.ones_like(),
            value: cosine - above * self.margin,
        }
    }

    fn negatives(&self) -> Option<&dyn NegativeMargin> {
        Some(self)
    }
}

impl NegativeMargin for SvMargin {
    fn reshape(&self, cosine: Tensor<2>, target: Tensor<2>) -> Reshaped {
        let hard = cosine
            .clone()
            .greater(target.expand(cosine.shape()) - self.margin);
        // One more 0.2 of the slope, and 0.2 of the intercept, where the negative is hard.
        let extra = hard.float() * (STRETCH - 1.0);
        Reshaped {
            value: cosine.clone() + (cosine + 1.0) * extra.clone(),
            slope: extra + 1.0,
        }
    }
}
