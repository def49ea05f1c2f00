use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tar::EntryType;

use super::image_name::is_image_ending;
use super::{Content, ImageRef, Source, parse_label, utf8};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// WebDataset: tar shards in which members that share their name up to the first dot form a sample.
///
/// Each sample needs an image (`.jpg`, `.png`, ...) and its label as text (`.cls`). Other members are passed over and counted. Where no member
/// of a sample is an image or label by its whole ending, names have dots of their own: then the last dot splits them.
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
/// Kind of the member that names an archive (GNU).
const VOLUME_LABEL: u8 = b'V';
/// Longest text of a label.
const LABEL_BYTES: u64 = 64;

impl WebDataset {
    /// Opens `path`: one shard, or a folder whose `.tar` files are the shards, by name.
    ///
    /// # Errors
    /// If there is no shard, or one cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut paths, mut partial) = (Vec::new(), Vec::new());
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(Error::io("read folder", path))? {
                let file = entry.map_err(Error::io("read folder", path))?.path();
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                if is_partial(&name) {
                    partial.push(file);
                    continue;
                }
                if file
                    .extension()
                    .is_some_and(|ending| ending.eq_ignore_ascii_case("tar"))
                {
                    utf8(file.as_os_str(), &file)?;
                    paths.push(file);
                }
            }
            paths.sort();
            partial.sort();
        } else {
            paths.push(path.to_owned());
        }
        if let Some(first) = partial.first() {
            let problem = "it is no whole shard: unpack it if it is compressed (gunzip), finish or remove it if it was being loaded";
            if paths.is_empty() {
                return Err(Error::format(first, problem));
            }
            tracing::warn!(
                "{} files like {} are left out: {problem}",
                partial.len(),
                first.display()
            );
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
            check_begin(&path, &file)?;
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
        let broken = |error: std::io::Error| Error::format(path, printed(&error));
        builder.keys_of(path);
        let mut group = Group::default();
        let mut end = 0;
        for entry in archive.entries_with_seek().map_err(broken)? {
            let mut entry = entry.map_err(|error| {
                let record = format!("member at byte {end}");
                Error::record(path, record, printed(&error))
            })?;
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
            if kind.is_dir() || kind.is_pax_global_extensions() || kind.as_byte() == VOLUME_LABEL {
                continue;
            }
            let Some(split) = SplitName::new(&name) else {
                if !is_hidden(&name) {
                    builder.pass_over(&name);
                }
                continue;
            };
            if split.key() != group.key {
                self.finish(number, std::mem::take(&mut group), builder)?;
                split.key().clone_into(&mut group.key);
            }
            let Some(part) = split.part() else {
                builder.pass_over(&name);
                group.sample(&split).others.push(split.ending().to_owned());
                continue;
            };
            let is_ordinary = kind.is_file() || kind.is_contiguous();
            let sample = group.sample(&split);
            let taken = match part {
                _ if !is_ordinary => Err(no_file(kind).to_owned()),
                Part::Image if sample.image.is_some() => Err("the sample has two images".into()),
                Part::Label if sample.label.is_some() => Err("the sample has two labels".into()),
                Part::Image => {
                    sample.image = Some(Location::new(number, offset, size)?);
                    Ok(())
                }
                Part::Label => read_label(&mut entry, size).map(|label| sample.label = Some(label)),
            };
            if split.is_plain() {
                taken.map_err(bad)?;
                continue;
            }
            // Whether it counts shows when the group is whole.
            if let Err(problem) = taken {
                sample.problem.get_or_insert_with(|| bad(problem));
            }
            sample.members.push(name);
        }
        check_end(path, end, file_bytes)?;
        self.finish(number, group, builder)
    }

    /// Hands over what members that share the beginning of their names have made.
    fn finish(&self, shard: usize, group: Group, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let Group { plain, dotted, .. } = group;
        if plain.image.is_none() && plain.label.is_none() && !dotted.is_empty() {
            let mut dotted = dotted.into_iter();
            return dotted.try_for_each(|mut sample| match sample.problem.take() {
                Some(problem) => Err(problem),
                None => self.sample(shard, sample, builder),
            });
        }
        for sample in &dotted {
            if sample.image.is_some() && sample.label.is_some() {
                tracing::warn!(
                    "{}: sample `{}` is left out, for `{}` has the name that it begins with",
                    self.shards[shard].path.display(),
                    sample.key,
                    plain.key
                );
            }
            let members = sample.members.iter();
            members.for_each(|name| builder.pass_over(name));
        }
        self.sample(shard, plain, builder)
    }

    fn sample(&self, shard: usize, sample: Sample, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let path = &self.shards[shard].path;
        let missing = match (sample.image, sample.label) {
            (Some(image), Some(label)) => {
                builder.key(format!("{shard}/{}", sample.key).as_bytes())?;
                return builder.image(label, image);
            }
            (None, None) => return Ok(()),
            (Some(_), None) => "label (.cls)",
            (None, Some(_)) => "image",
        };
        let mut problem = format!("there is no {missing} beside it");
        match sample.others.first() {
            Some(other) if sample.label.is_none() => problem.push_str(&format!(
                ", but .{other}: write the label as a number into a .cls member"
            )),
            _ => problem.push_str(
                "; members of a sample must follow one another, as `tar --sort=name` packs them",
            ),
        }
        Err(Error::record(
            path,
            format!("sample `{}`", sample.key),
            problem,
        ))
    }
}

/// The label that a member holds.
fn read_label(member: &mut impl Read, size: u64) -> std::result::Result<u64, String> {
    let mut text = String::new();
    let read = member.take(LABEL_BYTES + 1).read_to_string(&mut text);
    let label = read
        .ok()
        .filter(|_| size <= LABEL_BYTES)
        .and_then(|_| parse_label(ffc_files::without_mark(&text)));
    label.ok_or_else(|| format!("`{}` is not a label", text.trim().escape_debug()))
}

