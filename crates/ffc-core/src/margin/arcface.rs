use std::f32::consts::PI;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Margin, Reshaped, checked};
use crate::Result;

/// The least sin^2 that the slope divides by. Only |t| > 0.9999995 comes below it.
const MIN_SIN_SQUARED: f32 = 1e-6;

/// The forms of ArcFace in use: what happens beyond theta = pi - m, where the formula turns up again, and which slope the gradient
/// takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArcFaceForm {
    /// The formula everywhere, with its slope sin(theta + m) / sin(theta): the published FFC code.
    #[default]
    Exact,
    /// The formula and its slope up to theta = pi - m, beyond it t - m sin(pi - m) with slope 1: the older insightface code.
    Fallback,
    /// The formula everywhere, with slope 1: insightface's code today, that of Partial FC.
    StraightThrough,
}

/// cos(acos(t) + m) = t cos m - sqrt(1 - t^2) sin m: ArcFace (arXiv:1801.07698, equation 3).
///
/// The slope is bounded at |t| = 1, where that of the formula is infinite, so neither loss nor
/// gradient is ever NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArcFace {
    margin: f32,
    sin: f32,
    cos: f32,
    form: ArcFaceForm,
}

impl ArcFace {
    /// With margin m, an angle in radians, in the exact form. 0.5 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where `margin` is negative or not below pi, which no angle exceeds.
    pub fn new(margin: f32) -> Result<Self> {
        let margin = checked(margin, 0.0..PI, "at least 0 and below pi, in radians")?;
        let (sin, cos) = margin.sin_cos();
        Ok(Self {
            margin,
            sin,
            cos,
            form: ArcFaceForm::Exact,
        })
    }

    /// In another form.
    pub fn with_form(self, form: ArcFaceForm) -> Self {
        Self { form, ..self }
    }
}

impl Margin for ArcFace {
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        let cosine = cosine.clamp(-1.0, 1.0);
        let sin_squared = cosine.clone().square().neg() + 1.0;
        let on_axis = sin_squared.clone().lower_equal_scalar(0.0);
        let sin = sin_squared.clamp_min(MIN_SIN_SQUARED).sqrt();
        let value = cosine.clone() * self.cos - sin.clone() * self.sin;
        let slope = cosine.clone() / sin * self.sin + self.cos;
        match self.form {
            ArcFaceForm::Exact => Reshaped { value, slope },
            ArcFaceForm::StraightThrough => Reshaped {
                slope: value.ones_like(),
                value,
            },
            ArcFaceForm::Fallback => {
                // cos(pi - m) = -cos m and sin(pi - m) = sin m.
                let beyond = cosine.clone().lower_equal_scalar(-self.cos);
                let line = cosine.clone() - self.margin * self.sin;
                // Where the sine is 0 it counts as a constant.
                let value = value.mask_where(on_axis.clone(), cosine * self.cos);
                let slope = slope.mask_fill(on_axis, self.cos);
                Reshaped {
                    value: value.mask_where(beyond.clone(), line),
                    slope: slope.mask_fill(beyond, 1.0),
                }
            }
        }
    }
}
