/// First bytes of what is found where a picture should be, and what it is.
const KNOWN: [(&[u8], &str); 9] = [
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer, not the picture: run `git lfs pull`",
    ),
    (b"<!DOCTYPE", "it is a web page, saved in a picture's place"),
    (b"<!doctype", "it is a web page, saved in a picture's place"),
    (b"<html", "it is a web page, saved in a picture's place"),
    (b"<?xml", "it is XML, such as SVG, which is not read"),
    (b"<svg", "SVG is not read"),
    (b"\xff\x0a", "JPEG XL is not read"),
    (b"\0\0\0\x0cJXL ", "JPEG XL is not read"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000 is not read"),
];

/// What is expected instead.
const EXPECTED: &str = "expected JPEG, PNG, BMP, PNM or WebP";

/// Says why bytes are no picture that can be read.
pub(super) fn reason(encoded: &[u8]) -> String {
    if encoded.is_empty() {
        return "the file is empty".into();
    }
    if let Some((_, what)) = KNOWN.iter().find(|(begin, _)| encoded.starts_with(begin)) {
        return format!("{what}; {EXPECTED}");
    }
    // ISO's container of pictures: its length, `ftyp`, and the kind.
    if let Some(b"ftyp") = encoded.get(4..8) {
        let what = match encoded.get(8..12) {
            Some(b"avif" | b"avis") => "AVIF",
            Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => "HEIC",
            _ => "a film or picture in MPEG-4's container",
        };
        return format!("{what} is not read; {EXPECTED}");
    }
    match (image::guess_format(encoded), short_text(encoded)) {
        (Ok(format), _) => format!("{format:?} is not read; {EXPECTED}"),
        (Err(_), Some(text)) => format!(
            "it holds the text `{text}` alone, as a link does that was copied as text; {EXPECTED}"
        ),
        (Err(_), None) => format!("it is not an image of a known format; {EXPECTED}"),
    }
}

/// The whole of a file that is a line of text, no longer than a path.
fn short_text(encoded: &[u8]) -> Option<&str> {
    let text = str::from_utf8(encoded).ok()?.trim_end();
    let is_line = !text.is_empty() && text.len() < 256 && !text.contains(char::is_control);
    is_line.then_some(text)
}
