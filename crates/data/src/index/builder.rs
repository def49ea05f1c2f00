use std::io::Write;
use std::path::{Path, PathBuf};

use ffc_files::NewFile;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::boundaries::{BoundariesWriter, block_bytes};
use super::external_sort::{ExternalSort, Sortable, Sorted};
use super::header::{HEADER_BYTES, Header, MAGIC};
use super::location::{LOCATION_BYTES, Location};
use super::passed_over::PassedOver;
use super::section_writer::SectionWriter;
use super::spool::Spool;
use crate::fingerprint::Fingerprint;
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// How an index is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BuildConfig {
    /// Memory for sorting, in bytes, half of it for images and half for the search for equal keys. Default: 256 MiB.
    /// What does not fit goes to temporary files beside the index.
    pub memory_bytes: usize,
    /// Numbers the identities without gaps where labels are missing, and keeps the labels beside them. Default:
    /// false, a gap is an error.
    pub close_gaps: bool,
}

impl Default for BuildConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            close_gaps: false,
        }
    }
}

/// # Errors
/// If what lies there is another kind of file: an index that is damaged is told by its ending.
fn check_replaceable(path: &Path) -> Result<()> {
    let is_named_so = path.extension().is_some_and(|ending| ending == "ffc-index");
    if is_named_so || !path.exists() {
        return Ok(());
    }
    let file = ReadAt::open(path)?;
    let mut begin = vec![0; MAGIC.len().min(file.len() as usize)];
    file.read(0, &mut begin)?;
    match begin.is_empty() || begin == MAGIC {
        true => Ok(()),
        false => {
            let problem =
                "it is no index, and none is written over it; give the index another name";
            Err(Error::format(path, problem))
        }
    }
}

/// How far the building of an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildProgress {
    /// The source is being read; so many images were found.
    Scanning {
        /// Images so far.
        images: u64,
    },
    /// The index is being written.
    Writing {
        /// Images written.
        images: u64,
        /// Images in all.
        total: u64,
    },
}

/// Bytes of the place where a name ends.
const NAME_END_BYTES: u64 = 8;
/// Images between two reports of progress.
const REPORT_IMAGES: u64 = 1 << 16;

/// Takes the images of a source in any order and writes them, grouped by identity, as an index.
pub struct IndexBuilder<'a> {
    path: PathBuf,
    source_path: PathBuf,
    folder: PathBuf,
    config: BuildConfig,
    progress: &'a mut dyn FnMut(BuildProgress),
    images: u64,
    entries: ExternalSort<Entry>,
    keys: Option<ExternalSort<KeyEntry>>,
    /// Files that have keys, and the number of keys before theirs.
    key_files: Vec<(PathBuf, u64)>,
    keys_noted: u64,
    /// Names of the identities, one after the other.
    names: Spool,
    /// Where each of them ends.
    name_ends: Spool,
    /// Names of images that are files of their own.
    paths: Spool,
    passed_over: PassedOver,
}

impl<'a> IndexBuilder<'a> {
    /// Writes the index of what `scan` hands over to `path`: aside first, synced, then renamed. `scan` gives the fingerprint of
    /// the source, which lies at `source_path` and should hold what is `expected`.
    pub(crate) fn write_scanned(
        (source_path, expected): (&Path, &'static str),
        path: &Path,
        config: &BuildConfig,
        progress: &'a mut dyn FnMut(BuildProgress),
        scan: impl FnOnce(&mut Self) -> Result<Fingerprint>,
    ) -> Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        check_replaceable(path)?;
        // Before the scan: a folder that cannot be written to is told at once.
        let file = NewFile::create(path).map_err(Error::io("put an index into", &folder))?;
        let mut builder = Self {
            entries: ExternalSort::new(&folder, config.memory_bytes / 2),
            names: Spool::new(&folder),
            name_ends: Spool::new(&folder),
            paths: Spool::new(&folder),
            path: path.to_owned(),
            source_path: source_path.to_owned(),
            folder,
            config: config.clone(),
            progress,
            images: 0,
            keys: None,
            key_files: Vec::new(),
            keys_noted: 0,
            passed_over: PassedOver::default(),
        };
        let fingerprint = scan(&mut builder)?;
        if builder.images == 0 && !builder.passed_over.is_empty() {
            let problem = format!("no images found; {expected}; {}", builder.passed_over);
            return Err(Error::format(&builder.source_path, problem));
        }
        if builder.images == 0 {
            return Err(Error::NoImages {
                path: builder.source_path,
                expected,
            });
        }
        builder.check_keys()?;
        builder.write(file, fingerprint)
    }

