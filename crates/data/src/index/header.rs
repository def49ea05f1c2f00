use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::boundaries::MAX_IMAGES;
use super::passed_over::PassedOver;
use crate::fingerprint::Fingerprint;
use crate::{Error, Result};

/// First bytes of an index file.
pub(super) const MAGIC: [u8; 8] = *b"FFCINDEX";
/// Version of the layout. Another version is refused.
const VERSION: u32 = 1;
/// Bytes that the header takes, filled up with zeros.
pub(super) const HEADER_BYTES: usize = 4096;
/// Magic, version, length and checksum of the description.
const PREFIX_BYTES: usize = 24;

/// A part of an index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
    /// XXH3 (64 bits) of its bytes.
    pub(super) checksum: u64,
}

/// What an index file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) fingerprint: Fingerprint,
    pub(super) identities: u64,
    pub(super) images: u64,
    /// Images of the identity with fewest.
    pub(super) min_images: u64,
    /// Images of the identity with most.
    pub(super) max_images: u64,
    pub(super) boundaries: Section,
    pub(super) hints: Section,
    /// [`Location`](super::Location)s by image.
    pub(super) locations: Section,
    /// Names by identity, one after the other; empty if identities have none.
    pub(super) names: Section,
    /// Where each name ends, u64.
    pub(super) name_ends: Section,
    /// Labels by identity, u32, where gaps were closed; else empty.
    pub(super) labels: Section,
    /// Names of files, where images are files of their own; else empty.
    pub(super) paths: Section,
    /// What was left out. Indexes of old versions do not tell, and left out more.
    #[serde(default)]
    pub(super) passed_over: Option<PassedOver>,
}

impl Header {
    pub(super) fn sections(&self) -> [(&'static str, Section); 7] {
        [
            ("boundaries", self.boundaries),
            ("hints", self.hints),
            ("locations", self.locations),
            ("names", self.names),
            ("name ends", self.name_ends),
            ("labels", self.labels),
            ("paths", self.paths),
        ]
    }

    /// The first [`HEADER_BYTES`] of the file.
    pub(super) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let text =
            serde_json::to_vec(self).map_err(|error| Error::format(path, error.to_string()))?;
        if PREFIX_BYTES + text.len() > HEADER_BYTES {
            return Err(Error::format(
                path,
                "the description of the source is too long for the index",
            ));
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(xxh3_64(&text).to_le_bytes());
        bytes.extend(text);
        bytes.resize(HEADER_BYTES, 0);
        Ok(bytes)
    }

    /// Reads and checks the header of a file of `file_bytes`.
    pub(super) fn from_bytes(bytes: &[u8], file_bytes: u64, path: &Path) -> Result<Self> {
        let damaged = |problem: String| Error::DamagedIndex {
            path: path.to_owned(),
            problem,
        };
        let mut rest = bytes;
        let mut take = |length: usize| {
            let (taken, after) = rest.split_at_checked(length).ok_or_else(|| {
                damaged(format!("it ends within the header, at {file_bytes} bytes"))
            })?;
            rest = after;
            Ok::<_, Error>(taken)
        };
        if take(8)? != MAGIC {
            return Err(damaged("it does not begin with FFCINDEX".into()));
        }
        let version = u32::from_le_bytes(array(take(4)?));
        if version != VERSION {
            return Err(damaged(format!(
                "its layout has version {version}, this program reads version {VERSION}"
            )));
        }
        let length = u32::from_le_bytes(array(take(4)?));
        let checksum = u64::from_le_bytes(array(take(8)?));
        let text = take(length as usize)?;
        if xxh3_64(text) != checksum {
            return Err(damaged("the header's checksum is wrong".into()));
        }
        let header: Self =
            serde_json::from_slice(text).map_err(|error| damaged(format!("header: {error}")))?;
        let wrong_length = |name: &str, section: Section| {
            damaged(format!(
                "{name}: {} bytes cannot belong to the counts in the header",
                section.length
            ))
        };
        for (name, section) in header.sections() {
            let end = section.offset.checked_add(section.length);
            if end.is_none_or(|end| end > file_bytes) {
                return Err(damaged(format!(
                    "the {name} reach beyond its end at {file_bytes} bytes"
                )));
            }
        }
        let (images, identities) = (header.images, header.identities);
        let possible = 0 < identities
            && identities <= images
            && images < MAX_IMAGES
            && 0 < header.min_images
            && header.min_images <= header.max_images
            && header.max_images <= images;
        if !possible {
            return Err(damaged(format!(
                "{identities} identities with {images} images are impossible"
            )));
        }
        for (name, section, each) in [
            (
                "locations",
                header.locations,
                images * super::location::LOCATION_BYTES as u64,
            ),
            ("name ends", header.name_ends, identities * 8),
            ("labels", header.labels, identities * 4),
        ] {
            if section.length != 0 && section.length != each {
                return Err(wrong_length(name, section));
            }
        }
        Ok(header)
    }
}

/// The bytes as an array; `bytes` has its length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
