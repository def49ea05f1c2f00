use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::image_name::is_image_ending;
use super::{Content, ImageRef, Source, parse_label, utf8};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// WebDataset: tar shards in which members that share their name up to the first dot form a sample.
///
/// Each sample needs an image (`.jpg`, `.png`, ...) and its label as text (`.cls`). Other members are passed over.
#[derive(Debug)]
pub struct WebDataset {
    path: PathBuf,
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    /// Kept open while there are few.
    file: Option<ReadAt>,
}

/// Shards that are kept open. Systems allow some hundred open files a process.
const OPEN_SHARDS: usize = 256;
/// Headers and members begin at multiples of this.
const TAR_BLOCK_BYTES: u64 = 512;
/// Longest text of a label.
const LABEL_BYTES: u64 = 64;

impl WebDataset {
    /// Opens `path`: one shard, or a folder whose `.tar` files are the shards, by name.
    ///
    /// # Errors
    /// If there is no shard, or one cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let mut paths = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(Error::io("read folder", path))? {
                let file = entry.map_err(Error::io("read folder", path))?.path();
                if file
                    .extension()
                    .is_some_and(|ending| ending.eq_ignore_ascii_case("tar"))
                {
                    utf8(file.as_os_str(), &file)?;
                    paths.push(file);
                }
            }
            paths.sort();
        } else {
            paths.push(path.to_owned());
        }
        if paths.is_empty() {
            return Err(Error::NoImages {
                path: path.to_owned(),
                expected: "expected .tar files",
            });
        }
        let few = paths.len() <= OPEN_SHARDS;
        let shards = paths.into_iter().map(|path| {
            let file = ReadAt::open(&path)?;
            Ok(Shard {
                path,
                file: few.then_some(file),
            })
        });
        Ok(Self {
            path: path.to_owned(),
            shards: shards.collect::<Result<_>>()?,
        })
    }

    fn scan_shard(&self, number: usize, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let path = &self.shards[number].path;
        let file = File::open(path).map_err(Error::io("open", path))?;
        let file_bytes = file.metadata().map_err(Error::io("look at", path))?.len();
        let mut archive = tar::Archive::new(BufReader::new(file));
        let broken = |error: std::io::Error| Error::format(path, error.to_string());
        builder.keys_of(path);
        let mut sample = Sample::default();
        let mut end = 0;
        for entry in archive.entries_with_seek().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let kind = entry.header().entry_type();
            let offset = entry.raw_file_position();
            // Of a sparse member the bytes that are there, not those that it stands for.
            let size = match kind.is_gnu_sparse() {
                true => entry.header().entry_size().map_err(broken)?,
                false => entry.size(),
            };
            let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|error| {
                Error::NotUtf8 {
                    path: path.join(String::from_utf8_lossy(error.as_bytes()).as_ref()),
                }
            })?;
            let bad = |problem: String| Error::record(path, format!("member `{name}`"), problem);
            // Of every member: one that is cut off hides those behind it.
            let next = offset
                .checked_add(size)
                .and_then(|end| end.checked_next_multiple_of(TAR_BLOCK_BYTES));
            end = next.filter(|&next| next <= file_bytes).ok_or_else(|| {
                bad(format!(
                    "its {size} bytes reach beyond the end of the shard"
                ))
            })?;
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            let Some((key, ending)) = split_name(&name) else {
                continue;
            };
            if key != sample.key {
                self.finish(number, std::mem::take(&mut sample), builder)?;
                sample.key = key.to_owned();
            }
            let image = is_image_ending(ending);
            let class = ending.eq_ignore_ascii_case("cls");
            if !image && !class {
                continue;
            }
            if !kind.is_file() && !kind.is_contiguous() {
                return Err(bad("it is not an ordinary file".into()));
            }
            if image
                && sample
                    .image
                    .replace(Location::new(number, offset, size)?)
                    .is_some()
            {
                return Err(bad("the sample has two images".into()));
            }
            if class {
                let mut text = String::new();
                let read = entry
                    .by_ref()
                    .take(LABEL_BYTES + 1)
                    .read_to_string(&mut text);
                let label = read
                    .ok()
                    .filter(|_| size <= LABEL_BYTES)
                    .and_then(|_| parse_label(&text));
                let label = label.ok_or_else(|| {
                    bad(format!("`{}` is not a label", text.trim().escape_debug()))
                })?;
                if sample.label.replace(label).is_some() {
                    return Err(bad("the sample has two labels".into()));
                }
            }
        }
        check_end(path, end, file_bytes)?;
        self.finish(number, sample, builder)
    }

    fn finish(&self, shard: usize, sample: Sample, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let path = &self.shards[shard].path;
        match (sample.image, sample.label) {
            (Some(image), Some(label)) => {
                builder.key(format!("{shard}/{}", sample.key).as_bytes())?;
                builder.image(label, image)
            }
            (None, None) => Ok(()),
            (image, _) => {
                let missing = if image.is_some() {
                    "label (.cls)"
                } else {
                    "image"
                };
                let problem = format!(
                    "there is no {missing} beside it; members of a sample must follow one another"
                );
                Err(Error::record(
                    path,
                    format!("sample `{}`", sample.key),
                    problem,
                ))
            }
        }
    }
}

