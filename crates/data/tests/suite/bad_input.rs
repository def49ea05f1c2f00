//! Damaged and hostile sources: a clear message, no panic.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{Content, Damaged, Error, InstanceLoader, LmdbPart, LoaderConfig, SourceConfig};
use proptest::prelude::*;
use tempfile::TempDir;

use super::support::{copies, fixture, open, open_config};

/// The message of a failed opening.
fn message(path: &Path) -> String {
    open(path).unwrap_err().to_string()
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

/// A folder `set` with pictures at these places.
fn folder(pictures: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for picture in pictures {
        let path = folder.path().join("set").join(picture);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(fixture("made/images/jpeg_444.jpg"), path).unwrap();
    }
    folder
}

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
    let text: (&[u8], &str) = (b"not a picture", "not an image of a known format");
    let gif: (&[u8], &str) = (b"GIF89a\x01\x00\x01\x00", "Gif is not read");
    let huge: (&[u8], &str) = (b"P5\n60000 60000\n255\n", "");
    for (bytes, expected) in [text, gif, huge] {
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
}

/// RecordIO: what was done to the files, and what the message says.
#[test]
fn record_io() {
    let rec = |folder: &TempDir| folder.path().join("insightface.rec");
    let idx = |folder: &TempDir| folder.path().join("insightface.idx");
    type Damage<'a> = &'a dyn Fn(&TempDir);
    let edit = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = std::fs::read(path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    };
    let lines = |path: &Path, change: &dyn Fn(Vec<&str>) -> Vec<String>| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, change(text.lines().collect()).join("\n")).unwrap();
    };
    let owned =
        |lines: Vec<&str>| -> Vec<String> { lines.into_iter().map(str::to_owned).collect() };
    let cases: [(&str, Damage, &[&str]); 9] = [
        (
            "no index",
            &|folder| std::fs::remove_file(idx(folder)).unwrap(),
            &["cannot open", "insightface.idx"],
        ),
        (
            "cut off",
            &|folder| edit(&rec(folder), &|bytes| bytes.truncate(19_000)),
            &["insightface.rec", "byte 1"],
        ),
        (
            "wrong magic",
            &|folder| edit(&rec(folder), &|bytes| bytes[524] = 0),
            &["byte 524", "expected the magic word 0xced7230a"],
        ),
        (
            "a word",
            &|folder| {
                lines(&idx(folder), &|mut lines| {
                    lines[3] = "3\tfar";
                    owned(lines)
                })
            },
            &["line 4", "`3\tfar`"],
        ),
        (
            "a key twice",
            &|folder| {
                lines(&idx(folder), &|mut lines| {
                    lines[3] = "2\t1008";
                    owned(lines)
                })
            },
            &["insightface.idx", "entries 3 and 4", "same key"],
        ),
        (
            "an image missing",
            &|folder| {
                lines(&idx(folder), &|mut lines| {
                    lines.remove(3);
                    owned(lines)
                })
            },
            &["22 images", "23"],
        ),
        (
            "beyond the end",
            &|folder| {
                lines(&idx(folder), &|mut lines| {
                    lines[3] = "3\t99999999";
                    owned(lines)
                })
            },
            &["byte 99999999", "ends before"],
        ),
        // Identity record 24 gets an empty range, then one that leaves images out.
        (
            "an empty identity",
            &|folder| {
                edit(&rec(folder), &|bytes| {
                    let at = 19_348 + 32;
                    bytes.copy_within(at..at + 4, at + 4);
                })
            },
            &["identity `0` has no image"],
        ),
        (
            "a gap",
            &|folder| {
                edit(&rec(folder), &|bytes| {
                    let at = 19_348 + 36;
                    bytes[at..at + 4].copy_from_slice(&4f32.to_le_bytes());
                })
            },
            &["identity 1", "image 4 follows"],
        ),
    ];
    for (what, damage, expected) in cases {
        let folder = copies(&["golden/insightface.rec", "golden/insightface.idx"]);
        damage(&folder);
        println!("{what}");
        assert_says(&message(&rec(&folder)), expected);
    }
}