    /// Adds an image of the identity with this label.
    ///
    /// # Errors
    /// If the label is 2^32 or more, or a temporary file cannot be written.
    pub fn image(&mut self, label: u64, location: Location) -> Result<()> {
        let label = u32::try_from(label).map_err(|_| {
            Error::format(
                &self.source_path,
                format!("label {label} is not below 2^32"),
            )
        })?;
        self.images += 1;
        if self.images.is_multiple_of(REPORT_IMAGES) {
            (self.progress)(BuildProgress::Scanning {
                images: self.images,
            });
        }
        self.entries.push(Entry { label, location })
    }

    /// Adds an image that is a file of its own. `name` can be read back at the image's location.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn file_image(&mut self, label: u64, name: &str) -> Result<()> {
        let location = Location::new(0, self.paths.bytes(), name.len() as u64)?;
        self.paths.put(name.as_bytes())?;
        self.image(label, location)
    }

    /// Counts a file, by its path in the source, that is left out for its ending.
    pub fn pass_over(&mut self, path: &str) {
        self.passed_over.add(path);
    }

    /// The keys that follow are those of this file, counted from 1.
    pub fn keys_of(&mut self, path: &Path) {
        self.key_files.push((path.to_owned(), self.keys_noted));
    }

    /// Notes the key of the next entry; equal keys are an error in the end.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn key(&mut self, key: &[u8]) -> Result<()> {
        let keys = self
            .keys
            .get_or_insert_with(|| ExternalSort::new(&self.folder, self.config.memory_bytes / 2));
        self.keys_noted += 1;
        keys.push(KeyEntry {
            hash: xxh3_128(key),
            entry: self.keys_noted,
        })
    }

    /// The file of a key's entry, and its number there.
    fn key_place(&self, entry: u64) -> (PathBuf, u64) {
        let file = self
            .key_files
            .iter()
            .rev()
            .find(|(_, before)| *before < entry);
        file.map_or_else(
            || (self.source_path.clone(), entry),
            |(path, before)| (path.clone(), entry - before),
        )
    }

    /// Names an identity: the first call that with label 0, the next that with label 1, and so on. Every identity has a
    /// name or none.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn name(&mut self, name: &str) -> Result<()> {
        self.names.put(name.as_bytes())?;
        self.name_ends.put(&self.names.bytes().to_le_bytes())
    }

    fn check_keys(&mut self) -> Result<()> {
        let Some(keys) = self.keys.take() else {
            return Ok(());
        };
        let mut last: Option<KeyEntry> = None;
        for key in keys.finish()? {
            let key = key?;
            if let Some(last) = last.filter(|last| last.hash == key.hash) {
                let (path, first) = self.key_place(last.entry);
                let (_, second) = self.key_place(key.entry);
                return Err(Error::DuplicateKey {
                    path,
                    first,
                    second,
                });
            }
            last = Some(key);
        }
        Ok(())
    }

    fn write(self, mut file: NewFile, fingerprint: Fingerprint) -> Result<()> {
        let path = &self.path;
        let error = || Error::io("write", path);
        let section = |offset| SectionWriter::new(file.reopen().map_err(error())?, offset, path);

        let boundaries_offset = HEADER_BYTES as u64;
        let locations_offset = boundaries_offset + block_bytes(self.images);
        let mut end = locations_offset + self.images * LOCATION_BYTES as u64;
        let groups = Groups {
            source_path: &self.source_path,
            close_gaps: self.config.close_gaps,
            labels: Spool::new(&self.folder),
            total: self.images,
            progress: self.progress,
        };
        let written = groups.write(
            self.entries.finish()?,
            section(boundaries_offset)?,
            section(locations_offset)?,
        )?;

        let names = self.name_ends.bytes() / NAME_END_BYTES;
        if names != 0 && names != written.identities {
            let problem = format!("{names} names for {} identities", written.identities);
            return Err(Error::format(&self.source_path, problem));
        }
        let mut append = |spool: Spool| -> Result<_> {
            let mut writer = section(end)?;
            spool.copy_to(&mut writer)?;
            let section = writer.finish()?;
            end += section.length;
            Ok(section)
        };
        let names = append(self.names)?;
        let name_ends = append(self.name_ends)?;
        let labels = append(written.labels)?;
        let paths = append(self.paths)?;
        let mut hints = section(end)?;
        hints.put(&written.hints)?;
        let header = Header {
            fingerprint,
            identities: written.identities,
            images: self.images,
            min_images: written.min_images,
            max_images: written.max_images,
            boundaries: written.boundaries,
            hints: hints.finish()?,
            locations: written.locations,
            names,
            name_ends,
            labels,
            paths,
            passed_over: Some(self.passed_over),
        };
        file.write_all(&header.to_bytes(path)?).map_err(error())?;
        file.finish().map_err(error())
    }
}

