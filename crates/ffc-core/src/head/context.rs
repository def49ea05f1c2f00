use std::sync::Arc;

use burn::tensor::Device;

use crate::collective::Collective;

/// What a head must know of its training when it is made.
#[derive(Debug, Clone)]
pub struct HeadContext<'a> {
    /// Identities of the training set N, numbered from 0.
    pub identities: u64,
    /// Dimension D of an embedding.
    pub dim: usize,
    /// Batch size B of the loaders.
    pub batch: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Where its tensors shall lie; with automatic differentiation where the networks train by it.
    pub device: &'a Device,
    /// The ranks that train together, among which a head with a `sharded` setting divides its classes or its pool. None: there are no others.
    pub ranks: Option<Arc<dyn Collective>>,
}

/// Which step a head makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepContext {
    /// Number of the step, from 0: with the seed, the position of what a head draws.
    pub step: u64,
    /// The run's learning rate at this step.
    pub learning_rate: f64,
}
