use std::path::Path;
use std::sync::Arc;

use super::{Content, Fingerprint, FingerprintWriter, ImageRef, Source, scan_counts};
use crate::dataset::Dataset;
use crate::index::IndexBuilder;
use crate::{Error, Result};

/// Some identities of another dataset, numbered anew in the order given.
///
/// Made by [`Dataset::select`].
#[derive(Debug)]
pub(crate) struct Selected {
    parent: Arc<Dataset>,
    identities: Vec<u64>,
}

impl Selected {
    /// # Errors
    /// If the parent has no such identity.
    pub(crate) fn new(parent: Arc<Dataset>, identities: Vec<u64>) -> Result<Self> {
        let count = parent.index().identities();
        if let Some(identity) = identities.iter().find(|&&identity| identity >= count) {
            return Err(Error::Setting {
                setting: "selected identity",
                value: identity.to_string(),
                expected: "below the number of identities",
            });
        }
        Ok(Self { parent, identities })
    }

    /// Images of each identity.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.identities.iter().map(|&identity| {
            let images = self.parent.index().images_of(identity);
            images.end - images.start
        })
    }

    /// The image's number in the parent.
    fn original(&self, image: &ImageRef<'_>) -> u64 {
        let identity = self.identities[image.identity() as usize];
        self.parent.index().images_of(identity).start + image.number()
    }
}

impl Source for Selected {
    fn path(&self) -> &Path {
        self.parent.source().path()
    }

    fn expects(&self) -> &'static str {
        "expected at least one identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("selected identities");
        writer.setting(self.parent.fingerprint()?.to_string().as_bytes());
        for identity in &self.identities {
            writer.setting(&identity.to_le_bytes());
        }
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
