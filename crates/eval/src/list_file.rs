use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::str::FromStr;

use crate::{Error, Result};

/// Calls `line` with the number, counted from 1, and the text of each line of a list that is not empty. What it says is wrong becomes an
/// error that names file and line. The file passes through: lists of pairs have millions of lines.
///
/// # Errors
/// If the file cannot be read or is no text, or `line` refuses one.
pub(crate) fn for_each_line(
    path: &Path,
    mut line: impl FnMut(usize, &str) -> std::result::Result<(), String>,
) -> Result<()> {
    let read = |source| Error::io("read", path, source);
    let mut reader = BufReader::new(File::open(path).map_err(read)?);
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        match reader.read_line(&mut text) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let problem = "it is not valid UTF-8; save the list as UTF-8";
                return Err(Error::line(path, number, problem));
            }
            Err(error) => return Err(read(error)),
        }
        let text = ffc_files::without_mark(&text).trim();
        if !text.is_empty() {
            line(number, text).map_err(|problem| Error::line(path, number, problem))?;
        }
    }
    Ok(())
}

/// A field that is a number.
pub(crate) fn number<T: FromStr>(what: &str, field: &str) -> std::result::Result<T, String> {
    let number = field.trim().parse();
    number.map_err(|_| format!("`{}` is not the number of a {what}", shown(field)))
}

/// A field that says whether a pair shows the same identity.
pub(crate) fn label(field: &str) -> std::result::Result<bool, String> {
    match field.trim() {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(format!(
            "`{}` is neither 1, for the same identity, nor 0",
            shown(other)
        )),
    }
}

/// The beginning of a text from a file, for messages.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .take(60)
        .flat_map(char::escape_default)
        .collect()
}
