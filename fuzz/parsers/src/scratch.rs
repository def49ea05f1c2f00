use std::path::PathBuf;

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = TempDir::new().expect("a folder among the temporary files");
}

/// A file of this thread's own that holds these bytes, in place of the last of this name.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    std::fs::write(&path, bytes).expect("a file among the temporary files");
    path
}

/// The place of a file of this thread's own.
pub(crate) fn path(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}
