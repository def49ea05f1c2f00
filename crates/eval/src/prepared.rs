use std::collections::BTreeMap;
use std::sync::Arc;

use ffc_data::Dataset;

use crate::embed::Embed;
use crate::embeddings::{Embeddings, ImageEmbeddings};
use crate::evaluation::Evaluation;
use crate::{Error, Result};

/// A protocol that fits its set: everything is read and drawn, nothing embedded.
pub(crate) trait Task: Send + Sync {
    /// The images whose embeddings it needs, in any order and several times.
    fn images(&self) -> Vec<u64>;

    /// Measures. `embeddings` are those of its images, and others where several protocols are measured.
    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation>;
}

/// Protocols that fit their set, ready to be run with any number of networks.
pub struct Prepared {
    dataset: Arc<Dataset>,
    /// With what tells each from the others.
    tasks: Vec<(String, Box<dyn Task>)>,
    /// In ascending order, each once.
    images: Vec<u64>,
}

impl Prepared {
    pub(crate) fn new(dataset: Arc<Dataset>, tasks: Vec<(String, Box<dyn Task>)>) -> Self {
        let mut images: Vec<u64> = tasks.iter().flat_map(|(_, task)| task.images()).collect();
        images.sort_unstable();
        images.dedup();
        Self {
            dataset,
            tasks,
            images,
        }
    }

    /// The set: of insightface's pair file its own.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The images that are embedded, each once, in ascending order.
    pub fn images(&self) -> &[u64] {
        &self.images
    }

    /// Embeds each image once and measures: for each protocol what it has found, in the protocols' order. Where measures of several
    /// have the same name, it is followed by the [label](crate::Protocol::label) of each. The same network and set give the same result.
    ///
    /// # Errors
    /// If an image cannot be read or embedded.
    pub fn run(&self, embed: &mut dyn Embed) -> Result<Vec<Evaluation>> {
        self.measure(Embeddings::of_images(&self.dataset, &self.images, embed)?)
    }

    /// The same with embeddings that were made before: of the [images](Self::images), in their order. So several processes can make a part each.
    ///
    /// # Errors
    /// [`Error::Count`] where these are not as many.
    pub fn measure(&self, embeddings: Embeddings) -> Result<Vec<Evaluation>> {
        if embeddings.len() != self.images.len() {
            return Err(Error::Count {
                what: "embeddings",
                expected: self.images.len(),
                found: embeddings.len(),
            });
        }
        let embeddings = ImageEmbeddings::of_sorted(self.images.clone(), embeddings);
        let tasks = self.tasks.iter();
        let mut evaluations = tasks
            .map(|(_, task)| task.measure(&embeddings))
            .collect::<Result<Vec<_>>>()?;
        let labels = self.tasks.iter().map(|(label, _)| &label[..]);
        distinguish(labels.collect(), &mut evaluations);
        Ok(evaluations)
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels: Vec<&str> = self.tasks.iter().map(|(label, _)| &label[..]).collect();
        formatter
            .debug_struct("Prepared")
            .field("protocols", &labels)
            .field("images", &self.images.len())
            .finish_non_exhaustive()
    }
}

/// Adds labels to names that occur several times, and numbers where the labels are the same too.
fn distinguish(labels: Vec<&str>, evaluations: &mut [Evaluation]) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for measure in evaluations.iter().flat_map(|found| &found.measures) {
        *times.entry(measure.name.clone()).or_default() += 1;
    }
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for (label, evaluation) in labels.into_iter().zip(evaluations) {
        for measure in &mut evaluation.measures {
            if times[&measure.name] == 1 {
                continue;
            }
            measure.name = format!("{}, {label}", measure.name);
            let number = given.entry(measure.name.clone()).or_default();
            *number += 1;
            if *number > 1 {
                measure.name = format!("{} ({number})", measure.name);
            }
        }
    }
}