#[test]
fn record_io_labels_beyond_exact_floats() {
    for (label, expected) in [
        (16_777_216f32, "2^24"),
        (-1.0, "-1 is not"),
        (0.5, "0.5 is not"),
        (f32::NAN, "NaN is not"),
    ] {
        let folder = copies(&["made/plain.rec", "made/plain.idx"]);
        let path = folder.path().join("plain.rec");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[12..16].copy_from_slice(&label.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        assert_says(&message(&path), &["record at byte 0", expected]);
    }
}

#[test]
fn lmdb() {
    let fresh = || copies(&["made/pylmdb.lmdb", "made/pylmdb.txt"]);
    let database = |folder: &TempDir| folder.path().join("pylmdb.lmdb");
    let list = |folder: &TempDir| folder.path().join("pylmdb.txt");

    let folder = fresh();
    std::fs::remove_file(list(&folder)).unwrap();
    assert_says(&message(&database(&folder)), &["cannot open", "pylmdb.txt"]);

    for (line, expected) in [
        ("pylmdb_0_0\n", "line 1: it is not a key and a label"),
        ("pylmdb_0_0 x\n", "line 1: it is not a key and a label"),
        ("pylmdb_0_0 4294967296\n", "not below 2^32"),
        (
            "pylmdb_0_0 1\nb 18446744073709551616\n",
            "line 2: it is not a key and a label",
        ),
    ] {
        let folder = fresh();
        std::fs::write(list(&folder), line).unwrap();
        assert_says(&message(&database(&folder)), &[expected]);
    }

    let folder = fresh();
    let text = std::fs::read_to_string(list(&folder)).unwrap();
    std::fs::write(list(&folder), format!("{text}pylmdb_0_0 1\n")).unwrap();
    assert_says(
        &message(&database(&folder)),
        &["pylmdb.txt", "entries 1 and 6", "same key"],
    );

    // The list of another database is told by its first key; a later key that is not there is an error of the step.
    let folder = fresh();
    std::fs::write(list(&folder), "nobody 0\n").unwrap();
    assert_says(
        &message(&database(&folder)),
        &["data.mdb", "key `nobody`", "no such key"],
    );
    std::fs::write(list(&folder), "pylmdb_0_0 1\nnobody 0\n").unwrap();
    let dataset = Arc::new(open(&database(&folder)).unwrap());
    let error = InstanceLoader::new(dataset, LoaderConfig::default(), 0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert_says(
        &error.to_string(),
        &["data.mdb", "key `nobody`", "no such key"],
    );

    // Cut off.
    let folder = fresh();
    let data = database(&folder).join("data.mdb");
    let bytes = std::fs::read(&data).unwrap();
    for length in [0, 100, 4096, 8192, bytes.len() - 4096] {
        std::fs::write(&data, &bytes[..length]).unwrap();
        assert_says(&message(&database(&folder)), &["data.mdb"]);
    }
    std::fs::write(&data, vec![7; 40_960]).unwrap();
    assert_says(&message(&database(&folder)), &["data.mdb"]);
    assert!(open_config(&SourceConfig::Lmdb { parts: Vec::new() }).is_err());

    // A second opening in one process.
    let folder = fresh();
    let part = LmdbPart {
        database: database(&folder),
        list: list(&folder),
        label_offset: None,
    };
    let error = open_config(&SourceConfig::Lmdb {
        parts: vec![part.clone(), part],
    })
    .unwrap_err();
    assert_says(&error.to_string(), &["data.mdb", "already"]);
}

/// Zip members: names and sizes that cannot be.
#[test]
fn zip_members() {
    use std::io::Write;
    let write = |members: &[(&str, &[u8])]| {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("set.zip")).unwrap();
        let mut writer = zip::ZipWriter::new(file);
        for (name, bytes) in members {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        folder
    };
    let zip = |folder: &TempDir| folder.path().join("set.zip");
    for name in ["../a/1.jpg", "/a/1.jpg", "a/../../1.jpg", "a//1.jpg"] {
        assert_says(
            &message(&zip(&write(&[(name, b"x")]))),
            &[name, "not a plain path"],
        );
    }
    assert_says(
        &message(&zip(&write(&[("1.jpg", b"x")]))),
        &["lies in the root"],
    );
    assert_says(
        &message(&zip(&write(&[("a/readme.txt", b"x")]))),
        &["no images found"],
    );
    assert_says(
        &message(&zip(&write(&[("a/bomb.jpg", &vec![0; 65 << 20])]))),
        &["a/bomb.jpg", "at most"],
    );

    // Packed a thousand to one: unpacked in steps.
    let flat = [b"BM".to_vec(), vec![9; 300_000]].concat();
    let folder = write(&[("a/1.bmp", &flat)]);
    assert_eq!(
        super::support::encoded(&open(&zip(&folder)).unwrap(), 0),
        flat
    );
    let twice = copies(&["made/twice.zip"]);
    assert_says(
        &message(&twice.path().join("twice.zip")),
        &["twice.zip", "same name"],
    );

    // A folder without images; a name that is not UTF-8, of an image and of another file.
    let write_folder = || {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = zip::ZipWriter::new(std::fs::File::create(zip(&folder)).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file("a/1.jpg", options).unwrap();
        writer.add_directory("a", options).unwrap();
        writer.add_directory("b", options).unwrap();
        writer.finish().unwrap();
        folder
    };
    assert_says(
        &message(&zip(&write_folder())),
        &["set.zip", "identity `b` has no image"],
    );
    for (name, fails) in [("a/umlaut.jpg", true), ("a/umlaut.txt", false)] {
        let folder = write(&[("a/1.jpg", b"x"), (name, b"x")]);
        let mut bytes = std::fs::read(zip(&folder)).unwrap();
        while let Some(at) = bytes.windows(6).position(|word| word == b"umlaut") {
            bytes[at] = 0x9a;
        }
        std::fs::write(zip(&folder), bytes).unwrap();
        match open(&zip(&folder)) {
            Err(error) if fails => assert_says(&error.to_string(), &["not valid UTF-8"]),
            other => assert_eq!((other.unwrap().index().images(), fails), (1, false)),
        }
    }

    // The checksum of a streamed member follows its data.
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(zip(&folder)).unwrap();
        let mut writer = zip::ZipWriter::new_stream(file);
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        let picture: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 5) as u8).collect();
        for name in ["a/1.jpg", "b/1.jpg"] {
            writer.start_file(name, options).unwrap();
            writer.write_all(&picture).unwrap();
        }
        writer.finish().unwrap();
        let dataset = open(&zip(&folder)).unwrap();
        let mut bytes = std::fs::read(zip(&folder)).unwrap();
        assert_eq!(bytes[6] & 8, 8, "not streamed");
        for image in 0..2 {
            assert_eq!(super::support::encoded(&dataset, image), picture);
        }
        bytes[1000] ^= 1;
        std::fs::write(zip(&folder), bytes).unwrap();
        assert_eq!(super::support::encoded(&dataset, 1), picture);
        assert_says(
            &dataset.read(0, &mut Vec::new()).unwrap_err().to_string(),
            &["set.zip", "member at byte 0"],
        );
    }

    // A changed byte inside a member is told by its checksum.
    let stored = copies(&["made/stored.zip"]);
    let path = stored.path().join("stored.zip");
    let dataset = open(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(4)
        .position(|word| word == [0xff, 0xd8, 0xff, 0xe0])
        .unwrap()
        + 300;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut buffer = Vec::new();
    let failed: Vec<Error> = (0..dataset.index().images())
        .filter_map(|image| dataset.read(image, &mut buffer).err())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_says(
        &failed[0].to_string(),
        &["stored.zip", "member at byte", "checksum"],
    );
}

/// WebDataset shards made of wrong members.
#[test]
fn tar_members() {
    let write = |members: &[(&str, &[u8])]| {
        let folder = tempfile::tempdir().unwrap();
        let mut builder =
            tar::Builder::new(std::fs::File::create(folder.path().join("set.tar")).unwrap());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.finish().unwrap();
        folder
    };
    type Members<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(Members, &[&str]); 7] = [
        (&[("0.jpg", b"x")], &["sample `0`", "no label"]),
        (&[("0.cls", b"0")], &["sample `0`", "no image"]),
        (
            &[("0.jpg", b"x"), ("0.cls", b"cat")],
            &["0.cls", "`cat` is not a label"],
        ),
        (
            &[("0.jpg", b"x"), ("1.jpg", b"x"), ("0.cls", b"0")],
            &["sample `0`", "follow one another"],
        ),
        (
            &[("0.jpg", b"x"), ("0.png", b"x"), ("0.cls", b"0")],
            &["0.png", "two images"],
        ),
        (
            &[
                ("0.jpg", b"x"),
                ("0.cls", b"0"),
                ("1.txt", b""),
                ("0.jpg", b"x"),
                ("0.cls", b"0"),
            ],
            &["same key"],
        ),
        (&[("readme", b"x")], &["no images found"]),
    ];
    for (members, expected) in cases {
        let folder = write(members);
        assert_says(&message(&folder.path().join("set.tar")), expected);
    }

    // A size that reaches beyond the end, of a member that is used and of one that is not.
    for (name, members) in [
        ("0.jpg", [("0.cls", b"0"), ("0.jpg", b"x")]),
        ("0.json", [("1.json", b"1"), ("0.json", b"0")]),
    ] {
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, bytes)| (*name, &bytes[..]))
            .collect();
        let folder = write(&members);
        let path = folder.path().join("set.tar");
        let mut bytes = std::fs::read(&path).unwrap();
        let header = 1024;
        bytes[header + 124..header + 136].copy_from_slice(b"77777777777\0");
        bytes[header + 148..header + 156].fill(b' ');
        let sum: u32 = bytes[header..header + 512]
            .iter()
            .map(|&byte| u32::from(byte))
            .sum();
        bytes[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert_says(&message(&path), &[name, "beyond the end"]);
    }
}

