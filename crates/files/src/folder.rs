use std::fs::File;
use std::io::Result;
use std::path::Path;

/// Waits until the folder is on disk, and with it the names of its files: a file that was renamed is safe only then.
///
/// Only Unix can open a folder; elsewhere nothing is done.
///
/// # Errors
///
/// Where the folder cannot be opened or synced.
pub fn sync_folder(folder: impl AsRef<Path>) -> Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The folder of a file; that of a mere name is the working folder.
pub(crate) fn of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
