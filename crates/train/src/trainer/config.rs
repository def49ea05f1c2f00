use burn::tensor::DType;
use ffc_core::MovingAverage;
use ffc_data::Normalisation;

use crate::config::{OptimizerConfig, Schedule};

/// How a [`Trainer`](crate::Trainer) trains.
#[derive(Debug, Clone)]
pub struct TrainerConfig {
    /// The networks' optimizer. Default: SGD as published.
    pub optimizer: OptimizerConfig,
    /// The learning rate over time. Default: constant.
    pub schedule: Schedule,
    /// How the gallery network follows, for heads that need one. Default: as published.
    pub average: MovingAverage,
    /// The factor of the schedule up to which the trained network's embeddings are reused as the gallery network's. Default: 0, never.
    pub gallery_reuse_up_to: f64,
    /// What the gallery network computes in. Default: f32.
    pub gallery_precision: DType,
    /// Longest global norm of the networks' gradient; longer ones are shortened to it. What a head learns by itself is not
    /// part of it. Default: none.
    pub clip_norm: Option<f64>,
    /// Parts of the network that are not trained, by their names in PyTorch. Default: none.
    pub frozen: Vec<String>,
    /// From bytes to the network's input. Default: FFC's.
    pub normalisation: Normalisation,
    /// What the trained network computes in. Default: f32.
    pub precision: DType,
    /// Seed of what networks draw, such as stochastic depth. Default: 0.
    pub seed: u64,
    /// Rows that a side of the batch has of each loader, over all ranks and in their order: identities, then instances. Ranks and groups have equal
    /// parts of each. Default: none, a side is one part.
    pub parts: Vec<usize>,
    /// Groups of rows that a network normalises by themselves, as so many ranks do; a number of rows that it divides. With several ranks each
    /// has its part of them. Default: 0, one on each rank.
    pub norm_groups: usize,
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::default(),
            schedule: Schedule::constant(),
            average: MovingAverage::default(),
            gallery_reuse_up_to: 0.0,
            gallery_precision: DType::F32,
            clip_norm: None,
            frozen: Vec::new(),
            normalisation: Normalisation::FFC,
            precision: DType::F32,
            seed: 0,
            parts: Vec::new(),
            norm_groups: 0,
        }
    }
}

impl TrainerConfig {
    /// Whether the network hardly moves at a step, counted from 0, so that its embeddings are reused as the gallery network's.
    pub(super) fn reuses(&self, step: u64) -> bool {
        let up_to = self.gallery_reuse_up_to;
        up_to > 0.0 && self.schedule.factor(step) <= up_to
    }
}
