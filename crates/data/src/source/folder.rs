use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::image_name::{is_image_name, is_of_align, is_set_aside};
use super::{Content, ImageRef, Source, utf8};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, PassedOver};
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// A folder of image files: `root/<identity>/<image>`, at any depth.
///
/// Every folder that holds images is an identity, named by its path below the root. Names sorted byte by byte give the
/// order. Files with other endings are passed over and counted, hidden ones and systems' side folders passed over; links are followed.
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

    /// Calls `visit` with every file, the images identity by identity.
    fn walk(&self, mut visit: impl FnMut(Found<'_>) -> Result<()>) -> Result<()> {
        let mut open: Vec<OpenFolder> = Vec::new();
        let mut empty = Vec::new();
        let entries = WalkDir::new(&self.root)
            .min_depth(1)
            .follow_links(true)
            .sort_by(|a, b| order(a).cmp(&order(b)))
            .into_iter()
            .filter_entry(|entry| !is_set_aside(&entry.file_name().to_string_lossy()));
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => match self.dead_link(&error)? {
                    Some(link) => {
                        let name = link.file_name().unwrap_or_default().to_string_lossy();
                        if !is_set_aside(&name) {
                            visit(Found::Other(&link))?;
                        }
                        continue;
                    }
                    None => return Err(self.walk_error(error)),
                },
            };
            self.close(&mut open, entry.depth() - 1, &mut empty)?;
            if entry.file_type().is_dir() {
                open.push(OpenFolder {
                    path: entry.into_path(),
                    has_images: false,
                    other: None,
                });
                continue;
            }
            let name = utf8(entry.file_name(), entry.path());
            // A name that cannot be printed is an error only if it may be that of an image.
            if !name.as_ref().map_or_else(
                |_| is_image_name(&entry.file_name().to_string_lossy()),
                |name| is_image_name(name),
            ) {
                if let Some(folder) = open.last_mut() {
                    folder.other.get_or_insert_with(|| entry.path().to_owned());
                }
                visit(Found::Other(entry.path()))?;
                continue;
            }
            if !entry.file_type().is_file() {
                return Err(Error::format(entry.path(), "it is not an ordinary file"));
            }
            let Some(folder) = open.last_mut() else {
                let problem = "the image lies in the root; each identity needs a folder of its own";
                return Err(Error::format(entry.path(), problem));
            };
            folder.has_images = true;
            let folder = &folder.path;
            let identity = folder.strip_prefix(&self.root).unwrap_or(folder);
            let identity =
                utf8(identity.as_os_str(), folder)?.replace(std::path::MAIN_SEPARATOR, "/");
            visit(Found::Image {
                identity: &identity,
                name: name?,
            })?;
        }
        self.close(&mut open, 0, &mut empty)?;
        match &empty[..] {
            [] => Ok(()),
            [first, others @ ..] => {
                let identity = first.strip_prefix(&self.root).unwrap_or(first);
                Err(Error::EmptyIdentity {
                    path: self.root.clone(),
                    identity: identity.display().to_string(),
                    others: others.len() as u64,
                })
            }
        }
    }

    /// Leaves folders until `depth` of them are open. One without images is an identity without images.
    ///
    /// # Errors
    /// If what lies in it instead tells why.
    fn close(
        &self,
        open: &mut Vec<OpenFolder>,
        depth: usize,
        empty: &mut Vec<PathBuf>,
    ) -> Result<()> {
        while open.len() > depth {
            let Some(folder) = open.pop() else {
                break;
            };
            if !folder.has_images {
                self.check_without_images(&folder)?;
                empty.push(folder.path);
            }
            // One above it that holds nothing else is told by it.
            if let Some(above) = open.last_mut() {
                above.has_images = true;
            }
        }
        Ok(())
    }

    /// A folder without images that can be read.
    ///
    /// # Errors
    /// If it holds others, or a set of another format.
    fn check_without_images(&self, folder: &OpenFolder) -> Result<()> {
        // Sets of insightface have others beside them, in folders.
        if let Some(set) = other_set(&self.root, &["rec"]) {
            let problem = format!(
                "{set} lies there beside folders, not all of which are of pictures; name it if it is meant"
            );
            return Err(Error::format(&self.root, problem));
        }
        if let Some(set) = other_set(&folder.path, &["rec", "mdb", "tar", "zip"]) {
            let problem = format!(
                "{set} lies there, a set of another format; name it if it is meant, else put only folders of pictures here"
            );
            return Err(Error::format(&folder.path, problem));
        }
        if let Some(other) = &folder.other
            && PassedOver::is_picture(&other.to_string_lossy())
        {
            let problem = format!(
                "it holds no picture that is read, but {}: convert such pictures to JPEG, PNG, BMP, PNM or WebP",
                other.display()
            );
            return Err(Error::format(&folder.path, problem));
        }
        Ok(())
    }

    /// A link to nothing that is no picture by its name.
    ///
    /// # Errors
    /// If it would be a picture.
    fn dead_link(&self, error: &walkdir::Error) -> Result<Option<PathBuf>> {
        let Some(path) = error.path() else {
            return Ok(None);
        };
        let leads_nowhere =
            (error.io_error()).is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let Ok(to) = std::fs::read_link(path) else {
            return Ok(None);
        };
        if !leads_nowhere {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match is_image_name(&name) && !is_set_aside(&name) {
            false => Ok(Some(path.to_owned())),
            true => Err(Error::format(
                path,
                format!(
                    "it is a link to {}, which is not there; remove or mend it",
                    to.display()
                ),
            )),
        }
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

/// A folder on the way down to the present entry of a walk.
struct OpenFolder {
    path: PathBuf,
    /// Whether an image was found in it or below.
    has_images: bool,
    /// The first file in it that is no image by its ending.
    other: Option<PathBuf>,
}

/// A file in a folder that is, or belongs to, a set of another format, by its ending.
fn other_set(folder: &Path, endings: &[&str]) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_set = |name: &String| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    names.filter(is_set).min()
}

/// What a walk meets.
enum Found<'a> {
    Image {
        identity: &'a str,
        name: &'a str,
    },
    /// A file that is no image by its ending.
    Other(&'a Path),
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
        "expected folders of JPEG, PNG, BMP, PNM or WebP files, one folder an identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("folder");
        self.walk(|found| {
            if let Found::Image { identity, name } = found {
                writer.name(format!("{identity}/{name}").as_bytes());
            }
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
        self.walk(|found| {
            let (identity, name) = match found {
                Found::Image { identity, name } => (identity, name),
                Found::Other(path) => {
                    let path = path.strip_prefix(&self.root).unwrap_or(path);
                    let name = path.to_string_lossy();
                    if !is_of_align(&name) {
                        builder.pass_over(&name);
                    }
                    return Ok(());
                }
            };
            writer.name(format!("{identity}/{name}").as_bytes());
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
            builder.file_image(identities - 1, name)
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
