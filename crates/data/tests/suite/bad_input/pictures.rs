//! Folders, and pictures that cannot be decoded.

use std::error::Error as _;
use std::sync::Arc;

use ffc_data::{Damaged, Error, ErrorChain, InstanceLoader, LoaderConfig};

use super::{assert_says, folder, message};
use crate::support::{fixture, open};

#[test]
fn folders() {
    let empty = tempfile::tempdir().unwrap();
    assert_says(
        &message(empty.path()),
        &["no images found", "one folder an identity"],
    );
    assert_says(
        &message(&empty.path().join("nowhere")),
        &["nowhere", "No such file"],
    );
    let root = folder(&["1.jpg"]);
    assert_says(
        &message(&root.path().join("set")),
        &["set/1.jpg", "lies in the root"],
    );
    let hollow = folder(&["a/1.jpg", "c/1.jpg"]);
    std::fs::create_dir(hollow.path().join("set/b")).unwrap();
    std::fs::write(hollow.path().join("set/b/notes.txt"), "nothing").unwrap();
    assert_says(
        &message(&hollow.path().join("set")),
        &["identity `b` has no image"],
    );
    std::fs::create_dir_all(hollow.path().join("set/d/e")).unwrap();
    assert_says(
        &message(&hollow.path().join("set")),
        &["identity `b` and 1 other have no image"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_and_loops_of_links() {
    use std::os::unix::ffi::OsStrExt;
    let bytes = std::ffi::OsStr::from_bytes(b"b\xff");
    let root = folder(&["a/1.jpg"]);
    let set = root.path().join("set");
    std::fs::rename(set.join("a"), set.join(bytes)).unwrap();
    assert_says(&message(&set), &["not valid UTF-8"]);
    let root = folder(&["a/1.jpg"]);
    let set = root.path().join("set");
    std::fs::copy(
        set.join("a/1.jpg"),
        set.join("a").join(std::ffi::OsStr::from_bytes(b"\xff.jpg")),
    )
    .unwrap();
    assert_says(&message(&set), &["not valid UTF-8"]);
    let root = folder(&["a/1.jpg"]);
    let set = root.path().join("set");
    std::os::unix::fs::symlink(&set, set.join("a/loop")).unwrap();
    assert_says(&message(&set), &["a/loop", "leads back"]);
}

/// Links are what they lead to: they neither change the order of identities nor divide one.
#[cfg(unix)]
#[test]
fn links_to_folders() {
    let root = folder(&["a/1.jpg", "a/3.jpg"]);
    let set = root.path().join("set");
    let outside = folder(&["2/1.jpg", "b/1.jpg", "c/1.jpg"]);
    for name in ["c", "b"] {
        std::os::unix::fs::symlink(outside.path().join("set").join(name), set.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(outside.path().join("set/2"), set.join("a/2")).unwrap();
    let dataset = open(&set).unwrap();
    let names = (0..dataset.index().identities())
        .map(|identity| dataset.index().name_of(identity).unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "a/2", "b", "c"]);
    assert_eq!(dataset.index().images_of(0), 0..2);
}

/// A pipe with the name of a picture must not be waited for.
#[cfg(unix)]
#[test]
fn pipes() {
    let root = folder(&["a/1.jpg"]);
    let made = std::process::Command::new("mkfifo")
        .arg(root.path().join("set/a/2.jpg"))
        .status()
        .unwrap();
    assert!(made.success());
    assert_says(
        &message(&root.path().join("set")),
        &["set/a/2.jpg", "not an ordinary file"],
    );
}

/// One picture cut off: an error with its path, or skipped and counted.
#[test]
fn a_picture_that_is_cut_off() {
    for (name, file) in [
        ("2.jpg", "jpeg_444.jpg"),
        ("2.png", "png_rgb.png"),
        ("2.bmp", "bmp.bmp"),
        ("2.pgm", "pgm.pgm"),
    ] {
        let whole = std::fs::read(fixture("made/images").join(file)).unwrap();
        // Past the header, in the middle, and near the end.
        for length in [0, 10, whole.len() / 2, whole.len() * 9 / 10] {
            let root = folder(&["a/1.jpg"]);
            let path = root.path().join("set/a").join(name);
            std::fs::write(&path, &whole[..length]).unwrap();
            let dataset = Arc::new(open(&root.path().join("set")).unwrap());
            let config = LoaderConfig {
                batch: 2,
                height_px: 20,
                width_px: 24,
                ..Default::default()
            };
            let error = InstanceLoader::new(dataset.clone(), config.clone(), 0)
                .unwrap()
                .next()
                .unwrap()
                .unwrap_err();
            assert!(matches!(error, Error::Image { image: 1, .. }), "{error}");
            assert_says(&error.to_string(), &["set/a/2.", "cannot be decoded"]);
            let config = LoaderConfig {
                damaged: Damaged::Skip { limit: 1 },
                ..config
            };
            let mut loader = InstanceLoader::new(dataset, config, 0).unwrap();
            assert_eq!(loader.next().unwrap().unwrap().images.images(), [0, 0]);
            // The next batch may be under way: it fails at the limit.
            assert!(loader.skipped() >= 1);
        }
    }
}

/// A marker among the data makes the decoder stop without an error, with what the buffer held before in the rest.
#[test]
fn a_jpeg_with_a_stray_marker() {
    let whole = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let scan = whole.windows(2).rposition(|word| word == [0xff, 0xda]);
    for marker in [&[0xff, 0xfe, 0, 4, 1, 1][..], &[0xff, 0xc4, 0, 2]] {
        // Of the picture's size, decoded into the batch, and of another, decoded aside.
        for (height_px, width_px) in [(20, 24), (30, 30)] {
            let root = folder(&["a/1.jpg"]);
            let mut bytes = whole.clone();
            let at = (scan.unwrap() + whole.len()) / 2;
            bytes.splice(at..at, marker.iter().copied());
            std::fs::write(root.path().join("set/a/1.jpg"), bytes).unwrap();
            let dataset = Arc::new(open(&root.path().join("set")).unwrap());
            let config = LoaderConfig {
                batch: 1,
                height_px,
                width_px,
                ..Default::default()
            };
            let batch = InstanceLoader::new(dataset, config, 0).unwrap().next();
            assert_says(
                &batch.unwrap().unwrap_err().to_string(),
                &["set/a/1.jpg", "marker"],
            );
        }
    }
}

/// Where nothing can be read the message names the cause, though images may be skipped.
#[test]
fn nothing_but_damaged_pictures() {
    let root = folder(&["a/1.jpg", "b/1.jpg"]);
    for name in ["a", "b"] {
        std::fs::write(root.path().join("set").join(name).join("1.jpg"), "GIF89a").unwrap();
    }
    let dataset = Arc::new(open(&root.path().join("set")).unwrap());
    let config = LoaderConfig {
        batch: 2,
        damaged: Damaged::Skip { limit: 9 },
        ..Default::default()
    };
    let batch = InstanceLoader::new(dataset, config, 0).unwrap().next();
    assert_says(
        &batch.unwrap().unwrap_err().to_string(),
        &["nor of 1 others", "the last", "Gif is not read"],
    );
}

#[test]
fn a_folder_in_the_place_of_a_picture() {
    let root = folder(&["a/1.jpg"]);
    let picture = root.path().join("set/a/1.jpg");
    let dataset = Arc::new(open(&root.path().join("set")).unwrap());
    std::fs::remove_file(&picture).unwrap();
    std::fs::create_dir(&picture).unwrap();
    let config = LoaderConfig {
        batch: 2,
        ..Default::default()
    };
    let batch = InstanceLoader::new(dataset, config, 0).unwrap().next();
    assert_says(&batch.unwrap().unwrap_err().to_string(), &["set/a/1.jpg"]);
}

#[test]
fn pictures_of_other_formats_and_sizes() {
    let text: (&[u8], &str) = (b"../else/1.jpg", "the text `../else/1.jpg` alone");
    let bytes: (&[u8], &str) = (b"\x07\xfe\x80\x05", "not an image of a known format");
    let gif: (&[u8], &str) = (b"GIF89a\x01\x00\x01\x00", "Gif is not read");
    let huge: (&[u8], &str) = (
        b"P5\n60000 60000\n255\n",
        "60000 x 60000 pixels, expected 1 to 16384 a side",
    );
    let apple: (&[u8], &str) = (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50", "Xcode");
    let mut wide = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let frame = wide
        .windows(2)
        .position(|word| word == [0xff, 0xc0])
        .unwrap();
    wide[frame + 7..frame + 9].copy_from_slice(&40_000u16.to_be_bytes());
    let wide: (&[u8], &str) = (&wide, "40000 x 20 pixels, expected 1 to 16384 a side");
    for (bytes, expected) in [text, bytes, gif, huge, apple, wide] {
        let root = folder(&["a/1.jpg"]);
        std::fs::write(root.path().join("set/a/1.jpg"), bytes).unwrap();
        let dataset = Arc::new(open(&root.path().join("set")).unwrap());
        let config = LoaderConfig {
            batch: 2,
            ..Default::default()
        };
        let error = InstanceLoader::new(dataset, config, 0)
            .unwrap()
            .next()
            .unwrap()
            .unwrap_err();
        assert_says(
            &error.to_string(),
            &["set/a/1.jpg", "cannot be decoded", expected],
        );
    }
}

/// A picture that vanishes or cannot be read after the index was made.
#[test]
fn a_picture_that_is_gone() {
    let root = folder(&["a/1.jpg"]);
    let dataset = Arc::new(open(&root.path().join("set")).unwrap());
    std::fs::remove_file(root.path().join("set/a/1.jpg")).unwrap();
    let config = LoaderConfig {
        batch: 2,
        ..Default::default()
    };
    let error = InstanceLoader::new(dataset, config, 0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert_says(&error.to_string(), &["cannot open", "set/a/1.jpg"]);
    // Why is in the source, and said once.
    let cause = error.source().unwrap().to_string();
    assert_eq!(ErrorChain(&error).to_string(), format!("{error}: {cause}"));
}

/// Without the mark of its end a JPEG is cut off, however little is missing: the decoder would make blocks up.
#[test]
fn a_jpeg_that_lost_its_end() {
    for file in ["jpeg_444.jpg", "jpeg_grey.jpg"] {
        let whole = std::fs::read(fixture("made/images").join(file)).unwrap();
        for missing in 1..24 {
            let root = folder(&["a/1.jpg"]);
            let set = root.path().join("set");
            std::fs::write(set.join("a/1.jpg"), &whole[..whole.len() - missing]).unwrap();
            let error = open(&set).unwrap().picture(0, &mut Vec::new());
            assert_says(&error.unwrap_err().to_string(), &["a/1.jpg", "cut off"]);
        }
        // What follows the end is nobody's.
        let root = folder(&["a/1.jpg"]);
        let set = root.path().join("set");
        std::fs::write(set.join("a/1.jpg"), [&whole[..], b"more"].concat()).unwrap();
        open(&set).unwrap().picture(0, &mut Vec::new()).unwrap();
    }
}

/// What is found in a picture's place is named.
#[test]
fn what_is_no_picture_is_named() {
    let jpeg = |sof: u8| [0xff, 0xd8, 0xff, sof, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0].to_vec();
    // Brightness once across, a colour twice.
    let fine = [
        0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 8, 0, 8, 3, 1, 0x11, 0, 2, 0x21, 0, 3, 0x11, 0,
    ];
    let cases: [(Vec<u8>, &str); 11] = [
        (Vec::new(), "the file is empty"),
        (fine.to_vec(), "colours are sampled more finely"),
        (
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "git lfs pull",
        ),
        (b"<!DOCTYPE html><html>".to_vec(), "web page"),
        (b"\0\0\0\x20ftypheic\0\0\0\0".to_vec(), "HEIC is not read"),
        (b"\0\0\0\x20ftypavif\0\0\0\0".to_vec(), "AVIF is not read"),
        (b"\xff\x0a\0\0".to_vec(), "JPEG XL is not read"),
        (b"GIF89a\x01\0\x01\0".to_vec(), "Gif is not read"),
        (b"II*\0\x08\0\0\0".to_vec(), "Tiff is not read"),
        (jpeg(0xc3), "lossless JPEG (SOF3)"),
        (jpeg(0xc9), "arithmetic coding (SOF9)"),
    ];
    for (bytes, expected) in cases {
        let root = folder(&["a/1.jpg"]);
        let set = root.path().join("set");
        std::fs::write(set.join("a/1.jpg"), bytes).unwrap();
        let error = open(&set).unwrap().picture(0, &mut Vec::new());
        assert_says(&error.unwrap_err().to_string(), &["a/1.jpg", expected]);
    }
}

#[cfg(unix)]
#[test]
fn links_to_nothing() {
    let root = folder(&["a/1.jpg"]);
    let set = root.path().join("set");
    std::os::unix::fs::symlink("nowhere.txt", set.join("a/list.txt")).unwrap();
    let dataset = open(&set).unwrap();
    assert_eq!(dataset.index().images(), 1);
    assert_eq!(dataset.index().passed_over().unwrap().files(), 1);
    std::os::unix::fs::symlink("nowhere.jpg", set.join("a/2.jpg")).unwrap();
    assert_says(
        &message(&set),
        &["a/2.jpg", "a link to nowhere.jpg, which is not there"],
    );
}

/// Sets of other formats that lie in the folders of one are named.
#[test]
fn sets_among_folders() {
    let root = folder(&["a/1.jpg"]);
    let set = root.path().join("set");
    std::fs::create_dir(set.join("emore")).unwrap();
    std::fs::write(set.join("emore/train.rec"), "").unwrap();
    assert_says(&message(&set), &["emore", "train.rec", "another format"]);
    std::fs::write(set.join("train.rec"), "").unwrap();
    assert_says(&message(&set), &["train.rec", "beside folders"]);
    // Where all folders are of pictures it is nobody's.
    std::fs::remove_dir_all(set.join("emore")).unwrap();
    assert_eq!(open(&set).unwrap().index().images(), 1);
}

#[test]
fn an_identity_whose_pictures_are_of_another_format() {
    let root = folder(&["a/1.jpg", "b/1.heic"]);
    let set = root.path().join("set");
    assert_says(&message(&set), &["set/b", "b/1.heic", "convert"]);
    std::fs::remove_dir_all(set.join("a")).unwrap();
    std::fs::remove_dir_all(set.join("b")).unwrap();
    std::fs::write(set.join("1.gif"), "").unwrap();
    assert_says(&message(&set), &["no images found", "1 .gif"]);
}
