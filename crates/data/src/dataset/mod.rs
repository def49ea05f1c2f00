mod opening;
mod rotated;
mod selected;
mod split;
mod thinned;
mod view;

use std::sync::OnceLock;

pub use self::split::{Split, SplitSide};

use crate::channels::Channels;
use crate::decode::{Decoded, Size, Wanted, decode};
use crate::fingerprint::Fingerprint;
use crate::index::Index;
use crate::source::{
    Content, Files, FlatZip, ImageRef, PairBin, Source, Synthetic, SyntheticConfig,
};
use crate::{Error, Result};

/// A source with its index: images by identity, ready to be drawn and read.
#[derive(Debug)]
pub struct Dataset {
    source: Box<dyn Source>,
    index: Index,
    fingerprint: OnceLock<Fingerprint>,
    as_stored: bool,
}

impl Dataset {
    /// Synthetic identities, with the index in memory.
    ///
    /// # Errors
    /// If a setting is outside its range.
    pub fn synthetic(config: SyntheticConfig) -> Result<Self> {
        let source = Synthetic::new(config)?;
        let index = Index::from_counts(source.counts())?;
        Ok(Self::from_parts(Box::new(source), index))
    }

    /// The images of a pair file, each an identity of its own, with the index in memory. The images of pair k are numbers
    /// 2 k and 2 k + 1.
    ///
    /// # Errors
    /// If there are too many for an index.
    pub fn pairs(bin: PairBin) -> Result<Self> {
        let index = Index::from_counts(bin.same().iter().flat_map(|_| [1, 1]))?;
        Ok(Self::from_parts(Box::new(bin), index))
    }

    /// Picture files, each an identity of its own, in the order given and with the index in memory.
    ///
    /// # Errors
    /// If one cannot be looked at, or there is none.
    pub fn files(files: Files) -> Result<Self> {
        let index = Index::from_counts((0..files.len()).map(|_| 1))?;
        Ok(Self::from_parts(Box::new(files), index))
    }

    /// The pictures of an archive without folders, each an identity of its own.
    ///
    /// # Errors
    /// If they are too many for an index in memory.
    pub fn flat_zip(archive: FlatZip) -> Result<Self> {
        let index = Index::from_counts((0..archive.len()).map(|_| 1))?;
        Ok(Self::from_parts(Box::new(archive), index))
    }

    /// Puts a source and an index together without a check.
    pub fn from_parts(source: Box<dyn Source>, index: Index) -> Self {
        Self {
            source,
            index,
            fingerprint: OnceLock::new(),
            as_stored: false,
        }
    }

    /// With an index that was made from this state of the source.
    fn of_file(source: Box<dyn Source>, index: Index) -> Self {
        Self {
            source,
            fingerprint: index.fingerprint().clone().into(),
            index,
            as_stored: false,
        }
    }

    /// Leaves pictures as they are stored. By default those are turned whose EXIF data tell another orientation.
    pub fn as_stored(mut self, as_stored: bool) -> Self {
        self.as_stored = as_stored;
        self
    }

    /// Whether its pictures are left as they are stored.
    pub fn is_as_stored(&self) -> bool {
        self.as_stored
    }

    /// What is made of an encoded picture of this set.
    pub(crate) fn wanted(&self, channels: Channels, size: Option<Size>) -> Wanted {
        Wanted {
            channels,
            size,
            as_stored: self.as_stored,
        }
    }

    /// Which images belong to which identity.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Where the images come from.
    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// What tells the source from others, as it was when it was opened: it is not looked at again. Sets whose index is in
    /// memory are looked at when this is first asked.
    ///
    /// # Errors
    /// If the source must be looked at and cannot be.
    pub fn fingerprint(&self) -> Result<&Fingerprint> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known);
        }
        let found = self.source.fingerprint()?;
        Ok(self.fingerprint.get_or_init(|| found))
    }

    /// Reads an image as its source holds it.
    ///
    /// # Errors
    /// If the image cannot be read or its record is damaged.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn read(&self, image: u64, buffer: &mut Vec<u8>) -> Result<Content> {
        self.source.read(&self.image(image), buffer)
    }

    /// Reads and decodes an image into `pixels`, in place of what it held: RGB, a byte a channel, row by row. Gives width and height in
    /// pixels.
    ///
    /// # Errors
    /// If it cannot be read or decoded.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn picture(&self, image: u64, pixels: &mut Vec<u8>) -> Result<[usize; 2]> {
        let range = match self.read(image, pixels)? {
            Content::Rgb { width, height } => return Ok([width, height]),
            Content::Encoded(range) => range,
        };
        let bytes = std::mem::take(pixels);
        let encoded = bytes.get(range).unwrap_or_default();
        let problem = match decode(encoded, self.wanted(Channels::Rgb, None), &mut [], pixels) {
            Ok(Decoded::Other(size)) => return Ok([size.width, size.height]),
            Ok(Decoded::Target) => "it has no size".to_owned(),
            Err(problem) => problem,
        };
        Err(Error::Image {
            image,
            origin: self.origin(image),
            problem,
        })
    }

    /// The name of an identity: that of its folder, or its label. Of a selection it is the one in the set that was selected from.
    ///
    /// # Errors
    /// If the name cannot be read.
    ///
    /// # Panics
    /// If there is no such identity.
    pub fn identity_name(&self, identity: u64) -> Result<String> {
        self.source.identity_name(&self.index, identity)
    }

    /// The name of an image's file without its folder, if the source keeps such names.
    ///
    /// # Errors
    /// If the name cannot be read.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn file_name(&self, image: u64) -> Result<Option<String>> {
        self.source.file_name(&self.image(image))
    }

    /// A name to show for an image: `<identity>/<file>` where the source keeps files' names, its identity's where that is its own, else its
    /// [`origin`](Self::origin).
    ///
    /// # Errors
    /// If a name cannot be read.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn display_name(&self, image: u64) -> Result<String> {
        if !self.source.knows_identities() {
            return self.identity_name(self.index.identity_of(image));
        }
        Ok(match self.file_name(image)? {
            Some(file) => {
                let identity = self.identity_name(self.index.identity_of(image))?;
                format!("{identity}/{file}")
            }
            None => self.origin(image),
        })
    }

    /// The file and record of an image, for messages.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn origin(&self, image: u64) -> String {
        self.source.origin(&self.image(image))
    }

    fn image(&self, image: u64) -> ImageRef<'_> {
        assert!(
            image < self.index.images(),
            "image {image} of {}",
            self.index.images()
        );
        ImageRef::new(&self.index, image)
    }
}
