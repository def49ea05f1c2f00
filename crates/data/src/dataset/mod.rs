mod rotated;
mod selected;
mod thinned;

use std::path::Path;
use std::sync::OnceLock;

use crate::channels::Channels;
use crate::decode::decode;
use crate::fingerprint::Fingerprint;
use crate::index::{BuildConfig, BuildProgress, Index, IndexBuilder};
use crate::source::{Content, ImageRef, PairBin, Source, SourceConfig, Synthetic, SyntheticConfig};
use crate::{Error, Result};

/// A source with its index: images by identity, ready to be drawn and read.
#[derive(Debug)]
pub struct Dataset {
    source: Box<dyn Source>,
    index: Index,
    fingerprint: OnceLock<Fingerprint>,
}

impl Dataset {
    /// Opens a source with the index at `index`.
    ///
    /// # Errors
    /// If the index is missing, damaged or stale.
    pub fn open(source: Box<dyn Source>, index: &Path) -> Result<Self> {
        let index = Index::open(index, &*source)?;
        Ok(Self::of_file(source, index))
    }

    /// Opens what `config` names, with the index [beside it](SourceConfig::index_path), which is built if it is missing.
    /// A stale or damaged index is an error, not built again unasked.
    ///
    /// Of several processes that start together, let one do this first.
    ///
    /// # Errors
    /// If the source cannot be opened or indexed.
    pub fn open_or_build(
        config: &SourceConfig,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        if let SourceConfig::Synthetic(config) = config {
            return Self::synthetic(config.clone());
        }
        let source = config.open()?;
        let path = config.index_path().ok_or_else(|| {
            Error::format(
                source.path(),
                "no index can lie beside it: its folder has no name",
            )
        })?;
        Self::open_or_build_at(source, &path, build, progress)
    }

    /// The same with an index at any place, for sources that lie where nothing can be written.
    ///
    /// # Errors
    /// As [`open_or_build`](Self::open_or_build).
    pub fn open_or_build_at(
        source: Box<dyn Source>,
        index: &Path,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        if !index.exists() {
            tracing::info!("building the index {}", index.display());
            IndexBuilder::build(&*source, index, build, progress)?;
            // Its source was looked at just now.
            let index = Index::open_unchecked(index)?;
            return Ok(Self::of_file(source, index));
        }
        let dataset = Self::open(source, index)?;
        if dataset.index.gaps_closed() && !build.close_gaps {
            let problem = "it was built with `close_gaps`, which is off now; build it again";
            return Err(Error::format(index, problem));
        }
        Ok(dataset)
    }

    /// Opens the file or folder at `path`, whatever its [format](SourceConfig::detect), with default settings.
    ///
    /// # Errors
    /// As [`open_or_build`](Self::open_or_build).
    pub fn from_path(path: &Path) -> Result<Self> {
        Self::open_or_build(
            &SourceConfig::detect(path)?,
            &BuildConfig::default(),
            &mut |_| {},
        )
    }

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

    /// Puts a source and an index together without a check.
    pub fn from_parts(source: Box<dyn Source>, index: Index) -> Self {
        Self {
            source,
            index,
            fingerprint: OnceLock::new(),
        }
    }

    /// With an index that was made from this state of the source.
    fn of_file(source: Box<dyn Source>, index: Index) -> Self {
        Self {
            source,
            fingerprint: index.fingerprint().clone().into(),
            index,
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

    /// Reads and decodes an image to see whether it is whole.
    ///
    /// # Errors
    /// If it cannot be read or decoded.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn check_image(&self, image: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let Content::Encoded(range) = self.read(image, buffer)? else {
            return Ok(());
        };
        let encoded = buffer.get(range).unwrap_or_default();
        let decoded = decode(encoded, Channels::Rgb, None, &mut [], &mut Vec::new());
        decoded.map(|_| ()).map_err(|problem| Error::Image {
            image,
            origin: self.origin(image),
            problem,
        })
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

    /// A name to show for an image: `<identity>/<file>` where the source keeps files' names, else its [`origin`](Self::origin).
    ///
    /// # Errors
    /// If a name cannot be read.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn display_name(&self, image: u64) -> Result<String> {
        Ok(match self.file_name(image)? {
            Some(file) => format!(
                "{}/{file}",
                self.index.name_of(self.index.identity_of(image))?
            ),
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
