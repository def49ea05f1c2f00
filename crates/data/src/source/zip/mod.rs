mod record;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use zip::{CompressionMethod, ZipArchive};

use self::record::{
    DESCRIPTOR_SIGNATURE, FLAGS_AT, HEADER_BYTES, Header, SIGNATURE, STREAMED, inflate,
};
use super::image_name::{is_image_name, is_set_aside};
use super::{Content, ImageRef, Source, u32_at};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::{MAX_RECORD_BYTES, ReadAt};
use crate::{Error, Result};

/// A zip archive of an image folder, read in place.
///
/// Identities are named and ordered as those of the unpacked [`Folder`](super::Folder), less the folders that all of
/// them share. Members are stored or deflated; their checksums are compared on every read.
#[derive(Debug)]
pub struct Zip {
    file: ReadAt,
    /// Names of the members by their places, as the directory has them: read when a member's own header has no readable one.
    names: Mutex<Option<HashMap<u64, String>>>,
}

/// Signature of a member's entry in the directory, and the bytes before its name.
const ENTRY_SIGNATURE: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;

impl Zip {
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            file: ReadAt::open(path)?,
            names: Mutex::default(),
        })
    }

    fn archive(&self) -> Result<ZipArchive<BufReader<File>>> {
        let path = self.file.path();
        let reader = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
        ZipArchive::new(reader).map_err(|error| {
            let text = error.to_string();
            let problem = match text.contains("Could not find EOCD") {
                true => "it is no zip archive, or cut off: the directory at its end is missing; get it again".into(),
                false => text,
            };
            Error::format(path, problem)
        })
    }

    /// The image members, identity by identity. `passed_over` is told of the others.
    fn members(&self, mut passed_over: impl FnMut(&str)) -> Result<Vec<Member>> {
        let path = self.file.path();
        let error = |error: zip::result::ZipError| Error::format(path, error.to_string());
        let mut archive = self.archive()?;
        self.check_directory(&mut archive)?;
        if archive.has_duplicate_names() {
            return Err(Error::format(path, "two members have the same name"));
        }
        let (mut members, mut folders) = (Vec::with_capacity(archive.len()), Vec::new());
        for number in 0..archive.len() {
            let member = archive.by_index_raw(number).map_err(error)?;
            let raw = member.name_raw();
            let lossy = plain_name(&String::from_utf8_lossy(raw));
            let mut parts = lossy.split('/');
            if parts.any(|part| is_set_aside(part) && part != "..") {
                continue;
            }
            // Of a member that was packed with backslashes the archive does not know that it is a folder.
            let is_folder = member.is_dir() || lossy.ends_with('/');
            let file = lossy.rsplit('/').next().unwrap_or_default();
            let image = !is_folder && member.is_file() && is_image_name(file);
            if !image && !is_folder {
                passed_over(&lossy);
                continue;
            }
            // A name that cannot be printed is an error only if it may be that of an image.
            let name = str::from_utf8(raw).map_err(|_| Error::NotUtf8 {
                path: path.join(&lossy),
            })?;
            let name = plain_name(name);
            if !image {
                folders.push(name.trim_end_matches('/').to_owned());
                continue;
            }
            let bad = |problem: &str| Error::record(path, format!("member `{name}`"), problem);
            if name.split('/').any(|part| part.is_empty() || part == "..") {
                return Err(bad("the name is not a plain path inside the archive"));
            }
            if member.encrypted() {
                return Err(bad("it is encrypted; unpack the archive with its password"));
            }
            if !matches!(
                member.compression(),
                CompressionMethod::Stored | CompressionMethod::Deflated
            ) {
                return Err(bad(&format!(
                    "it is packed with {}, and only stored and deflated members are read; unpack the archive and pack it again with `zip -0 -r`",
                    method_name(member.compression())
                )));
            }
            if member.size() > MAX_RECORD_BYTES {
                return Err(bad(&format!(
                    "it unpacks to {} bytes, at most {MAX_RECORD_BYTES} are read",
                    member.size()
                )));
            }
            let start = member.header_start();
            let end = member
                .data_start()
                .and_then(|start| start.checked_add(member.compressed_size()));
            let beyond = || bad("it reaches beyond the end of the archive");
            let mut end = end
                .filter(|&end| start < end && end <= self.file.len())
                .ok_or_else(beyond)?;
            if self.is_streamed(start)? {
                end = self.descriptor_end(end).map_err(|_| beyond())?;
            }
            let length = end - start;
            let unpacked_bytes = member.size();
            let location = Location::new(0, start, length)?;
            drop(member);
            members.push(Member {
                name,
                location,
                unpacked_bytes,
            });
        }
        self.check_folders(folders, &members)?;
        // As the unpacked folder is walked: by folder, then by file.
        members.sort_by(|a, b| {
            a.folder()
                .split('/')
                .cmp(b.folder().split('/'))
                .then_with(|| a.name.cmp(&b.name))
        });
        if let Some(twice) = members.windows(2).find(|two| two[0].name == two[1].name) {
            let problem = format!("two members have the name `{}`", twice[0].name);
            return Err(Error::format(path, problem));
        }
        Ok(members)
    }

    /// An archive of more than 65,535 members has its count elsewhere (ZIP64), which some programs do not know: they write what is left of
    /// it. Then another entry follows the last one.
    fn check_directory(&self, archive: &mut ZipArchive<BufReader<File>>) -> Result<()> {
        let Some(last) = archive.len().checked_sub(1) else {
            return Ok(());
        };
        let error = |error: zip::result::ZipError| Error::format(self.path(), error.to_string());
        let entry = archive.by_index_raw(last).map_err(error)?;
        let begin = entry.central_header_start();
        let mut header = [0; ENTRY_BYTES];
        self.file.read(begin, &mut header)?;
        let length_at = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        // Of the name, of what is more, and of the comment.
        let end = begin + ENTRY_BYTES as u64 + length_at(28) + length_at(30) + length_at(32);
        let mut next = [0; 4];
        if end + 4 <= self.file.len() {
            self.file.read(end, &mut next)?;
        }
        match u32::from_le_bytes(next) == ENTRY_SIGNATURE {
            true => Err(Error::format(
                self.path(),
                format!(
                    "its directory goes on after the {} members that it counts: a member is there twice, or it was packed by a program that cannot count more than 65,535; unpack it and pack it again with `zip -0 -r`",
                    last + 1
                ),
            )),
            false => Ok(()),
        }
    }

    /// The name of the member that begins at `offset`: by its own header, or where that has none that can be read, by the directory.
    fn member_name(&self, offset: u64) -> Result<String> {
        let damaged =
            |problem| Error::record(self.path(), format!("member at byte {offset}"), problem);
        let mut header = [0; HEADER_BYTES];
        self.file.read(offset, &mut header)?;
        if u32_at(&header, 0) != Some(SIGNATURE) {
            return Err(damaged("no member begins here"));
        }
        let mut name = vec![0; usize::from(u16::from_le_bytes([header[26], header[27]]))];
        self.file.read(offset + HEADER_BYTES as u64, &mut name)?;
        if let Ok(name) = String::from_utf8(name) {
            return Ok(plain_name(&name));
        }
        // Others wait: a large directory is read once.
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names = match &mut *known {
            Some(names) => names,
            unknown => unknown.insert(self.names_by_place()?),
        };
        let name = names.get(&offset).cloned();
        name.ok_or_else(|| damaged("its name is not valid UTF-8"))
    }

    fn names_by_place(&self) -> Result<HashMap<u64, String>> {
        let mut archive = self.archive()?;
        let mut names = HashMap::new();
        for number in 0..archive.len() {
            let member = (archive.by_index_raw(number))
                .map_err(|error| Error::format(self.path(), error.to_string()))?;
            if let Ok(name) = str::from_utf8(member.name_raw()) {
                names.insert(member.header_start(), plain_name(name));
            }
        }
        Ok(names)
    }

    /// Whether the checksum of the member that begins at `start` follows its data.
    fn is_streamed(&self, start: u64) -> Result<bool> {
        let mut flags = [0; 2];
        self.file.read(start + FLAGS_AT as u64, &mut flags)?;
        Ok(u16::from_le_bytes(flags) & STREAMED != 0)
    }

    /// Where the checksum behind data that end at `end` ends itself. A signature before it may be missing.
    fn descriptor_end(&self, end: u64) -> Result<u64> {
        let mut word = [0; 4];
        self.file.read(end, &mut word)?;
        if u32::from_le_bytes(word) != DESCRIPTOR_SIGNATURE {
            return Ok(end + 4);
        }
        self.file.read(end + 4, &mut word)?;
        Ok(end + 8)
    }

    /// A folder without images is an identity without images, as in an unpacked folder.
    fn check_folders(&self, folders: Vec<String>, members: &[Member]) -> Result<()> {
        let mut filled = HashSet::new();
        for member in members {
            let mut name = member.folder();
            while filled.insert(name) {
                name = name.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        let mut empty = (folders.into_iter()).filter(|name| !filled.contains(&name[..]));
        match empty.next() {
            Some(identity) => Err(Error::EmptyIdentity {
                path: self.file.path().to_owned(),
                identity,
                others: empty.count() as u64,
            }),
            None => Ok(()),
        }
    }
}

/// An image in the archive.
struct Member {
    name: String,
    location: Location,
    unpacked_bytes: u64,
}

impl Member {
    fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// A name as programs unpack it: packed on Windows it may have backslashes, and some begin with `./`.
fn plain_name(name: &str) -> String {
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name.split('/').filter(|&part| part != ".").collect();
    parts.join("/")
}

/// How others call a way of packing.
fn method_name(method: CompressionMethod) -> String {
    let known = [
        (CompressionMethod::DEFLATE64, "Deflate64"),
        (CompressionMethod::BZIP2, "BZIP2"),
        (CompressionMethod::LZMA, "LZMA"),
        (CompressionMethod::ZSTD, "Zstandard"),
        (CompressionMethod::XZ, "XZ"),
    ];
    let name = known.iter().find(|(known, _)| *known == method);
    name.map_or_else(|| method.to_string(), |(_, name)| (*name).to_owned())
}

/// The folder that holds all other folders and a few pictures too: their root, if it is no identity.
fn crowded_root(members: &[Member]) -> Option<&str> {
    let root = members.first()?.folder();
    let below = |folder: &str| folder.strip_prefix(root)?.strip_prefix('/').map(|_| ());
    let pictures = members
        .iter()
        .take_while(|member| member.folder() == root)
        .count();
    let rest = &members[pictures..];
    let mut folders: Vec<&str> = rest.iter().map(Member::folder).collect();
    folders.dedup();
    let all_below = folders.iter().all(|folder| below(folder).is_some());
    (all_below && pictures < folders.len()).then_some(root)
}

/// Bytes of the folders that all identities have in common, with the slash.
fn common_prefix_bytes<'a>(mut folders: impl Iterator<Item = &'a str>) -> usize {
    // The last part of a folder's name is the identity's own.
    let above = |folder: &'a str| folder.rsplit_once('/').map_or("", |(above, _)| above);
    let mut common: Vec<&str> = match folders.next().map(above) {
        Some(first) if !first.is_empty() => first.split('/').collect(),
        _ => return 0,
    };
    for folder in folders {
        let same = above(folder)
            .split('/')
            .zip(&common)
            .take_while(|(a, b)| a == *b)
            .count();
        common.truncate(same);
    }
    common.iter().map(|part| part.len() + 1).sum()
}

impl Source for Zip {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn expects(&self) -> &'static str {
        "expected folders of JPEG, PNG, BMP, PNM or WebP files, one folder an identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("zip archive");
        writer.file(self.path())?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let members = self.members(|name| builder.pass_over(name))?;
        if let Some(root) = crowded_root(&members) {
            return Err(Error::record(
                self.path(),
                format!("member `{}`", members[0].name),
                format!(
                    "the image lies in {root} beside all identities' folders; each identity needs a folder of its own"
                ),
            ));
        }
        let prefix = common_prefix_bytes(members.iter().map(Member::folder));
        let (mut last, mut identities) = (None, 0);
        for member in &members {
            if member.folder().is_empty() {
                let problem = "the image lies in the root; each identity needs a folder of its own";
                return Err(Error::record(
                    self.path(),
                    format!("member `{}`", member.name),
                    problem,
                ));
            }
            if last != Some(member.folder()) {
                last = Some(member.folder());
                identities += 1;
                builder.name(&member.folder()[prefix..])?;
            }
            // Told apart from a bomb: deflate packs 1,032 to 1 at most.
            if member.unpacked_bytes > u64::from(member.location.length) * 1032 {
                let problem = format!(
                    "{} bytes cannot come from {}",
                    member.unpacked_bytes, member.location.length
                );
                return Err(Error::record(
                    self.path(),
                    format!("member `{}`", member.name),
                    problem,
                ));
            }
            builder.image(identities - 1, member.location)?;
        }
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let Location { offset, length, .. } = image.location()?;
        self.file.read_record(offset, u64::from(length), buffer)?;
        let damaged = |problem: &str| {
            let record = match self.member_name(offset) {
                Ok(name) => format!("member `{name}`"),
                Err(_) => format!("member at byte {offset}"),
            };
            Error::record(self.path(), record, problem)
        };
        let header = Header::parse(buffer).map_err(damaged)?;
        let data = match header.method {
            0 => header.data,
            8 => inflate(buffer, header.data).map_err(|problem| damaged(&problem))?,
            _ => return Err(damaged("it is neither stored nor deflated")),
        };
        if header.crc32 != crc32fast::hash(&buffer[data.clone()]) {
            return Err(damaged("the checksum is wrong"));
        }
        Ok(Content::Encoded(data))
    }

    fn file_name(&self, image: &ImageRef<'_>) -> Result<Option<String>> {
        let name = self.member_name(image.location()?.offset)?;
        Ok(name.rsplit('/').next().map(str::to_owned))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        let path = self.path().display();
        let name = image.location().and_then(|at| self.member_name(at.offset));
        match name {
            Ok(name) => format!("{path}, member `{name}`"),
            Err(_) => format!("{path}, image {}", image.image()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_that_all_share() {
        let common = |folders: &[&'static str]| common_prefix_bytes(folders.iter().copied());
        assert_eq!(common(&["set/a", "set/b"]), 4);
        assert_eq!(common(&["set/a"]), 4);
        assert_eq!(common(&["a", "b"]), 0);
        assert_eq!(common(&["set/x/a", "set/x/b"]), 6);
        assert_eq!(common(&["set/x/a", "set/y/b", "set/c"]), 4);
        assert_eq!(common(&["set/a", "set/a/b"]), 4);
    }
}
