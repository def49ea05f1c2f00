use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::Path;

use crate::table::{LandmarksRow, read_landmarks, write_landmarks};
use crate::{Error, Result};

/// The table of faces in a folder of aligned ones, which grows with them.
pub(super) const TABLE: &str = "landmarks.csv";

/// The rows of an earlier call; a line that was cut off is gone, and so are those of pictures whose files are.
pub(super) fn begin(table: &Path, out: &Path) -> Result<Vec<LandmarksRow>> {
    let bytes = match std::fs::read(table) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", table)(error)),
    };
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |last| last + 1);
    if whole == 0 {
        let mut header = Vec::new();
        write_rows(&[], true, &mut header)?;
        ffc_files::write(table, header).map_err(Error::io("write", table))?;
        return Ok(Vec::new());
    }
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(table);
        let cut = file.and_then(|file| file.set_len(whole as u64));
        cut.map_err(Error::io("cut", table))?;
    }
    let rows = read_landmarks(&bytes[..whole], table)?;
    let is_gone = |row: &&LandmarksRow| {
        let file = row.file.as_ref();
        file.is_some_and(|file| !out.join(file).is_file())
    };
    let gone: HashSet<String> = (rows.iter().filter(is_gone))
        .map(|row| row.image.clone())
        .collect();
    if gone.is_empty() {
        return Ok(rows);
    }
    let rows = rows.into_iter().filter(|row| !gone.contains(&row.image));
    let rows: Vec<LandmarksRow> = rows.collect();
    let mut lines = Vec::new();
    write_rows(&rows, true, &mut lines)?;
    ffc_files::write(table, lines).map_err(Error::io("write", table))?;
    Ok(rows)
}

/// Rows as lines of a table.
pub(super) fn write_rows(
    rows: &[LandmarksRow],
    with_header: bool,
    lines: &mut Vec<u8>,
) -> Result<()> {
    // The header is written with the first row.
    let mut table = Vec::new();
    let blank = [LandmarksRow::default()];
    write_landmarks(if rows.is_empty() { &blank } else { rows }, &mut table)?;
    let header = table
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    if with_header {
        lines.extend_from_slice(&table[..header]);
    }
    if !rows.is_empty() {
        lines.extend_from_slice(&table[header..]);
    }
    Ok(())
}
