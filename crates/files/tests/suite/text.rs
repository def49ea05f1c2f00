use std::io::ErrorKind;

use ffc_files::{read_text, without_mark};

#[test]
fn texts_are_read_with_a_mark_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    for bytes in [&b"a\nb\n"[..], b"\xef\xbb\xbfa\nb\n"] {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_text(&path).unwrap(), "a\nb\n");
    }
    assert_eq!(without_mark("\u{feff}a"), "a");
    assert_eq!(without_mark("a\u{feff}"), "a\u{feff}");

    std::fs::write(&path, b"a\nM\xfcller\n").unwrap();
    let error = read_text(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("line 2"), "{error}");
    let missing = read_text(&folder.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
