mod environment;

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::environment::Environment;
use super::record_io::read_line;
use super::{Content, ImageRef, LmdbPart, Source, parse_label, slice};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{IndexBuilder, Location};
use crate::read_at::{MAX_RECORD_BYTES, ReadAt};
use crate::{Error, Result};

/// LMDB databases as FFC's tools write them: a key an image, its value a protobuf `Datum`, and a list of keys and
/// labels.
///
/// The image is field 1 of one schema and field 4 of the other, whose field 1 is a number. LMDB trusts its files: a
/// length that does not fit is refused, but damaged pages inside are not noticed and may end the process: check such
/// files with `mdb_stat` or copy them with `mdb_copy`.
#[derive(Debug)]
pub struct Lmdb {
    parts: Vec<OpenPart>,
}

#[derive(Debug)]
struct OpenPart {
    /// As it was named.
    database: PathBuf,
    data: PathBuf,
    environment: Arc<Environment>,
    list: ReadAt,
    label_offset: Option<u64>,
}

/// What is wrong where a list names a key that is not there.
const NO_KEY: &str = "there is no such key";

/// Bytes of the record that describes a database inside another.
const NESTED_BYTES: usize = 48;

impl Lmdb {
    /// Opens the databases, which must not be written to meanwhile. Those that are open in this process are shared.
    ///
    /// # Errors
    /// If there is none, one is named twice or cannot be opened.
    pub fn open(parts: &[LmdbPart]) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::Setting {
                setting: "databases",
                value: "empty".into(),
                expected: "at least one LMDB database",
            });
        }
        let parts: Vec<_> = parts.iter().map(OpenPart::open).collect::<Result<_>>()?;
        for (number, part) in parts.iter().enumerate() {
            let same = |other: &OpenPart| Arc::ptr_eq(&other.environment, &part.environment);
            if parts[..number].iter().any(same) {
                let problem = "it is named twice; name each database once";
                return Err(Error::format(&part.data, problem));
            }
        }
        Ok(Self { parts })
    }

    fn part(&self, file: u16) -> Result<&OpenPart> {
        self.parts.get(usize::from(file)).ok_or_else(|| {
            Error::format(
                self.path(),
                format!(
                    "the index speaks of database {file}, but there are {}",
                    self.parts.len()
                ),
            )
        })
    }
}

impl OpenPart {
    fn open(part: &LmdbPart) -> Result<Self> {
        let data = if part.database.is_dir() {
            part.database.join("data.mdb")
        } else {
            part.database.clone()
        };
        if !part.list.exists() {
            let problem = format!(
                "it needs its list {} (`key label`, a line an image) beside it; rename the list, or name both in a configuration",
                part.list.display()
            );
            return Err(Error::format(&part.database, problem));
        }
        Ok(Self {
            environment: Environment::open(&part.database, &data)?,
            database: part.database.clone(),
            data,
            list: ReadAt::open(&part.list)?,
            label_offset: part.label_offset,
        })
    }

    /// What the first line of a list runs into, with the first record of the database beside it.
    fn of_another_list(&self, error: Error) -> Error {
        let first = self.environment.first(|record| {
            record.map(|(key, value)| {
                (
                    String::from_utf8_lossy(key).into_owned(),
                    value.len() == NESTED_BYTES,
                )
            })
        });
        match (error, first) {
            (
                Error::Record {
                    path,
                    record,
                    problem,
                },
                Ok(Some((key, is_nested))),
            ) if problem == NO_KEY => {
                let nested = match is_nested {
                    true => {
                        ", which may be a database inside this one: the main database alone is read"
                    }
                    false => "",
                };
                let records = self.environment.records();
                let problem = format!(
                    "{problem}, asked for by the first line of {}; the first of the {records} records has the key `{key}`{nested}",
                    self.list.path().display()
                );
                Error::Record {
                    path,
                    record,
                    problem,
                }
            }
            (error, _) => error,
        }
    }

