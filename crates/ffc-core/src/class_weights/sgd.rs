use burn::tensor::Tensor;

use super::Rows;
use crate::{Result, setting};

/// Stochastic gradient descent as PyTorch has it, without dampening: d = gradient + decay * weight;
/// momentum <- mu * momentum + d; weight <- weight - rate * momentum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sgd {
    /// mu.
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    pub(crate) learning_rate: f64,
}

impl Sgd {
    /// One step of rows whose gradient is `gradient - radial * weight`.
    ///
    /// # Shapes
    ///
    /// - `gradient`: `[rows, dim]`
    /// - `radial`: `[rows, 1]`
    pub(crate) fn step(&self, rows: Rows, gradient: Tensor<2>, radial: Tensor<2>) -> Rows {
        let Rows { weight, momentum } = rows;
        let direction = gradient + weight.clone() * (radial.neg() + self.weight_decay);
        self.follow(weight, direction + momentum * self.momentum)
    }

    /// One step of rows with their gradient, `[rows, dim]`.
    pub(crate) fn follow_gradient(&self, rows: Rows, gradient: Tensor<2>) -> Rows {
        let Rows { weight, momentum } = rows;
        let direction = gradient + weight.clone() * self.weight_decay;
        self.follow(weight, direction + momentum * self.momentum)
    }

    /// Checks what decides it.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting).
    pub(crate) fn check(momentum: f64, weight_decay: f64, learning_rate_factor: f64) -> Result<()> {
        setting::check(
            (0.0..1.0).contains(&momentum),
            "momentum",
            momentum,
            "at least 0 and below 1",
        )?;
        setting::check(
            weight_decay.is_finite() && weight_decay >= 0.0,
            "weight_decay",
            weight_decay,
            "finite and at least 0",
        )?;
        setting::check(
            learning_rate_factor.is_finite() && learning_rate_factor > 0.0,
            "learning_rate_factor",
            learning_rate_factor,
            "finite and above 0",
        )
    }

    /// One step of rows that have no gradient.
    pub(crate) fn step_without_gradient(&self, rows: Rows) -> Rows {
        let Rows { weight, momentum } = rows;
        let momentum = momentum * self.momentum + weight.clone() * self.weight_decay;
        self.follow(weight, momentum)
    }

    fn follow(&self, weight: Tensor<2>, momentum: Tensor<2>) -> Rows {
        Rows {
            weight: weight - momentum.clone() * self.learning_rate,
            momentum,
        }
    }
}
