use std::f32::consts::PI;

use burn::tensor::Tensor;

use super::{Margin, Reshaped, checked};
use crate::Result;

/// The least sin^2 that the slope divides by. Only |t| > 0.9999995 comes below it.
const MIN_SIN_SQUARED: f32 = 1e-6;

/// cos(acos(t) + m) = t cos m - sqrt(1 - t^2) sin m: ArcFace (arXiv:1801.07698, equation 3).
///
/// The slope is bounded at |t| = 1, where that of the formula is infinite, so neither loss nor
/// gradient is ever NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArcFace {
    sin: f32,
    cos: f32,
}

impl ArcFace {
    /// With margin m, an angle in radians. 0.5 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where `margin` is negative or not below pi, which no angle exceeds.
    pub fn new(margin: f32) -> Result<Self> {
        let margin = checked(margin, 0.0..PI, "at least 0 and below pi, in radians")?;
        let (sin, cos) = margin.sin_cos();
        Ok(Self { sin, cos })
    }
}

impl Margin for ArcFace {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        let cosine = cosine.clamp(-1.0, 1.0);
        let sin_squared = cosine.clone().square().neg() + 1.0;
        let sin = sin_squared.clamp_min(MIN_SIN_SQUARED).sqrt();
        Reshaped {
            value: cosine.clone() * self.cos - sin.clone() * self.sin,
            slope: cosine / sin * self.sin + self.cos,
        }
    }
}
