use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Sees that a file to write takes the place of none that is read here, nor of one that is no such file.
///
/// # Errors
/// If something lies at `out` that is one of `inputs`, or that `is_replaceable` denies.
pub fn check<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
    is_replaceable: impl FnOnce(&Path) -> bool,
) -> Result<()> {
    let Ok(there) = out.canonicalize() else {
        return Ok(());
    };
    let is_there = |input: &PathBuf| input.canonicalize().is_ok_and(|input| input == there);
    if inputs.into_iter().any(is_there) {
        return Err(Error::Usage(format!(
            "{} is read here: what is written needs another name",
            out.display()
        )));
    }
    if !is_replaceable(&there) {
        return Err(Error::Usage(format!(
            "{} is there and is another kind of file: name a new one, or remove it",
            out.display()
        )));
    }
    Ok(())
}