/// What a member is instead of a file, and how it becomes one.
fn no_file(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => {
            "it is a link to another member; pack the shard with `tar --hard-dereference`"
        }
        EntryType::Symlink => "it is a link; pack the shard with `tar --dereference`",
        EntryType::GNUSparse => "it is stored with holes; pack the shard without `--sparse`",
        _ => "it is not an ordinary file",
    }
}

/// What is wrong with a shard, without the bytes that its reader found in a number's place.
fn printed(error: &std::io::Error) -> String {
    error.to_string().escape_debug().to_string()
}

/// Whatever is no tar by its first bytes, but known.
fn check_begin(path: &Path, file: &ReadAt) -> Result<()> {
    const PACKED: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gunzip"),
        (b"BZh", "bunzip2"),
        (b"\xfd7zXZ\0", "unxz"),
        (b"\x28\xb5\x2f\xfd", "unzstd"),
    ];
    let mut begin = [0; 6];
    let length = file.len().min(begin.len() as u64) as usize;
    file.read(0, &mut begin[..length])?;
    match PACKED.iter().find(|(magic, _)| begin.starts_with(magic)) {
        Some((_, program)) => Err(packed(path, program)),
        None => Ok(()),
    }
}

fn packed(path: &Path, program: &str) -> Error {
    let problem =
        format!("it is compressed, and shards are read in place; unpack it first: {program}");
    Error::format(path, problem)
}

/// A shard that is not there as a whole yet, by its name.
pub(super) fn is_partial(name: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "gz",
        "bz2",
        "xz",
        "zst",
        "part",
        "partial",
        "tmp",
        "crdownload",
        "download",
        "aria2",
        "filepart",
        "incomplete",
    ];
    let name = name.to_ascii_lowercase();
    name.ends_with(".tgz")
        || (name.rsplit_once('.'))
            .is_some_and(|(shard, ending)| shard.ends_with(".tar") && ENDINGS.contains(&ending))
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

/// Members that share their names up to the first dot.
#[derive(Default)]
struct Group {
    key: String,
    plain: Sample,
    /// Those whose endings have dots, by their names up to the last one.
    dotted: Vec<Sample>,
}

impl Group {
    /// The sample that a name belongs to.
    fn sample(&mut self, name: &SplitName<'_>) -> &mut Sample {
        if name.is_plain() {
            self.plain.key.clone_from(&self.key);
            return &mut self.plain;
        }
        let key = &name.name[..name.last_dot];
        // Members of a sample follow one another.
        if self.dotted.last().is_none_or(|last| last.key != key) {
            self.dotted.push(Sample {
                key: key.to_owned(),
                ..Sample::default()
            });
        }
        let last = self.dotted.len() - 1;
        &mut self.dotted[last]
    }
}

/// The members of a sample seen so far.
#[derive(Default)]
struct Sample {
    key: String,
    image: Option<Location>,
    label: Option<u64>,
    /// Names of the images and labels, of samples whose names have dots.
    members: Vec<String>,
    /// What is wrong with one of these.
    problem: Option<Error>,
    /// Endings of members that are neither image nor label.
    others: Vec<String>,
}

/// What a member is to its sample.
#[derive(Clone, Copy)]
enum Part {
    Image,
    Label,
}

/// A member's name with the first and the last dot of its file.
struct SplitName<'a> {
    name: &'a str,
    first_dot: usize,
    last_dot: usize,
}

impl<'a> SplitName<'a> {
    /// None for hidden files and those without an ending.
    fn new(name: &'a str) -> Option<Self> {
        let file = file_at(name);
        let first_dot = file + name[file..].find('.')?;
        let last_dot = name.rfind('.')?;
        (first_dot > file).then_some(Self {
            name,
            first_dot,
            last_dot,
        })
    }

    /// Whether its ending has no dot.
    fn is_plain(&self) -> bool {
        self.first_dot == self.last_dot
    }

    fn key(&self) -> &'a str {
        &self.name[..self.first_dot]
    }

    /// What follows the last dot.
    fn ending(&self) -> &'a str {
        &self.name[self.last_dot + 1..]
    }

    fn part(&self) -> Option<Part> {
        match self.ending() {
            ending if is_image_ending(ending) => Some(Part::Image),
            ending if ending.eq_ignore_ascii_case("cls") => Some(Part::Label),
            _ => None,
        }
    }
}

/// Where the file's name begins.
fn file_at(name: &str) -> usize {
    name.rfind('/').map_or(0, |slash| slash + 1)
}

fn is_hidden(name: &str) -> bool {
    name[file_at(name)..].starts_with('.')
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
    fn names_are_split_at_the_dots_of_the_file() {
        let split = |name| {
            let split = SplitName::new(name)?;
            Some((split.key(), split.ending(), split.is_plain()))
        };
        assert_eq!(split("a.b/000003.jpg"), Some(("a.b/000003", "jpg", true)));
        assert_eq!(split("x.seg.png"), Some(("x", "png", false)));
        assert_eq!(split("dir/.hidden.jpg"), None);
        assert_eq!(split("README"), None);
    }

    #[test]
    fn shards_that_are_not_whole_yet_are_told_by_their_names() {
        for name in ["a.tar.gz", "A.TGZ", "a.tar.part", "a.tar.crdownload"] {
            assert!(is_partial(name), "{name}");
        }
        for name in ["a.tar", "a.tar.idx", "a.gz", "notes.part"] {
            assert!(!is_partial(name), "{name}");
        }
    }
}
