use std::path::Path;
use std::sync::Arc;

use super::Dataset;
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{Index, IndexBuilder};
use crate::permutation::Permutation;
use crate::purpose::Purpose;
use crate::source::{Content, ImageCounts, ImageRef, Source, scan_counts};
use crate::{Error, Result};

/// The draw is the same for all trainings: it is part of the data.
const SEED: u64 = 0;

/// Another dataset with fewer images of each identity.
///
/// Made by [`Dataset::thin`].
#[derive(Debug)]
struct Thinned {
    parent: Arc<Dataset>,
    counts: ImageCounts,
}

impl Thinned {
    /// Images of each identity: which of them has many is drawn, so that their order in the source does not matter.
    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        let index = self.parent.index();
        let identities = index.identities();
        let ranks = Permutation::new(identities, SEED, Purpose::ThinnedRank, 0);
        (0..identities).map(move |identity| {
            let images = index.images_of(identity);
            self.counts
                .of(ranks.at(identity))
                .min(images.end - images.start)
        })
    }

    /// The image's number in the parent: the images that are taken follow one another from a drawn one on, the first after the last.
    fn original(&self, image: &ImageRef<'_>) -> u64 {
        let images = self.parent.index().images_of(image.identity());
        let count = images.end - images.start;
        let mut rng = Purpose::ThinnedImages.key(SEED, 0).rng(image.identity());
        images.start + (rng.below(count) + image.number()) % count
    }
}

impl Dataset {
    /// This dataset with at most as many images of an identity as a law says, such as Zipf's for a long tail. Which identity is which of the
    /// law's, and which of its images are taken, is drawn, always in the same way. Identities keep their numbers. Its index is in memory.
    ///
    /// # Errors
    /// If a setting of the law is outside its range.
    pub fn thin(self: Arc<Self>, counts: ImageCounts) -> Result<Self> {
        counts.check()?;
        let source = Thinned {
            parent: self,
            counts,
        };
        let index = Index::from_counts(source.counts())?;
        Ok(Self::from_parts(Box::new(source), index))
    }
}

impl Source for Thinned {
    fn path(&self) -> &Path {
        self.parent.source().path()
    }

    fn expects(&self) -> &'static str {
        "expected at least one identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("thinned identities");
        writer.setting(self.parent.fingerprint()?.to_string().as_bytes());
        let counts = serde_json::to_vec(&self.counts);
        writer.setting(&counts.map_err(|error| Error::format(self.path(), error.to_string()))?);
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        scan_counts(self.counts(), builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.parent.read(self.original(image), buffer)
    }

    fn file_name(&self, image: &ImageRef<'_>) -> Result<Option<String>> {
        self.parent.file_name(self.original(image))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        self.parent.origin(self.original(image))
    }
}
