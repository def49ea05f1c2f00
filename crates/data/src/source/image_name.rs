/// Endings of the formats that are decoded.
const ENDINGS: [&str; 10] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "pgm", "ppm", "pnm", "webp",
];

/// Folders that systems put beside pictures: macOS, and network storage by Synology and QNAP.
const SIDE_FOLDERS: [&str; 5] = ["__MACOSX", "@eaDir", "#recycle", "@Recycle", "@__thumb"];

/// Whether a file or folder is none of the set's, by its name: hidden, or a system's.
pub(super) fn is_set_aside(name: &str) -> bool {
    name.starts_with('.') || SIDE_FOLDERS.contains(&name)
}

/// What `ffc align` writes beside faces: passed over without a word.
const OF_ALIGN: [&str; 2] = ["align.json", "landmarks.csv"];

/// Whether a file that is no picture was written beside pictures by `ffc align`.
pub(super) fn is_of_align(name: &str) -> bool {
    OF_ALIGN.contains(&name)
}

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
