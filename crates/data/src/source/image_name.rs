/// Endings of the formats that are decoded.
const ENDINGS: [&str; 7] = ["jpg", "jpeg", "png", "bmp", "pgm", "ppm", "pnm"];

/// Whether a file's ending, without the dot, is that of an image.
pub(super) fn is_image_ending(ending: &str) -> bool {
    ENDINGS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(ending))
}

/// Whether a file's name is that of an image. Hidden files are not.
pub(super) fn is_image_name(name: &str) -> bool {
    !name.starts_with('.')
        && name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| is_image_ending(ending))
}
