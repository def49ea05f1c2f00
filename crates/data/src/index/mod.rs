//! Which images belong to which identity, and where their bytes are.

mod boundaries;
mod builder;
mod external_sort;
mod header;
mod location;
mod passed_over;
mod section_writer;
mod spool;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use xxhash_rust::xxh3::Xxh3Default;

use self::boundaries::{Boundaries, BoundariesWriter, MAX_IMAGES};
pub use self::builder::{BuildConfig, BuildProgress, IndexBuilder};
use self::header::{HEADER_BYTES, Header, Section};
use self::location::LOCATION_BYTES;
pub use self::location::Location;
pub use self::passed_over::PassedOver;
use crate::fingerprint::Fingerprint;
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// Which images belong to which identity, and where their bytes are.
///
/// Identities are numbered from 0 without gaps, images too; the images of one identity are contiguous. The boundaries
/// between identities are mapped into memory: 1.15 bits an image, so that a billion images take 143 MB. Everything
/// that is needed once an image (its place, its name) is read from the file when asked for: mapped, it would fill
/// memory with pages that are touched once an epoch. Opening an index costs the same at any size.
#[derive(Debug)]
pub struct Index {
    header: Header,
    bytes: Bytes,
    file: Option<ReadAt>,
}

/// The bytes that hold the boundaries.
#[derive(Debug)]
enum Bytes {
    /// From the file's first byte.
    Mapped(Mmap),
    /// Blocks and hints.
    Owned(Vec<u8>, Vec<u8>),
}

