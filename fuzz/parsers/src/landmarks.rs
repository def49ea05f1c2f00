use std::path::Path;

use ffc_align::{read_landmarks, write_landmarks};

/// A table of faces. What is taken is written and read as it was.
pub fn landmarks(bytes: &[u8]) -> bool {
    let path = Path::new("landmarks.csv");
    let Ok(rows) = read_landmarks(bytes, path) else {
        return false;
    };
    let mut written = Vec::new();
    write_landmarks(&rows, &mut written).expect("rows are written");
    // Without a row there is no header.
    if !rows.is_empty() {
        let again = read_landmarks(&written[..], path).expect("what was written is read");
        assert_eq!(again, rows);
    }
    true
}
