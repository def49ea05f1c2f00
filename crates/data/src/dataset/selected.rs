use std::path::Path;
use std::sync::Arc;

use super::Dataset;
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{Index, IndexBuilder};
use crate::source::{Content, ImageRef, Source, scan_counts};
use crate::{Error, Result};

/// Some identities of another dataset, numbered anew in the order given.
///
/// Made by [`Dataset::select`].
#[derive(Debug)]
struct Selected {
    parent: Arc<Dataset>,
    identities: Vec<u64>,
}

impl Selected {
    /// # Errors
    /// If the parent has no such identity.
    fn new(parent: Arc<Dataset>, identities: Vec<u64>) -> Result<Self> {
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
    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
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

impl Dataset {
    /// Some identities of this dataset as one of their own, numbered from 0 in the order given. Its index is in memory.
    ///
    /// # Errors
    /// If one of them does not exist or none is given.
    pub fn select(self: Arc<Self>, identities: Vec<u64>) -> Result<Self> {
        let source = Selected::new(self, identities)?;
        let index = Index::from_counts(source.counts())?;
        Ok(Self::from_parts(Box::new(source), index))
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
