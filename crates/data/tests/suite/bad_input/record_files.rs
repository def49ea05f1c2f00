//! RecordIO.

use std::path::Path;

use tempfile::TempDir;

use super::{assert_says, message};
use crate::support::copies;

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
            &["insightface.idx", "rec2idx.py"],
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
