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
    /// Longest global norm of the networks' gradient; longer ones are shortened to it. What a head learns by itself is not
    /// part of it. Default: none.
    pub clip_norm: Option<f64>,
    /// Parts of the network that are not trained, by their names in PyTorch. Default: none.
    pub frozen: Vec<String>,
    /// From bytes to the network's input. Default: FFC's.
    pub normalisation: Normalisation,
    /// What the networks compute in. Default: f32.
    pub precision: DType,
    /// Seed of what networks draw, such as stochastic depth. Default: 0.
    pub seed: u64,
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::default(),
            schedule: Schedule::constant(),
            average: MovingAverage::default(),
            clip_norm: None,
            frozen: Vec::new(),
            normalisation: Normalisation::FFC,
            precision: DType::F32,
            seed: 0,
        }
    }
}
