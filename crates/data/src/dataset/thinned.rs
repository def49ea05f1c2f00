use std::sync::Arc;

use super::Dataset;
use super::view::View;
use crate::fingerprint::FingerprintWriter;
use crate::permutation::Permutation;
use crate::purpose::Purpose;
use crate::source::{ImageCounts, ImageRef};
use crate::{Error, Result};

/// The draw is the same for all trainings: it is part of the data.
const SEED: u64 = 0;

/// Another dataset with fewer images of each identity.
///
/// Made by [`Dataset::thin`].
#[derive(Debug)]
struct Thinned {
    parent: Arc<Dataset>,
    law: ImageCounts,
}

impl Dataset {
    /// This dataset with at most as many images of an identity as a law says, such as Zipf's for a long tail. Which identity is which of the
    /// law's, and which of its images are taken, is drawn, always in the same way. Identities keep their numbers. Its index is in memory.
    ///
    /// # Errors
    /// If a setting of the law is outside its range.
    pub fn thin(self: Arc<Self>, law: ImageCounts) -> Result<Self> {
        law.check()?;
        Self::of_view(Thinned { parent: self, law })
    }
}

impl View for Thinned {
    const NAME: &'static str = "thinned identities";

    fn parent(&self) -> &Arc<Dataset> {
        &self.parent
    }

    /// Which identity has many is drawn, so that their order in the source does not matter.
    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        let index = self.parent.index();
        let identities = index.identities();
        let ranks = Permutation::new(identities, SEED, Purpose::ThinnedRank, 0);
        (0..identities).map(move |identity| {
            let images = index.images_of(identity);
            self.law
                .of(ranks.at(identity))
                .min(images.end - images.start)
        })
    }

    fn identity(&self, identity: u64) -> u64 {
        identity
    }

    /// The images that are taken follow one another from a drawn one on, the first after the last.
    fn image(&self, image: &ImageRef<'_>) -> u64 {
        let images = self.parent.index().images_of(image.identity());
        let count = images.end - images.start;
        let mut rng = Purpose::ThinnedImages.key(SEED, 0).rng(image.identity());
        images.start + (rng.below(count) + image.number()) % count
    }

    fn settings(&self, writer: &mut FingerprintWriter) -> Result<()> {
        let law = serde_json::to_vec(&self.law);
        let path = self.parent.source().path();
        writer.setting(&law.map_err(|error| Error::format(path, error.to_string()))?);
        Ok(())
    }
}
