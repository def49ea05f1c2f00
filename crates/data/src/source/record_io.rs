use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use super::{Content, ImageRef, Source, slice, u32_at};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// MXNet's RecordIO: a `.rec` file of records and an `.idx` file of their places.
///
/// Two kinds: insightface's, whose record 0 gives the range of identity records, each of which gives the range of its
/// images; and plain `im2rec` output, where every record is an image with its label. Labels are f32 and exact only
/// below 2^24; where ranges are exact, they decide.
#[derive(Debug)]
pub struct RecordIo {
    records: ReadAt,
    places: PathBuf,
}

/// First word of every part of a record.
const MAGIC: u32 = 0xced7_230a;
/// Bytes of magic word and length.
const PART_HEADER_BYTES: usize = 8;
/// Bytes of flag, label and two ids.
const IMAGE_HEADER_BYTES: usize = 24;
/// f32 holds every integer up to here.
const EXACT: f32 = 16_777_216.0;

impl RecordIo {
    /// Opens `path`, a `.rec` file, with the `.idx` file beside it.
    ///
    /// # Errors
    /// If one of the files cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let places = path.with_extension("idx");
        if !places.exists() {
            let problem = format!(
                "it needs {} beside it; MXNet's tools/rec2idx.py makes it",
                places.display()
            );
            return Err(Error::format(path, problem));
        }
        File::open(&places).map_err(Error::io("open", &places))?;
        Ok(Self {
            records: ReadAt::open(path)?,
            places,
        })
    }

    /// Calls `visit` with key and offset of every line of the `.idx` file.
    fn each_place(&self, mut visit: impl FnMut(u64, u64) -> Result<()>) -> Result<()> {
        self.places_until(|key, offset| visit(key, offset).map(ControlFlow::Continue))
    }

    /// The same until `visit` breaks.
    fn places_until(
        &self,
        mut visit: impl FnMut(u64, u64) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut reader =
            BufReader::new(File::open(&self.places).map_err(Error::io("open", &self.places))?);
        let mut line = Vec::new();
        for number in 0.. {
            line.clear();
            if read_line(&mut reader, &mut line, &self.places, number)? == 0 {
                break;
            }
            if number == 0 && (line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff])) {
                let problem = "it is text in UTF-16, as Windows' tools write it; save it as UTF-8";
                return Err(Error::record(&self.places, "line 1", problem));
            }
            let text = String::from_utf8_lossy(&line);
            let text = ffc_files::without_mark(&text);
            if text.trim().is_empty() {
                continue;
            }
            let mut words = text
                .split_ascii_whitespace()
                .map(|word| word.parse::<u64>().ok());
            let (Some(Some(key)), Some(Some(offset)), None) =
                (words.next(), words.next(), words.next())
            else {
                let problem = format!("`{}` is not a key and an offset", text.trim());
                return Err(Error::record(
                    &self.places,
                    format!("line {}", number + 1),
                    problem,
                ));
            };
            if visit(key, offset)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Warns where the file holds more than the records that the `.idx` file names.
    fn check_whole(&self, named: &Named) {
        let bytes = self.records.len().next_multiple_of(4);
        let rest = bytes.saturating_sub(named.bytes);
        if rest == 0 {
            return;
        }
        tracing::warn!(
            "{} names {} records of {} bytes, the last of which has key {} and ends at byte {}, but {} has {bytes} bytes: {rest} bytes of records are left out; MXNet's tools/rec2idx.py makes the list anew",
            self.places.display(),
            named.records,
            named.bytes,
            named.last_key,
            named.end,
            self.path().display()
        );
    }

    /// Two lines of the `.idx` file that name one record are an error in the end, as those of one key are.
    fn note_offsets(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        builder.keys_of(&self.places);
        // Longer than a key, so that it is none.
        self.each_place(|_, offset| builder.key(&[b"byte ", &offset.to_le_bytes()[..]].concat()))
    }

    fn damaged(&self, offset: u64, problem: impl Into<String>) -> Error {
        Error::record(self.path(), format!("record at byte {offset}"), problem)
    }

    /// The image header of the record at `offset`, and the record's bytes with all its parts.
    fn header(&self, offset: u64) -> Result<(ImageHeader, u64)> {
        // Everything that is needed of most records: headers, and two labels behind them.
        let mut bytes = [0; PART_HEADER_BYTES + IMAGE_HEADER_BYTES + 8];
        let available = self.records.len().saturating_sub(offset);
        let read = bytes.len().min(available as usize).max(PART_HEADER_BYTES);
        self.records.read(offset, &mut bytes[..read])?;
        let damaged = |problem: String| self.damaged(offset, problem);
        let mut part = Part::parse(&bytes).map_err(damaged)?;
        let payload = &bytes[PART_HEADER_BYTES..read.min(PART_HEADER_BYTES + part.length)];

        let mut end = offset;
        loop {
            let last = part.last(end == offset).map_err(damaged)?;
            end += (PART_HEADER_BYTES + part.length) as u64;
            if end > self.records.len() {
                return Err(self.damaged(offset, "it reaches beyond the end of the file"));
            }
            if last {
                break;
            }
            end = offset + (end - offset).next_multiple_of(4);
            let mut header = [0; PART_HEADER_BYTES];
            self.records.read(end, &mut header)?;
            part = Part::parse(&header).map_err(damaged)?;
        }
        let length = end - offset;
        let header =
            ImageHeader::parse(payload, length - PART_HEADER_BYTES as u64).map_err(damaged)?;
        Ok((header, length))
    }

    /// Images by their own labels.
    fn scan_labels(
        &self,
        builder: &mut IndexBuilder<'_>,
        images: impl Fn(u64, &ImageHeader) -> bool,
    ) -> Result<()> {
        builder.keys_of(&self.places);
        let mut named = Named::default();
        self.each_place(|key, offset| {
            builder.key(&key.to_le_bytes())?;
            let (header, length) = self.header(offset)?;
            named.add(key, offset, length);
            if !images(key, &header) {
                return Ok(());
            }
            let label = header.label;
            if label >= EXACT {
                let problem = format!("label {label} is 2^24 or more, where f32 is not exact and no exact range is given");
                return Err(self.damaged(offset, problem));
            }
            if label < 0.0 || label.fract() != 0.0 || label.is_nan() {
                return Err(self.damaged(offset, format!("label {label} is not a number of an identity")));
            }
            builder.image(label as u64, Location::new(0, offset, length)?)
        })?;
        self.check_whole(&named);
        Ok(())
    }

    /// Images by the ranges of the identity records, whose keys are `identities`.
    fn scan_ranges(&self, builder: &mut IndexBuilder<'_>, identities: Range<u64>) -> Result<()> {
        // Before memory is asked for: each identity has a record.
        if (identities.end - identities.start) * (PART_HEADER_BYTES as u64) > self.records.len() {
            let problem = format!(
                "the header speaks of identity records {identities:?}, more than the file can hold"
            );
            return Err(self.damaged(0, problem));
        }
        let mut named = Named::default();
        let mut ranges = vec![0..0; (identities.end - identities.start) as usize];
        builder.keys_of(&self.places);
        self.each_place(|key, offset| {
            builder.key(&key.to_le_bytes())?;
            if key != 0 && !identities.contains(&key) {
                return Ok(());
            }
            let (header, length) = self.header(offset)?;
            named.add(key, offset, length);
            if key == 0 {
                return Ok(());
            }
            let range = header.range().ok_or_else(|| {
                self.damaged(
                    offset,
                    format!("an identity record (key {key}) without a range of images"),
                )
            })?;
            if range.is_empty() {
                return Err(Error::EmptyIdentity {
                    path: self.path().to_owned(),
                    identity: (key - identities.start).to_string(),
                    others: 0,
                });
            }
            ranges[(key - identities.start) as usize] = range;
            Ok(())
        })?;
        let mut next = 1;
        for (identity, range) in ranges.iter().enumerate() {
            if range.start != next || range.end > identities.start {
                let problem = format!(
                    "identity {identity} has the images {range:?}, but image {next} follows the identity before, and identity records begin at {}",
                    identities.start
                );
                return Err(Error::format(self.path(), problem));
            }
            next = range.end;
        }
        if next != identities.start {
            return Err(Error::format(
                self.path(),
                format!("images from {next} on belong to no identity"),
            ));
        }
        let mut found = 0;
        self.each_place(|key, offset| {
            if key == 0 || key >= next {
                return Ok(());
            }
            found += 1;
            let identity = ranges.partition_point(|range| range.end <= key);
            let (_, length) = self.header(offset)?;
            named.add(key, offset, length);
            builder.image(identity as u64, Location::new(0, offset, length)?)
        })?;
        if found != next - 1 {
            let problem = format!("{found} images, but the ranges speak of {}", next - 1);
            return Err(Error::format(&self.places, problem));
        }
        self.check_whole(&named);
        Ok(())
    }
}

