use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use ffc_files::{NewFile, write};

/// Names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_file_takes_the_old_ones_place_when_it_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    write(&path, "old").unwrap();

    let mut file = NewFile::create(&path).unwrap();
    // More than is buffered, and a rest that still is.
    let contents = vec![7; 100_001];
    file.write_all(&contents).unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), contents);
    assert_eq!(names(folder.path()), ["weights"]);
}

#[test]
fn a_file_that_is_not_finished_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    write(&path, "old").unwrap();

    let mut file = NewFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["weights"]);
}

#[test]
fn parts_are_written_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let mut file = NewFile::create(&path).unwrap();
    let [mut first, mut second] = [6, 12].map(|offset| {
        let mut part = file.reopen().unwrap();
        part.seek(SeekFrom::Start(offset)).unwrap();
        part
    });
    second.write_all(b"third").unwrap();
    first.write_all(b"second").unwrap();
    file.write_all(b"first ").unwrap();
    file.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first secondthird");
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = NewFile::create(folder.path().join("missing/file")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);

    // The name is taken by a folder.
    fs::create_dir(folder.path().join("taken")).unwrap();
    write(folder.path().join("taken"), "new").unwrap_err();
    assert_eq!(names(folder.path()), ["taken"]);
}
