use super::{Objective, Sgd, Shard};
use crate::margin::Margin;
use crate::{Result, setting};

/// What heads with trained class weights have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// s.
    pub(crate) scale: f32,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    /// Factor on the run's learning rate.
    pub(crate) learning_rate_factor: f64,
    /// Classes that are scored at once.
    pub(crate) chunk: usize,
    /// Bytes of the softmax that a step keeps between its two passes.
    pub(crate) keep_bytes: usize,
}

impl Settings {
    /// # Errors
    ///
    /// [`Error::Setting`] where one is outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        setting::positive("scale", self.scale)?;
        Sgd::check(self.momentum, self.weight_decay, self.learning_rate_factor)?;
        setting::at_least_one("chunk", self.chunk)
    }

    pub(crate) fn objective<'a>(&self, margin: &'a dyn Margin, shard: &'a Shard) -> Objective<'a> {
        Objective {
            margin,
            scale: self.scale,
            chunk: self.chunk,
            keep_bytes: self.keep_bytes,
            shard,
        }
    }

    pub(crate) fn sgd(&self, learning_rate: f64) -> Sgd {
        Sgd {
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            learning_rate: learning_rate * self.learning_rate_factor,
        }
    }
}
