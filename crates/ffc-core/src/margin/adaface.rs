use std::f32::consts::PI;

use burn::tensor::{Tensor, TensorData};

use super::{Margin, MarginState, Reshaped, checked};
use crate::{Error, Result};

/// Keeps angles off 0 and pi, cosines off 1 and -1, and deviations off 0.
const EPSILON: f32 = 1e-3;
/// Lengths are clipped to these.
const LENGTHS: [f32; 2] = [1e-3, 100.0];
/// Mean and deviation of the lengths before the first step.
const INITIAL: [f32; 2] = [20.0, 100.0];

/// AdaFace (arXiv:2204.00964, equations 9 to 12): the length of an embedding tells the quality of its picture, and hard pictures
/// count more where the quality is good, easy ones where it is bad.
///
/// With k = clip(h (length - mean) / deviation, -1, 1) the target cos(theta) becomes cos(theta - m k) - (m + m k). Mean and deviation
/// of the lengths are running ones. As in the published code the length takes no gradient through the margin; angles are clipped to
/// \[1e-3, pi - 1e-3\] and the cosine to \[-1 + 1e-3, 1 - 1e-3\], without gradient beyond.
///
/// The published code clips the cosines with other identities too, which would cost passes over all of them; here they stay. That
/// differs only where an embedding lies within 2.6 degrees of another identity's centre.
#[derive(Debug, Clone)]
pub struct AdaFace {
    margin: f32,
    h: f32,
    t_alpha: f32,
    lengths: Lengths,
}

/// Mean and deviation of the lengths.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a head")]
enum Lengths {
    /// No step has been made since they were set.
    Host([f32; 2]),
    /// `[1, 1]` each.
    Device([Tensor<2>; 2]),
}

impl Lengths {
    fn on(&self, device: &burn::tensor::Device) -> [Tensor<2>; 2] {
        match self {
            Self::Host(values) => {
                values.map(|value| Tensor::from_data(TensorData::new(vec![value], [1, 1]), device))
            }
            Self::Device(values) => values.clone(),
        }
    }
}

impl AdaFace {
    /// With margin m, concentration h and the share t_alpha of a step's lengths in the running statistics. The published training
    /// uses 0.4, 0.333 and 0.01.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where `margin` is not in [0, pi), or `h` or `t_alpha` is not in [0, 1].
    pub fn new(margin: f32, h: f32, t_alpha: f32) -> Result<Self> {
        let margin = checked(margin, 0.0..PI, "at least 0 and below pi, in radians")?;
        for (setting, value) in [("margin.h", h), ("margin.t_alpha", t_alpha)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Setting {
                    setting,
                    value: value.to_string(),
                    expected: "between 0 and 1",
                });
            }
        }
        Ok(Self {
            margin,
            h,
            t_alpha,
            lengths: Lengths::Host(INITIAL),
        })
    }

    /// `cosine` and the share k of the margin, `[rows, 1]` each.
    ///
    /// cos(theta - a) = c cos(a) + sin(theta) sin(a): an arc cosine is inexact on GPUs, and tells only where the angle is clipped.
    fn reshape(&self, cosine: Tensor<2>, k: Tensor<2>) -> Reshaped {
        let clipped = cosine.clone().clamp(-1.0 + EPSILON, 1.0 - EPSILON);
        let sin = (clipped.clone().square().neg() + 1.0).sqrt();
        let turn = k.clone() * self.margin;
        let (turn_sin, turn_cos) = (turn.clone().sin(), turn.clone().cos());
        let value = clipped.clone() * turn_cos.clone() + sin.clone() * turn_sin.clone();
        let slope = turn_cos - clipped.clone() / sin * turn_sin;

        let moved = clipped.clone().acos() - turn;
        let low = moved.clone().lower_scalar(EPSILON);
        let high = moved.greater_scalar(PI - EPSILON);
        let free = cosine.equal(clipped);
        let value = value
            .mask_fill(low.clone(), EPSILON.cos())
            .mask_fill(high.clone(), (PI - EPSILON).cos());
        Reshaped {
            value: value - (k + 1.0) * self.margin,
            slope: slope.mask_fill(low.bool_or(high).bool_or(free.bool_not()), 0.0),
        }
    }
}

impl Margin for AdaFace {
    /// For an embedding of mean length.
    fn target(&self, cosine: Tensor<2>) -> Reshaped {
        let k = cosine.zeros_like();
        self.reshape(cosine, k)
    }

    fn target_with_length(&self, cosine: Tensor<2>, length: &Tensor<2>) -> Reshaped {
        let [mean, deviation] = self.lengths.on(&cosine.device());
        let length = length.clone().clamp(LENGTHS[0], LENGTHS[1]);
        let k = (length - mean) / (deviation + EPSILON) * self.h;
        self.reshape(cosine, k.clamp(-1.0, 1.0))
    }

    fn state(&self) -> Option<&dyn MarginState> {
        Some(self)
    }

    fn state_mut(&mut self) -> Option<&mut dyn MarginState> {
        Some(self)
    }
}

impl MarginState for AdaFace {
    fn observe(&mut self, length: &Tensor<2>) {
        let [mean, deviation] = self.lengths.on(&length.device());
        let length = length.clone().clamp(LENGTHS[0], LENGTHS[1]);
        let follow =
            |old: Tensor<2>, new: Tensor<2>| new * self.t_alpha + old * (1.0 - self.t_alpha);
        // One length has no deviation.
        let (mean, deviation) = match length.dims()[0] {
            1 => (follow(mean, length), deviation),
            _ => {
                let (variance, average) = length.var_mean(0);
                (follow(mean, average), follow(deviation, variance.sqrt()))
            }
        };
        self.lengths = Lengths::Device([mean, deviation]);
    }

    fn values(&self) -> Result<Vec<f32>> {
        match &self.lengths {
            Lengths::Host(values) => Ok(values.to_vec()),
            Lengths::Device(values) => Tensor::cat(values.to_vec(), 1)
                .try_into_vec_as::<f32>()
                .map_err(|error| Error::Device(error.to_string())),
        }
    }

    fn restore(&mut self, values: &[f32]) {
        if let [mean, deviation] = *values {
            self.lengths = Lengths::Host([mean, deviation]);
        }
    }
}
