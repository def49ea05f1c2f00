//! What an archive's directory tells of its members.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;

use zip::{CompressionMethod, ZipArchive};

use super::Zip;
use super::record::{DESCRIPTOR_SIGNATURE, FLAGS_AT, STREAMED};
use crate::index::Location;
use crate::read_at::MAX_RECORD_BYTES;
use crate::source::Source;
use crate::source::image_name::{is_image_name, is_set_aside};
use crate::{Error, Result};

/// Signature of a member's entry in the directory, and the bytes before its name.
const ENTRY_SIGNATURE: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;

/// An image in the archive.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) location: Location,
}

impl Member {
    pub(super) fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl Zip {
    fn archive(&self) -> Result<ZipArchive<BufReader<File>>> {
        let path = self.file.path();
        let reader = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
        ZipArchive::new(reader).map_err(|error| Error::format(path, unreadable(&error.to_string())))
    }

    /// The image members, identity by identity. `passed_over` is told of the others.
    pub(super) fn members(&self, mut passed_over: impl FnMut(&str)) -> Result<Vec<Member>> {
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
            let is_link = member.is_symlink() && is_image_name(file);
            let image = !is_folder && member.is_file() && is_image_name(file);
            if is_link {
                let problem = "it is a link; pack the archive without `zip -y`, so that links become what they lead to";
                return Err(Error::record(path, format!("member `{lossy}`"), problem));
            }
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
                return Err(bad(
                    "the name is not a plain path inside the archive; pack the folder again from within it (`zip -r`)",
                ));
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
            // Told apart from a bomb: deflate packs 1,032 to 1 at most.
            if member.size() > length.saturating_mul(1032) {
                let bytes = member.size();
                return Err(bad(&format!("{bytes} bytes cannot come from {length}")));
            }
            let location = Location::new(0, start, length)?;
            drop(member);
            members.push(Member { name, location });
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

    /// Names of all members by their places.
    pub(super) fn names_by_place(&self) -> Result<HashMap<u64, String>> {
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

/// Why an archive cannot be opened, by what its reader says, and what helps.
fn unreadable(said: &str) -> String {
    if said.contains("Could not find EOCD") {
        return "it is no zip archive, or cut off: the directory at its end is missing; get it again".into();
    }
    if said.contains("multi-disk") {
        return "it is one part of a split archive; join the parts (`zip -s 0 PART.zip --out WHOLE.zip`)".into();
    }
    if said.contains("CDFH") {
        return format!(
            "its directory does not lie where its end says ({said}): bytes are missing from its beginning, or it is one part of several; get it again"
        );
    }
    said.to_owned()
}

/// A name as programs unpack it: packed on Windows it may have backslashes, and some begin with `./`.
pub(super) fn plain_name(name: &str) -> String {
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
