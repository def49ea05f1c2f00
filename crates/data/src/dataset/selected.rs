use std::sync::Arc;

use super::Dataset;
use super::view::View;
use crate::fingerprint::FingerprintWriter;
use crate::source::ImageRef;
use crate::{Error, Result};

/// Some identities of another dataset, numbered anew in the order given.
///
/// Made by [`Dataset::select`].
#[derive(Debug)]
struct Selected {
    parent: Arc<Dataset>,
    identities: Vec<u64>,
}

impl Dataset {
    /// Some identities of this dataset as one of their own, numbered from 0 in the order given. Its index is in memory.
    ///
    /// # Errors
    /// If one of them does not exist or none is given.
    pub fn select(self: Arc<Self>, identities: Vec<u64>) -> Result<Self> {
        let count = self.index().identities();
        if let Some(identity) = identities.iter().find(|&&identity| identity >= count) {
            return Err(Error::Setting {
                setting: "selected identity",
                value: identity.to_string(),
                expected: "below the number of identities",
            });
        }
        Self::of_view(Selected {
            parent: self,
            identities,
        })
    }
}

impl View for Selected {
    const NAME: &'static str = "selected identities";

    fn parent(&self) -> &Arc<Dataset> {
        &self.parent
    }

    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.identities.iter().map(|&identity| {
            let images = self.parent.index().images_of(identity);
            images.end - images.start
        })
    }

    fn identity(&self, identity: u64) -> u64 {
        self.identities[identity as usize]
    }

    fn image(&self, image: &ImageRef<'_>) -> u64 {
        let identity = self.identity(image.identity());
        self.parent.index().images_of(identity).start + image.number()
    }

    fn settings(&self, writer: &mut FingerprintWriter) -> Result<()> {
        for identity in &self.identities {
            writer.setting(&identity.to_le_bytes());
        }
        Ok(())
    }
}