/// Puts the images into the order of their identities.
struct Groups<'a> {
    source_path: &'a Path,
    close_gaps: bool,
    /// Labels of the identities, empty until there is a gap to close.
    labels: Spool,
    total: u64,
    progress: &'a mut dyn FnMut(BuildProgress),
}

/// What [`Groups`] wrote.
struct Written {
    identities: u64,
    min_images: u64,
    max_images: u64,
    boundaries: super::header::Section,
    locations: super::header::Section,
    hints: Vec<u8>,
    labels: Spool,
}

impl Groups<'_> {
    fn write(
        mut self,
        entries: Sorted<Entry>,
        mut blocks: SectionWriter,
        mut locations: SectionWriter,
    ) -> Result<Written> {
        let source_path = self.source_path;
        let error = || Error::io("write the index of", source_path);
        let mut boundaries = BoundariesWriter::new();
        let mut last: Option<u32> = None;
        let (mut begin, mut min_images, mut max_images) = (0, u64::MAX, 0);
        for entry in entries {
            let Entry { label, location } = entry?;
            if last != Some(label) {
                self.check_gap(last, label, boundaries.identities())?;
                if last.is_some() {
                    let count = boundaries.images() - begin;
                    (min_images, max_images) = (min_images.min(count), max_images.max(count));
                }
                begin = boundaries.images();
                boundaries.begin();
                last = Some(label);
            }
            locations.put(&location.to_bytes())?;
            boundaries.advance(1, &mut blocks).map_err(error())?;
            if boundaries.images().is_multiple_of(REPORT_IMAGES)
                || boundaries.images() == self.total
            {
                (self.progress)(BuildProgress::Writing {
                    images: boundaries.images(),
                    total: self.total,
                });
            }
        }
        let count = boundaries.images() - begin;
        let identities = boundaries.identities();
        let hints = boundaries.finish(&mut blocks).map_err(error())?;
        Ok(Written {
            identities,
            min_images: min_images.min(count),
            max_images: max_images.max(count),
            boundaries: blocks.finish()?,
            locations: locations.finish()?,
            hints,
            labels: self.labels,
        })
    }

    /// Looks at the labels between the last identity and the next.
    fn check_gap(&mut self, last: Option<u32>, label: u32, identity: u64) -> Result<()> {
        let expected = last.map_or(0, |last| u64::from(last) + 1);
        if u64::from(label) != expected {
            if !self.close_gaps {
                return Err(Error::LabelGap {
                    path: self.source_path.to_owned(),
                    first: expected,
                    next: u64::from(label),
                });
            }
            if self.labels.bytes() == 0 {
                for label in 0..identity as u32 {
                    self.labels.put(&label.to_le_bytes())?;
                }
            }
        }
        // Before the first gap, label and number of an identity are the same.
        if u64::from(label) != identity {
            self.labels.put(&label.to_le_bytes())?;
        }
        Ok(())
    }
}

/// An image on its way into the index.
#[derive(Clone, Copy)]
struct Entry {
    label: u32,
    location: Location,
}

impl Sortable for Entry {
    type Key = u32;
    type Bytes = [u8; 16];

    fn key(&self) -> u32 {
        self.label
    }

    fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.label.to_le_bytes());
        bytes[4..].copy_from_slice(&self.location.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; 16]) -> Self {
        let [l0, l1, l2, l3, location @ ..] = *bytes;
        Self {
            label: u32::from_le_bytes([l0, l1, l2, l3]),
            location: Location::from_bytes(location),
        }
    }
}

/// A key on its way to the search for equal ones.
#[derive(Clone, Copy)]
struct KeyEntry {
    hash: u128,
    entry: u64,
}

impl Sortable for KeyEntry {
    type Key = u128;
    type Bytes = [u8; 24];

    fn key(&self) -> u128 {
        self.hash
    }

    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.hash.to_le_bytes());
        bytes[16..].copy_from_slice(&self.entry.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; 24]) -> Self {
        let (mut hash, mut entry) = ([0; 16], [0; 8]);
        hash.copy_from_slice(&bytes[..16]);
        entry.copy_from_slice(&bytes[16..]);
        Self {
            hash: u128::from_le_bytes(hash),
            entry: u64::from_le_bytes(entry),
        }
    }
}
