//! RecordIO and LMDB.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{InstanceLoader, LmdbPart, LoaderConfig, SourceConfig};
use tempfile::TempDir;

use super::{assert_says, message};
use crate::support::{copies, open, open_config};

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