/// Two blocks of zeros end an archive, and nothing but zeros follows. Without them it was cut off between members; where
/// other bytes follow, a member's header was lost or another archive was appended, and samples would be missed.
fn check_end(path: &Path, end: u64, file_bytes: u64) -> Result<()> {
    if end + 2 * TAR_BLOCK_BYTES > file_bytes {
        let problem = format!("it ends at byte {file_bytes} without an end mark: it is cut off");
        return Err(Error::format(path, problem));
    }
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    file.seek(SeekFrom::Start(end))
        .map_err(Error::io("read", path))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok(());
        }
        if buffer[..read].iter().any(|&byte| byte != 0) {
            let problem = format!(
                "bytes follow the end mark at byte {end}: it is damaged, or two archives were joined; make it anew from its members"
            );
            return Err(Error::format(path, problem));
        }
    }
}

/// The members of a sample seen so far.
#[derive(Default)]
struct Sample {
    key: String,
    image: Option<Location>,
    label: Option<u64>,
}

/// Key and ending: the file's name is split at its first dot. None for hidden files and those without an ending.
fn split_name(name: &str) -> Option<(&str, &str)> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = file + name[file..].find('.')?;
    (dot > file).then(|| (&name[..dot], &name[dot + 1..]))
}

impl Source for WebDataset {
    fn path(&self) -> &Path {
        &self.path
    }

    fn expects(&self) -> &'static str {
        "expected samples of an image and a .cls label"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("WebDataset");
        for shard in &self.shards {
            writer.file(&shard.path)?;
        }
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        for number in 0..self.shards.len() {
            self.scan_shard(number, builder)?;
        }
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let Location {
            file,
            offset,
            length,
        } = image.location()?;
        let shard = self.shards.get(usize::from(file)).ok_or_else(|| {
            Error::format(
                &self.path,
                format!(
                    "the index speaks of shard {file}, but there are {}",
                    self.shards.len()
                ),
            )
        })?;
        match &shard.file {
            Some(file) => file.read_record(offset, u64::from(length), buffer)?,
            None => ReadAt::open(&shard.path)?.read_record(offset, u64::from(length), buffer)?,
        }
        Ok(Content::Encoded(0..buffer.len()))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        let place = image
            .location()
            .ok()
            .and_then(|at| Some((self.shards.get(usize::from(at.file))?, at.offset)));
        match place {
            Some((shard, offset)) => format!("{}, member at byte {offset}", shard.path.display()),
            None => format!("{}, image {}", self.path.display(), image.image()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_first_dot_of_the_file() {
        assert_eq!(split_name("a.b/000003.jpg"), Some(("a.b/000003", "jpg")));
        assert_eq!(split_name("x.seg.png"), Some(("x", "seg.png")));
        assert_eq!(split_name("dir/.hidden.jpg"), None);
        assert_eq!(split_name("README"), None);
    }
}
