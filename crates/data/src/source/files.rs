use std::path::{Path, PathBuf};

use super::image_name::{is_image_name, is_of_align, is_set_aside};
use super::{Content, ImageRef, Source, scan_counts};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{Index, IndexBuilder, PassedOver};
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// Picture files of which nobody knows what they show: each an identity of its own, named by its path, or in a folder by its name there.
///
/// Made into a set by [`Dataset::files`](crate::Dataset::files).
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// What they are named within, if they are of one folder.
    folder: Option<PathBuf>,
}

impl Files {
    /// Files in the order given. Whatever a file is called, its contents count.
    ///
    /// # Errors
    /// If there is none, or one is no ordinary file or has a name that is not UTF-8.
    pub fn new(paths: Vec<PathBuf>) -> Result<Self> {
        for path in &paths {
            let metadata = std::fs::metadata(path).map_err(Error::io("look at", path))?;
            // Names stand in tables, and two that cannot be printed may look alike.
            if path.to_str().is_none() {
                return Err(Error::NotUtf8 { path: path.clone() });
            }
            if metadata.is_dir() {
                let problem = "it is a folder: give one folder alone, or picture files";
                return Err(Error::format(path, problem));
            }
            if !metadata.is_file() {
                return Err(Error::format(path, "it is not an ordinary file"));
            }
        }
        if paths.is_empty() {
            return Err(Error::Setting {
                setting: "picture files",
                value: "none".into(),
                expected: "at least one",
            });
        }
        Ok(Self {
            paths,
            folder: None,
        })
    }

    /// The pictures that lie in a folder itself, sorted by name: none where it has none, or where another folder in it has some, which have
    /// an identity.
    ///
    /// # Errors
    /// If the folder cannot be read, or a picture's name is not UTF-8.
    pub fn flat(folder: &Path) -> Result<Option<Self>> {
        let (mut paths, mut passed_over) = (Vec::new(), PassedOver::default());
        for entry in std::fs::read_dir(folder).map_err(Error::io("read folder", folder))? {
            let path = entry.map_err(Error::io("read folder", folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_set_aside(&name) {
                continue;
            }
            if path.is_dir() {
                match has_pictures_or_folders(&path)? {
                    true => return Ok(None),
                    false => continue,
                }
            }
            // Neither a link that leads nowhere nor a pipe is a picture.
            if is_of_align(&name) {
                continue;
            }
            match is_image_name(&name) && path.is_file() {
                true => paths.push(path),
                false => passed_over.add(&name),
            }
        }
        if !paths.is_empty() && !passed_over.is_empty() {
            tracing::warn!("{}: {passed_over}", folder.display());
        }
        paths.sort_unstable();
        if paths.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            folder: Some(folder.to_owned()),
            ..Self::new(paths)?
        }))
    }

    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    fn path_of(&self, identity: u64) -> &Path {
        &self.paths[identity as usize]
    }
}

impl Source for Files {
    fn path(&self) -> &Path {
        self.path_of(0)
    }

    fn expects(&self) -> &'static str {
        "expected at least one picture file"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("list of files");
        self.paths.iter().try_for_each(|path| writer.file(path))?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        scan_counts(self.paths.iter().map(|_| 1), builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let file = ReadAt::open(self.path_of(image.identity()))?;
        file.read_record(0, file.len(), buffer)?;
        Ok(Content::Encoded(0..buffer.len()))
    }

    fn knows_identities(&self) -> bool {
        false
    }

    fn identity_name(&self, _index: &Index, identity: u64) -> Result<String> {
        let path = self.path_of(identity);
        let within = self
            .folder
            .as_deref()
            .map(|folder| path.strip_prefix(folder));
        let name = within.and_then(std::result::Result::ok).unwrap_or(path);
        Ok(name.display().to_string())
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        self.path_of(image.identity()).display().to_string()
    }
}

fn has_pictures_or_folders(folder: &Path) -> Result<bool> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("read folder", folder))? {
        let path = entry.map_err(Error::io("read folder", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !is_set_aside(&name) && (is_image_name(&name) || path.is_dir()) {
            return Ok(true);
        }
    }
    Ok(false)
}
