use std::sync::Arc;

use ffc_data::{BuildProgress, Dataset, SourceConfig};
use ffc_eval::Protocol;

use super::evaluator::Evaluator;
use super::lengths::Lengths;
use super::overlap::overlap;
use crate::config::{Config, HeadConfig, Schedule};
use crate::{Error, Result};

/// The sets that a configuration names, opened once for its [`Plan`](crate::Plan) and its [`Training`](crate::Training).
pub struct TrainingData {
    pub(super) dataset: Arc<Dataset>,
    pub(super) evaluators: Vec<Evaluator>,
    pub(super) lengths: Lengths,
    pub(super) schedule: Schedule,
    pub(super) notes: Vec<String>,
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
        let dataset = config.data.open_in("data", building)?;
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
        let notes = notes(&dataset, &evaluators)?;
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
            notes,
        })
    }

    /// Fits the configuration to the set, which adds to the [notes](Self::notes): a pool has no more slots than there are identities, or
    /// than a step can bring; pictures that are drawn, since none were named, are named as such.
    pub fn fit(&mut self, config: &mut Config) {
        if config.data.path.is_none() && config.data.source.is_none() {
            config.data.source = Some(SourceConfig::Synthetic(Default::default()));
            let note = "no pictures are named, so the identities are drawn ones; data.path = FOLDER trains on yours";
            self.notes.push(note.into());
        }
        for evaluation in &config.evaluations {
            let data = &evaluation.data;
            let brings_own = |protocol: &Protocol| matches!(protocol, Protocol::Bin { .. });
            let is_drawn = data.path.is_none() && data.source.is_none();
            if is_drawn && !evaluation.protocol.list().iter().any(brings_own) {
                self.notes.push(format!(
                    "the evaluation `{}` names no pictures, so it measures on drawn identities; its data.path = FOLDER names yours",
                    evaluation.name
                ));
            }
        }
        let HeadConfig::Ffc(head) = &mut config.head else {
            return;
        };
        let identities = self.dataset.index().identities();
        let of_step = config.loader.batch + config.loader.batch / 2;
        let most = usize::try_from(identities).map_or(usize::MAX, |count| count.max(of_step));
        if head.pool > most {
            let asked = std::mem::replace(&mut head.pool, most);
            self.notes.push(format!(
                "head.pool = {most} in place of {asked}: there are {identities} identities"
            ));
        }
    }

    /// What was adjusted, and what is allowed and yet seldom meant: sentences to show before the first step.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn notes(dataset: &Dataset, evaluators: &[Evaluator]) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    if dataset.index().max_images() < 2 {
        notes.push(
            "no identity has two pictures: the two of an identity batch are one picture, changed in two ways"
                .to_owned(),
        );
    }
    for evaluator in evaluators {
        if let Some(overlap) = overlap(dataset, evaluator.dataset())? {
            notes.push(format!("evaluation {}: {overlap}", evaluator.name()));
        }
    }
    Ok(notes)
}
