use std::sync::Arc;

use ffc_data::{BuildProgress, Dataset};

use super::evaluator::Evaluator;
use super::lengths::Lengths;
use crate::config::{Config, Schedule};
use crate::{Error, Result};

/// The sets that a configuration names, opened once for its [`Plan`](crate::Plan) and its [`Training`](crate::Training).
pub struct TrainingData {
    pub(super) dataset: Arc<Dataset>,
    pub(super) evaluators: Vec<Evaluator>,
    pub(super) lengths: Lengths,
    pub(super) schedule: Schedule,
}

impl TrainingData {
    /// Opens the pictures to train on and those of all evaluations, and checks the configuration. Indexes are built where there are
    /// none, which `building` is told of.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where settings do not fit or there is a single identity; where a set cannot be used.
    pub fn open(config: &Config, building: &mut dyn FnMut(BuildProgress)) -> Result<Self> {
        config.check()?;
        let dataset = config.data.open(building)?;
        let identities = dataset.index().identities();
        if identities < 2 {
            let path = dataset.source().path().display();
            return Err(Error::setting(
                "data",
                format!("{path} with {identities} identity"),
                "a set of at least two identities: there is nothing to tell apart",
            ));
        }
        let evaluators = Evaluator::all(config, building)?;
        let images = dataset.index().images();
        // Without an instance loader as long as with one.
        let of_step = match config.pictures().instances {
            0 => config.loader.batch,
            instances => instances,
        };
        let epoch = images.div_ceil(of_step as u64);
        let lengths = Lengths::new(config, epoch)?;
        let schedule = config.schedule.init(lengths.total, epoch)?;
        Ok(Self {
            dataset,
            evaluators,
            lengths,
            schedule,
        })
    }
}
