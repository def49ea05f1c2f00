//! What lies among pictures and is none.

use super::support::{fixture, open};

fn set(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join("set").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(fixture("made/images/jpeg_444.jpg"), path).unwrap();
    }
    folder
}

#[test]
fn files_of_other_kinds_are_counted() {
    let folder = set(&[
        "a/1.jpg", "a/2.JFIF", "a/3.jpe", "a/4.gif", "a/5.heic", "b/1.jpg", "b/2.GIF", "b/readme",
    ]);
    let dataset = open(&folder.path().join("set")).unwrap();
    assert_eq!(dataset.index().images(), 4);
    let passed_over = dataset.index().passed_over().unwrap();
    assert_eq!(passed_over.files(), 4);
    assert!(passed_over.has_pictures());
    let told = passed_over.to_string();
    assert!(
        told.starts_with("4 files are left out (2 .gif, 1 without one, 1 .heic; first: a/4.gif)"),
        "{told}"
    );
    // From the index's file.
    drop(dataset);
    let again = open(&folder.path().join("set")).unwrap();
    assert_eq!(again.index().passed_over().unwrap().to_string(), told);
}

/// Hidden files, and folders that systems put beside pictures, are no part of a set and are not counted.
#[test]
fn side_folders_are_none_of_the_set() {
    let folder = set(&[
        "a/1.jpg",
        "a/.1.jpg",
        "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "__MACOSX/a/._1.jpg",
        "__MACOSX/a/2.jpg",
        "#recycle/b/1.jpg",
        ".thumbnails/1.jpg",
    ]);
    let dataset = open(&folder.path().join("set")).unwrap();
    assert_eq!(
        (dataset.index().images(), dataset.index().identities()),
        (1, 1)
    );
    assert!(dataset.index().passed_over().unwrap().is_empty());
}