/// What an `.idx` file names of its records.
#[derive(Default)]
struct Named {
    records: u64,
    /// With what fills them up to whole words.
    bytes: u64,
    /// Where the last one in the file ends.
    end: u64,
    last_key: u64,
}

impl Named {
    fn add(&mut self, key: u64, offset: u64, length: u64) {
        self.records += 1;
        self.bytes += length.next_multiple_of(4);
        if offset + length > self.end {
            (self.end, self.last_key) = (offset + length, key);
        }
    }
}

impl Source for RecordIo {
    fn path(&self) -> &Path {
        self.records.path()
    }

    fn expects(&self) -> &'static str {
        "expected image records, listed in the .idx file"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("RecordIO set");
        writer.file(self.path())?;
        writer.file(&self.places)?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        self.note_offsets(builder)?;
        // The header of a set of insightface is the record with key 0, and holds no image.
        let mut first = None;
        self.places_until(|key, offset| {
            if key != 0 {
                return Ok(ControlFlow::Continue(()));
            }
            first = Some(self.header(offset)?.0);
            Ok(ControlFlow::Break(()))
        })?;
        let Some(first) = first.filter(|first| first.flag == 2 && first.image_bytes == 0) else {
            return self.scan_labels(builder, |_, _| true);
        };
        match first.range() {
            Some(identities) if identities.end <= EXACT as u64 => {
                self.scan_ranges(builder, identities)
            }
            // The ranges are rounded: identity records are told by their missing image.
            _ => self.scan_labels(builder, |key, header| key != 0 && header.image_bytes > 0),
        }
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let Location { offset, length, .. } = image.location()?;
        self.records
            .read_record(offset, u64::from(length), buffer)?;
        image_bytes(buffer)
            .map(Content::Encoded)
            .map_err(|problem| self.damaged(offset, problem))
    }
}

