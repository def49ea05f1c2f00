use std::path::Path;

use super::Zip;
use super::directory::Member;
use crate::Result;
use crate::fingerprint::Fingerprint;
use crate::index::{Index, IndexBuilder, Location};
use crate::source::{Content, ImageRef, Source, scan_counts};

/// The pictures of a zip archive without folders, of which nobody knows what they show: each an identity of its own, named by its member.
///
/// Made into a set by [`Dataset::flat_zip`](crate::Dataset::flat_zip).
#[derive(Debug)]
pub struct FlatZip {
    archive: Zip,
    members: Vec<Member>,
}

impl FlatZip {
    /// The pictures, sorted by name: none where one lies in a folder, which is an identity then.
    ///
    /// # Errors
    /// If the archive cannot be read or has a picture that cannot be one of it.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let archive = Zip::open(path)?;
        let members = archive.members(|_| {})?;
        let is_flat = members.iter().all(|member| member.folder().is_empty());
        Ok((is_flat && !members.is_empty()).then_some(Self { archive, members }))
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    fn location(&self, image: &ImageRef<'_>) -> Location {
        self.members[image.identity() as usize].location
    }
}

impl Source for FlatZip {
    fn path(&self) -> &Path {
        self.archive.path()
    }

    fn expects(&self) -> &'static str {
        "expected pictures in the root of the archive"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        self.archive.fingerprint()
    }

    fn knows_identities(&self) -> bool {
        false
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        scan_counts(self.members.iter().map(|_| 1), builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.archive.read_member(self.location(image), buffer)
    }

    fn identity_name(&self, _index: &Index, identity: u64) -> Result<String> {
        Ok(self.members[identity as usize].name.clone())
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        self.archive.origin_of(self.location(image))
    }
}
