use burn::tensor::Tensor;

use super::Rows;

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