/// One part of a record.
struct Part {
    /// 0 whole, 1 first, 2 middle, 3 last.
    continuation: u32,
    length: usize,
}

impl Part {
    fn parse(header: &[u8]) -> std::result::Result<Self, String> {
        match (u32_at(header, 0), u32_at(header, 4)) {
            (Some(MAGIC), Some(word)) => Ok(Self {
                continuation: word >> 29,
                length: (word & 0x1fff_ffff) as usize,
            }),
            (Some(found), Some(_)) => Err(format!(
                "it begins with {found:#010x}, expected the magic word {MAGIC:#010x}"
            )),
            _ => Err("its header is cut off".into()),
        }
    }

    /// Whether the record ends with this part.
    fn last(&self, first: bool) -> std::result::Result<bool, String> {
        match (self.continuation, first) {
            (0, true) | (3, false) => Ok(true),
            (1, true) | (2, false) => Ok(false),
            (flag, _) => Err(format!(
                "a part with continuation flag {flag} is out of place"
            )),
        }
    }
}

/// The place of the encoded image in a record. Parts are joined behind the record.
fn image_bytes(record: &mut Vec<u8>) -> std::result::Result<Range<usize>, String> {
    let end = record.len();
    let whole = Part::parse(record)?;
    let payload = if whole.last(true)? {
        PART_HEADER_BYTES..PART_HEADER_BYTES + whole.length
    } else {
        let mut start = 0;
        loop {
            let part = Part::parse(slice(record, start..end).ok_or("its parts are cut off")?)?;
            let from = start + PART_HEADER_BYTES;
            let to = from + part.length;
            if to > end {
                return Err("its parts are cut off".into());
            }
            let last = part.last(start == 0)?;
            if start > 0 {
                // The writer splits where the payload holds the magic word, and leaves it out.
                record.extend(MAGIC.to_le_bytes());
            }
            record.extend_from_within(from..to);
            if last {
                break;
            }
            start = to.next_multiple_of(4);
        }
        end..record.len()
    };
    let bytes = slice(record, payload.clone()).ok_or("it is cut off")?;
    let header = ImageHeader::parse(bytes, bytes.len() as u64)?;
    Ok(payload.end - header.image_bytes as usize..payload.end)
}

