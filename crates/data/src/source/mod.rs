//! Where images come from: each format behind the trait [`Source`].

mod config;
mod files;
mod folder;
mod image_name;
mod indexing;
#[cfg(feature = "lmdb")]
mod lmdb;
mod pair_bin;
mod record_io;
mod synthetic;
mod web_dataset;
mod zip;

use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

pub use self::config::{LmdbPart, SourceConfig};
pub use self::files::Files;
pub use self::folder::Folder;
#[cfg(feature = "lmdb")]
pub use self::lmdb::Lmdb;
pub use self::pair_bin::PairBin;
pub use self::record_io::RecordIo;
pub use self::synthetic::{ImageCounts, Synthetic, SyntheticConfig};
pub use self::web_dataset::WebDataset;
pub use self::zip::{FlatZip, Zip};
use crate::fingerprint::Fingerprint;
use crate::index::{Index, IndexBuilder, Location};
use crate::{Error, Result};

/// A set of images by identity.
///
/// Read by many threads at once. An implementation keeps no state between reads.
pub trait Source: Debug + Send + Sync {
    /// The file or folder, for messages.
    fn path(&self) -> &Path;

    /// What the source should hold, for the message when it holds nothing.
    fn expects(&self) -> &'static str;

    /// What tells this source from others and from its own earlier states.
    ///
    /// # Errors
    /// If the source cannot be looked at.
    fn fingerprint(&self) -> Result<Fingerprint>;

    /// Hands every image to `builder`, in any order.
    ///
    /// # Errors
    /// If the source cannot be read or contradicts itself.
    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()>;

    /// Hands every image to `builder` and gives the fingerprint of what was handed: for sources that would go through
    /// everything twice. By default the fingerprint is taken before the scan, so that what changes meanwhile makes the
    /// index stale.
    ///
    /// # Errors
    /// As those of both.
    fn scan_with_fingerprint(&self, builder: &mut IndexBuilder<'_>) -> Result<Fingerprint> {
        let fingerprint = self.fingerprint()?;
        self.scan(builder)?;
        Ok(fingerprint)
    }

    /// Reads one image into `buffer`, in place of what it held.
    ///
    /// # Errors
    /// If the image cannot be read or its record is damaged.
    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content>;

    /// The name of an image's file without its folder, in sources that keep such names.
    ///
    /// # Errors
    /// If the name cannot be read.
    fn file_name(&self, _image: &ImageRef<'_>) -> Result<Option<String>> {
        Ok(None)
    }

    /// The name of an identity of the source's index.
    ///
    /// # Errors
    /// If the index cannot be read.
    fn identity_name(&self, index: &Index, identity: u64) -> Result<String> {
        index.name_of(identity)
    }

    /// Whether the identities are known: otherwise each picture is one of its own, with one name for both.
    fn knows_identities(&self) -> bool {
        true
    }

    /// The file and record of an image, for messages.
    fn origin(&self, image: &ImageRef<'_>) -> String {
        let path = self.path().display();
        match image.location() {
            Ok(Location { offset, .. }) => format!("{path}, record at byte {offset}"),
            Err(_) => format!("{path}, image {}", image.image),
        }
    }
}

/// What [`Source::read`] has put into the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An encoded image is in this part of the buffer.
    Encoded(Range<usize>),
    /// The buffer holds RGB, a byte a channel, row by row.
    Rgb {
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
    },
}

/// An image of an index.
#[derive(Debug, Clone, Copy)]
pub struct ImageRef<'a> {
    index: &'a Index,
    image: u64,
}

impl<'a> ImageRef<'a> {
    pub(crate) fn new(index: &'a Index, image: u64) -> Self {
        Self { index, image }
    }

    /// Number of the image in the index.
    pub fn image(&self) -> u64 {
        self.image
    }

    /// The image's identity.
    pub fn identity(&self) -> u64 {
        self.index.identity_of(self.image)
    }

    /// Number of the image among its identity's.
    pub fn number(&self) -> u64 {
        self.image - self.index.images_of(self.identity()).start
    }

    /// The identity's name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn identity_name(&self) -> Result<String> {
        self.index.name_of(self.identity())
    }

    /// Where the image's record is.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn location(&self) -> Result<Location> {
        self.index.location_of(self.image)
    }

    /// The file's name, of an image that is a file of its own.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn file_name(&self) -> Result<String> {
        self.index.file_name_at(self.location()?)
    }
}

/// [`Source::scan`] of a source whose images are told by their numbers alone: so many of each identity.
pub(crate) fn scan_counts(
    counts: impl Iterator<Item = u64>,
    builder: &mut IndexBuilder<'_>,
) -> Result<()> {
    let nowhere = Location::new(0, 0, 0)?;
    for (identity, count) in counts.enumerate() {
        for _ in 0..count {
            builder.image(identity as u64, nowhere)?;
        }
    }
    Ok(())
}

/// A part of a record, which must lie inside it.
fn slice(bytes: &[u8], range: Range<usize>) -> Option<&[u8]> {
    bytes.get(range)
}

/// Little-endian u32 at `offset`.
fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = slice(bytes, offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// A label as text.
fn parse_label(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The path's name as UTF-8.
fn utf8<'a>(name: &'a std::ffi::OsStr, path: &Path) -> Result<&'a str> {
    name.to_str().ok_or_else(|| Error::NotUtf8 {
        path: path.to_owned(),
    })
}