    /// Reads the value of `key`, puts it into `buffer` and gives the place of the image.
    fn read(&self, key: &[u8], buffer: &mut Vec<u8>) -> Result<Range<usize>> {
        let most = self.environment.file_bytes().min(MAX_RECORD_BYTES);
        let copied = self.environment.get(key, |value| {
            let value = value.ok_or(NO_KEY)?;
            if value.len() as u64 > most {
                return Err(format!("its value cannot have {} bytes", value.len()));
            }
            buffer.clear();
            buffer.extend_from_slice(&value[datum_image(value)?]);
            Ok(0..buffer.len())
        });
        let copied = copied.unwrap_or_else(|error| Err(error.to_string()));
        copied.map_err(|problem| {
            Error::record(
                &self.data,
                format!("key `{}`", String::from_utf8_lossy(key)),
                problem,
            )
        })
    }
}

impl Source for Lmdb {
    fn path(&self) -> &Path {
        &self.parts[0].database
    }

    fn expects(&self) -> &'static str {
        "expected lists of keys and labels"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("LMDB set");
        for part in &self.parts {
            writer.file(&part.data)?;
            writer.file(part.list.path())?;
            writer.setting(format!("{:?}", part.label_offset).as_bytes());
        }
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let mut next_label = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let path = part.list.path();
            let mut reader = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
            let offset = part.label_offset.unwrap_or(next_label);
            builder.keys_of(path);
            let (mut line, mut place, mut listed) = (Vec::new(), 0, 0);
            for line_number in 0.. {
                line.clear();
                let read = read_line(&mut reader, &mut line, path, line_number)?;
                if read == 0 {
                    break;
                }
                let bad = |problem: &str| {
                    Error::record(path, format!("line {}", line_number + 1), problem)
                };
                // A byte order mark belongs to no key.
                let mark = match line.strip_prefix(b"\xef\xbb\xbf") {
                    Some(_) if line_number == 0 => 3,
                    _ => 0,
                };
                let text =
                    std::str::from_utf8(&line[mark..]).map_err(|_| bad("it is not valid UTF-8"))?;
                if !text.trim().is_empty() {
                    let (key, label) = text
                        .trim()
                        .rsplit_once(char::is_whitespace)
                        .and_then(|(key, label)| Some((key.trim_end(), parse_label(label)?)))
                        .ok_or_else(|| bad("it is not a key and a label"))?;
                    let label = label
                        .checked_add(offset)
                        .filter(|&label| u32::try_from(label).is_ok())
                        .ok_or_else(|| bad("the label is not below 2^32"))?;
                    let indent = (mark + text.len() - text.trim_start().len()) as u64;
                    if listed == 0 {
                        // One look-up tells the list of another database before all of it is read.
                        part.read(key.as_bytes(), &mut Vec::new())
                            .map_err(|error| part.of_another_list(error))?;
                    }
                    listed += 1;
                    builder.key(format!("{number} {key}").as_bytes())?;
                    builder.image(
                        label,
                        Location::new(number, place + indent, key.len() as u64)?,
                    )?;
                    next_label = next_label.max(label + 1);
                }
                place += read as u64;
            }
            let records = part.environment.records();
            if records < listed {
                let problem = format!(
                    "it names {listed} keys, but {} holds {records} records: some are named twice, or are of another database",
                    part.data.display()
                );
                return Err(Error::format(path, problem));
            }
            if records > listed {
                tracing::warn!(
                    "{} holds {records} records, of which {} names {listed}: {} are left out",
                    part.data.display(),
                    path.display(),
                    records - listed
                );
            }
        }
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let Location {
            file,
            offset,
            length,
        } = image.location()?;
        let part = self.part(file)?;
        let mut key = vec![0; length as usize];
        part.list.read(offset, &mut key)?;
        part.read(&key, buffer).map(Content::Encoded)
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        let key = || -> Result<String> {
            let Location {
                file,
                offset,
                length,
            } = image.location()?;
            let part = self.part(file)?;
            let mut key = vec![0; length as usize];
            part.list.read(offset, &mut key)?;
            Ok(format!(
                "{}, key `{}`",
                part.data.display(),
                String::from_utf8_lossy(&key)
            ))
        };
        key().unwrap_or_else(|_| format!("{}, image {}", self.path().display(), image.image()))
    }
}

