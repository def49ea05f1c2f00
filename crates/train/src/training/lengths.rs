use crate::config::{Config, Length};
use crate::{Error, Result};

/// Lengths of a configuration in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    pub(super) epoch: u64,
    pub(super) total: u64,
    pub(super) log: u64,
    pub(super) evaluate: u64,
    pub(super) checkpoint: u64,
}

impl Lengths {
    /// `epoch` is that of the instances.
    pub(super) fn new(config: &Config, epoch: u64) -> Result<Self> {
        let at_least_one = |setting: &'static str, length: Length| match length.steps(epoch) {
            0 => Err(Error::setting(setting, length, "at least one step")),
            steps => Ok(steps),
        };
        Ok(Self {
            epoch,
            total: at_least_one("training.length", config.training.length)?,
            log: at_least_one("training.log", config.training.log)?,
            evaluate: at_least_one("training.evaluate", config.training.evaluate)?,
            checkpoint: at_least_one("checkpoint.every", config.checkpoint.every)?,
        })
    }
}
