use std::f32::consts::PI;

use burn::tensor::Tensor;

use crate::margin::{Margin, Reshaped};
use crate::{Result, setting};

/// ArcFace (arXiv:1801.07698) with its exact slope and a way out beyond theta = pi - m, where cos(theta + m) would rise again: the target
/// is cos(theta + m) where cos theta > cos(pi - m), else cos theta - m sin(pi - m).
///
/// Where cos^2 theta >= 1, by rounding or because a row is its identity's own embedding, the sine counts as the constant 0: the slope
/// there is cos m, and nothing becomes NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FallbackArcFace {
    margin: f32,
}

impl FallbackArcFace {
    pub(super) fn new(margin: f32) -> Result<Self> {
        let allowed = (0.0..PI).contains(&margin);
        setting::check(
            allowed,
            "margin",
            margin,
            "at least 0 and below pi, in radians",
        )?;
        Ok(Self { margin })
    }
}

impl Margin for FallbackArcFace {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        let (sin_margin, cos_margin) = self.margin.sin_cos();
        let sin_squared = cosine.clone().square().neg() + 1.0;
        let on_axis = sin_squared.clone().lower_equal_scalar(0.0);
        let sin = sin_squared.mask_fill(on_axis.clone(), 0.0).sqrt();
        let value = cosine.clone() * cos_margin - sin.clone() * sin_margin;
        // The quotient on the axis is of no matter: 1 keeps it finite.
        let turn = cosine.clone() / sin.mask_fill(on_axis.clone(), 1.0) * sin_margin;
        let slope = turn.mask_fill(on_axis, 0.0) + cos_margin;

        let beyond = cosine.clone().lower_equal_scalar((PI - self.margin).cos());
        let fallback = cosine - self.margin * (PI - self.margin).sin();
        Reshaped {
            value: value.mask_where(beyond.clone(), fallback),
            slope: slope.mask_fill(beyond, 1.0),
        }
    }
}
