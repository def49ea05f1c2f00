use ffc_data::Index;

use crate::Result;
use crate::embeddings::ImageEmbeddings;
use crate::error::at_least;
use crate::evaluation::{BOOTSTRAP_SEED, Evaluation, Measure};
use crate::prepared::Task;
use crate::roc::thinned;
use crate::tar_at_far::{check_targets, showable, tar_and_roc};
use crate::thresholds::Thresholds;

/// TAR@FAR over all pairs of a set, at the rates that they can show.
pub(crate) struct AllPairs {
    /// Of each image.
    identities: Vec<u64>,
    targets: Vec<f64>,
    left_out: Vec<String>,
}

impl AllPairs {
    pub(crate) fn new(index: &Index, targets: &[f64]) -> Result<Self> {
        check_targets(targets)?;
        at_least("identities", 2, index.identities() as usize)?;
        at_least("images of one identity", 2, index.max_images() as usize)?;
        let pairs = |images: u64| images * (images - 1) / 2;
        let same = (0..index.identities()).map(|identity| {
            let images = index.images_of(identity);
            pairs(images.end - images.start)
        });
        let different = pairs(index.images()) - same.sum::<u64>();
        let (targets, left_out) = showable(targets, different)?;
        Ok(Self {
            identities: (0..index.images())
                .map(|image| index.identity_of(image))
                .collect(),
            targets,
            left_out,
        })
    }
}

impl Task for AllPairs {
    fn images(&self) -> Vec<u64> {
        (0..self.identities.len() as u64).collect()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        // All images of the set: their rows are their numbers.
        let embeddings = embeddings.rows();
        let (results, roc) =
            tar_and_roc(embeddings, &self.identities, &self.targets, BOOTSTRAP_SEED)?;
        let pairs = results
            .first()
            .map_or([0, 0], |result| [result.same_pairs, result.different_pairs]);
        Ok(Evaluation {
            thresholds: Some(Thresholds::of_curve(&roc, pairs)?),
            roc: thinned(&roc),
            left_out: self.left_out.clone(),
            ..Evaluation::of_measures(results.into_iter().map(Measure::from).collect())
        })
    }
}
