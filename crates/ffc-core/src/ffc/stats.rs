use burn::tensor::Tensor;

use crate::Quantity;

/// What happened in one step of an [`FfcHead`](crate::FfcHead).
#[derive(Debug, Clone)]
pub struct FfcStats {
    /// Probe rows of both sides.
    pub rows: usize,
    /// Probe rows whose identity had no class centre.
    pub fresh_rows: usize,
    /// Mean cosine between probe rows and the centres of their identities before the margin, `[1]`;
    /// `None` where all rows are fresh. Left on the device: reading it waits for the step.
    pub mean_target_cosine: Option<Tensor<1>>,
    /// Used slots after the step.
    pub pool_used: usize,
    /// Slots of the pool.
    pub pool_capacity: usize,
    /// Identities that lost their slots in this step.
    pub evictions: usize,
}

impl FfcStats {
    /// Names of [`quantities`](Self::quantities).
    pub(super) const NAMES: [&str; 4] = ["fresh_share", "pool_fill", "evictions", "target_cosine"];

    /// Share of probe rows whose identity had no class centre, from 0 to 1.
    pub fn fresh_share(&self) -> f64 {
        self.fresh_rows as f64 / self.rows as f64
    }

    /// Share of the pool's slots that are used, from 0 to 1.
    pub fn pool_fill(&self) -> f64 {
        self.pool_used as f64 / self.pool_capacity as f64
    }

    pub(super) fn quantities(self) -> Vec<Quantity> {
        vec![
            Quantity::Host(self.fresh_share()),
            Quantity::Host(self.pool_fill()),
            Quantity::Host(self.evictions as f64),
            self.mean_target_cosine.into(),
        ]
    }
}