impl Index {
    /// Opens an index whatever has become of its source: enough to count and to draw positions.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn open_unchecked(path: &Path) -> Result<Self> {
        let file = ReadAt::open(path)?;
        let mut bytes = vec![0; HEADER_BYTES.min(file.len() as usize)];
        file.read(0, &mut bytes)?;
        let header = Header::from_bytes(&bytes, file.len(), path)?;
        let index = Self {
            bytes: Bytes::Mapped(map(file.file(), &header, path)?),
            header,
            file: Some(file),
        };
        match index.try_boundaries() {
            Some(_) => Ok(index),
            None => Err(index.damaged("its boundaries do not fit the counts in the header".into())),
        }
    }

    /// An index of images that have no place, given the number of images of each identity.
    ///
    /// # Errors
    /// If there is no identity, or one has no image.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Result<Self> {
        let mut blocks = Vec::new();
        let mut writer = BoundariesWriter::new();
        let (mut min_images, mut max_images) = (u64::MAX, 0);
        let setting = |value: u64, expected| Error::Setting {
            setting: "images of an identity",
            value: value.to_string(),
            expected,
        };
        for count in counts {
            if count == 0 || count >= MAX_IMAGES - writer.images() {
                return Err(setting(count, "at least 1, and fewer than 2^40 in all"));
            }
            (min_images, max_images) = (min_images.min(count), max_images.max(count));
            // Cannot fail: a vector takes all.
            let _ = writer.identity(count, &mut blocks);
        }
        let (images, identities) = (writer.images(), writer.identities());
        if identities == 0 {
            return Err(setting(0, "given for at least one identity"));
        }
        let hints = writer.finish(&mut blocks).unwrap_or_default();
        let empty = Section {
            offset: 0,
            length: 0,
            checksum: 0,
        };
        Ok(Self {
            header: Header {
                fingerprint: Fingerprint::default(),
                identities,
                images,
                min_images,
                max_images,
                boundaries: empty,
                hints: empty,
                locations: empty,
                names: empty,
                name_ends: empty,
                labels: empty,
                paths: empty,
                passed_over: None,
            },
            bytes: Bytes::Owned(blocks, hints),
            file: None,
        })
    }

    /// Reads the whole file and compares every checksum. A billion images take some seconds.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn verify(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut buffer = vec![0; 1 << 20];
        for (name, section) in self.header.sections() {
            let mut hash = Xxh3Default::new();
            let mut done = 0;
            while done < section.length {
                let part = (section.length - done).min(buffer.len() as u64) as usize;
                file.read(section.offset + done, &mut buffer[..part])?;
                hash.update(&buffer[..part]);
                done += part as u64;
            }
            if hash.digest() != section.checksum {
                return Err(self.damaged(format!("the checksum of its {name} is wrong")));
            }
        }
        Ok(())
    }

    /// The state of the source that the index was made from.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.header.fingerprint
    }

    /// What lies among the images and was left out, when the index was built. None where it does not tell: it was made by an older version, or is
    /// in memory.
    pub fn passed_over(&self) -> Option<&PassedOver> {
        self.header.passed_over.as_ref()
    }

    /// Number of identities.
    pub fn identities(&self) -> u64 {
        self.header.identities
    }

    /// Number of images.
    pub fn images(&self) -> u64 {
        self.header.images
    }

    /// Images of the identity with fewest.
    pub fn min_images(&self) -> u64 {
        self.header.min_images
    }

    /// Images of the identity with most.
    pub fn max_images(&self) -> u64 {
        self.header.max_images
    }

    /// Whether there were gaps between the labels, which were [closed](BuildConfig::close_gaps).
    pub fn gaps_closed(&self) -> bool {
        self.header.labels.length > 0
    }

    /// The identity of an image.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn identity_of(&self, image: u64) -> u64 {
        assert!(image < self.images(), "image {image} of {}", self.images());
        self.boundaries().identity_of(image)
    }

    /// The images of an identity.
    ///
    /// # Panics
    /// If there is no such identity.
    pub fn images_of(&self, identity: u64) -> Range<u64> {
        assert!(
            identity < self.identities(),
            "identity {identity} of {}",
            self.identities()
        );
        self.boundaries().images_of(identity)
    }

    /// Makes look-ups of these images fast: memory is asked for all of them at once. Wait for one at a time and a large
    /// index is several times slower.
    pub(crate) fn fetch_images(&self, images: impl Iterator<Item = u64>) {
        self.boundaries().fetch_images(images);
    }

    /// The same for look-ups of identities.
    pub(crate) fn fetch_identities(&self, identities: impl Iterator<Item = u64>) {
        self.boundaries().fetch_identities(identities);
    }

    /// The identity's name in the source: its folder, or its label where it has no name.
    ///
    /// # Errors
    /// If the index cannot be read or is damaged.
    ///
    /// # Panics
    /// If there is no such identity.
    pub fn name_of(&self, identity: u64) -> Result<String> {
        assert!(
            identity < self.identities(),
            "identity {identity} of {}",
            self.identities()
        );
        if self.header.labels.length > 0 {
            let mut label = [0; 4];
            self.read(self.header.labels, identity * 4, &mut label)?;
            return Ok(u32::from_le_bytes(label).to_string());
        }
        if self.header.name_ends.length == 0 {
            return Ok(identity.to_string());
        }
        let mut ends = [0; 16];
        if identity == 0 {
            self.read(self.header.name_ends, 0, &mut ends[8..])?;
        } else {
            self.read(self.header.name_ends, (identity - 1) * 8, &mut ends)?;
        }
        let [from, to] = [&ends[..8], &ends[8..]].map(|end| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(end);
            u64::from_le_bytes(bytes)
        });
        self.text(self.header.names, from, to.saturating_sub(from))
    }

    /// Where an image's record is.
    ///
    /// # Errors
    /// If the index cannot be read, is damaged or holds no locations.
    pub(crate) fn location_of(&self, image: u64) -> Result<Location> {
        let mut bytes = [0; LOCATION_BYTES];
        self.read(
            self.header.locations,
            image * LOCATION_BYTES as u64,
            &mut bytes,
        )?;
        Ok(Location::from_bytes(bytes))
    }

    /// The name of an image that is a file of its own.
    ///
    /// # Errors
    /// If the index cannot be read or is damaged.
    pub(crate) fn file_name_at(&self, location: Location) -> Result<String> {
        self.text(
            self.header.paths,
            location.offset,
            u64::from(location.length),
        )
    }

    fn text(&self, section: Section, offset: u64, length: u64) -> Result<String> {
        if offset
            .checked_add(length)
            .is_none_or(|end| end > section.length)
        {
            return Err(self.damaged("a name lies outside its section".into()));
        }
        let mut bytes = vec![0; length as usize];
        self.read(section, offset, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| self.damaged("a name is not valid UTF-8".into()))
    }

    fn read(&self, section: Section, offset: u64, bytes: &mut [u8]) -> Result<()> {
        match &self.file {
            Some(file) if offset + bytes.len() as u64 <= section.length => {
                file.read(section.offset + offset, bytes)
            }
            _ => Err(self.damaged("it does not hold what is asked for".into())),
        }
    }

    fn damaged(&self, problem: String) -> Error {
        Error::DamagedIndex {
            path: self
                .file
                .as_ref()
                .map_or(PathBuf::new(), |file| file.path().to_owned()),
            problem,
        }
    }

    #[allow(clippy::expect_used, reason = "checked when the index was opened")]
    fn boundaries(&self) -> Boundaries<'_> {
        self.try_boundaries()
            .expect("the boundaries fit the counts")
    }

    fn try_boundaries(&self) -> Option<Boundaries<'_>> {
        let (blocks, hints) = match &self.bytes {
            Bytes::Owned(blocks, hints) => (&blocks[..], &hints[..]),
            Bytes::Mapped(map) => {
                let part = |section: Section| {
                    map.get(section.offset as usize..)?
                        .get(..section.length as usize)
                };
                (part(self.header.boundaries)?, part(self.header.hints)?)
            }
        };
        Boundaries::new(blocks, hints, self.images(), self.identities())
    }
}

/// Maps the file. Only pages that are looked at take memory.
#[allow(unsafe_code)]
fn map(file: &File, header: &Header, path: &Path) -> Result<Mmap> {
    // SAFETY: an index is never changed in place: it is written aside and renamed, so the mapped file keeps its bytes
    // and its length for as long as it is open. Bytes that another program changes none the less make wrong numbers,
    // which are checked against their ranges; cutting the file off under the map ends the process.
    let map = unsafe { Mmap::map(file) }.map_err(Error::io("map", path))?;
    #[cfg(unix)]
    {
        // Look-ups jump about: reading ahead would only fill memory. Advice may be refused without harm.
        let _ = map.advise_range(
            memmap2::Advice::Random,
            header.boundaries.offset as usize,
            header.boundaries.length as usize,
        );
    }
    #[cfg(not(unix))]
    let _ = header;
    Ok(map)
}