/// Names are never used as paths, so hostile ones do no harm; endings in capitals and sparse members are read.
#[test]
fn tar_names_and_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.tar");
    let mut builder = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    };
    for (label, key) in ["../../0", "/etc/0", "a/../0", "0"].iter().enumerate() {
        add(&format!("{key}.JPG"), b"x");
        add(&format!("{key}.CLS"), label.to_string().as_bytes());
    }
    // 1 MiB of which 512 bytes are there.
    let mut header = tar::Header::new_gnu();
    header.set_path("9.json").unwrap();
    header.set_size(512);
    header.set_entry_type(tar::EntryType::GNUSparse);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"00004000000\0");
    gnu.sparse[0].offset.copy_from_slice(b"00003777000\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000001000\0");
    header.set_cksum();
    builder.append(&header, &[0u8; 512][..]).unwrap();
    builder.finish().unwrap();
    let dataset = open(&path).unwrap();
    assert_eq!(dataset.index().identities(), 4);
    assert_eq!(super::support::encoded(&dataset, 3), b"x");
}

/// What follows an end mark would be missed: a member whose header was lost, or another archive.
#[test]
fn tar_shards_that_end_too_soon() {
    let folder = copies(&["made/pax.tar"]);
    let path = folder.path().join("pax.tar");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &whole].concat()).unwrap();
    assert_says(&message(&path), &["pax.tar", "bytes follow the end mark"]);
    let mut bytes = whole;
    bytes[1024..1536].fill(0);
    std::fs::write(&path, bytes).unwrap();
    assert_says(&message(&path), &["pax.tar", "bytes follow the end mark"]);
}

