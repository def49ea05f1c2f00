use super::{Objective, Sgd};
use crate::margin::Margin;
use crate::{Error, Result};

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
    /// Bytes of cosines that a step keeps between its two passes.
    pub(crate) keep_bytes: usize,
}

impl Settings {
    /// # Errors
    ///
    /// [`Error::Setting`] where one is outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        let setting = |setting, value: String, expected| Error::Setting {
            setting,
            value,
            expected,
        };
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(setting(
                "scale",
                self.scale.to_string(),
                "finite and above 0",
            ));
        }
        if !(0.0..1.0).contains(&self.momentum) {
            let value = self.momentum.to_string();
            return Err(setting("momentum", value, "at least 0 and below 1"));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            let value = self.weight_decay.to_string();
            return Err(setting("weight_decay", value, "finite and at least 0"));
        }
        if !(self.learning_rate_factor.is_finite() && self.learning_rate_factor > 0.0) {
            let value = self.learning_rate_factor.to_string();
            return Err(setting("learning_rate_factor", value, "finite and above 0"));
        }
        if self.chunk == 0 {
            return Err(setting("chunk", "0".into(), "at least 1"));
        }
        Ok(())
    }

    pub(crate) fn objective<'a>(&self, margin: &'a dyn Margin) -> Objective<'a> {
        Objective {
            margin,
            scale: self.scale,
            chunk: self.chunk,
            keep_bytes: self.keep_bytes,
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
