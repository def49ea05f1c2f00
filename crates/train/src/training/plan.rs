use burn::tensor::Device;
use ffc_model::Summary;

use super::batches::Batches;
use super::data::TrainingData;
use crate::config::Config;
use crate::trainer::Trainer;
use crate::{Result, StepPictures};

/// What a training would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Identities to train on.
    pub identities: u64,
    /// Their images.
    pub images: u64,
    /// Images of a step.
    pub pictures: StepPictures,
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
    /// Checks everything that a training needs, its folder aside: data, evaluations, loader, weights, network, head.
    ///
    /// # Errors
    ///
    /// As [`Training::open`](crate::Training::open).
    pub fn new(config: &Config, data: &TrainingData, device: &Device) -> Result<Self> {
        let index = data.dataset.index();
        let schedule = data.schedule.clone();
        let trainer = Trainer::from_config(config, index.identities(), schedule, device)?;
        let form = trainer.head().needs().batch;
        Batches::new(form, data.dataset.clone(), config.loader(), 0)?;
        let evaluations = data.evaluators.iter().map(|evaluator| {
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
            pictures: config.pictures(),
            steps: data.lengths.total,
            steps_per_epoch: data.lengths.epoch,
            evaluations: evaluations.collect(),
            network: trainer.probe().summary(),
        })
    }
}
