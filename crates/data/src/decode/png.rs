use image::metadata::Orientation;

use super::exif;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Bytes of a chunk's length and kind, and of its checksum.
const BEFORE: usize = 8;
const BEHIND: usize = 4;

/// The orientation that a PNG's EXIF data tell, wherever they stand: the decoder looks for them before the pixels alone.
pub(super) fn orientation(encoded: &[u8]) -> Option<Orientation> {
    let (_, bytes) = chunk(encoded, b"eXIf")?;
    exif::orientation(bytes?)
}

/// Refuses a palette that ends within a colour, which the decoder (png 0.18.1) panics at.
pub(super) fn check_palette(encoded: &[u8]) -> Result<(), String> {
    match chunk(encoded, b"PLTE") {
        Some((length, _)) if !length.is_multiple_of(3) => Err(format!(
            "its palette has {length} bytes, expected three a colour"
        )),
        _ => Ok(()),
    }
}

/// Length and bytes of the first chunk of a kind; no bytes where it is cut off.
fn chunk<'a>(encoded: &'a [u8], kind: &[u8; 4]) -> Option<(usize, Option<&'a [u8]>)> {
    let mut rest = encoded.strip_prefix(SIGNATURE)?;
    loop {
        let (length, behind) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if let Some(bytes) = behind.strip_prefix(kind) {
            return Some((length, bytes.get(..length)));
        }
        rest = rest.get(BEFORE.checked_add(length)?.checked_add(BEHIND)?..)?;
    }
}

/// Whether it begins with Apple's own chunk: its pixels are packed in another way.
pub(super) fn is_of_apple(encoded: &[u8]) -> bool {
    let behind = encoded.strip_prefix(SIGNATURE);
    behind.is_some_and(|behind| behind.get(4..8) == Some(b"CgBI"))
}