/// A shard that is cut off anywhere is an error: no sample is lost in silence.
#[test]
fn tar_shards_that_are_cut_off() {
    let folder = copies(&["made/pax.tar"]);
    let path = folder.path().join("pax.tar");
    let whole = std::fs::read(&path).unwrap();
    open(&path).unwrap();
    std::fs::remove_file(folder.path().join("pax.tar.ffc-index")).unwrap();
    for length in (0..whole.len()).step_by(64) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_says(&message(&path), &["pax.tar"]);
    }
}

/// Every way to damage a file by a run of bytes or a cut: an error or a data set whose images can be asked for, but
/// never a panic.
fn damage(names: &[&str], file: &str, at: f64, bytes: &[u8], cut: bool) {
    let folder = copies(names);
    let opened = names
        .iter()
        .map(|name| folder.path().join(Path::new(name).file_name().unwrap()))
        .next()
        .unwrap();
    let path = folder.path().join(file);
    let mut content = std::fs::read(&path).unwrap();
    let at = (content.len() as f64 * at) as usize;
    if cut {
        content.truncate(at);
    } else {
        let end = (at + bytes.len()).min(content.len());
        content[at..end].copy_from_slice(&bytes[..end - at]);
    }
    std::fs::write(&path, content).unwrap();
    if let Ok(dataset) = open(&opened) {
        let dataset = Arc::new(dataset);
        let config = LoaderConfig {
            batch: 32,
            workers: 1,
            height_px: 24,
            width_px: 24,
            damaged: Damaged::Skip { limit: 1_000 },
            ..Default::default()
        };
        if let Some(Err(error)) = InstanceLoader::new(dataset, config, 0).unwrap().next() {
            assert!(!matches!(error, Error::WorkerPanic { .. }), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_record_files(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool, list: bool) {
        let file = if list { "insightface.idx" } else { "insightface.rec" };
        damage(&["golden/insightface.rec", "golden/insightface.idx"], file, at, &bytes, cut);
        let file = file.replace("insightface", "im2rec");
        damage(&["golden/im2rec.rec", "golden/im2rec.idx"], &file, at, &bytes, cut);
    }

    #[test]
    fn damaged_archives(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        damage(&["made/stored.zip"], "stored.zip", at, &bytes, cut);
        damage(&["made/deflated.zip"], "deflated.zip", at, &bytes, cut);
        damage(&["made/pax.tar"], "pax.tar", at, &bytes, cut);
    }

    /// Checksums let no changed byte of a member through.
    #[test]
    fn damaged_archives_give_true_images_or_errors(at in 0.0..1.0, flip in 1u8.., deflated: bool) {
        let name = if deflated { "deflated.zip" } else { "stored.zip" };
        let folder = copies(&[&format!("made/{name}")]);
        let path = folder.path().join(name);
        let dataset = open(&path).unwrap();
        let images = 0..dataset.index().images();
        let before: Vec<_> = images.clone().map(|image| super::support::encoded(&dataset, image)).collect();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= flip;
        std::fs::write(&path, bytes).unwrap();
        for image in images {
            let mut buffer = Vec::new();
            if let Ok(Content::Encoded(range)) = dataset.read(image, &mut buffer) {
                prop_assert_eq!(&buffer[range], &before[image as usize][..]);
            }
        }
    }

    #[test]
    fn damaged_lists(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        damage(&["made/pylmdb.lmdb", "made/pylmdb.txt"], "pylmdb.txt", at, &bytes, cut);
    }

    #[test]
    fn damaged_pictures(picture in 0usize..14, at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        let cases = super::support::truth("made/images/truth.json");
        let file = cases[picture]["file"].as_str().unwrap();
        let root = folder(&["a/1.jpg"]);
        let mut content = std::fs::read(fixture("made/images").join(file)).unwrap();
        let at = (content.len() as f64 * at) as usize;
        if cut {
            content.truncate(at);
        } else {
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
        }
        std::fs::write(root.path().join("set/a/1.jpg"), content).unwrap();
        let dataset = Arc::new(open(&root.path().join("set")).unwrap());
        let config = LoaderConfig { batch: 1, workers: 1, ..Default::default() };
        if let Some(Err(error)) = InstanceLoader::new(dataset, config, 0).unwrap().next() {
            prop_assert!(matches!(error, Error::Image { .. }), "{}", error);
        }
    }
}
