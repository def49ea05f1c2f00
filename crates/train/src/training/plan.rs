use burn::tensor::Device;
use ffc_data::BuildProgress;
use ffc_model::Summary;

use super::batches::Batches;
use super::parts::Parts;
use crate::Result;
use crate::config::Config;
use crate::trainer::Trainer;

/// What a training would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Identities to train on.
    pub identities: u64,
    /// Their images.
    pub images: u64,
    /// Images of a step through the probe network.
    pub images_per_step: usize,
    /// Steps.
    pub steps: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Name, identities and images of each evaluation.
    pub evaluations: Vec<(String, u64, u64)>,
    /// Size and cost of the network.
    pub network: Summary,
}

impl Plan {
    /// Opens and checks everything that a training needs, its folder aside: data, evaluations, loader, weights, network, head. Indexes
    /// are built where there are none, which `building` is told of.
    ///
    /// # Errors
    ///
    /// As [`Training::open`](crate::Training::open).
    pub fn new(
        config: &Config,
        device: &Device,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        let parts = Parts::open(config, building)?;
        let index = parts.dataset.index();
        let trainer = Trainer::from_config(config, index.identities(), parts.schedule, device)?;
        let form = trainer.head().needs().batch;
        Batches::new(form, parts.dataset.clone(), config.loader(), 0)?;
        let evaluations = parts.evaluators.iter().map(|evaluator| {
            let index = evaluator.dataset().index();
            (
                evaluator.name().to_owned(),
                index.identities(),
                index.images(),
            )
        });
        Ok(Self {
            identities: index.identities(),
            images: index.images(),
            images_per_step: Batches::images_per_step(form, config.loader.batch),
            steps: parts.lengths.total,
            steps_per_epoch: parts.lengths.epoch,
            evaluations: evaluations.collect(),
            network: trainer.probe().summary(),
        })
    }
}
