use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::image_name::is_image_name;
use super::{Content, ImageRef, Source, utf8};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::IndexBuilder;
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// A folder of image files: `root/<identity>/<image>`, at any depth.
///
/// Every folder that holds images is an identity, named by its path below the root. Names sorted byte by byte give the
/// order. Hidden files and files with other endings are passed over; links are followed.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// # Errors
    /// If `root` is not a folder that can be read.
    pub fn open(root: &Path) -> Result<Self> {
        std::fs::read_dir(root).map_err(Error::io("read folder", root))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Calls `image` with the identity and the name of every image, identity by identity.
    fn walk(&self, mut image: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
        // Folders on the way down to the present entry, and whether an image was found below.
        let mut open: Vec<(PathBuf, bool)> = Vec::new();
        let entries = WalkDir::new(&self.root)
            .min_depth(1)
            .follow_links(true)
            .sort_by(|a, b| order(a).cmp(&order(b)))
            .into_iter()
            .filter_entry(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        for entry in entries {
            let entry = entry.map_err(|error| self.walk_error(error))?;
            self.close(&mut open, entry.depth() - 1)?;
            if entry.file_type().is_dir() {
                open.push((entry.into_path(), false));
                continue;
            }
            let name = utf8(entry.file_name(), entry.path());
            // A name that cannot be printed is an error only if it may be that of an image.
            if !name.as_ref().map_or_else(
                |_| is_image_name(&entry.file_name().to_string_lossy()),
                |name| is_image_name(name),
            ) {
                continue;
            }
            if !entry.file_type().is_file() {
                return Err(Error::format(entry.path(), "it is not an ordinary file"));
            }
            let Some((folder, found)) = open.last_mut() else {
                let problem = "the image lies in the root; each identity needs a folder of its own";
                return Err(Error::format(entry.path(), problem));
            };
            *found = true;
            let identity = folder.strip_prefix(&self.root).unwrap_or(folder);
            let identity =
                utf8(identity.as_os_str(), folder)?.replace(std::path::MAIN_SEPARATOR, "/");
            image(&identity, name?)?;
        }
        self.close(&mut open, 0)
    }

    /// Leaves folders until `depth` of them are open. One without images is an identity without images.
    fn close(&self, open: &mut Vec<(PathBuf, bool)>, depth: usize) -> Result<()> {
        while open.len() > depth {
            let Some((folder, found)) = open.pop() else {
                break;
            };
            if !found {
                return Err(Error::EmptyIdentity {
                    path: self.root.clone(),
                    identity: folder
                        .strip_prefix(&self.root)
                        .unwrap_or(&folder)
                        .display()
                        .to_string(),
                });
            }
            if let Some((_, above)) = open.last_mut() {
                *above = true;
            }
        }
        Ok(())
    }

    fn walk_error(&self, error: walkdir::Error) -> Error {
        let path = error.path().unwrap_or(&self.root).to_owned();
        match error.loop_ancestor() {
            Some(above) => Error::format(
                &path,
                format!("this link leads back to {}", above.display()),
            ),
            None => Error::io("read", path)(error.into()),
        }
    }

    fn file(&self, image: &ImageRef<'_>) -> Result<PathBuf> {
        Ok(self
            .root
            .join(image.identity_name()?)
            .join(image.file_name()?))
    }
}

/// Files before folders, so that the images of a folder stay together; then by name. A link is what it leads to.
fn order(entry: &DirEntry) -> (bool, &[u8]) {
    let folder = match entry.path_is_symlink() {
        true => entry.path().is_dir(),
        false => entry.file_type().is_dir(),
    };
    (folder, entry.file_name().as_encoded_bytes())
}

impl Source for Folder {
    fn path(&self) -> &Path {
        &self.root
    }

    fn expects(&self) -> &'static str {
        "expected folders of JPEG, PNG, BMP or PNM files, one folder an identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("folder");
        self.walk(|identity, image| {
            writer.name(format!("{identity}/{image}").as_bytes());
            Ok(())
        })?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        self.scan_with_fingerprint(builder).map(drop)
    }

    fn scan_with_fingerprint(&self, builder: &mut IndexBuilder<'_>) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("folder");
        let (mut last, mut identities) = (String::new(), 0);
        self.walk(|identity, image| {
            writer.name(format!("{identity}/{image}").as_bytes());
            if identities == 0 || last != identity {
                if identities > 0 && last.split('/').ge(identity.split('/')) {
                    return Err(Error::format(
                        &self.root,
                        format!("`{identity}` was found after `{last}`: the folder changes"),
                    ));
                }
                identity.clone_into(&mut last);
                identities += 1;
                builder.name(identity)?;
            }
            builder.file_image(identities - 1, image)
        })?;
        Ok(writer.finish())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let file = ReadAt::open(&self.file(image)?)?;
        file.read_record(0, file.len(), buffer)?;
        Ok(Content::Encoded(0..buffer.len()))
    }

    fn file_name(&self, image: &ImageRef<'_>) -> Result<Option<String>> {
        image.file_name().map(Some)
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        match self.file(image) {
            Ok(file) => file.display().to_string(),
            Err(_) => format!("{}, image {}", self.root.display(), image.image()),
        }
    }
}
