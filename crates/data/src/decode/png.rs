use image::metadata::Orientation;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Bytes of a chunk's length and kind, and of its checksum.
const BEFORE: usize = 8;
const BEHIND: usize = 4;

/// The orientation that a PNG's EXIF data tell, wherever they stand: the decoder looks for them before the pixels alone.
pub(super) fn orientation(encoded: &[u8]) -> Orientation {
    let find = || {
        let mut rest = encoded.strip_prefix(SIGNATURE)?;
        loop {
            let (length, behind) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            if let Some(exif) = behind.strip_prefix(b"eXIf") {
                return Orientation::from_exif_chunk(exif.get(..length)?);
            }
            rest = rest.get(BEFORE.checked_add(length)?.checked_add(BEHIND)?..)?;
        }
    };
    find().unwrap_or(Orientation::NoTransforms)
}

/// Whether it begins with Apple's own chunk: its pixels are packed in another way.
pub(super) fn is_of_apple(encoded: &[u8]) -> bool {
    let behind = encoded.strip_prefix(SIGNATURE);
    behind.is_some_and(|behind| behind.get(4..8) == Some(b"CgBI"))
}
