use std::io::{self, ErrorKind};
use std::path::Path;

/// What some editors put before a text in UTF-8.
const MARK: &str = "\u{feff}";

/// Reads a text without the mark that some editors put before it.
///
/// # Errors
/// As the system has them; [`ErrorKind::InvalidData`] with the line where the file is no text in UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(std::fs::read(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        let problem = format!("line {line} is not valid UTF-8; save the file as UTF-8");
        io::Error::new(ErrorKind::InvalidData, problem)
    })?;
    Ok(without_mark(&text).to_owned())
}

/// The text without the mark.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}
