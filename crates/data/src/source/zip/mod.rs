mod directory;
mod flat;
mod record;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use self::directory::{Member, plain_name};
pub use self::flat::FlatZip;
use self::record::{HEADER_BYTES, Header, SIGNATURE, inflate};
use super::{Content, ImageRef, Source, u32_at};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::ReadAt;
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

impl Zip {
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            file: ReadAt::open(path)?,
            names: Mutex::default(),
        })
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

    /// Unpacks the member at a place into `buffer`.
    fn read_member(&self, location: Location, buffer: &mut Vec<u8>) -> Result<Content> {
        let Location { offset, length, .. } = location;
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

    /// A member as messages name it.
    fn origin_of(&self, location: Location) -> String {
        let path = self.path().display();
        match self.member_name(location.offset) {
            Ok(name) => format!("{path}, member `{name}`"),
            Err(_) => format!("{path}, member at byte {}", location.offset),
        }
    }
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
            builder.image(identities - 1, member.location)?;
        }
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.read_member(image.location()?, buffer)
    }

    fn file_name(&self, image: &ImageRef<'_>) -> Result<Option<String>> {
        let name = self.member_name(image.location()?.offset)?;
        Ok(name.rsplit('/').next().map(str::to_owned))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        match image.location() {
            Ok(location) => self.origin_of(location),
            Err(_) => format!("{}, image {}", self.path().display(), image.image()),
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
