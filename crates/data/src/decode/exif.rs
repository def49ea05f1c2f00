use image::metadata::Orientation;

/// Of the entry that tells how a picture lies.
const ORIENTATION: u16 = 0x0112;
/// Kinds of an entry's number: one, two and four bytes.
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;
/// Bytes of an entry.
const ENTRY: usize = 12;
/// What stands before the number in XMP, as an attribute and as an element.
const XMP: [&str; 2] = ["tiff:Orientation=", "<tiff:Orientation>"];

/// The orientation that EXIF data tell: in two bytes, as the standard has it, or in one or four, as some programs write it.
pub(super) fn orientation(exif: &[u8]) -> Option<Orientation> {
    let is_little = match exif.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + entry * ENTRY)?;
        if short(at)? != ORIENTATION {
            continue;
        }
        let value = match short(at + 2)? {
            BYTE => u32::from(*exif.get(at + 8)?),
            SHORT => u32::from(short(at + 8)?),
            LONG => long(at + 8)?,
            _ => return None,
        };
        return Orientation::from_exif(u8::try_from(value).ok()?);
    }
    None
}

/// The orientation that XMP tells, where there is no EXIF.
pub(super) fn of_xmp(xmp: &[u8]) -> Option<Orientation> {
    let text = String::from_utf8_lossy(xmp);
    let begin = XMP
        .iter()
        .find_map(|mark| Some(text.find(mark)? + mark.len()))?;
    let number = text[begin..].trim_start_matches(['"', '\'', ' ']);
    let digits = number.find(|c: char| !c.is_ascii_digit())?;
    Orientation::from_exif(number[..digits].parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(kind: u16, is_little: bool) -> Vec<u8> {
        let short = |value: u16| {
            if is_little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let long = |value: u32| {
            if is_little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let mut bytes = if is_little { b"II*\0" } else { b"MM\0*" }.to_vec();
        bytes.extend(long(8));
        bytes.extend(short(2));
        // A resolution before it.
        for (tag, value) in [(0x011a, 72), (ORIENTATION, 6)] {
            bytes.extend(short(tag));
            bytes.extend(short(kind));
            bytes.extend(long(1));
            match kind {
                BYTE => bytes.extend([value as u8, 0, 0, 0]),
                SHORT => bytes.extend([short(value), [0, 0]].concat()),
                _ => bytes.extend(long(value.into())),
            }
        }
        bytes
    }

    #[test]
    fn numbers_of_any_size_and_order() {
        for is_little in [true, false] {
            for kind in [BYTE, SHORT, LONG] {
                let bytes = exif(kind, is_little);
                assert_eq!(orientation(&bytes), Some(Orientation::Rotate90));
                for end in 0..bytes.len() - 4 {
                    assert_eq!(orientation(&bytes[..end]), None, "{end}");
                }
            }
        }
        assert_eq!(orientation(&exif(7, true)), None);
        // As the image crate reads what the standard has.
        assert_eq!(
            Orientation::from_exif_chunk(&exif(SHORT, false)),
            orientation(&exif(SHORT, false))
        );
    }

    #[test]
    fn xmp() {
        for text in [
            r#"<rdf:Description tiff:Orientation="8" x="1"/>"#,
            "<tiff:Orientation>8</tiff:Orientation>",
        ] {
            assert_eq!(of_xmp(text.as_bytes()), Some(Orientation::Rotate270));
        }
        assert_eq!(of_xmp(b"<tiff:Orientation>"), None);
        assert_eq!(of_xmp(b"tiff:Orientation=\"99\""), None);
        assert_eq!(of_xmp(b"\xff\xfe"), None);
    }
}
