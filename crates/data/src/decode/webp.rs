//! What is looked at in a WebP before its decoder sees it.

/// Whether the file is a WebP of which a chunk reaches beyond its end. Its decoder would make room for all of the chunk, gigabytes of what is not
/// there.
pub(super) fn is_cut(encoded: &[u8]) -> bool {
    let chunks = encoded.strip_prefix(b"RIFF").and_then(|riff| riff.get(4..));
    let Some(mut rest) = chunks.and_then(|riff| riff.strip_prefix(b"WEBP")) else {
        return false;
    };
    while let [_, _, _, _, a, b, c, d, chunk @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        if length > chunk.len() {
            return true;
        }
        // Chunks begin at even places.
        rest = chunk.get(length + length % 2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_beyond_the_end() {
        let file = |length: u32, bytes: &[u8]| {
            let head = b"RIFF\0\0\0\0WEBPVP8 \x03\0\0\0abc\0EXIF";
            [&head[..], &length.to_le_bytes(), bytes].concat()
        };
        assert!(!is_cut(&file(4, b"MM\0*")));
        assert!(!is_cut(&file(3, b"MM\0")), "without padding at the end");
        assert!(is_cut(&file(5, b"MM\0*")));
        assert!(is_cut(&file(u32::MAX, b"MM\0*")));
        assert!(
            !is_cut(&file(4, b"MM\0*")[..19]),
            "less than a chunk's head"
        );
        assert!(!is_cut(b"\x89PNG\r\n\x1a\n") && !is_cut(b""));
    }
}
