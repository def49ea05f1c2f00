use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

#[cfg(feature = "lmdb")]
use super::Lmdb;
use super::image_name::is_set_aside;
use super::web_dataset::is_partial;
use super::{Folder, RecordIo, Source, Synthetic, SyntheticConfig, WebDataset, Zip};
use crate::{Error, Result};

/// A source as a configuration names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "format")]
pub enum SourceConfig {
    /// A [`Folder`].
    Folder {
        /// Its root.
        path: PathBuf,
    },
    /// A [`Zip`] archive.
    Zip {
        /// The archive.
        path: PathBuf,
    },
    /// A [`RecordIo`] set.
    RecordIo {
        /// The `.rec` file.
        path: PathBuf,
    },
    /// LMDB databases, read with the feature `lmdb`.
    Lmdb {
        /// The databases, joined in this order.
        parts: Vec<LmdbPart>,
    },
    /// A [`WebDataset`].
    WebDataset {
        /// A shard or a folder of shards.
        path: PathBuf,
    },
    /// [`Synthetic`] identities.
    Synthetic(SyntheticConfig),
}

/// One database of an LMDB source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LmdbPart {
    /// The environment: a folder with `data.mdb`, or that file.
    pub database: PathBuf,
    /// The list: `key label`, a line an image.
    pub list: PathBuf,
    /// Added to every label. Default: one more than the largest label of the databases before.
    #[serde(default)]
    pub label_offset: Option<u64>,
}

impl SourceConfig {
    /// Tells the format of a file or folder by its name and what lies in it. A folder without folders in it may hold a
    /// `.rec` file, `.tar` shards or one `.zip` archive. An LMDB database needs its list beside it: `name.txt` for `name.lmdb`.
    ///
    /// # Errors
    /// If there is nothing at `path`, or its format is not known.
    pub fn detect(path: &Path) -> Result<Self> {
        let owned = path.to_owned();
        let metadata = std::fs::metadata(path).map_err(Error::io("look at", path))?;
        if metadata.is_dir() {
            if path.join("data.mdb").exists() {
                return Ok(Self::lmdb(path));
            }
            return Self::detect_in(path);
        }
        let is = |ending| has_ending(path, ending);
        match () {
            () if is("zip") => Ok(Self::Zip { path: owned }),
            () if is("rec") => Ok(Self::RecordIo { path: owned }),
            () if is("tar") => Ok(Self::WebDataset { path: owned }),
            () if is("mdb") || is("lmdb") => Ok(Self::lmdb(path)),
            () if is_partial(&path.to_string_lossy()) => Err(Error::format(
                path,
                "it is no whole shard: unpack it if it is compressed (gunzip), since shards are read in place, finish it if it was being loaded",
            )),
            () => Err(Error::format(
                path,
                "unknown format; expected a folder, or a .zip, .rec, .tar or .lmdb file",
            )),
        }
    }

    /// Tells what a folder holds. One with folders in it is a folder of pictures, whatever else lies there.
    fn detect_in(path: &Path) -> Result<Self> {
        let (mut folders, mut shards) = (false, false);
        let (mut records, mut archives) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(path).map_err(Error::io("read folder", path))? {
            let entry = entry.map_err(Error::io("read folder", path))?.path();
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            // A look at one folder is enough: there may be millions.
            folders = folders || (entry.is_dir() && !is_set_aside(&name));
            shards |= has_ending(&entry, "tar") || is_partial(&name);
            if has_ending(&entry, "rec") {
                records.push(entry);
            } else if has_ending(&entry, "zip") {
                archives.push(entry);
            }
        }
        let path = path.to_owned();
        if folders {
            return Ok(Self::Folder { path });
        }
        match records.len() {
            0 if !shards && archives.len() == 1 => Ok(Self::Zip {
                path: archives.remove(0),
            }),
            0 if shards => Ok(Self::WebDataset { path }),
            0 => Ok(Self::Folder { path }),
            1 => Ok(Self::RecordIo {
                path: records.remove(0),
            }),
            several => {
                let problem = format!("{several} .rec files lie there; name one of them");
                Err(Error::format(path, problem))
            }
        }
    }

    fn lmdb(path: &Path) -> Self {
        Self::Lmdb {
            parts: vec![LmdbPart {
                database: path.to_owned(),
                list: path.with_extension("txt"),
                label_offset: None,
            }],
        }
    }

    /// # Errors
    /// If the source cannot be opened, a setting is wrong, or the format's feature is missing.
    pub fn open(&self) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Folder { path } => Box::new(Folder::open(path)?),
            Self::Zip { path } => Box::new(Zip::open(path)?),
            Self::RecordIo { path } => Box::new(RecordIo::open(path)?),
            #[cfg(feature = "lmdb")]
            Self::Lmdb { parts } => Box::new(Lmdb::open(parts)?),
            #[cfg(not(feature = "lmdb"))]
            Self::Lmdb { parts } => {
                return Err(Error::MissingFeature {
                    path: parts
                        .first()
                        .map_or_else(PathBuf::new, |part| part.database.clone()),
                    format: "LMDB databases",
                    feature: "lmdb",
                });
            }
            Self::WebDataset { path } => Box::new(WebDataset::open(path)?),
            Self::Synthetic(config) => Box::new(Synthetic::new(config.clone())?),
        })
    }

    /// The file or folder; of several databases the first. None for synthetic identities.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Folder { path }
            | Self::Zip { path }
            | Self::RecordIo { path }
            | Self::WebDataset { path } => Some(path),
            Self::Lmdb { parts } => parts.first().map(|part| &*part.database),
            Self::Synthetic(_) => None,
        }
    }

    /// Where the index belongs: beside the source, `<its name>.ffc-index`; beside the first of several databases,
    /// `<its name>+<number of others>-<hash of their names>.ffc-index`. None for synthetic identities, which need no file.
    pub fn index_path(&self) -> Option<PathBuf> {
        let path = self.path()?;
        let others = match self {
            Self::Lmdb { parts } => parts.get(1..).unwrap_or_default(),
            _ => &[],
        };
        // `.` and `..` have no name to put an ending to.
        let path = match path.file_name() {
            Some(_) => path.to_owned(),
            None => path.canonicalize().ok()?,
        };
        let mut name = path.file_name()?.to_owned();
        if !others.is_empty() {
            let mut hash = Xxh3Default::new();
            for part in others {
                hash.update(part.database.file_name()?.as_encoded_bytes());
                hash.update(&[0]);
            }
            name.push(format!("+{}-{:016x}", others.len(), hash.digest()));
        }
        name.push(".ffc-index");
        Some(path.with_file_name(name))
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
