mod pickle;

use std::path::Path;

use self::pickle::{Blob, Coding, Unpickler};
use super::{Content, ImageRef, Location, Source};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::IndexBuilder;
use crate::read_at::ReadAt;
use crate::{Error, Result};

/// insightface's `.bin`: a Python pickle of a list of encoded images, two a pair, and a list that says whether the two show the
/// same person.
///
/// Nothing in the file is executed: of pickle's language only what such files need is read, of protocols 2 to 5, with images as
/// strings of Python 2, as bytes, or as numpy arrays of bytes. Everything else is refused. The images stay in the file until they
/// are read.
#[derive(Debug)]
pub struct PairBin {
    file: ReadAt,
    images: Vec<Blob>,
    same: Vec<bool>,
}

impl PairBin {
    /// Reads the lists, not the images.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such a pickle: the message names the operation and its place.
    pub fn open(path: &Path) -> Result<Self> {
        let file = ReadAt::open(path)?;
        let (images, same) = Unpickler::new(&file)?.pairs()?;
        if same.is_empty() {
            return Err(Error::NoImages {
                path: path.to_owned(),
                expected: EXPECTED,
            });
        }
        if images.len() != 2 * same.len() {
            let problem = format!("{} images for {} pairs", images.len(), same.len());
            return Err(Error::format(path, problem));
        }
        Ok(Self { file, images, same })
    }

    /// Whether the two images of a pair show the same person, pair by pair.
    pub fn same(&self) -> &[bool] {
        &self.same
    }

    fn blob(&self, image: u64) -> Result<Blob> {
        let blob = usize::try_from(image)
            .ok()
            .and_then(|image| self.images.get(image));
        blob.copied().ok_or_else(|| {
            let problem = format!("there are {} images", self.images.len());
            Error::record(self.path(), format!("image {image}"), problem)
        })
    }
}

const EXPECTED: &str = "expected a pickle of a list of images and a list of bool";

impl Source for PairBin {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn expects(&self) -> &'static str {
        EXPECTED
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("pair file");
        writer.file(self.path())?;
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        for (image, blob) in self.images.iter().enumerate() {
            builder.image(image as u64, Location::new(0, blob.offset, blob.bytes)?)?;
        }
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let blob = self.blob(image.image())?;
        self.file.read_record(blob.offset, blob.bytes, buffer)?;
        if blob.coding == Coding::Latin1 {
            let decoded = decode_latin1(buffer).ok_or_else(|| {
                let record = format!("text at byte {}", blob.offset);
                Error::record(self.path(), record, "it does not stand for bytes")
            })?;
            buffer.truncate(decoded);
        }
        Ok(Content::Encoded(0..buffer.len()))
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        let (pair, side) = (
            image.image() / 2 + 1,
            ["first", "second"][(image.image() % 2) as usize],
        );
        format!("{}, {side} image of pair {pair}", self.path().display())
    }
}

/// Turns UTF-8 whose characters stand for bytes into those, in place, and gives their number. None if it is no such text.
fn decode_latin1(text: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        text[to] = match text[from] {
            byte @ ..0x80 => byte,
            // U+0080 to U+00FF: 110000xx 10xxxxxx.
            lead @ (0xc2 | 0xc3) => {
                from += 1;
                let low = *text.get(from).filter(|&&low| low & 0xc0 == 0x80)?;
                (lead << 6) | (low & 0x3f)
            }
            _ => return None,
        };
        from += 1;
        to += 1;
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::decode_latin1;

    #[test]
    fn every_byte_comes_back_from_text() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = bytes
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .into_bytes();
        assert_eq!(text.len(), 128 + 2 * 128);
        let decoded = decode_latin1(&mut text).unwrap();
        assert_eq!(text[..decoded], bytes);
        for other in ["\u{100}", "\u{20ac}", "\u{10000}"] {
            assert_eq!(decode_latin1(&mut other.to_owned().into_bytes()), None);
        }
        assert_eq!(decode_latin1(&mut [0xc3]), None);
        assert_eq!(decode_latin1(&mut [0xc3, 0x41]), None);
    }
}