/// The head of a record's payload.
struct ImageHeader {
    /// Number of labels behind the header.
    flag: u32,
    /// The first label.
    label: f32,
    /// The second label, if there is one.
    second: Option<f32>,
    image_bytes: u64,
}

impl ImageHeader {
    /// `bytes` are the first ones of a payload of `length` bytes.
    fn parse(bytes: &[u8], length: u64) -> std::result::Result<Self, String> {
        let float_at = |offset| u32_at(bytes, offset).map(f32::from_bits);
        let (Some(flag), Some(label)) = (u32_at(bytes, 0), float_at(4)) else {
            return Err("its image header is cut off".into());
        };
        let labels = u64::from(flag) * 4;
        let Some(image_bytes) = length.checked_sub(IMAGE_HEADER_BYTES as u64 + labels) else {
            return Err(format!("its {length} bytes cannot hold {flag} labels"));
        };
        let behind =
            |i: usize| float_at(IMAGE_HEADER_BYTES + 4 * i).ok_or("its labels are cut off");
        Ok(Self {
            flag,
            label: if flag > 0 { behind(0)? } else { label },
            second: if flag > 1 { Some(behind(1)?) } else { None },
            image_bytes,
        })
    }

    /// The two labels as a range of keys.
    fn range(&self) -> Option<Range<u64>> {
        let key = |value: f32| (value >= 1.0 && value.fract() == 0.0).then_some(value as u64);
        let range = key(self.label)?..key(self.second?)?;
        (self.flag == 2 && range.start <= range.end).then_some(range)
    }
}

/// Reads a line of at most 4 KiB.
pub(super) fn read_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    path: &Path,
    number: u64,
) -> Result<usize> {
    let read = std::io::Read::take(&mut *reader, 4096)
        .read_until(b'\n', line)
        .map_err(Error::io("read", path))?;
    if read == 4096 && line.last() != Some(&b'\n') {
        return Err(Error::record(
            path,
            format!("line {}", number + 1),
            "the line is longer than 4 KiB",
        ));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut record in prop::collection::vec(any::<u8>(), 0..200), start in 0usize..4) {
            let words = [vec![], MAGIC.to_le_bytes().to_vec(), [MAGIC.to_le_bytes(), 60u32.to_le_bytes()].concat(),
                [MAGIC.to_le_bytes(), (1 << 29 | 8u32).to_le_bytes()].concat()];
            record.splice(0..0, words[start].iter().copied());
            if let Ok(range) = image_bytes(&mut record) {
                prop_assert!(range.start <= range.end && range.end <= record.len());
            }
        }
    }
}
