use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use super::Dataset;
use crate::Result;
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{Index, IndexBuilder};
use crate::source::{Content, ImageRef, Source, scan_counts};

/// A way to see another dataset: its identities in other numbers, fewer of its images, or some of them changed.
pub(super) trait View: Debug + Send + Sync + 'static {
    /// What tells it from other views in a fingerprint.
    const NAME: &'static str;

    fn parent(&self) -> &Arc<Dataset>;

    /// Images of each identity.
    fn counts(&self) -> impl Iterator<Item = u64> + '_;

    /// The identity's number in the parent.
    fn identity(&self, identity: u64) -> u64;

    /// The image's number in the parent.
    fn image(&self, image: &ImageRef<'_>) -> u64;

    /// What makes this view differ from others of its kind.
    fn settings(&self, writer: &mut FingerprintWriter) -> Result<()>;

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.parent().read(self.image(image), buffer)
    }

    /// What is done to the pictures of an identity, for messages.
    fn change(&self, _identity: u64) -> Option<String> {
        None
    }
}

/// A view as a source.
#[derive(Debug)]
struct Viewed<V>(V);

impl Dataset {
    /// The dataset of a view, with its index in memory.
    pub(super) fn of_view(view: impl View) -> Result<Self> {
        let index = Index::from_counts(view.counts())?;
        let as_stored = view.parent().as_stored;
        Ok(Self::from_parts(Box::new(Viewed(view)), index).as_stored(as_stored))
    }
}

impl<V: View> Viewed<V> {
    fn with_change(&self, name: String, identity: u64) -> String {
        match self.0.change(identity) {
            None => name,
            Some(change) => format!("{name}, {change}"),
        }
    }
}

impl<V: View> Source for Viewed<V> {
    fn path(&self) -> &Path {
        self.0.parent().source().path()
    }

    fn expects(&self) -> &'static str {
        "expected at least one identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new(V::NAME);
        writer.setting(self.0.parent().fingerprint()?.to_string().as_bytes());
        self.0.settings(&mut writer)?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        scan_counts(self.0.counts(), builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.0.read(image, buffer)
    }

    fn file_name(&self, image: &ImageRef<'_>) -> Result<Option<String>> {
        self.0.parent().file_name(self.0.image(image))
    }

    fn identity_name(&self, _index: &Index, identity: u64) -> Result<String> {
        let name = self.0.parent().identity_name(self.0.identity(identity))?;
        Ok(self.with_change(name, identity))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        let origin = self.0.parent().origin(self.0.image(image));
        self.with_change(origin, image.identity())
    }
}
