use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Gives `path` the contents `bytes`. The file appears under its name when it is complete and on disk; until then an older one stays.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes).map_err(Error::io("write", path))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As the process's umask has it: temporary files are private otherwise.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself is on disk when the folder is; only Unix can open one.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