/// The place of the image in a `Datum`: field 1 if it holds bytes, else field 4.
///
/// In Caffe's schema fields 1 to 3 are the numbers of channels, rows and columns, and field 7 tells whether field 4 is an encoded picture or
/// those numbers of pixels.
fn datum_image(datum: &[u8]) -> std::result::Result<Range<usize>, String> {
    if let [0x80, 2..=5, ..] = datum {
        return Err(
            "the value is a pickle, as Python writes it, not a Datum as FFC's tools do".into(),
        );
    }
    let mut reader = Protobuf {
        bytes: datum,
        at: 0,
    };
    let (mut shape, mut encoded, mut image) = ([0; 3], false, None);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (1, Value::Bytes(range)) => return Ok(range),
            (4, Value::Bytes(range)) => image = Some(range),
            (1..=3, Value::Number(number)) => shape[field as usize - 1] = number,
            (7, Value::Number(number)) => encoded = number != 0,
            _ => {}
        }
    }
    let image = image.ok_or("the Datum holds no image, neither in field 1 nor in field 4")?;
    let [channels, height, width] = shape;
    let pixels = channels.saturating_mul(height).saturating_mul(width);
    if !encoded && pixels > 0 && pixels == image.len() as u64 {
        return Err(format!(
            "the Datum holds raw pixels ({channels} x {height} x {width}, encoded false); only encoded pictures are read: write it anew with JPEG or PNG"
        ));
    }
    Ok(image)
}

/// Reads the fields of a protobuf message.
struct Protobuf<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A field's value.
enum Value {
    Bytes(Range<usize>),
    Number(u64),
    Other,
}

impl Protobuf<'_> {
    /// Number and value of the next field.
    fn field(&mut self) -> std::result::Result<Option<(u64, Value)>, &'static str> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.skip(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT_OFF)?;
                Value::Bytes(self.skip(length)?)
            }
            5 => self.skip(4).map(|_| Value::Other)?,
            _ => return Err("the value is not a Datum: a field of unknown kind"),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn skip(&mut self, length: usize) -> std::result::Result<Range<usize>, &'static str> {
        let range = self.at..self.at.checked_add(length).ok_or(CUT_OFF)?;
        slice(self.bytes, range.clone()).ok_or(CUT_OFF)?;
        self.at = range.end;
        Ok(range)
    }

    fn varint(&mut self) -> std::result::Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(CUT_OFF)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("the value is not a Datum: a number has more than ten bytes")
    }
}

const CUT_OFF: &str = "the Datum is cut off";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_schemas() {
        assert_eq!(datum_image(&[0x0a, 2, 7, 8, 0x10, 1]), Ok(2..4));
        assert_eq!(datum_image(&[0x08, 3, 0x10, 0x90, 1, 0x22, 1, 9]), Ok(7..8));
        assert_eq!(datum_image(&[0x0a, 3, 7, 8]), Err(CUT_OFF.to_owned()));
        assert!(datum_image(&[0x08, 3]).is_err());
        assert!(datum_image(&[]).is_err());
    }

    /// Two channels of one pixel each in field 4: raw unless field 7 says otherwise, or their number is another.
    #[test]
    fn raw_pixels_and_pickles_are_told() {
        let raw = [0x08, 2, 0x10, 1, 0x18, 1, 0x22, 2, 9, 9];
        let error = datum_image(&raw).unwrap_err();
        assert!(error.contains("raw pixels (2 x 1 x 1"), "{error}");
        let encoded = [&raw[..], &[0x38, 1]].concat();
        assert_eq!(datum_image(&encoded), Ok(8..10));
        assert_eq!(
            datum_image(&[0x08, 3, 0x10, 1, 0x18, 1, 0x22, 2, 9, 9]),
            Ok(8..10)
        );
        assert!(datum_image(b"\x80\x04\x95").unwrap_err().contains("pickle"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(range) = datum_image(&bytes) {
                prop_assert!(range.start <= range.end && range.end <= bytes.len());
            }
        }
    }
}
