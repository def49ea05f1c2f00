//! Damaged and hostile sources: a clear message, no panic.

mod archives;
#[cfg(feature = "lmdb")]
mod lmdb;
mod pictures;
mod properties;
mod record_files;

use std::path::Path;

use ffc_data::ErrorChain;
use tempfile::TempDir;

use super::support::{fixture, open};

/// The message of a failed opening, with its causes.
pub fn message(path: &Path) -> String {
    ErrorChain(&open(path).unwrap_err()).to_string()
}

pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

/// A folder `set` with pictures at these places.
pub fn folder(pictures: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for picture in pictures {
        let path = folder.path().join("set").join(picture);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(fixture("made/images/jpeg_444.jpg"), path).unwrap();
    }
    folder
}
